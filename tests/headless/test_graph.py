"""The conversion equals what the frontend's own graphToPrompt made of the same files (see record_prompts.py)."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from tora2.errors import WorkflowError
from tora2.headless import graph

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def comparable(prompt: dict) -> dict:
    return {
        key: {"inputs": node["inputs"], "class_type": node["class_type"], "title": node["_meta"]["title"]}
        for key, node in prompt.items()
    }


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["workflow", "resaved"])
def test_equals_frontend(path: Path, form: str) -> None:
    fixture = load(path)
    converted = graph.to_prompt(copy.deepcopy(fixture[form]), fixture["object_info"])
    assert comparable(converted) == comparable(fixture["prompt"])


def simple(**changes) -> dict:
    """Source -> Sink in the oldest format, without what newer files add."""
    source = {"id": 1, "type": "FixtureSource", "outputs": [{"name": "t", "type": "FIXTURE_THING", "links": [1]}]}
    sink = {"id": 2, "type": "FixtureSink", "inputs": [{"name": "thing", "type": "FIXTURE_THING", "link": 1}]}
    flow = {"nodes": [source, sink], "links": [[1, 1, 0, 2, 0, "FIXTURE_THING"]], "version": 0.4}
    source.update(changes)
    return flow


def definitions() -> dict:
    found = {}
    for path in FIXTURES:
        found |= load(path)["object_info"]
    return found


def test_missing_values_are_defaults() -> None:
    prompt = graph.to_prompt(simple(), definitions())
    assert prompt["1"]["inputs"] == {"text": "hello", "seed": 7, "scale": 1.5, "kind": "fancy", "flag": True}


@pytest.mark.parametrize("key", ["widgets_values", "widgets_values_named"])
def test_values_by_name(key: str) -> None:
    prompt = graph.to_prompt(simple(**{key: {"seed": 5, "flag": False}}), definitions())
    assert prompt["1"]["inputs"] == {"text": "hello", "seed": 5, "scale": 1.5, "kind": "fancy", "flag": False}


def test_position_wins_over_names_as_in_the_frontend() -> None:
    changes = {"widgets_values": ["a", 1, "fixed"], "widgets_values_named": {"seed": 2}}
    assert graph.to_prompt(simple(**changes), definitions())["1"]["inputs"]["seed"] == 1


def test_huge_seed_stays_exact() -> None:
    values = ["a", 2**64 - 1, "fixed", 1.5, "fancy", True]
    assert graph.to_prompt(simple(widgets_values=values), definitions())["1"]["inputs"]["seed"] == 2**64 - 1


def test_api_format_passes_through() -> None:
    prompt = {"3": {"class_type": "FixtureSink", "inputs": {"thing": ["1", 0]}}}
    assert graph.to_prompt(prompt, {}) == prompt
    assert graph.to_prompt({"prompt": prompt, "client_id": "x"}, {}) == prompt


def test_foreign_node_keeps_its_place() -> None:
    flow = simple()
    flow["nodes"][0]["type"] = "SomebodyElses"
    flow["nodes"].append({"id": 9, "type": "UnlinkedDecoration"})
    prompt = graph.to_prompt(flow, definitions())
    assert prompt["1"]["class_type"] == "SomebodyElses"
    assert "9" not in prompt


def subgraph_with(node: dict) -> dict:
    ident = "dddddddd-0000-4000-8000-000000000001"
    inner = {"id": ident, "name": "Loop", "nodes": [{**node, "type": ident}], "links": [], "inputs": [], "outputs": []}
    return {"nodes": [{"id": 1, "type": ident}], "links": [], "definitions": {"subgraphs": [inner]}}


LOOP = {"id": 1, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 1}], "outputs": []}


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"last_node_id": 3}, "no list of nodes"),
        ({"nodes": [{"id": 1, "type": "workflow/my group"}]}, "convert the group node to a subgraph"),
        (subgraph_with({"id": 5}), "contains itself"),
        ({"nodes": [], "links": [["one", 1, 0, 2, 0, "*"]]}, "link that cannot be read"),
        (
            {
                "nodes": [
                    {**LOOP, "inputs": [{"name": "", "type": "*", "link": 2}]},
                    {"id": 2, "type": "FixtureSink", "inputs": [{"name": "thing", "type": "*", "link": 1}]},
                ],
                "links": [[1, 1, 0, 2, 0, "*"], [2, 1, 0, 1, 0, "*"]],
            },
            "part of a loop",
        ),
    ],
)
def test_unusable_workflows(flow: dict, message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        graph.to_prompt(flow, definitions())


def damage(value, chance: random.Random):
    """A copy in which one place holds something else, or nothing."""
    if isinstance(value, (dict, list)) and value and chance.random() < 0.9:
        copied = dict(value) if isinstance(value, dict) else list(value)
        key = chance.choice(sorted(copied)) if isinstance(copied, dict) else chance.randrange(len(copied))
        if chance.random() < 0.1:
            del copied[key]
        else:
            copied[key] = damage(copied[key], chance)
        return copied
    return chance.choice([None, -1, 3, 0.5, "x", "", [], {}, [1], {"a": 1}, True])


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_damaged_files_give_a_prompt_or_a_sentence(path: Path) -> None:
    known = definitions()
    chance = random.Random(path.stem)
    flow = load(path)["workflow"]
    for _ in range(60):
        broken = flow
        for _ in range(chance.randint(1, 3)):
            broken = damage(broken, chance)
        if not isinstance(broken, dict):
            continue
        try:
            json.dumps(graph.to_prompt(copy.deepcopy(broken), known))
        except WorkflowError as error:
            assert len(str(error)) < 500


def test_a_byte_order_mark_is_no_part_of_the_workflow(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text('{"nodes": []}', encoding="utf-8-sig")
    assert graph.load_json(path) == {"nodes": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "no workflow file"), ("{", "valid JSON"), ("[1]", "not an object"), ("[" * 100_000, "valid JSON")],
)
def test_unreadable_files(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "w.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WorkflowError, match=message):
        graph.load_json(path)
