from __future__ import annotations

from pathlib import Path

import pytest

from tora2.errors import WorkflowError
from tora2.headless import loader
from tora2.headless.overrides import apply_override


@pytest.fixture
def definitions(classes: dict[str, type]) -> dict:
    return loader.definitions_of(classes)


@pytest.fixture
def prompt() -> dict:
    values = {"text": "t", "seed": 1, "scale": 1.0, "kind": "plain", "flag": True}
    return {
        "1": {"class_type": "FixtureSource", "inputs": dict(values), "_meta": {"title": "My v1.5 Source"}},
        "5:2": {"class_type": "FixtureSource", "inputs": dict(values), "_meta": {"title": "Other"}},
        "3": {
            "class_type": "FixtureSink",
            "inputs": {"thing": ["1", 0], "note": ""},
            "_meta": {"title": "Fixture Sink"},
        },
        "4": {
            "class_type": "FixtureChoice",
            "inputs": {"mode": "on", "mode.level": 1, "mode.deep": "none", "tail": ""},
        },
        "6": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
    }


def change(prompt: dict, definitions: dict, setting: str) -> set[str]:
    trusted: set[str] = set()
    apply_override(prompt, definitions, setting, trusted)
    return trusted


def test_what_a_box_shows(prompt: dict, definitions: dict) -> None:
    """A subgraph node is in no prompt; its inputs stand for those inside that they feed."""
    prompt["1"]["_meta"]["shown"] = {"seed": ("5", "The box", "seed")}
    prompt["5:2"]["_meta"]["shown"] = {"seed": ("5", "The box", "seed"), "text": ("5", "The box", "words")}
    change(prompt, definitions, "5.seed=7")
    assert prompt["1"]["inputs"]["seed"] == prompt["5:2"]["inputs"]["seed"] == 7
    change(prompt, definitions, "The box.words=hello")
    assert prompt["5:2"]["inputs"]["text"] == "hello" and prompt["1"]["inputs"]["text"] == "t"
    with pytest.raises(WorkflowError, match=r"the box '5' shows no value 'seeds' to set; did you mean 'seed'\?"):
        change(prompt, definitions, "5.seeds=7")
    prompt["6"]["_meta"] = {"title": "x", "shown": {"image": ("8", "The box", "image")}}
    with pytest.raises(WorkflowError, match="'The box' names several boxes; use an id: 5, 8"):
        change(prompt, definitions, "The box.image=a.png")


@pytest.mark.parametrize(
    ("setting", "node", "name", "value"),
    [
        ("1.seed=18446744073709551615", "1", "seed", 2**64 - 1),
        ("5:2.scale=2.5", "5:2", "scale", 2.5),
        ("My v1.5 Source.text=a=b.c", "1", "text", "a=b.c"),
        ("other.flag=no", "5:2", "flag", False),
        ("FixtureSink.note=@@home", "3", "note", "@home"),
        ("1.kind=fancy", "1", "kind", "fancy"),
        ("4.mode.level=7", "4", "mode.level", 7),
        ("4.mode=off", "4", "mode", "off"),
        ("LoadImage.image=other.png", "6", "image", "other.png"),
    ],
)
def test_values(prompt: dict, definitions: dict, setting: str, node: str, name: str, value) -> None:
    assert change(prompt, definitions, setting) == set()
    assert prompt[node]["inputs"][name] == value
    assert type(prompt[node]["inputs"][name]) is type(value)


def test_text_from_a_file(prompt: dict, definitions: dict, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"a": "ü"}', encoding="utf-8")
    change(prompt, definitions, f"1.text=@{tmp_path / 't.json'}")
    assert prompt["1"]["inputs"]["text"] == '{"a": "ü"}'


def test_an_image_that_the_user_names_may_lie_anywhere(prompt: dict, definitions: dict, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    file.touch()
    assert change(prompt, definitions, f"6.image={file}") == {str(file)}
    assert prompt["6"]["inputs"]["image"] == str(file)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("1.seed", "looks like NODE.INPUT=VALUE"),
        ("seed=1", "looks like NODE.INPUT=VALUE"),
        ("My v1.5 Sorce.seed=1", "there is no node 'My v1.5 Sorce'; did you mean 'My v1.5 Source'"),
        ("FixtureSource.seed=1", "several nodes; use an id: 1 .*, 5:2"),
        ("1.sede=1", "no input 'sede'; did you mean 'seed'"),
        ("1.seed=many", "takes a whole number, not 'many'"),
        ("1.seed=-4", "has to lie between 0 and"),
        ("1.scale=nan", "takes a number"),
        ("1.kind=fanci", "no choice 'fanci'; did you mean 'fancy'"),
        ("1.flag=perhaps", "true or false"),
        ("3.thing=1", "takes a connection"),
        ("1.text=@/no/such/file", "cannot be read"),
    ],
)
def test_refusals(prompt: dict, definitions: dict, setting: str, message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        change(prompt, definitions, setting)
