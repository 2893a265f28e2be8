from __future__ import annotations

import argparse

import pytest
import torch
from checkpoint_files import make_transformer, to_sat, write_config, write_sharded
from safetensors.torch import load_file, save_file

from tora2.cli import convert
from tora2.errors import CheckpointError


def run(*arguments):
    parser = argparse.ArgumentParser()
    convert.add_arguments(parser)
    args = parser.parse_args([str(argument) for argument in arguments])
    return convert.main(args)


def test_sat(tmp_path, capsys):
    torch.save({"module": to_sat(make_transformer().state_dict(), 2)}, tmp_path / "x.pt")
    assert run("sat", tmp_path / "x.pt", tmp_path / "out", "--dtype", "bf16") == 0
    assert f"wrote {tmp_path / 'out'}" in capsys.readouterr().out
    assert (tmp_path / "out" / "adapter.safetensors").is_file()


def test_adapters_in_and_out(tmp_path):
    model = make_transformer()
    write_config(tmp_path / "tora" / "transformer", name="ToraTransformer3DModel")
    write_sharded(tmp_path / "tora" / "transformer", model.state_dict())
    assert run("adapter-export", tmp_path / "tora", tmp_path / "a.safetensors") == 0
    assert run("adapter-to-tora", tmp_path / "a.safetensors", tmp_path / "split") == 0
    files = [tmp_path / "split" / name / f"{name}.safetensors" for name in ("fuser", "traj_extractor")]
    assert run("adapter-import", *files, tmp_path / "b.safetensors") == 0
    one, other = load_file(tmp_path / "a.safetensors"), load_file(tmp_path / "b.safetensors")
    assert set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def test_reid_is_never_made_of_random_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(CheckpointError, match="download.pytorch.org.*--weights"):
        run("reid", tmp_path / "out.onnx")
    weights, calls = tmp_path / "fasterrcnn.pth", []
    weights.write_bytes(b"x")
    monkeypatch.setattr("tora2.checkpoints.reid_export.export_reid", lambda *args: calls.append(args) or args[0])
    assert run("reid", tmp_path / "out.onnx", "--weights", weights) == 0
    assert calls == [(tmp_path / "out.onnx", weights)]


def test_the_whole_command_says_one_sentence(tmp_path, capsys):
    from tora2.__main__ import main

    save_file({"shared.weight": torch.zeros(1)}, str(tmp_path / "x.pt"))
    assert main(["convert", "sat", str(tmp_path / "x.pt"), str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "not a SAT checkpoint" in error and len(error.strip().splitlines()) == 1
    with pytest.raises(SystemExit):
        main(["convert"])
