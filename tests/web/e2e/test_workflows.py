"""Every shipped workflow and blueprint opens in the real frontend, in both renderers, as it was saved."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tora2.headless.graph import to_prompt

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
BLUEPRINTS = sorted((ROOT / "subgraphs").glob("*.json"))
PICTURES = Path(os.environ.get("TORA2_PICTURES") or Path(__file__).parent / "pictures")

# What is wrong in the open graph: nodes without a definition, inputs without the link they had, a red frame.
FAULTS = """() => {
    const found = []
    const known = window.LiteGraph.registered_node_types
    const look = (graph) => {
        for (const node of graph.nodes) {
            if (node.isSubgraphNode?.()) look(node.subgraph)
            else if (node.has_errors || !known[node.type]) found.push('missing: ' + node.type)
        }
    }
    look(window.app.rootGraph ?? window.app.graph)
    for (const dialog of document.querySelectorAll('.p-dialog, [role=dialog]')) {
        if (dialog.checkVisibility()) found.push('dialog: ' + dialog.innerText.slice(0, 200))
    }
    return found
}"""


def plain(prompt: dict) -> dict:
    """Types and inputs, without titles."""
    return {key: (node["class_type"], node["inputs"]) for key, node in prompt.items()}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_opens_and_queues_as_it_was_saved(editor, definitions, path):
    """What the page queues equals what the file says, so no widget took another's value."""
    workflow = json.loads(path.read_text(encoding="utf-8"))
    editor.load(workflow)
    editor.page.wait_for_timeout(800)
    assert not editor.run(FAULTS)
    queued = editor.queue()
    expected = to_prompt(workflow, editor.server.definitions)
    assert plain(queued) == plain(expected)
    for node in expected.values():
        known = editor.server.definitions[node["class_type"]]["input"]
        for group in known.values():
            for name, spec in group.items():
                options = spec[1].get("options") if len(spec) > 1 and spec[0] == "COMBO" else None
                value = node["inputs"].get(name)
                if options and isinstance(value, str) and node["class_type"] not in ("LoadImage", "Tora2LoadModel"):
                    assert value in options, f"{node['class_type']}.{name} is {value!r}"


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_found_and_dropped_into_a_graph(editor, path):
    """By the node search, as a user finds it. What it queues is what the file holds."""
    editor.load({"last_node_id": 0, "last_link_id": 0, "nodes": [], "links": [], "groups": [], "version": 0.4})
    editor.run("() => window.app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    editor.page.wait_for_timeout(500)
    editor.page.keyboard.type(path.stem)
    editor.page.wait_for_timeout(1500)
    editor.picture(PICTURES, "blueprint_search")
    editor.press("Enter")
    editor.page.wait_for_timeout(500)
    editor.page.mouse.click(500, 400)  # newer frontends let the user place it
    editor.page.wait_for_function(
        "() => window.app.graph.nodes.some((node) => node.isSubgraphNode?.())", timeout=20_000
    )
    editor.page.wait_for_timeout(800)
    editor.picture(PICTURES, "blueprint")
    assert not editor.run(FAULTS)
    dropped = editor.save()
    assert {node["type"] for node in dropped["definitions"]["subgraphs"][0]["nodes"]} == {
        node["type"] for node in json.loads(path.read_text(encoding="utf-8"))["definitions"]["subgraphs"][0]["nodes"]
    }
