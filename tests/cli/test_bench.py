"""The benchmark's command to the last line, in small."""

import json
from types import SimpleNamespace

import pytest
import torch

from tora2.__main__ import build_parser, main
from tora2.benchmark import parts, timing
from tora2.benchmark.loops import Loop
from tora2.benchmark.record import Record
from tora2.benchmark.step import random_transformer
from tora2.benchmark.turns import FIRST_COMPILE
from tora2.cli import bench
from tora2.cli.bench import SESSIONS, _fill

SMALL = ["--shape", "tiny", "--frames", "9", "--height", "32", "--width", "32", "--steps", "6", "--device", "cpu"]


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_the_full_size_sessions_in_small(session, tmp_path, capsys, monkeypatch):
    compiled = []
    monkeypatch.setattr("tora2.acceleration.compiling.check_compiler", lambda device: None)
    monkeypatch.setattr("tora2.acceleration.compiling.compile_blocks", lambda model, **_: compiled.append(model))
    file = tmp_path / "out.json"
    assert main(["bench", "--session", str(session), *SMALL, "--rounds", "1", "--json", str(file)]) == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    for part in SESSIONS[session]["what"]:
        assert report[part], part
    if "loops" in SESSIONS[session]["what"]:
        assert [loop["name"] for loop in report["loops"]] == SESSIONS[session]["variants"]
        assert "whole loop" in printed
    elif "memory" in SESSIONS[session]["what"]:
        assert "cap, GiB" in printed and not any(rung["failed"] for rung in report["memory"])
    else:
        assert report["steps"][0]["name"] == "diffusers CogVideoX" and "Tora2 parts cost" in printed
    assert bool(compiled) == (session not in (1, 5))


def test_sessions_are_at_full_size_and_within_ten_minutes():
    for session, options in SESSIONS.items():
        args = build_parser().parse_args(["bench", "--session", str(session)])
        _fill(args)
        assert (args.shape, args.frames, args.height, args.width) == ("5b", 49, 480, 720)
        assert args.budget < 10 and args.what == options["what"]
    beside = build_parser().parse_args(["bench", "--session", "2", "--tora", "somewhere"])
    _fill(beside)
    assert beside.what == ["steps", "loops"], "the ratio to Tora's loop is measured in the same run"


def test_5b_has_its_own_size_and_the_default_is_small():
    full, small = (build_parser().parse_args(["bench", *rest]) for rest in (["--shape", "5b"], []))
    _fill(full)
    _fill(small)
    assert full.frames == 49 and small.shape == "small" and small.what == ["steps"]


