"""The key of kept figures: everything that they depend on changes it, and nothing else does."""

import copy
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tora2.errors import EncoderError
from tora2.evaluation import folder, suite
from tora2.evaluation.folder import on_device, torch_faces
from tora2.evaluation.keeping import Kept, fingerprint
from tora2.evaluation.measures import Judges
from tora2.evaluation.networks import Recognizer, Watcher
from tora2.tiny.twins import TwinFaceEncoder

PARTS = ("transformer", "vae", "text_encoder", "semantic")
SETTINGS = suite.Settings(steps=3)


class Bundle:
    def __init__(self, place):
        self.parts = {name: nn.Linear(2, 2) for name in PARTS}
        self.parts["reid"] = SimpleNamespace(path=place / "model.onnx")
        self.parts["face"] = SimpleNamespace(folder=place / "faces")

    def component(self, name):
        return self.parts[name]


@pytest.fixture
def given(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"one")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "det.onnx").write_bytes(b"two")
    world = SimpleNamespace(atlas=SimpleNamespace(pictures=torch.zeros(3, 4, 4, 4, dtype=torch.uint8)), indices=[0, 2])
    return Bundle(tmp_path), world, SETTINGS, Judges(Watcher(), Recognizer())


def nudge(network):
    """Two weights change places: a sum would not see it."""
    weight = next(p for p in network.parameters() if p.numel() > 1).data.view(-1)
    with torch.no_grad():
        weight[0], weight[1] = weight[1].item() + 1, weight[0].item() - 1


@pytest.mark.parametrize("name", PARTS)
def test_every_network_of_the_model_counts(given, name):
    before = fingerprint(*given)
    nudge(given[0].component(name))
    assert fingerprint(*given) != before


@pytest.mark.parametrize("judge", ["watcher", "recognizer"])
def test_the_judges_in_use_count(given, judge):
    before = fingerprint(*given)
    assert fingerprint(*given[:3], copy.deepcopy(given[3])) == before, "the same weights are the same judge"
    nudge(getattr(given[3], judge))
    assert fingerprint(*given) != before


@pytest.mark.parametrize("file", ["model.onnx", "faces/det.onnx"])
def test_the_bytes_of_onnx_encoders_count(given, tmp_path, file):
    before = fingerprint(*given)
    (tmp_path / file).write_bytes(b"another")
    assert fingerprint(*given) != before


def test_pictures_and_settings_count_but_not_which_figures_are_wanted(given):
    bundle, world, settings, judges = given
    before = fingerprint(*given)
    assert fingerprint(bundle, world, replace(settings, scenes=99, first_seed=7, ways=("generated",)), judges) == before
    assert fingerprint(bundle, world, replace(settings, precision="bfloat16"), judges) != before
    world.atlas.pictures[1] = 9
    assert fingerprint(*given) == before, "not one of this world's pictures"
    world.atlas.pictures[2] = 9
    assert fingerprint(*given) != before


def test_an_encoder_that_is_no_network_itself_counts_by_those_it_holds(given):
    bundle = given[0]
    bundle.parts["face"] = SimpleNamespace(faces=nn.Linear(2, 2))
    before = fingerprint(*given)
    nudge(bundle.parts["face"].faces)
    assert fingerprint(*given) != before
    bundle.parts["face"] = None
    assert fingerprint(*given) != before


def test_half_precision_counts_too(given):
    given[0].parts["vae"].to(torch.bfloat16)
    before = fingerprint(*given)
    nudge(given[0].parts["vae"])
    assert fingerprint(*given) != before


def test_figures_of_another_key_are_not_taken(tmp_path):
    kept = Kept(tmp_path, 3, "a", videos=False)
    kept.add("generated", {"x": 1.0}, torch.zeros(1))
    again, other = Kept(tmp_path, 3, "a"), Kept(tmp_path, 3, "b")
    assert again.has("generated", None) and again.has("generated", "x") and not again.has("generated", "named")
    assert not other.has("generated", None)


def test_the_tiny_model_opens_without_insightface(monkeypatch):
    find_spec = folder.importlib.util.find_spec
    monkeypatch.setattr(folder.importlib.util, "find_spec", lambda n, *a: n != "insightface" and find_spec(n, *a))
    monkeypatch.setitem(sys.modules, "insightface", None)
    from tora2.checkpoints.discovery import find_models

    bundle = on_device(find_models([])["tora2-tiny"], "cpu", torch.bfloat16)
    assert isinstance(bundle.component("face"), TwinFaceEncoder) and bundle.transformer.dtype == torch.bfloat16


def test_other_faces_without_insightface_are_refused_in_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "arcface.onnx").write_bytes(b"")
    monkeypatch.setattr(folder.components, "find_face", lambda source: tmp_path)
    with pytest.raises(EncoderError, match="lacks det_tiny.onnx or embed_tiny.onnx.*pip install insightface"):
        torch_faces(None)
    monkeypatch.setattr(folder.components, "find_face", lambda source: None)
    assert torch_faces(None) is None
