import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import world_run
from training_runs import train

from tora2.tiny import states
from tora2.training import state

pytest.importorskip("onnx")


def test_a_packed_run_goes_on(atlas_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(states, "PART", 1_000_000)
    config = world_run(atlas_folder, tmp_path / "run")
    train(config, minutes=0)
    files = states.pack_stage(tmp_path, tmp_path / "out", "run")
    assert len(files) > 3 and all(file.stat().st_size < 2_000_000 for file in files)
    assert states.take_up(tmp_path / "out", tmp_path) == [], "nothing that is there is written over"
    (tmp_path / "run").rename(tmp_path / "before")
    assert states.take_up(tmp_path / "out", tmp_path) == ["run"] and states.steps_of(tmp_path / "run") == 1
    one, other = (load_file(state.checkpoints(tmp_path / run)[-1] / "average.safetensors") for run in ("before", "run"))
    assert all(torch.equal(one[name].half().float(), other[name]) for name in one)
    again = config
    trainer = train(again, resume=True)
    assert trainer.step == 2 and trainer.place == 4 and trainer.rise_from == 1
    assert trainer.optimizer.param_groups[0]["lr"] < 0.5 * trainer.rates["adapter"], "the rate rises again"
