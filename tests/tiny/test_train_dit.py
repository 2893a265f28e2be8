"""Encoded clips on disk and the batches that the transformer's training takes from them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import tora2.tiny
from tora2.tiny import config
from tora2.tiny.assets import Atlas
from tora2.tiny.encode_clips import PER_SHARD, Encoders, encode, latent_weights
from tora2.tiny.train_dit import Shards, select, training_batch
from tora2.tiny.world import World

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"


def shard(first: int) -> dict[str, torch.Tensor]:
    """A shard whose numbers say which clip and entity they are; clip n has n % 3 + 1 entities."""
    clips = torch.arange(first, first + PER_SHARD)
    video = torch.cat([torch.full((int(clip) % 3 + 1,), index) for index, clip in enumerate(clips)])
    return {
        "latents": clips[:, None].float(),
        "weights": clips[:, None].float(),
        "motion_latents": clips[:, None].float(),
        "ids": clips[:, None],
        "video": video,
        "identity": clips[video] * 10,
    }


def test_selected_clips_keep_their_own_entities():
    chosen = select(shard(0), torch.tensor([7, 2, 30]))
    assert chosen["ids"][:, 0].tolist() == [7, 2, 30]
    assert chosen["video"].tolist() == [0, 0, 1, 1, 1, 2]
    assert chosen["identity"].tolist() == [70, 70, 20, 20, 20, 300]


def test_a_batch_follows_from_the_step_alone(tmp_path):
    for first in range(0, 3 * PER_SHARD, PER_SHARD):
        save_file(shard(first), tmp_path / f"{first:08d}.safetensors")
    unbroken = Shards(tmp_path, 16)(0)
    seen = [next(unbroken)["ids"][:, 0].tolist() for _ in range(30)]
    resumed = Shards(tmp_path, 16)(20)
    assert [next(resumed)["ids"][:, 0].tolist() for _ in range(10)] == seen[20:]
    assert sorted(sum(seen[:12], [])) == list(range(3 * PER_SHARD)), "an epoch sees every clip once"
    assert seen[:12] != seen[12:24], "the next epoch goes in another order"
    with pytest.raises(SystemExit, match="no encoded clips"):
        Shards(tmp_path / "nothing", 16)


def test_entities_weigh_more_and_the_mean_is_one():
    masks = torch.zeros(1, 2, 5, 32, 32)
    masks[0, 0, 0, :16, :16] = 1
    masks[0, 1, 1:, 16:, 16:] = 1
    weights = latent_weights(masks)
    assert weights.shape == (1, 2, 1, 4, 4)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0, 0, 0, 0, 0] == pytest.approx(4 * weights[0, 0, 0, 3, 3].item())
    assert weights[0, 1, 0, 3, 3] == pytest.approx(4 * weights[0, 1, 0, 0, 0].item())


@torch.no_grad()
def test_a_world_batch_becomes_a_training_batch():
    from transformers import T5EncoderModel

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
    words = T5EncoderModel.from_pretrained(WEIGHTS / "text_encoder", torch_dtype=torch.float32)
    batch = training_batch(raw, words, torch.zeros(1, config.TEXT_LENGTH, dtype=torch.long))
    assert batch.text.shape == (2, config.TEXT_LENGTH, config.TEXT_WIDTH) and batch.null_text.shape[0] == 1
    assert (batch.word_index >= 0).any(1).all(), "every entity has words of its own"
    first = drawn.tracks[drawn.present][:, 0]
    torch.testing.assert_close(batch.points[:, 0, 0], first, atol=2e-3, rtol=0)
