"""Runs an API prompt: checks it as ComfyUI does, then executes V3 nodes in order of their links, each once.

Results are dropped as soon as the last node that reads them is done. Not supported, and said so: node expansion and V1
nodes. Behaviour matched: ComfyUI 0.33 `execution.py` (input validation, lists, hidden inputs, blocked branches).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import Tora2Error, WorkflowError
from .awaiting import finish
from .graph import Prompt
from .values import check_value
from .widgets import UNSET, default_value, parse_spec


@dataclass
class RunContext:
    """What hidden inputs may ask for."""

    prompt: Prompt
    workflow: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def extra_pnginfo(self) -> dict[str, Any]:
        return {**self.extra, **({"workflow": self.workflow} if self.workflow is not None else {})}


class _Blocked:
    """Stands for an output that a node chose not to give; nodes that read it are skipped."""


def where(node_id: str, node: dict[str, Any]) -> str:
    title = (node.get("_meta") or {}).get("title") or node.get("class_type")
    return f"Node '{title}' (id {node_id})"


class Executor:
    """`classes` are V3 node classes by id; `on_node(node_id, node)` is called before each node runs."""

    def __init__(self, classes: dict[str, type], on_node: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._classes = classes
        self._on_node = on_node or (lambda node_id, node: None)

    def plan(self, prompt: Prompt) -> list[str]:
        """Ids in order of execution: everything that an output node needs. Checks types, loops and every value.

        Raises WorkflowError with the first thing that is wrong.
        """
        self._refuse_foreign(prompt)
        outputs = [key for key, node in prompt.items() if self._classes[node["class_type"]].OUTPUT_NODE]
        if not outputs:
            raise WorkflowError(
                "The workflow has no active node that saves or shows anything, such as Save Video: add one, or "
                "switch it on."
            )
        order: list[str] = []
        for output in outputs:
            self._visit(output, prompt, order, [])
        for key in order:
            self._check(key, prompt)
        return order

    def run(self, context: RunContext) -> dict[str, dict[str, Any]]:
        """Executes the prompt and returns what its nodes report for display (`ui`), by node id."""
        prompt = context.prompt
        order = self.plan(prompt)
        readers = {key: 0 for key in order}
        for key in order:
            for value in prompt[key]["inputs"].values():
                if _is_link(value):
                    readers[str(value[0])] += 1
        results: dict[str, list[list[Any]]] = {}
        shown: dict[str, dict[str, Any]] = {}
        for key in order:
            node = prompt[key]
            self._on_node(key, node)
            results[key], ui = self._execute(key, node, results, context)
            if ui:
                shown[key] = ui
            for value in node["inputs"].values():
                if _is_link(value):
                    readers[str(value[0])] -= 1
            for done in [other for other in results if readers[other] == 0]:
                del results[done]
        return shown

    def _refuse_foreign(self, prompt: Prompt) -> None:
        for key, node in prompt.items():
            if node.get("class_type") not in self._classes:
                raise WorkflowError(
                    f"{where(key, node)} is of type '{node.get('class_type')}', which only ComfyUI with its pack can "
                    "run: bypass or remove it, or open the workflow in ComfyUI; here there is "
                    f"{', '.join(sorted(self._classes))}."
                )

    def _visit(self, key: str, prompt: Prompt, order: list[str], path: list[str]) -> None:
        if key in order:
            return
        if key in path:
            raise WorkflowError(f"{where(key, prompt[key])} is part of a loop: its output leads back to its own input.")
        for name, value in prompt[key]["inputs"].items():
            if _is_link(value):
                if str(value[0]) not in prompt:
                    raise WorkflowError(
                        f"{where(key, prompt[key])}: input '{name}' comes from node {value[0]}, which does not exist."
                    )
                self._visit(str(value[0]), prompt, order, [*path, key])
        order.append(key)

    def _check(self, key: str, prompt: Prompt) -> None:
        node, inputs = prompt[key], prompt[key]["inputs"]
        cls = self._classes[node["class_type"]]
        expected, _ = _expand(cls, inputs)
        own = _validator_arguments(cls)
        for group in ("required", "optional"):
            for name, raw in expected.get(group, {}).items():
                if name not in inputs:
                    self._fill_default(key, node, name, raw, required=group == "required")
                elif _is_link(inputs[name]):
                    self._check_link(key, name, raw, prompt)
                else:
                    limits = own is not None and name not in own
                    inputs[name] = check_value(inputs[name], name, raw, where(key, node), limits=limits)
        self._own_validation(cls, key, node, own)

    def _fill_default(self, key: str, node: dict[str, Any], name: str, raw: Any, *, required: bool) -> None:
        if not required:
            return
        spec = parse_spec(name, raw)
        default = default_value(spec) if spec.is_widget and "default" in spec.options else UNSET
        if default is UNSET:
            hint = "connect it" if not spec.is_widget else "give it a value"
            raise WorkflowError(f"{where(key, node)}: input '{name}' ({spec.type}) is missing; {hint} in the workflow.")
        node["inputs"][name] = default

    def _check_link(self, key: str, name: str, raw: Any, prompt: Prompt) -> None:
        origin, index = prompt[key]["inputs"][name]
        given = self._classes[prompt[str(origin)]["class_type"]].RETURN_TYPES
        wanted = parse_spec(name, raw).type
        source = where(str(origin), prompt[str(origin)])
        if not 0 <= index < len(given):
            raise WorkflowError(
                f"{source} has no output number {index}, which {where(key, prompt[key])} reads as '{name}'."
            )
        if not _types_meet(given[index], wanted):
            raise WorkflowError(
                f"{where(key, prompt[key])}: input '{name}' takes {wanted}, but {source} gives {given[index]} there."
            )

    def _own_validation(self, cls: type, key: str, node: dict[str, Any], own: set[str] | None) -> None:
        if own is not None and not own:
            return
        values = {
            name: None if _is_link(value) else value
            for name, value in node["inputs"].items()
            if own is None or name in own
        }
        v3_data = {**_expand(cls, node["inputs"])[1], "hidden_inputs": {}}
        call = cls.PREPARE_CLASS_CLONE(v3_data).validate_inputs
        try:
            answer = finish(call(**_nest(values, v3_data if own is None else {})))
        except Tora2Error as error:
            raise type(error)(f"{where(key, node)}: {error}") from error
        if answer is not True:
            reason = str(answer).strip() if answer else "its values do not fit together"
            raise WorkflowError(f"{where(key, node)}: {reason}")

    def _execute(self, key, node, results, context) -> tuple[list[list[Any]], dict[str, Any] | None]:
        cls = self._classes[node["class_type"]]
        expected, dynamic = _expand(cls, node["inputs"])
        known = {**expected.get("required", {}), **expected.get("optional", {})}
        columns: dict[str, list[Any]] = {}
        for name, value in node["inputs"].items():
            if _is_link(value):
                columns[name] = results[str(value[0])][value[1]]
            elif name in known or cls.ACCEPT_ALL_INPUTS:
                columns[name] = [value]
        count = len(cls.RETURN_TYPES)
        if any(isinstance(item, _Blocked) for column in columns.values() for item in column):
            return [[_Blocked()] for _ in range(count)], None
        clone = cls.PREPARE_CLASS_CLONE({**dynamic, "hidden_inputs": _hidden(cls, key, context)})
        call = getattr(clone, cls.FUNCTION)
        if cls.INPUT_IS_LIST:
            rows = [columns]
        else:
            length = max((len(column) for column in columns.values()), default=1)
            rows = [
                {name: column[min(i, len(column) - 1)] for name, column in columns.items() if column}
                for i in range(length)
            ]
        try:
            outputs = [finish(call(**_nest(row, dynamic))) for row in rows]
        except Tora2Error as error:
            raise type(error)(f"{where(key, node)}: {error}") from error
        return _merge(outputs, cls, count, where(key, node)), next((_ui(out) for out in outputs if out.ui), None)


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and isinstance(value[0], (str, int))
    )


def _expand(cls: type, inputs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The node's inputs with Autogrow and dynamic combos written out for what is there, and how to nest them again."""
    from comfy_api.latest import _io

    expected, _, dynamic = _io.get_finalized_class_inputs(cls.INPUT_TYPES(), inputs)
    return expected, dynamic


