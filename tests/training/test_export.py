import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from training_runs import run_config, train, write_shards

from tora2.errors import TrainingError
from tora2.training import state
from tora2.training.export import export_run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"))


def elsewhere(config, **run):
    """The same run on a machine that has its folder and nothing else."""
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, path="/nowhere"),
        run=dataclasses.replace(config.run, **run),
    )


def test_it_is_what_the_trainer_writes_at_the_end(data, tmp_path):
    config = run_config(data, tmp_path)
    train(config)
    file = tmp_path / "adapter.safetensors"
    written = load_file(file)
    file.unlink()
    (state.checkpoints(tmp_path)[-1] / "optimizer.pt").unlink()
    assert export_run(elsewhere(config)) == [file]
    again = load_file(file)
    assert set(again) == set(written) and all(torch.equal(again[name], written[name]) for name in written)


def test_a_run_without_an_average(data, tmp_path):
    config = run_config(data, tmp_path, optimizer={"ema": 0.0})
    train(config, minutes=0)
    export_run(elsewhere(config, export_dtype="fp32"))
    weights = load_file(state.checkpoints(tmp_path)[-1] / "weights.safetensors")
    adapter = load_file(tmp_path / "adapter.safetensors")
    assert torch.equal(adapter["binding.motion_gate"], weights["transformer.binding.motion_gate"])


def test_what_cannot_be_exported_is_said(data, tmp_path):
    config = run_config(data, tmp_path)
    for out in ("", str(tmp_path / "none")):
        with pytest.raises(TrainingError, match="holds no checkpoint to export"):
            export_run(elsewhere(config, out=out))
    train(config, minutes=0)
    (state.checkpoints(tmp_path)[-1] / "average.safetensors").write_bytes(b"broken")
    with pytest.raises(TrainingError, match="average.safetensors cannot be read"):
        export_run(elsewhere(config))
    assert not (tmp_path / "adapter.safetensors").exists()
