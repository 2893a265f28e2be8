from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tora2.phrases import find_phrase
from tora2.tiny import render
from tora2.tiny.backgrounds import BACKGROUNDS, paint
from tora2.tiny.world import World


@pytest.fixture(scope="module")
def world(atlas):
    return World(atlas, frames=5, size=64, reference_size=48)


def test_same_seed_same_clip(atlas, world):
    a, b = world.clip(3), World(atlas, frames=5, size=64, reference_size=48).clip(3)
    assert a.caption == b.caption and torch.equal(a.video, b.video)
    assert not torch.equal(a.video, world.clip(4).video)
    other = World(atlas, "heldout_names", frames=5, size=64, reference_size=48).clip(3)
    assert other.caption != a.caption


def test_a_clip_does_not_depend_on_its_batch(world):
    seeds = [5, 6, 7]
    batch = world.batch(seeds)
    for i, seed in enumerate(seeds):
        clip = world.clip(seed)
        assert clip.caption == batch.captions[i]
        torch.testing.assert_close(clip.video, batch.video[i], atol=1e-5, rtol=0)
        assert int(batch.present[i].sum()) == len(clip.entities)
        for e, entity in enumerate(clip.entities):
            torch.testing.assert_close(entity.track, batch.tracks[i, e])


def test_whole_batches_are_blurred_as_single_pictures_are(atlas):
    pictures = torch.stack([atlas.premultiplied(i) for i in range(6)])
    pixels = torch.tensor([2, 8, 21, 40, 47, 90])
    found = render.blurred(pictures, pixels, render.low_pass_matrices(48))
    wanted = torch.stack([render.low_pass(p, n) for p, n in zip(pictures, pixels.tolist(), strict=True)])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert not torch.equal(found[0], pictures[0]) and torch.equal(wanted[5], pictures[5])


def test_captions_that_the_model_cannot_read_whole_are_cast_anew(atlas, monkeypatch):
    """One in some thousands of the real ones; it would end a training that draws while it runs."""
    monkeypatch.setattr("tora2.tiny.world.TEXT_LENGTH", 13)

    class Words:
        def __call__(self, text):
            return SimpleNamespace(input_ids=text.split())

    plain = World(atlas, frames=1, size=32)
    careful = World(atlas, frames=1, size=32, tokenizer=Words())
    before, after = ([len(world.plan(seed).caption.split()) for seed in range(40)] for world in (plain, careful))
    assert max(before) > 13 >= max(after)
    assert all(a == b for a, b in zip(after, before, strict=True) if b <= 13), "the rest stays"


def test_shapes_and_ranges(world):
    batch = world.batch(range(6))
    b, e = batch.present.shape
    assert batch.video.shape == (6, 5, 3, 64, 64) and batch.masks.shape == (b, e, 5, 64, 64)
    assert batch.references.shape == (b, e, 3, 48, 48)
    assert -1.001 <= batch.video.min() and batch.video.max() <= 1.001
    assert batch.masks.sum(1).max() <= 1.001, "entities never share a pixel"
    assert (batch.indices >= 0).equal(batch.present)


def test_track_is_where_the_entity_is(world):
    """Centre of mass of the mask, wherever nothing covers the entity and it is wholly on the canvas."""
    checked = 0
    for seed in range(12):
        clip = world.clip(seed)
        ramp = (torch.arange(64) + 0.5) / 64
        for entity in clip.entities:
            for t in range(5):
                mask = entity.masks[t]
                inside = ((entity.track[t] > 0.3) & (entity.track[t] < 0.7)).all()
                if entity.shown[t] < 0.999 or not inside:
                    continue
                centre = torch.stack([(mask.sum(0) * ramp).sum(), (mask.sum(1) * ramp).sum()]) / mask.sum()
                assert (centre - entity.track[t]).abs().max() < 0.25 / 64
                checked += 1
    assert checked > 20


def test_occlusion_hides_the_one_behind(atlas):
    world = World(atlas, frames=5, size=64, entities=(2, 2))
    batches = [world.batch(range(first, first + 8)) for first in range(0, 64, 8)]
    shown, visible = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("shown", "visible"))
    assert (shown[:, 1][visible[:, 1]] > 0.99).all(), "the last one stands in front"
    assert (shown[:, 0][visible[:, 0]] < 0.7).any()


def test_every_phrase_is_in_the_caption_once(world):
    for seed in range(150):
        plan = world.plan(seed)
        offsets = torch.tensor([[i, i + 1] for i in range(len(plan.caption))])
        for entity in plan.entities:
            assert plan.caption.count(entity.phrase) == 1
            assert len(find_phrase(plan.caption, entity.phrase, offsets)) == len(entity.phrase)


def test_reference_is_no_copy_of_the_entity(atlas):
    """However the clip's entity is shifted, the reference's pixels differ visibly, while its colours are alike."""
    world = World(atlas, frames=1, size=64, entities=(1, 1), diameter=(0.74, 0.75), reference_size=64)
    for seed in range(12):
        clip = world.clip(seed)
        entity, frame = clip.entities[0], (clip.video[0] + 1) / 2
        shown = frame * entity.masks[0] + 0.5 * (1 - entity.masks[0])
        differences = []
        for dx in range(-24, 25, 2):
            for dy in range(-24, 25, 2):
                moved = torch.roll(shown, (dy, dx), (1, 2))
                differences.append((moved - entity.reference).abs().mean().item())
        assert min(differences) > 0.005
        mean = (frame * entity.masks[0]).sum((1, 2)) / entity.masks[0].sum()
        reference = (entity.reference * entity.reference_mask).sum((1, 2)) / entity.reference_mask.sum()
        assert (mean - reference).abs().max() < 0.25


def test_stills(atlas):
    clip = World(atlas, frames=1, size=64).clip(0)
    assert clip.video.shape == (1, 3, 64, 64)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_backgrounds(name):
    a, b = (paint(name, np.random.default_rng(seed), 32) for seed in (0, 1))
    assert a.shape == (3, 32, 32) and a.dtype == np.float32
    assert 0 <= a.min() and a.max() <= 1 and not np.array_equal(a, b)
