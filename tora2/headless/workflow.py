"""Reads a workflow file (UI format) into levels of nodes and links: the root graph and one level per subgraph
definition.

Both link formats are read: arrays `[id, origin, slot, target, slot, type]` (litegraph 0.4) and objects (schema 1.0 and
all subgraphs). Link reroutes (`reroutes`, `linkExtensions`) are drawing only and need no handling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import WorkflowError
from .widgets import (
    AUTOGROW,
    DYNAMIC_COMBO,
    Spec,
    Widget,
    autogrow_names,
    autogrow_type,
    input_specs,
    restore_widgets,
    revealed_inputs,
)

MUTED, BYPASSED = 2, 4
NOTE_TYPES = frozenset({"Note", "MarkdownNote"})
VIRTUAL_TYPES = NOTE_TYPES | {"Reroute", "PrimitiveNode"}
INPUT_ID, OUTPUT_ID = "-10", "-20"  # the two ends of a subgraph, as link partners


@dataclass
class Link:
    id: int
    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass
class Slot:
    name: str
    type: Any
    link: int | None = None
    widget: str | None = None


@dataclass
class Node:
    """One node of a level. `widgets` hold the file's values; `promoted` (subgraph nodes) holds host values by input
    index.
    """

    id: str
    type: str
    mode: int
    title: str
    raw: dict[str, Any]
    inputs: list[Slot]
    output_types: list[Any]
    widgets: list[Widget] = field(default_factory=list)
    promoted: dict[int, Any] = field(default_factory=dict)
    known: bool = False
    inner: Level | None = None

    @property
    def virtual(self) -> bool:
        return self.inner is not None or self.type in VIRTUAL_TYPES

    @property
    def inactive(self) -> bool:
        return self.mode in (MUTED, BYPASSED)

    def widget(self, name: str | None) -> Widget | None:
        return next((widget for widget in self.widgets if widget.name == name), None)


@dataclass
class Level:
    """A graph: the root (`id` None) or a subgraph definition with its outer sockets."""

    id: str | None
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    inputs: list[Slot] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)
    input_links: list[list[int]] = field(default_factory=list)  # per input, the order in which the file lists its links

    def links_of_input(self, index: int) -> list[Link]:
        """The links that start at one of a subgraph's own inputs."""
        links = self.links_from(INPUT_ID, index)
        order = self.input_links[index] if index < len(self.input_links) else []
        return sorted(links, key=lambda link: order.index(link.id) if link.id in order else len(order))

    def output_link(self, index: int) -> Link | None:
        """The link that ends at one of a subgraph's own outputs."""
        ends = (link for link in self.links.values() if link.target == OUTPUT_ID and link.target_slot == index)
        return next(ends, None)

    def links_from(self, node: str, slot: int) -> list[Link]:
        return [link for link in self.links.values() if link.origin == node and link.origin_slot == slot]

    def input_of(self, link: Link) -> tuple[Node, int] | None:
        """The node and input index where a link ends, by the link's id: slot numbers in files may be stale."""
        node = self.nodes.get(link.target)
        if node is None:
            return None
        for index, slot in enumerate(node.inputs):
            if slot.link == link.id:
                return node, index
        return None


