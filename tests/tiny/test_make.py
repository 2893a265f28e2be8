"""The stages of tora2-tiny's making: what each is asked to do, in which time, and what is left when it is killed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_runs import world_run
from training_runs import train

from tora2.errors import Tora2Error
from tora2.tiny import (
    judging,
    make,
    runs,
    states,
    train_detector,
    train_identity,
    train_semantic,
    train_text,
    train_vae,
)
from tora2.training import export as export_module
from tora2.training import trainer as trainer_module

EXPORT = 7.0  # seconds that an export takes here


@pytest.fixture
def ask(atlas_folder, tmp_path):
    def ask(stage, *more, run="run", minutes="4"):
        head = ["--atlas", str(atlas_folder), "--run", str(tmp_path / run), "--device", "cpu", "--workers", "0"]
        make.main([*head, "--stage", stage, "--minutes", minutes, *more])

    return ask


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which pass only where a test says so."""
    now = [0.0]
    monkeypatch.setattr(make.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def asked(monkeypatch, clock):
    """Calls of the scripts, which take their time, leave a state and do nothing else."""
    calls = []

    def script(name):
        def main(argv):
            calls.append((name, argv))
            clock[0] += EXPORT if "--export" in argv else 60 * float(value(argv, "--minutes"))
            out = Path(value(argv, "--out"))
            out.mkdir(parents=True, exist_ok=True)
            for kind in states.KINDS:
                save_file({"net.weight": torch.ones(2)}, out / f"{kind}.safetensors")
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
    kept = make.RESERVE["vae"] / 60
    minutes = [float(value(argv, "--minutes")) for _, argv in asked if "--frames" in argv]
    assert minutes == pytest.approx([1.0, 3.0 - kept, 4.0 - kept])
    assert ["--decay" in argv for _, argv in asked if "--frames" in argv] == [False, False, True]
    assert all("--resume" in argv for _, argv in asked)
    assert value(asked[-1][1], "--export") == str(tmp_path / "run" / "model" / "vae")
    assert (tmp_path / "run" / "model" / "transformer").is_dir(), "what was not trained yet is the shipped model's"


def test_encoders_share_the_minutes_and_land_in_the_model(ask, asked, tmp_path, clock):
    ask("encoders")
    slices = [argv for _, argv in asked if "--minutes" in argv]
    spent = [60 * float(value(argv, "--minutes")) for argv in slices]
    assert spent[3] > spent[0] > spent[2] and 0.7 * 240 < sum(spent) < 240 - 5 * EXPORT
    assert clock[0] <= 240, "exports are part of the minutes"
    assert ["--no-figures" in argv for argv in slices] == [True] * 4 + [False], "measured once, in the export"
    targets = [value(argv, "--export").removeprefix(str(tmp_path / "run" / "model")) for _, argv in asked[1::2]]
    assert targets == [
        "/reid_encoder/model.onnx",
        "/face_encoder/embed_tiny.onnx",
        "/face_encoder/det_tiny.onnx",
        "/semantic_encoder",
        "",
    ]


def test_without_minutes_a_stage_only_exports_what_is_there(ask, asked):
    ask("vae", minutes="0")
    assert asked == []
    ask("vae")
    asked.clear()
    ask("vae", minutes="0")
    assert ["--export" in argv and "--no-figures" in argv for _, argv in asked] == [True]


def test_a_kill_in_a_later_stage_leaves_the_earlier_one_packed(ask, asked, tmp_path, monkeypatch, clock):
    monkeypatch.setattr(train_semantic, "main", killed)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        ask("vae,encoders", "--out", str(out))
    assert all("--pack" in argv for _, argv in asked if "--minutes" in argv), "and whenever something is saved"
    assert (out / "vae-state.json").is_file()
    states.pack_stage(tmp_path / "run", out, "encoders")  # as a loop does when it saves
    asked.clear()
    before = clock[0]
    ask("vae", "--from", str(out), run="again", minutes="1")
    kinds = [(name, value(argv, "--out").rsplit("/", 1)[1]) for name, argv in asked if "--no-figures" in argv]
    assert kinds[:4] == [
        ("train_vae", "vae"),
        ("train_identity", "reid"),
        ("train_identity", "face"),
        ("train_detector", "detector"),
    ], "files of what was taken up, and of nothing that was never trained"
    assert clock[0] - before <= 60, "taking up is part of the minutes"


def killed(argv):
    raise KeyboardInterrupt


def test_a_stage_that_does_not_exist(ask, capsys):
    with pytest.raises(SystemExit):
        ask("vae,polish")
    assert "no stage 'polish'" in capsys.readouterr().err


STILL, CLIP = 0.1, 0.5  # seconds a step


@pytest.fixture
def trainers(monkeypatch, clock):
    """Trainers that take time as real ones do and write what a run writes."""
    made = []

    def write_model(out):
        (out / "model").mkdir(exist_ok=True)
        (out / "model" / "model_index.json").write_text("{}")

    class Fake:
        def __init__(self, config, *, resume, minutes, quiet, finish, on_save):
            self.config, self.minutes, self.finish, self.on_save = config, minutes, finish, on_save
            self.out, self.ended = Path(config.run.out), False
            self.step = states.steps_of(self.out)
            made.append(self)

        def run(self):
            end = clock[0] + 60 * self.minutes
            while clock[0] < end and self.step < self.config.run.steps:
                clock[0] += STILL if self.step < self.config.data.stills else CLIP
                self.step += 1
            one = {"w": torch.ones(1)}
            number = {"step": self.step}
            trainer_module.state.save_checkpoint(self.out, weights=one, average=one, optimizer={}, state=number, keep=1)
            self.on_save()
            self.ended = self.finish or self.step >= self.config.run.steps
            if self.ended:
                write_model(self.out)

    monkeypatch.setattr(trainer_module, "Trainer", Fake)
    monkeypatch.setattr(export_module, "export_run", lambda config: write_model(Path(config.run.out)))
    return made


@pytest.mark.parametrize("before", [0, 1])
def test_the_last_slice_always_ends_with_a_model_whatever_the_pace_was(ask, trainers, tmp_path, capsys, before, clock):
    """The slice before holds the stills, whose pace is not the clips'."""
    for _ in range(before):
        ask("transformer")
        first = trainers[-1]
        assert first.config.run.steps == states.ENDLESS and first.config.optimizer.decay == "constant"
        assert first.config.data.atlas and first.config.run.batch == first.config.run.micro_batch == 16
        assert not first.finish and first.config.run.save_minutes > 0
        with pytest.raises(Tora2Error, match="--last"):
            ask("none")
        with pytest.raises(Tora2Error, match="nothing to evaluate.*--last"):
            ask("evaluate")
    begun, done = clock[0], states.steps_of(tmp_path / "run" / "transformer")
    ask("transformer", "--last")
    last = trainers[-1]
    assert last.finish and last.config.optimizer.decay == "cosine" and last.config.optimizer.decay_begin == done
    assert clock[0] - begun <= 240 - runs.RESERVE + CLIP
    assert (tmp_path / "run" / "transformer" / "model").is_dir()
    steps = last.step
    assert states.plan_of(tmp_path / "run" / "transformer") == {"steps": steps, "decay_begin": done}
    assert f"transformer is done after {steps} steps" in capsys.readouterr().out
    while not trainers[-1].ended or trainers[-1] is last:
        ask("none")
    none = trainers[-1].config
    assert trainers[-1].step == none.run.steps == steps and not trainers[-1].finish
    assert (none.optimizer, none.run.seed) == (last.config.optimizer, last.config.run.seed)
    assert none.model.transformer == last.config.model.transformer | {
        "binding_config": last.config.model.transformer["binding_config"] | {"variant": "none"}
    }


def test_a_run_that_was_taken_up_is_evaluated(ask, trainers, tmp_path, monkeypatch):
    measured = []

    def evaluate(job, scenes, processes, on_scene):
        measured.append((job, scenes))
        (job.folder / "scenes").mkdir(parents=True, exist_ok=True)
        there = len(list((job.folder / "scenes").iterdir()))
        (job.folder / "scenes" / f"{there:05d}.json").write_text('{"key": "k", "figures": {}}')
        on_scene()
        (job.folder / "result.txt").write_text("figures")

    monkeypatch.setattr(judging, "evaluate", evaluate)
    out = tmp_path / "out"
    ask("transformer", "--last", "--out", str(out))
    ask("evaluate", "--from", str(out), "--out", str(out), run="again")
    job, scenes = measured[0]
    assert (job.model / "model_index.json").is_file() and job.model == tmp_path / "again" / "transformer" / "model"
    assert job.folder == tmp_path / "again" / "evaluation-transformer" and scenes == 50, "not in OUT, which is emptied"
    packed = sorted(path.name for path in (out / "evaluation-transformer").iterdir())
    assert packed == ["result.txt", "scenes.json"]
    ask("evaluate", "--from", str(out), "--out", str(tmp_path / "next"), run="third")
    assert len(list((measured[1][0].folder / "scenes").iterdir())) == 2, "it goes on"
    with pytest.raises(Tora2Error, match="nothing to evaluate"):
        ask("evaluate", run="empty")


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
    assert (tuple(make.ENCODERS), tuple(make.JUDGES)) == (states.LOOPS["encoders"], states.LOOPS["judges"])
    assert {name for names in states.LOOPS.values() for name in names} < set(make.BATCH)
