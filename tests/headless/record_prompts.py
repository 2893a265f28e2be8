"""Records what ComfyUI's own frontend makes of the fixture workflows, so that the tests can compare without a browser.

Needs a running ComfyUI that has tests/headless/fixture_pack among its custom nodes, Chromium and playwright:

    python main.py --cpu --port 8199 --base-directory BASE        # BASE/custom_nodes holds a link to fixture_pack
    python tests/headless/record_prompts.py --server http://127.0.0.1:8199 --browser /usr/bin/chromium

For every tests/headless/fixtures/*.json it keeps `workflow` and rewrites: `prompt` (graphToPrompt's output), `resaved`
(the workflow as this frontend saves it), `object_info` (the definitions in use) and `frontend` (its version). With
`--compare FOLDER` nothing is written: every workflow in FOLDER is converted by the frontend and by tora2, and
differences are listed.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
CONVERT = """async (workflow) => {
    const app = window.app ?? window.comfyAPI.app.app
    // Seeds stay as they are: the control widgets act when a prompt is queued, which never happens here.
    await app.loadGraphData(workflow, true, false)
    // Sockets that grow and types that settle do so in animation frames after loading.
    for (let i = 0; i < 4; i++) await new Promise((done) => setTimeout(done, 30))
    const { output, workflow: saved } = await app.graphToPrompt()
    return { prompt: output, resaved: JSON.parse(JSON.stringify(app.graph.serialize())), compressed: saved }
}"""


def node_types(workflow: dict) -> set[str]:
    found = {str(node.get("type")) for node in workflow.get("nodes", ())}
    for inner in (workflow.get("definitions") or {}).get("subgraphs", ()):
        found |= node_types(inner)
    return found


# Core nodes that get widgets from JavaScript of their own, which no definition tells of; none of them runs headless.
SCRIPTED = {"SaveGLB", "Preview3D", "Preview3DAdvanced", "Load3D", "ImageCompare", "CustomCombo"}


def comparable(prompt: dict) -> dict:
    """Without titles: the frontend translates those of core's nodes."""
    return {
        key: {
            "inputs": {} if node.get("class_type") in SCRIPTED else node["inputs"],
            "class_type": node.get("class_type"),
        }
        for key, node in prompt.items()
    }


def compare(page, folder: Path, definitions: dict) -> int:
    sys.path.insert(0, str(ROOT))
    from tora2.headless.graph import to_prompt

    same = different = skipped = 0
    for path in sorted(folder.glob("*.json")):
        workflow = json.loads(path.read_text())
        if not isinstance(workflow, dict) or "nodes" not in workflow:
            continue
        try:
            theirs = page.evaluate(CONVERT, workflow)["prompt"]
        except Exception as error:
            skipped += 1
            print(f"{path.name}: the frontend fails: {str(error).splitlines()[0]}")
            continue
        ours = to_prompt(copy.deepcopy(workflow), definitions)
        left, right = comparable(theirs), comparable(ours)
        if left == right:
            same += 1
            continue
        different += 1
        print(f"{path.name}:")
        for key in [*left, *(key for key in right if key not in left)]:
            if left.get(key) != right.get(key):
                print(
                    f"  {key}\n    frontend {json.dumps(left.get(key))[:700]}"
                    f"\n    tora2    {json.dumps(right.get(key))[:700]}"
                )
    print(f"{same} equal, {different} different, {skipped} that the frontend cannot convert")
    return 1 if different else 0


def record(page, definitions: dict) -> None:
    for path in sorted(FIXTURES.glob("*.json")):
        fixture = json.loads(path.read_text())
        result = page.evaluate(CONVERT, copy.deepcopy(fixture["workflow"]))
        fixture = {
            "about": fixture["about"],
            "frontend": page.evaluate("window.__COMFYUI_FRONTEND_VERSION__"),
            "workflow": fixture["workflow"],
            "prompt": result["prompt"],
            "resaved": result["resaved"],
            "object_info": {
                name: definitions[name] for name in sorted(node_types(fixture["workflow"])) if name in definitions
            },
        }
        path.write_text(json.dumps(fixture, indent=1) + "\n")
        print(f"{path.name}: {len(result['prompt'])} nodes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:8188")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--compare", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    with urllib.request.urlopen(f"{args.server}/object_info") as answer:
        definitions = json.load(answer)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=args.browser, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 480, "height": 320})  # small: drawing is most of its work
        # The page asks hosts elsewhere for news, and waits for them.
        page.route(lambda url: not url.startswith((args.server, "data:", "blob:")), lambda route: route.abort())
        page.set_default_timeout(120_000)
        page.goto(args.server)
        page.wait_for_function(
            "() => window.app?.graph && Object.keys(window.LiteGraph.registered_node_types).length > 50",
            timeout=120_000,
        )
        page.wait_for_timeout(3000)
        status = compare(page, args.compare, definitions) if args.compare else record(page, definitions)
        browser.close()
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
