import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import world_run
from training_runs import train

from tora2.tiny import states, train_identity
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


def test_of_a_run_that_has_ended_the_average_alone_travels(atlas_folder, tmp_path):
    train(world_run(atlas_folder, tmp_path / "run", steps=1))
    whole = states.pack_stage(tmp_path, tmp_path / "whole", "run")
    states.write_plan(tmp_path / "run", 1, 0)
    half = states.pack_stage(tmp_path, tmp_path / "half", "run")
    one, other = (sum(path.stat().st_size for path in files) for files in (whole, half))
    assert other < 0.6 * one
    states.take_up(tmp_path / "half", tmp_path / "again")
    assert states.has_ended(tmp_path / "again" / "run")
    weights, average = (
        load_file(state.checkpoints(tmp_path / "again" / "run")[-1] / f"{kind}.safetensors") for kind in states.KINDS
    )
    assert all(torch.equal(weights[name], average[name]) for name in average)


def reid(atlas_folder, run):
    head = ["reid", "--atlas", str(atlas_folder), "--out", str(run / "reid"), "--device", "cpu", "--no-figures"]
    train_identity.main([*head, "--minutes", "0.0001", "--batch", "4"])


def test_what_there_is_of_a_stage_travels(atlas_folder, tmp_path):
    """A command may be killed before the stage's other runs have begun."""
    reid(atlas_folder, tmp_path / "run")
    assert states.pack_stage(tmp_path / "run", tmp_path / "out", "encoders")
    assert states.take_up(tmp_path / "out", tmp_path / "again") == ["encoders"]
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["reid"]
    assert states.take_up(tmp_path / "out", tmp_path / "again") == []
    assert states.pack_stage(tmp_path / "run", tmp_path / "out", "judges") == []


def test_a_kill_while_packing_leaves_what_was_packed_before(atlas_folder, tmp_path, monkeypatch):
    reid(atlas_folder, tmp_path / "run")
    files = states.pack_stage(tmp_path / "run", tmp_path / "out", "encoders")
    before = [path.read_bytes() for path in files]

    def killed(tensors, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(states, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            states.pack_stage(tmp_path / "run", tmp_path / "out", "encoders")
    assert [path.read_bytes() for path in files] == before


def test_what_is_exported_where_a_run_was_taken_up_is_the_same_file(atlas_folder, tmp_path):
    """Else figures that were kept would be of another model."""
    reid(atlas_folder, tmp_path / "run")
    states.pack_stage(tmp_path / "run", tmp_path / "out", "encoders")
    states.take_up(tmp_path / "out", tmp_path / "again")
    for run in ("run", "again"):
        head = ["reid", "--atlas", str(atlas_folder), "--out", str(tmp_path / run / "reid"), "--device", "cpu"]
        train_identity.main([*head, "--no-figures", "--export", str(tmp_path / f"{run}.onnx")])
    assert (tmp_path / "run.onnx").read_bytes() == (tmp_path / "again.onnx").read_bytes()
