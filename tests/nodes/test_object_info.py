"""Node interfaces cannot change by accident."""

from __future__ import annotations

import json

import object_info


def test_interfaces_are_those_of_the_snapshot(nodes):
    expected = json.loads(object_info.SNAPSHOT.read_text(encoding="utf-8"))
    found = object_info.current()
    assert list(found) == list(expected)
    for name, interface in found.items():
        assert interface == expected[name], f"{name}: if this is meant, run python tests/support/object_info.py"
        assert json.dumps(interface["input"]) == json.dumps(expected[name]["input"]), f"{name}: the order changed"
