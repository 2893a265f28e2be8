"""UI workflow -> API prompt, equal to what the frontend's own graphToPrompt sends to the server.

The prompt is `{node id: {"inputs": {name: value | [origin id, output index]}, "class_type": ..., "_meta": {"title":
...}}}`; nodes inside subgraphs have ids such as `12:3`. Muted nodes vanish with the links that came from them, bypassed
nodes hand an input of the same type through, and notes, reroutes, primitives and subgraph nodes dissolve.
Behaviour matched: comfyui-frontend 1.58 (graphToPrompt, ExecutableNodeDTO); equality is tested on recorded prompts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkflowError
from .promotion import apply_foreign_values
from .replacements import SAVE_NODE_TYPES, replace_text
from .widgets import UNSET, Widget
from .workflow import BYPASSED, INPUT_ID, MUTED, Level, Node, read_workflow

Prompt = dict[str, dict[str, Any]]


def load_json(path: Path) -> dict[str, Any]:
    """The JSON object in a workflow file; WorkflowError when there is none."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise WorkflowError(f"There is no workflow file at '{path}'.") from None
    except OSError as error:
        raise WorkflowError(f"The workflow file '{path}' cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:  # a ValueError that is no JSONDecodeError: a number of 5000 digits
        raise WorkflowError(f"'{path}' is not a workflow file: it does not hold valid JSON ({error}).") from None
    if not isinstance(data, dict):
        raise WorkflowError(f"'{path}' is not a workflow file: its JSON is a {type(data).__name__}, not an object.")
    return data


def is_api_prompt(data: dict[str, Any]) -> bool:
    return bool(data) and all(isinstance(node, dict) and "class_type" in node for node in data.values())


def to_prompt(data: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> Prompt:
    """The API prompt of a workflow in either format; `definitions` is /object_info by class type.

    Nodes of unknown type keep their links, so that the executor can name them; unlinked ones are left out.
    """
    if isinstance(data.get("prompt"), dict) and is_api_prompt(data["prompt"]):
        data = data["prompt"]
    try:
        if is_api_prompt(data):
            return {str(key): {**node, "inputs": dict(node.get("inputs") or {})} for key, node in data.items()}
        root = read_workflow(data, definitions)
        apply_foreign_values(root)
        return _Converter(root).prompt()
    except WorkflowError:
        raise
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        # The file comes from anywhere; what its parts are is not checked one by one.
        raise WorkflowError(f"The workflow file is damaged ({error}); save it again in ComfyUI.") from error


@dataclass(frozen=True)
class _Scope:
    """One instance of a level: `path` holds the ids of the subgraph nodes around it, `host` the innermost of them."""

    level: Level
    path: tuple[str, ...] = ()
    outer: _Scope | None = None
    host: Node | None = None

    def id_of(self, node: Node) -> str:
        return ":".join((*self.path, node.id))

    def inside(self, node: Node) -> _Scope:
        return _Scope(node.inner, (*self.path, node.id), self, node)


@dataclass(frozen=True)
class _Found:
    """Where an input's value comes from: a node's output, or (`node` None) a subgraph node's widget value.

    `shown` is then that subgraph node's id, its title and the input's name there.
    """

    node: str | None
    slot: int = -1
    value: Any = None
    shown: tuple[str, str, str] | None = None


class _Converter:
    def __init__(self, root: Level) -> None:
        self._root = _Scope(root)
        self._entries: list[tuple[_Scope, Node]] = []
        self._list(self._root, top=True)

    def _list(self, scope: _Scope, *, top: bool = False) -> None:
        for node in scope.level.nodes.values():
            self._entries.append((scope, node))
            # As in the frontend, only a subgraph node of the root hides its contents by being muted or bypassed: inside
            # a subgraph the contents carry their own modes.
            if node.inner is not None and not (top and node.inactive):
                self._list(scope.inside(node))

    def prompt(self) -> Prompt:
        prompt: Prompt = {}
        for scope, node in self._entries:
            if node.virtual or node.inactive or not (node.known or self._is_linked(scope.level, node)):
                continue
            inputs = {widget.name: self._widget_value(node, widget) for widget in node.widgets if widget.in_prompt}
            inputs = {name: value for name, value in inputs.items() if value is not UNSET}
            shown = {}
            for index, slot in enumerate(node.inputs):
                found = self._resolve_input(scope, node, index, set())
                if found is None:
                    continue
                if found.node is not None:
                    inputs[slot.name] = [found.node, found.slot]
                else:
                    inputs[slot.name] = Widget("", found.value, "").prompt_value()
                    shown[slot.name] = found.shown
            meta = {"title": node.title, "shown": shown} if shown else {"title": node.title}
            prompt[scope.id_of(node)] = {"inputs": inputs, "class_type": node.type, "_meta": meta}
        for node in prompt.values():
            node["inputs"] = {
                name: value
                for name, value in node["inputs"].items()
                if not (isinstance(value, list) and len(value) == 2 and value[0] not in prompt)
            }
        return prompt

    def _widget_value(self, node: Node, widget: Widget) -> Any:
        if widget.name == "filename_prefix" and node.type in SAVE_NODE_TYPES and isinstance(widget.value, str):
            return replace_text(widget.value, [other for _, other in self._entries])
        return widget.prompt_value()

    @staticmethod
    def _is_linked(level: Level, node: Node) -> bool:
        return any(slot.link is not None for slot in node.inputs) or any(
            link.origin == node.id for link in level.links.values()
        )

    def _resolve_input(self, scope: _Scope, node: Node, index: int, seen: set, wanted: Any = None) -> _Found | None:
        self._guard(("in", scope.path, node.id, index), seen, node)
        if index >= len(node.inputs):
            return None
        slot = node.inputs[index]
        link = scope.level.links.get(slot.link) if slot.link is not None else None
        if link is None:
            return None
        if link.origin == INPUT_ID and scope.host is not None:
            outer_index = link.origin_slot
            if outer_index >= len(scope.host.inputs):
                return None
            if scope.host.inputs[outer_index].link is None:
                value = scope.host.promoted.get(outer_index, UNSET)
                if value is UNSET:
                    return None
                name = scope.level.inputs[outer_index].name
                return _Found(None, value=value, shown=(":".join(scope.path), scope.host.title, name))
            return self._resolve_input(scope.outer, scope.host, outer_index, seen)
        origin = scope.level.nodes.get(link.origin)
        if origin is None:
            return None
        return self._resolve_output(scope, origin, link.origin_slot, wanted or slot.type, seen)

    def _resolve_output(self, scope: _Scope, node: Node, index: int, wanted: Any, seen: set) -> _Found | None:
        self._guard(("out", scope.path, node.id, index), seen, node)
        if node.mode == MUTED:
            return None
        if node.mode == BYPASSED:
            through = _bypass_input(node, index, wanted)
            return None if through is None else self._resolve_input(scope, node, through, seen)
        if node.inner is not None:
            return self._resolve_subgraph_output(scope, node, index, wanted, seen)
        if node.virtual:
            if index >= len(node.inputs):
                return None
            return self._resolve_input(scope, node, index, seen, wanted)
        return _Found(scope.id_of(node), index)

    def _resolve_subgraph_output(self, scope: _Scope, node: Node, index: int, wanted: Any, seen: set) -> _Found | None:
        inner = scope.inside(node)
        link = node.inner.output_link(index)
        if link is None:
            return None
        if link.origin == INPUT_ID:
            return self._resolve_input(scope, node, link.origin_slot, seen)
        origin = node.inner.nodes.get(link.origin)
        return None if origin is None else self._resolve_output(inner, origin, link.origin_slot, wanted, seen)

    @staticmethod
    def _guard(key: tuple, seen: set, node: Node) -> None:
        if key in seen:
            raise WorkflowError(
                f"Node '{node.title}' (id {node.id}) is part of a loop: its output leads back to its own input."
            )
        seen.add(key)


def _bypass_input(node: Node, index: int, wanted: Any) -> int | None:
    """The input that a bypassed node hands to output `index`, where the next node wants type `wanted`."""
    if wanted in ("*", "", None):
        return index if len(node.inputs) > index else 0
    produced = node.output_types[index] if index < len(node.output_types) else "*"

    def fits(slot_type: Any) -> bool:
        return _connects(slot_type, produced) and _connects(slot_type, wanted)

    if index < len(node.inputs) and fits(node.inputs[index].type):
        return index
    for position, slot in enumerate(node.inputs):
        if slot.type == wanted:
            return position
    return next((position for position, slot in enumerate(node.inputs) if fits(slot.type)), None)


def _connects(one: Any, other: Any) -> bool:
    """Whether litegraph would connect two socket types: case-blind, comma-separated, `*` and empty fit all."""
    if one in ("", "*", 0, None) or other in ("", "*", 0, None):
        return True
    ones, others = (str(kind).lower().split(",") for kind in (one, other))
    return any(a == b or "*" in (a, b) or "" in (a, b) for a in ones for b in others)
