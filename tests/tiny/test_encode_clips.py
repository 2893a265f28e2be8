"""Encoded clips of the world: their weights, and what the trainer takes from them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import tora2.tiny
from tora2.tiny.assets import Atlas
from tora2.tiny.encode_clips import ENTITY_WEIGHT, Encoders, encode, latent_weights
from tora2.tiny.world import World
from tora2.training.shards import Shards

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"


def test_entities_weigh_more_and_the_mean_is_one():
    masks = torch.zeros(1, 2, 5, 32, 32)
    masks[0, 0, 0, :16, :16] = 1
    masks[0, 1, 1:, 16:, 16:] = 1
    weights = latent_weights(masks)
    assert weights.shape == (1, 2, 1, 4, 4)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0, 0, 0, 0, 0] == pytest.approx(ENTITY_WEIGHT * weights[0, 0, 0, 3, 3].item())
    assert weights[0, 1, 0, 3, 3] == pytest.approx(ENTITY_WEIGHT * weights[0, 1, 0, 0, 0].item())


@torch.no_grad()
def test_a_world_batch_is_a_shard_that_the_trainer_reads(tmp_path):
    pytest.importorskip("insightface")
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (4, 4, 72, 72), dtype=torch.uint8, generator=generator)
    pictures[:, 3] = 255
    names = ["duck", "lion", "truck", "mushroom"]
    atlas = Atlas(pictures, names, ["fluent"] * 4, [""] * 4, [False] * 4)
    world = World(atlas, "heldout_names", entities=(1, 2), backgrounds=["sky"])
    drawn = world.batch([0, 1])
    raw = encode(drawn, Encoders(WEIGHTS, "cpu"))
    entities = int(drawn.present.sum())
    assert raw["latents"].shape == (2, 5, 16, 16, 16) and raw["semantic"].shape == (entities, 64, 128)
    assert torch.equal(raw["identity"], drawn.indices[drawn.present])
    save_file(raw, tmp_path / "00000000.safetensors")
    shards = Shards(tmp_path)
    places = [[shards.locate(place)[1] for place in (0, 1)].index(clip) for clip in (0, 1)]  # in the drawn order
    batch = shards.batch(places)
    assert torch.equal(batch["ids"], raw["ids"]) and not shards.has_text, "the text encoder is trained, too"
    assert (batch["word_index"] >= 0).any(1).all(), "every entity has words of its own"
    first = drawn.tracks[drawn.present][:, 0]
    torch.testing.assert_close(batch["points"][:, 0, 0].float(), first, atol=2e-3, rtol=0)
    rounded = encode(drawn, Encoders(WEIGHTS, "cpu", bf16=True))
    for name in ("latents", "motion_latents"):
        error = (rounded[name].float() - raw[name].float()).square().mean().sqrt()
        assert rounded[name].dtype == torch.float16 and 0 < error < 0.02
