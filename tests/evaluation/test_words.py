"""Whether a name in the caption brings the thing: scenes, galleries, and what is counted."""

from types import SimpleNamespace

import pytest
import torch

from tora2.evaluation import words
from tora2.evaluation.measures import Judges
from tora2.evaluation.networks import load_recognizer, load_watcher
from tora2.evaluation.scenes import shipped_atlas
from tora2.tiny.assets import Atlas


@pytest.fixture(scope="module")
def world():
    """The shipped pictures under names that are trained on, each in two styles, and a texture that nobody names."""
    shipped = shipped_atlas()
    names = ["cat", "dog", "fox", "tiger", "zebra", "banana", "pear", "rocket", "bus", "trumpet"]
    styles = ["google"] * 10 + ["fluent"] * 10 + ["texture"]
    pictures = torch.cat([shipped.pictures, shipped.pictures, shipped.pictures[:1]])
    names = [*names, *names, "red blob texture"]
    return words.make_world(Atlas(pictures, names, styles, [""] * 21, [False] * 21))


def test_scenes_repeat_themselves_and_name_one_thing(world):
    a, b = words.make_scene(world, 3, gallery=5), words.make_scene(world, 3, gallery=5)
    assert a.caption == b.caption and torch.equal(a.gallery, b.gallery)
    assert a.name in a.caption and a.name not in a.other_caption
    assert a.names[:2] == (a.name, a.name) and len(set(a.names)) == 5 and len(a.names) == 10
    assert "red blob texture" not in {name for seed in range(8) for name in words.make_scene(world, seed).names}


def test_what_is_shown_is_found_and_something_else_is_not(world):
    judges = Judges(load_watcher(), load_recognizer())
    scenes = [words.make_scene(world, seed) for seed in range(6)]
    right = [words.measure(judges, scene, scene.truth)["named"] for scene in scenes]
    assert sum(right) >= 4, "ground truth"
    wrong = [
        words.measure(judges, scene, other.truth)["named"]
        for scene, other in zip(scenes, scenes[1:] + scenes[:1], strict=True)
        if scene.name != other.name
    ]
    assert sum(wrong) <= 1, "another thing is shown"


def test_the_control_is_asked_with_the_other_caption(world, monkeypatch):
    asked = []
    monkeypatch.setattr(words, "encode_text", lambda encoder, tokenizer, prompt, *rest: asked.append(prompt))
    monkeypatch.setattr(words, "bind_entities", lambda *parts: parts)
    monkeypatch.setattr(words, "resolve_size", lambda *parts: None)
    monkeypatch.setattr(words, "denoise", lambda *parts, **options: None)
    monkeypatch.setattr(words, "decode", lambda *parts: torch.zeros(17, 8, 8, 3))
    vae = SimpleNamespace(config=SimpleNamespace(scaling_factor=1.0))
    bundle = SimpleNamespace(
        transformer=None, vae=vae, text_encoder=None, tokenizer=None, scheduler=None, max_text_length=48
    )
    scene = words.make_scene(world, 1)
    assert words.generate(bundle, scene, words.WAYS[0]).shape == (17, 3, 8, 8)
    words.generate(bundle, scene, words.WAYS[1])
    assert asked == [scene.caption, scene.other_caption]


def test_an_atlas_of_held_out_pictures_has_no_such_scenes():
    assert words.make_world(shipped_atlas()) is None
