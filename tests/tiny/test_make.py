"""The stages of tora2-tiny's making: what each is asked to do, and how long the transformer and its ablation are."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import world_run
from training_runs import train

from tora2.errors import Tora2Error
from tora2.tiny import make, train_detector, train_identity, train_semantic, train_text, train_vae
from tora2.training import trainer as trainer_module


@pytest.fixture
def ask(atlas_folder, tmp_path):
    def ask(stage, *more):
        head = ["--atlas", str(atlas_folder), "--run", str(tmp_path / "run"), "--device", "cpu", "--workers", "0"]
        make.main([*head, "--stage", stage, "--minutes", "4", *more])

    return ask


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Calls of the scripts, which leave a state and do nothing else."""
    calls = []

    def script(name):
        def main(argv):
            calls.append((name, argv))
            out = tmp_path / "run" / argv[argv.index("--out") + 1].rsplit("/", 1)[-1]
            out.mkdir(parents=True, exist_ok=True)
            torch.save({"step": 1}, out / "state.pt")

        return main

    for module in (train_vae, train_identity, train_detector, train_semantic, train_text):
        monkeypatch.setattr(module, "main", script(module.__name__.rsplit(".", 1)[-1]))
    return calls


def value(argv, option):
    return argv[argv.index(option) + 1]


def test_the_vae_begins_with_stills_and_lowers_its_rate_in_the_last_slice(ask, asked, tmp_path):
    ask("vae")
    ask("vae", "--last")
    kinds = [("export" if "--export" in argv else value(argv, "--frames")) for _, argv in asked]
    assert kinds == ["1", "9", "export", "9", "export"]
    assert [float(value(argv, "--minutes")) for _, argv in asked if "--frames" in argv] == [1.0, 3.0, 4.0]
    assert ["--decay" in argv for _, argv in asked if "--frames" in argv] == [False, False, True]
    assert all("--resume" in argv for _, argv in asked)
    assert value(asked[-1][1], "--export") == str(tmp_path / "run" / "model" / "vae")
    assert (tmp_path / "run" / "model" / "transformer").is_dir(), "what was not trained yet is the shipped model's"


def test_encoders_share_the_minutes_and_land_in_the_model(ask, asked, tmp_path):
    ask("encoders")
    slices = [argv for _, argv in asked if "--minutes" in argv]
    assert sum(float(value(argv, "--minutes")) for argv in slices) == pytest.approx(4)
    targets = [value(argv, "--export").removeprefix(str(tmp_path / "run" / "model")) for _, argv in asked[1::2]]
    assert targets == [
        "/reid_encoder/model.onnx",
        "/face_encoder/embed_tiny.onnx",
        "/face_encoder/det_tiny.onnx",
        "/semantic_encoder",
        "",
    ]


def test_a_stage_that_does_not_exist(ask, capsys):
    with pytest.raises(SystemExit):
        ask("vae,polish")
    assert "no stage 'polish'" in capsys.readouterr().err


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """A trainer that takes two steps a minute and writes what a run writes."""
    made, clock = [], [0.0]
    monkeypatch.setattr(make.time, "monotonic", lambda: clock[-1])

    class Fake:
        def __init__(self, config, *, resume, minutes, quiet):
            self.config, self.minutes, self.step = config, minutes, make.states.steps_of(tmp_path / "run" / "x")
            made.append(self)

        def run(self):
            from pathlib import Path

            out = Path(self.config.run.out)
            before = make.states.steps_of(out)
            self.step = min(self.config.run.steps, before + round(2 * self.minutes))
            folder = out / "checkpoints" / f"step-{self.step:08d}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "state.json").write_text("{}")
            clock.append(clock[-1] + 60 * self.minutes)

    monkeypatch.setattr(trainer_module, "Trainer", Fake)
    return made


def test_the_last_slice_ends_where_its_time_does_and_the_ablation_is_as_long(ask, runs, tmp_path, capsys):
    ask("transformer")
    first = runs[-1]
    assert first.config.run.steps == make.ENDLESS and first.config.optimizer.decay == "constant"
    assert first.config.data.atlas and first.config.run.batch == first.config.run.micro_batch == 16
    with pytest.raises(Tora2Error, match="--last"):
        ask("none")
    ask("transformer", "--last")
    last = runs[-1].config
    assert last.optimizer.decay == "cosine" and last.optimizer.decay_begin == 8
    assert last.run.steps == 8 + int(0.92 * 4 * 2), "what the pace so far allows"
    assert "transformer is done after 15 steps" in capsys.readouterr().out
    ask("none")
    ask("none")
    none = runs[-1].config
    assert (none.run.steps, none.optimizer, none.run.seed) == (15, last.optimizer, last.run.seed)
    assert none.model.transformer == last.model.transformer | {
        "binding_config": last.model.transformer["binding_config"] | {"variant": "none"}
    }
    assert "none is done after 15 steps" in capsys.readouterr().out


def test_the_ablation_trains(atlas_folder, tmp_path):
    config = world_run(atlas_folder, tmp_path, steps=1)
    sizes = config.model.transformer
    sizes = sizes | {"binding_config": sizes["binding_config"] | {"variant": "none"}}
    train(replace(config, model=replace(config.model, transformer=sizes)))
    written = json.loads((tmp_path / "model" / "model_index.json").read_text())
    assert written and load_file(tmp_path / "adapter.safetensors")


def test_everything_is_read_before_minutes_are_spent(tmp_path, asked):
    with pytest.raises(Tora2Error, match="holds no atlas"):
        make.main(["--atlas", str(tmp_path), "--run", str(tmp_path / "run"), "--stage", "vae"])
    assert not asked


def test_shares_are_whole():
    assert sum(make.ENCODERS.values()) == pytest.approx(1) and sum(make.JUDGES.values()) == pytest.approx(1)
    assert set(make.RUNS) < set(make.STAGES)