def _nest(row: dict[str, Any], dynamic: dict[str, Any]) -> dict[str, Any]:
    from comfy_api.latest import _io

    return _io.build_nested_inputs(row, dynamic)


def _validator_arguments(cls: type) -> set[str] | None:
    """Names that the node's validate_inputs takes; an empty set if it has none, None if it takes everything."""
    for base in cls.__mro__:
        if "validate_inputs" in base.__dict__:
            if base.__module__.endswith("comfy_api.latest._io"):
                return set()
            spec = inspect.getfullargspec(base.__dict__["validate_inputs"].__func__)
            return None if spec.varkw else set(spec.args[1:] + spec.kwonlyargs)
    return set()


def _hidden(cls: type, key: str, context: RunContext) -> dict[Any, Any]:
    from comfy_api.latest import io

    wanted = cls.GET_SCHEMA().hidden or []
    known = {
        io.Hidden.unique_id: key,
        io.Hidden.prompt: context.prompt,
        io.Hidden.extra_pnginfo: context.extra_pnginfo,
    }
    return {item: known.get(item) for item in wanted}


def _types_meet(given: Any, wanted: Any) -> bool:
    if given == wanted or "*" in (given, wanted) or "COMFY_MATCHTYPE_V3" in (given, wanted):
        return True
    if isinstance(given, (list, tuple)):
        return wanted == "COMBO"
    return bool(set(str(given).split(",")) & set(str(wanted).split(",")))


def _merge(outputs: list[Any], cls: type, count: int, place: str) -> list[list[Any]]:
    """One list of items per output socket, over all calls of the node."""
    merged: list[list[Any]] = [[] for _ in range(count)]
    for output in outputs:
        if output.expand is not None:
            raise WorkflowError(f"{place} expands into other nodes while it runs, which only ComfyUI itself can do.")
        values = output.result or ()
        if output.block_execution is not None or not values:
            values = [_Blocked()] * count
        for index in range(count):
            value = values[index] if index < len(values) else _Blocked()
            if type(value).__name__ == "ExecutionBlocker":
                value = _Blocked()
            if cls.OUTPUT_IS_LIST[index] and not isinstance(value, _Blocked):
                merged[index].extend(value)
            else:
                merged[index].append(value)
    return merged


def _ui(output: Any) -> dict[str, Any]:
    ui = output.ui
    return ui.as_dict() if hasattr(ui, "as_dict") else ui
