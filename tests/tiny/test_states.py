import argparse
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import WEIGHTS, world_run
from training_runs import train

from tora2.errors import TrainingError
from tora2.tiny import loop, states, train_dit
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


def test_the_older_loops_state_is_taken_over(atlas_folder, tmp_path):
    torch.manual_seed(0)
    config = world_run(atlas_folder, tmp_path / "run")
    modules = train_dit.build(WEIGHTS)
    modules["transformer"] = type(modules["transformer"])(**config.model.transformer)
    older = loop.Trainer(
        modules,
        argparse.Namespace(
            out=tmp_path / "dit",
            resume=False,
            device="cpu",
            precision="float32",
            rate=1e-3,
            decay=False,
            minutes=1,
            save_every=9,
        ),
    )
    for _ in older:
        older.descend(sum(p.square().sum() for p in older.parameters))
        break
    older.save()
    folder = states.adopt(tmp_path / "dit", config)
    assert folder.name == "step-00000001"
    stored = torch.load(folder / "optimizer.pt", weights_only=True)["parameters"]
    before = dict(older.modules.named_parameters())
    for name in ("transformer.proj_out.weight", "text_encoder.shared.weight"):
        assert torch.equal(load_file(folder / "weights.safetensors")[name], before[name])
        assert torch.equal(stored[name]["exp_avg"], older.optimizer.state[before[name]]["exp_avg"])
    assert train(config, resume=True).step == 2
    with pytest.raises(TrainingError, match="lacks `transformer"):
        states.adopt(
            tmp_path / "dit",
            replace(
                config,
                model=replace(config.model, transformer=config.model.transformer | {"num_layers": 2}),
            ),
        )
