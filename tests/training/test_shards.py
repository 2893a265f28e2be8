import pytest
import torch
from safetensors.torch import save_file
from training_runs import encoded_clips, write_shards

from tora2.errors import TrainingError
from tora2.training.draws import draw_per_clip, mix
from tora2.training.gather import gather_rows, processes
from tora2.training.shards import Shards, collate, micro_batches
from tora2.training.step import Recipe


def test_an_epoch_sees_every_clip_once_and_the_next_another_order(tmp_path):
    shards = Shards(write_shards(tmp_path, shards=5), seed=3)
    assert len(shards) == 30
    first, second = ([shards.locate(place) for place in range(start, start + 30)] for start in (0, 30))
    assert sorted(first) == sorted(second) == [(shard, clip) for shard in range(5) for clip in range(6)]
    assert first != second
    assert first == [Shards(tmp_path, seed=3).locate(place) for place in range(30)]
    assert first != [Shards(tmp_path, seed=4).locate(place) for place in range(30)]
    together = {shard for shard, _ in first[:12]}
    assert len(together) == 2 and first[:6] != sorted(first[:6]), "two shards are mixed"


def test_a_batch_keeps_each_clips_own_entities(tmp_path):
    shards = Shards(write_shards(tmp_path))
    places = list(range(9, 15))  # over the end of the epoch
    batch = shards.batch(places)
    stored = [encoded_clips(6, seed=number) for number in range(2)]
    for index, place in enumerate(places):
        shard, clip = shards.locate(place)
        rows = stored[shard]["video"] == clip
        assert torch.equal(batch["latents"][index], stored[shard]["latents"][clip])
        assert torch.equal(batch["reid"][batch["video"] == index], stored[shard]["reid"][rows])
        assert torch.equal(batch["identity"][batch["video"] == index], stored[shard]["identity"][rows])
    assert len(shards._cache) <= 2


def test_words_and_tracks_are_padded(tmp_path):
    one = {name: tensor[:1] for name, tensor in encoded_clips(1).items()}
    clip = {name: one[name][0] for name in ("latents", "motion_latents", "weights", "text")}
    clip |= {name: one[name] for name in ("semantic", "reid", "face", "is_human", "points", "visible", "identity")}
    clip["word_index"] = torch.tensor([[3]])
    wide = clip | {"word_index": torch.tensor([[3, 4, 5]]), "points": clip["points"].repeat(1, 2, 1, 1)}
    wide["visible"] = clip["visible"].repeat(1, 2, 1)
    batch = collate([clip, wide])
    assert batch["word_index"].tolist() == [[3, -1, -1], [3, 4, 5]]
    assert batch["points"].shape[1] == 2 and batch["visible"][0].tolist() == [[True] * 3, [False] * 3]


def test_micro_batches_of_all_processes_are_the_batch():
    one = micro_batches(40, 8, 4, 1, 0)
    two = [micro_batches(40, 8, 2, 2, rank) for rank in range(2)]
    assert one == [[40, 41, 42, 43], [44, 45, 46, 47]]
    assert [two[0][index] + two[1][index] for index in range(2)] == one
    with pytest.raises(TrainingError, match="multiple of 6"):
        micro_batches(0, 8, 3, 2, 0)


def test_wrong_folders_get_a_sentence(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="cannot be read"):
        Shards(tmp_path)
    clips = encoded_clips(2)
    del clips["points"]
    save_file(clips, tmp_path / "a.safetensors")
    with pytest.raises(TrainingError, match="lacks `points`"):
        Shards(tmp_path)
    write_shards(tmp_path, shards=1)
    still = encoded_clips(2)
    still["latents"] = still["latents"][:, :1].contiguous()
    save_file(still, tmp_path / "a.safetensors")
    with pytest.raises(TrainingError, match="one folder, one size"):
        Shards(tmp_path)


def test_draws_do_not_depend_on_the_batch_they_are_in():
    recipe = Recipe(drop_entities=0.5, keep_first_frame=0.5)
    whole = draw_per_clip(recipe, (64, 2, 3, 4, 4), 1000, 5, range(100, 164))
    part = draw_per_clip(recipe, (2, 2, 3, 4, 4), 1000, 5, range(107, 109))
    for name, value in vars(part).items():
        assert torch.equal(value, vars(whole)[name][7:9]), name
    assert 20 < int(whole.drop_caption.sum()) < 44 and 8 < int(whole.drop_references.sum()) < 34
    assert whole.timesteps.unique().numel() > 50 and abs(float(whole.noise.mean())) < 0.05
    other = draw_per_clip(recipe, (64, 2, 3, 4, 4), 1000, 6, range(100, 164))
    assert not torch.equal(whole.noise, other.noise)
    assert len({mix(seed, place) for seed in range(20) for place in range(50)}) == 1000


def test_one_process_gathers_its_own_rows():
    rows = torch.randn(3, 2, requires_grad=True)
    assert processes() == 1 and gather_rows(rows)[0] is rows