def test_the_help_has_the_commands_for_an_h100(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    text = capsys.readouterr().out
    for session in SESSIONS:
        assert f"python -m tora2 bench --session {session} " in text


@pytest.mark.parametrize(
    "arguments, message",
    [(["--variants", "slow"], "no preset"), (["--rounds", "0"], "at least 1"), (["--shape", "huge"], "no shape named")],
)
def test_wrong_arguments_are_one_sentence(arguments, message, capsys):
    assert main(["bench", "--what", "loops", *SMALL, *arguments]) == 1
    assert message in capsys.readouterr().err


class Clock:
    """The run's clock; every pass through a model takes ``step`` seconds, the first compiled one 150."""

    def __init__(self, monkeypatch, step):
        self.now, self.step, self.compiling = 0.0, step, False
        monkeypatch.setattr(bench, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(parts, "random_transformer", self.build)
        monkeypatch.setattr("tora2.acceleration.compiling.check_compiler", lambda device: None)
        monkeypatch.setattr("tora2.acceleration.compiling.compile_blocks", self.compile)

    def build(self, config, device, dtype):
        self.now += 10
        model = random_transformer(config | {"num_layers": 1}, device, dtype)
        model.register_forward_pre_hook(self.tick)
        return model

    def compile(self, model):
        self.compiling = True

    def tick(self, *_):
        self.now += 150 if self.compiling else self.step
        self.compiling = False


@pytest.mark.parametrize("step, whole", [(3.0, 4), (15.0, 1), (100.0, 0)])
def test_a_session_ends_within_nine_minutes_by_its_own_clock(step, whole, monkeypatch, tmp_path, capsys):
    clock = Clock(monkeypatch, step)
    on_disk = []
    say = parts.say
    file = tmp_path / "new folder" / "out.json"

    def read(text):
        on_disk.append(len(json.loads(file.read_text(encoding="utf-8")).get("loops", [])))
        say(text)

    monkeypatch.setattr(parts, "say", read)
    assert main(["bench", "--session", "2", *SMALL, "--steps", "12", "--json", str(file)]) == 0
    late = max(step, 150 - FIRST_COMPILE)  # a step that was begun, or a compilation that takes longer than any before
    assert clock.now <= 9 * 60 + late
    loops = json.loads(file.read_text(encoding="utf-8"))["loops"]
    assert [loop["name"] for loop in loops] == SESSIONS[2]["variants"], "what was left out says so"
    assert sum(loop["whole"] and not loop["refused"] for loop in loops) >= whole
    assert on_disk == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6], "a row is on disk before the next begins"
    printed = capsys.readouterr().out
    estimated = [loop for loop in loops if not loop["whole"]]
    assert ("(estimated)" in printed) == bool(estimated) and ("~" in printed) == bool(estimated)
    bars = json.loads(file.read_text(encoding="utf-8"))["bars"]
    assert all(any(f"{x['name']}: about " in bar for bar in bars) for x in estimated)


def test_reading_torch_is_of_the_session_too(monkeypatch):
    now = iter([100.0, 110.0])
    monkeypatch.setattr(bench, "time", SimpleNamespace(monotonic=lambda: next(now)))
    seen = []
    monkeypatch.setitem(parts.MEASURES, "loops", lambda given: seen.append(given.budget.left) or [])
    monkeypatch.setattr(timing.Budget, "require", lambda self, seconds=0.0: None)
    main(["bench", "--what", "loops", *SMALL, "--budget", "9"])
    assert seen == [530.0]


def test_a_part_that_fails_leaves_the_others_and_what_it_had(monkeypatch, tmp_path, capsys):
    def fails(given):
        given.keep([Loop("exact", 1.0)])
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")

    monkeypatch.setitem(parts.MEASURES, "loops", fails)
    file = tmp_path / "out.json"
    arguments = ["bench", "--what", "loops", "attention", *SMALL, "--json", str(file)]
    assert main(arguments) == 1
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["loops"][0]["name"] == "exact" and report["attention"][0]["seconds"] > 0
    assert report["errors"] == {"loops": "RuntimeError: CUDA error: unspecified launch failure"}
    streams = capsys.readouterr()
    assert "Error: loops: RuntimeError" in streams.err and "exact: 1.0 s" in streams.out


@pytest.mark.parametrize("row, status", [({"refused": "no torchao"}, 0), ({"refused": "X: y", "failed": True}, 1)])
def test_the_status_tells_a_failure_from_a_refusal(row, status, monkeypatch):
    monkeypatch.setitem(parts.MEASURES, "loops", lambda given: [Loop("exact", **row)])
    assert main(["bench", "--what", "loops", *SMALL]) == status


def test_parts_after_the_deadline_are_left_out(monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr(bench, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setitem(parts.MEASURES, "loops", lambda given: now.__setitem__(0, 600.0) or [])
    monkeypatch.setitem(parts.MEASURES, "attention", lambda given: pytest.fail("begun"))
    file = tmp_path / "out.json"
    assert main(["bench", "--what", "loops", "attention", *SMALL, "--budget", "9", "--json", str(file)]) == 0
    assert "the budget was spent" in json.loads(file.read_text(encoding="utf-8"))["errors"]["attention"]


def test_quality_is_measured_where_and_how_it_is_asked(monkeypatch):
    seen = []

    def opened(source, device, dtype):
        seen.append((source.name, device, dtype))
        return SimpleNamespace(name="m")

    monkeypatch.setattr("tora2.evaluation.folder.on_device", opened)
    monkeypatch.setattr("tora2.benchmark.quality.measure_presets", lambda *given, **options: [])
    for dtype in ("bfloat16", "auto"):
        assert main(["bench", "--what", "quality", "--device", "cpu", "--dtype", dtype]) == 0
    assert seen == [("tora2-tiny", torch.device("cpu"), dtype) for dtype in (torch.bfloat16, torch.float32)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--what", "memory", "--memory-ladder", "much"], "is no rung"),
        (["--what", "steps", "--tora", "nowhere"], "no checkout of alibaba/Tora"),
        (["--what", "loops", "--json", "/proc/nowhere/out.json"], "give another --json"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_built(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(parts, "MEASURES", {})
    assert main(["bench", *SMALL, *arguments]) == 1
    assert message in capsys.readouterr().err


def test_what_is_not_a_number_is_null_on_disk(tmp_path):
    record = Record(tmp_path / "x.json", {})
    record.keep("loops", [Loop("exact", float("nan"))])
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["loops"][0]["seconds"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"], "written beside, then put in its place"