def read_workflow(data: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> Level:
    """The root level of a UI-format workflow; `definitions` is /object_info by class type.

    Raises WorkflowError for what is not such a workflow, legacy group nodes and subgraphs that contain themselves.
    """
    blueprints: dict[str, dict[str, Any]] = {}
    _collect_subgraphs(data, blueprints)
    levels: dict[str, Level] = {}
    return _read_level(data, None, definitions, blueprints, levels, ())


def _collect_subgraphs(data: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    for item in (data.get("definitions") or {}).get("subgraphs") or ():
        if str(item.get("id")) not in found:
            found[str(item.get("id"))] = item
            _collect_subgraphs(item, found)


def _read_level(data, level_id, definitions, blueprints, levels, path) -> Level:
    if not isinstance(data.get("nodes"), list):
        raise WorkflowError("This file is not a ComfyUI workflow: it has no list of nodes.")
    level = Level(level_id)
    if level_id is not None:
        levels[level_id] = level
    for raw in data.get("links") or ():
        link = _read_link(raw)
        if link is not None:
            level.links[link.id] = link
    level.inputs = [Slot(str(item.get("name")), item.get("type")) for item in data.get("inputs") or ()]
    level.input_links = [[int(link) for link in item.get("linkIds") or ()] for item in data.get("inputs") or ()]
    level.outputs = [Slot(str(item.get("name")), item.get("type")) for item in data.get("outputs") or ()]
    for raw in data["nodes"]:
        kind = str(raw.get("type"))
        inner = None
        if kind in blueprints:
            if kind in path:
                raise WorkflowError(f"Subgraph '{data.get('name') or kind}' contains itself and cannot be run.")
            if kind not in levels:
                _read_level(blueprints[kind], kind, definitions, blueprints, levels, (*path, kind))
            inner = levels[kind]
        node = _read_node(raw, kind, definitions.get(kind), inner)
        level.nodes[node.id] = node
        for slot in node.inputs:
            if slot.link not in level.links:
                slot.link = None
    return level


def _read_link(raw: Any) -> Link | None:
    if isinstance(raw, dict):
        values = [raw.get(key) for key in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
    elif isinstance(raw, list) and len(raw) >= 5:
        values = raw[:5]
    else:
        return None
    try:
        return Link(int(values[0]), str(values[1]), int(values[2]), str(values[3]), int(values[4]))
    except (TypeError, ValueError):
        raise WorkflowError(f"The workflow holds a link that cannot be read: {raw!r}.") from None


def _read_node(raw: dict[str, Any], kind: str, definition: dict[str, Any] | None, inner: Level | None) -> Node:
    title = raw.get("title") or (definition or {}).get("display_name") or kind
    if kind.startswith(("workflow/", "workflow>")):
        raise WorkflowError(
            f"Node '{title}' (id {raw.get('id')}) is a group node, a kind that ComfyUI has replaced: open the workflow "
            "there, convert the group node to a subgraph and save it again."
        )
    saved_inputs = [item for item in raw.get("inputs") or () if isinstance(item, dict)]
    outputs = [item.get("type") for item in raw.get("outputs") or () if isinstance(item, dict)]
    node = Node(str(raw.get("id")), kind, int(raw.get("mode") or 0), str(title), raw, [], outputs, inner=inner)
    if inner is not None:
        node.inputs = _subgraph_inputs(inner, saved_inputs)
        node.output_types = [slot.type for slot in inner.outputs]
    elif kind in VIRTUAL_TYPES or definition is None:
        node.inputs = [_saved_slot(item) for item in saved_inputs]
    else:
        node.known = True
        node.widgets = restore_widgets(definition, raw.get("widgets_values"), raw.get("widgets_values_named"))
        node.inputs = _defined_inputs(definition, node.widgets, saved_inputs)
        declared = ["COMBO" if isinstance(kind, list) else kind for kind in definition.get("output") or ()]
        node.output_types = declared + outputs[len(declared) :]
    return node


def _saved_slot(item: dict[str, Any]) -> Slot:
    link = item.get("link")
    return Slot(str(item.get("name")), item.get("type"), link, (item.get("widget") or {}).get("name"))


def _defined_inputs(definition: dict[str, Any], widgets: list[Widget], saved: list[dict[str, Any]]) -> list[Slot]:
    """A node's sockets: its definition's (plain ones first, then one per widget), then extra ones from the file."""
    values = {widget.name: widget.value for widget in widgets}
    slots: list[Slot] = []
    late: list[Slot] = []

    def add(spec: Spec) -> None:
        if spec.type == AUTOGROW:
            slots.extend(Slot(name, autogrow_type(spec)) for name in autogrow_names(spec))
        elif not spec.is_widget:
            slots.append(Slot(spec.name, spec.type))
        else:
            late.append(Slot(spec.name, spec.type, widget=spec.name))
            if spec.type == DYNAMIC_COMBO:
                for inner in revealed_inputs(spec, values.get(spec.name)):
                    add(inner)

    for spec in input_specs(definition):
        add(spec)
    slots += late
    by_name = {item.get("name"): _saved_slot(item) for item in saved}
    for slot in slots:
        if slot.name in by_name:
            slot.link = by_name[slot.name].link
    known = {slot.name for slot in slots}
    return slots + [slot for name, slot in by_name.items() if name not in known]


def _subgraph_inputs(inner: Level, saved: list[dict[str, Any]]) -> list[Slot]:
    """A subgraph node's sockets are its definition's; the file's are matched by name, in order where names repeat."""
    remaining = [_saved_slot(item) for item in saved]
    slots = []
    for outer in inner.inputs:
        match = next((slot for slot in remaining if slot.name == outer.name), None)
        if match is not None:
            remaining.remove(match)
        slots.append(Slot(outer.name, outer.type, match.link if match else None))
    return slots
