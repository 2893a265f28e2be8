"""Values that reach a widget from somewhere else: subgraph nodes that show inner widgets, and primitive nodes.

A subgraph node's own values win over those of the widgets inside. Files written before frontend 1.49 list the shown
widgets in `properties.proxyWidgets`; they are turned into subgraph inputs first, as the frontend does on opening such a
file. Behaviour matched: comfyui-frontend 1.58 (SubgraphNode, proxyWidgetMigration, PrimitiveNode.applyToGraph).
"""

from __future__ import annotations

import json
import re
from typing import Any

from .widgets import UNSET, settled
from .workflow import INPUT_ID, Level, Link, Node, Slot

_PREFIX = re.compile(r"^\s*(\d+)\s*:\s*(.+)$")


def apply_foreign_values(root: Level) -> None:
    """Fills `promoted` of every subgraph node and hands primitive nodes' values to the widgets they feed."""
    levels: list[Level] = []
    _collect(root, levels)
    hosts = [node for level in levels for node in level.nodes.values() if node.inner is not None]
    for level in levels:
        local = [node for node in level.nodes.values() if node.inner is not None]
        for host in local:
            _promote(host)
        for host in local:
            _migrate_proxies(host, [other for other in hosts if other.inner is host.inner])
    for level in levels:
        for node in level.nodes.values():
            if node.type == "PrimitiveNode":
                _apply_primitive(level, node)


def _collect(level: Level, found: list[Level]) -> None:
    """Innermost levels first: a subgraph node takes its first values from what lies inside it."""
    for node in level.nodes.values():
        if node.inner is not None and all(node.inner is not other for other in found):
            _collect(node.inner, found)
    if all(level is not other for other in found):
        found.append(level)


def _first_shown(level: Level, index: int) -> tuple[bool, Any]:
    """Whether an input of a subgraph feeds a widget, and the value that this widget (or nested host) holds."""
    for link in level.links_of_input(index):
        end = level.input_of(link)
        if end is None:
            continue
        node, slot = end
        if node.inner is not None and slot in node.promoted:
            return True, node.promoted[slot]
        widget = node.widget(node.inputs[slot].widget)
        if widget is not None:
            return True, widget.value
    return False, UNSET


def _promote(host: Node) -> None:
    level = host.inner
    for index in range(len(level.inputs)):
        shown, value = _first_shown(level, index)
        if shown:
            host.promoted[index] = value
    saved = host.raw.get("widgets_values")
    named = host.raw.get("widgets_values_named") if not isinstance(saved, list) else None
    by_name = saved if isinstance(saved, dict) else named or {}
    by_name = {**by_name, **_quarantined(host)}
    values = saved if isinstance(saved, list) else []
    for position, index in enumerate(sorted(host.promoted)):
        name = level.inputs[index].name
        value = by_name.get(name, values[position] if position < len(values) else None)
        if value is not None:
            host.promoted[index] = value


def _quarantined(host: Node) -> dict[str, Any]:
    """Values that the frontend set aside under an input's name when it could not place an old proxy entry."""
    entries = (host.raw.get("properties") or {}).get("proxyWidgetErrorQuarantine")
    found: dict[str, Any] = {}
    for entry in reversed(entries if isinstance(entries, list) else []):
        source = entry.get("originalEntry") or ()
        if len(source) >= 2 and str(source[0]) == "-1" and entry.get("hostValue") is not None:
            found[str(source[1])] = entry["hostValue"]
    return found


def _migrate_proxies(host: Node, siblings: list[Node]) -> None:
    entries = (host.raw.get("properties") or {}).get("proxyWidgets")
    if isinstance(entries, str):
        entries = json.loads(entries)
    if not isinstance(entries, list):
        return
    values = host.raw.get("widgets_values")
    values = values if isinstance(values, list) else []
    for position, entry in enumerate(entries):
        value = values[position] if position < len(values) else None
        source, name = str(entry[0]), str(entry[1])
        index = _host_input(host, source, name)
        if index is None:
            index = _add_input(host, siblings, source, name)
        if index is not None and value is not None:
            host.promoted[index] = value


def _host_input(host: Node, source: str, name: str) -> int | None:
    """The host input that already shows widget `name` of inner node `source` ("-1": the host's input of that name)."""
    level = host.inner
    for index, outer in enumerate(level.inputs):
        if index not in host.promoted:
            continue
        if source == "-1" and outer.name == name:
            return index
        for link in level.links_of_input(index):
            end = level.input_of(link)
            if end is not None and end[0].id == source and end[0].inputs[end[1]].name in (name, _stripped(name)):
                return index
    return None


def _stripped(name: str) -> str:
    """Without the `<node id>: ` prefixes that old files put before a nested widget's name."""
    while match := _PREFIX.match(name):
        name = match[2]
    return name


def _add_input(host: Node, siblings: list[Node], source: str, name: str) -> int | None:
    """Gives the subgraph one more input that feeds the named widget (or what the named primitive feeds)."""
    level = host.inner
    node = level.nodes.get(source)
    if node is None:
        return None
    if node.type == "PrimitiveNode":
        targets = [end for link in level.links_from(source, 0) if (end := level.input_of(link)) is not None]
        values = node.raw.get("widgets_values")
        value = values[0] if isinstance(values, list) and values else UNSET
    else:
        names = (name, _stripped(name))
        targets = [(node, i) for i, slot in enumerate(node.inputs) if slot.name in names or slot.widget in names][:1]
        value = UNSET
    if not targets:
        return None
    index = len(level.inputs)
    slot_type = targets[0][0].inputs[targets[0][1]].type
    level.inputs.append(Slot(name, slot_type))
    level.input_links.append([])
    for target, slot in targets:
        link = Link(max(level.links, default=0) + 1, INPUT_ID, index, target.id, slot)
        level.links[link.id] = link
        level.links.pop(target.inputs[slot].link, None)
        target.inputs[slot].link = link.id
    for other in siblings:
        other.inputs.append(Slot(name, slot_type))
        other.promoted[index] = _first_shown(level, index)[1]
    if value is not UNSET:  # a primitive's value is the host's alone: other users of the subgraph show the inner widget
        host.promoted[index] = value
    return index


def _apply_primitive(level: Level, node: Node) -> None:
    values = node.raw.get("widgets_values")
    if not isinstance(values, list) or not values:
        return
    for link in level.links_from(node.id, 0):
        end = level.input_of(link)
        if end is None:
            continue
        target, index = end
        if target.inner is not None and index in target.promoted:
            target.promoted[index] = values[0]
        elif (widget := target.widget(target.inputs[index].widget)) is not None:
            widget.value = settled(widget.spec, values[0])
