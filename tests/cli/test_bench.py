"""The benchmark's command to the last line, in small."""

import json

import pytest

from tora2.__main__ import build_parser, main
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
        assert "cap, GiB" in printed and not any(rung["refused"] for rung in report["memory"])
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
