"""Clips drawn while training: what they are, that places alone decide, and whole runs on them."""

import sys

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import WEIGHTS, world_run
from training_runs import train

from tora2.errors import TrainingError
from tora2.tiny.encode_clips import Encoders, encode
from tora2.tiny.source import WorldSource
from tora2.training import state
from tora2.training.metrics import read_metrics

pytest.importorskip("onnx")


@pytest.fixture
def source(atlas_folder):
    return WorldSource(atlas_folder, WEIGHTS, seed=3, stills=4)


def test_the_first_places_are_stills_and_places_alone_decide(source):
    stills, clips = source.batch([2, 3]), source.batch([4, 5])
    assert stills["latents"].shape == (2, 1, 16, 16, 16) and clips["latents"].shape == (2, *source.shape)
    again = source.batch([5, 6])
    mine, same = clips["video"] == 1, again["video"] == 0
    assert torch.equal(clips["ids"][1], again["ids"][0])
    torch.testing.assert_close(clips["latents"][1], again["latents"][0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(clips["weights"][1], again["weights"][0])
    for name in ("semantic", "face", "reid", "points", "identity", "word_index"):
        torch.testing.assert_close(clips[name][mine], again[name][same], atol=1e-4, rtol=1e-4)
    other = WorldSource(source.planner.worlds[1].atlas, WEIGHTS, seed=4).batch([4])
    assert not torch.equal(other["ids"][0], clips["ids"][0])


def test_a_batch_is_what_would_have_been_written_as_a_shard(source):
    pytest.importorskip("insightface")
    places = range(4, 8)
    found = source.batch(places)
    drawn = source.planner.worlds[1].batch([(3 << 40) + place for place in places])
    wanted = {name: value.float() for name, value in encode(drawn, Encoders(WEIGHTS, "cpu")).items()}
    assert set(found) == set(wanted)
    for name in set(found) - {"weights", "face"}:  # the weights' mean is one for each clip, not for the batch
        torch.testing.assert_close(found[name].float(), wanted[name], atol=4e-3, rtol=4e-3)
    assert (found["face"] - wanted["face"]).norm(dim=-1).max() < 0.15


def test_workers_plan_the_same_clips_ahead(source):
    alone = [source.batch([place]) for place in (4, 5, 9)]
    source.workers = 2
    source.expect([[place] for place in (4, 5, 9)])
    ahead = [source.batch([place]) for place in (4, 5, 9)]
    for one, other in zip(alone, ahead, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_goes_on_bit_for_bit(atlas_folder, tmp_path):
    """The first step is stills, the second clips; broken off between them, or made of two passes."""
    train(world_run(atlas_folder, tmp_path / "whole"))
    config = world_run(atlas_folder, tmp_path / "parts")
    train(config, minutes=0)
    assert state.checkpoints(tmp_path / "parts")[-1].name == "step-00000001"
    train(config, resume=True)
    one, other = (
        load_file(state.checkpoints(tmp_path / name)[-1] / "weights.safetensors") for name in ("whole", "parts")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (tmp_path / "whole" / "model" / "transformer").is_dir(), "a model folder like any other"

    train(world_run(atlas_folder, tmp_path / "passes", micro_batch=1))
    for line, same in zip(*(read_metrics(tmp_path / name) for name in ("whole", "passes")), strict=True):
        assert same["loss"] == pytest.approx(line["loss"], rel=1e-3)


def test_a_folder_without_encoders_gets_a_sentence(atlas_folder, tmp_path):
    with pytest.raises(TrainingError, match="no folder of the tiny world's encoders"):
        WorldSource(atlas_folder, tmp_path)


def test_a_model_is_written_where_onnxruntime_and_insightface_are_missing(atlas_folder, tmp_path, monkeypatch):
    for package in ("insightface", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    train(world_run(atlas_folder, tmp_path, steps=1))
    for name in ("reid_encoder/model.onnx", "face_encoder/det_tiny.onnx", "face_encoder/embed_tiny.onnx"):
        assert (tmp_path / "model" / name).read_bytes() == (WEIGHTS / name).read_bytes()
