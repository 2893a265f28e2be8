"""Takes the editor's times in ComfyUI's real frontend, headless Chromium.

    python tests/web/measure_editor.py [--frontend FOLDER] [--renderer classic|nodes2] [--runs 5]

Figures: milliseconds of our own scripting in each animation frame and in each pointer event, while tracks are dragged
and while the clip plays, with 64 tracks of 100 points; and by how much opening a workflow with ten editors is slower
than opening the same workflow without this pack's JavaScript. Run it on a quiet machine: a busy one only adds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from chromium import chromium  # noqa: E402
from editor_page import RENDERERS, EditorPage  # noqa: E402
from frontend_server import FrontendServer, pack_definitions  # noqa: E402

TRACKS, POINTS, EDITORS = 64, 100, 10
SECONDS = 5.0
STATS = """async (id) => {
    const { drawingWidgetOf } = await import('/extensions/ComfyUI-Tora2/host/widget.mjs')
    return drawingWidgetOf(window.app.graph.getNodeById(id)).editor.stats()
}"""
OPEN = """async ([workflow, expected]) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
    await window.app.loadGraphData({ nodes: [], links: [], version: 0.4 })
    for (let i = 0; i < 10; i++) await frame()
    const { ds } = window.app.canvas
    const begun = performance.now()
    await window.app.loadGraphData(workflow, true, false)
    ds.scale = 0.3; ds.offset[0] = 300; ds.offset[1] = 200
    window.app.canvas.setDirty(true, true)
    await frame(); await frame()
    const opened = performance.now() - begun
    const places = () => [...document.querySelectorAll('.tora2-trajectory-editor')]
    const made = () => places().filter((element) => element.shadowRoot?.querySelector('.stage'))
    let still = 0
    while (still < 3 && performance.now() - begun < 30000) {
        await frame()
        still = made().length >= expected ? still + 1 : 0
    }
    return [opened, performance.now() - begun, made().length]
}"""


def drawing(tracks: int, points: int) -> str:
    def place(track: int, index: int) -> dict:
        turn = 2 * math.pi * (index / points + track / tracks)
        size = 0.1 + 0.35 * track / tracks
        return {"x": round(0.5 + size * math.cos(turn), 5), "y": round(0.5 + size * math.sin(2 * turn) / 1.3, 5)}

    made = [{"name": f"t{t}", "points": [place(t, i) for i in range(points)]} for t in range(tracks)]
    return json.dumps({"version": 1, "width": 720, "height": 480, "frames": 49, "fps": 8, "tracks": made})


def workflow(count: int, text: str) -> dict:
    nodes = [
        {
            "id": index + 1,
            "type": "Tora2TrajectoryEditor",
            "pos": [850 * (index % 4), 820 * (index // 4)],
            "size": [800, 740],
            "flags": {},
            "order": index,
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": [text, 720, 480, 49, 8],
        }
        for index in range(count)
    ]
    return {"last_node_id": count, "last_link_id": 0, "nodes": nodes, "links": [], "groups": [], "version": 0.4}


def told(name: str, values: list[float]) -> None:
    if not values:
        print(f"  {name}: none")
        return
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)]
    middle, worst = statistics.median(ordered), ordered[-1]
    print(f"  {name}: median {middle:.2f} ms, p99 {p99:.2f} ms, worst {worst:.2f} ms ({len(ordered)})")


def measure_frames(page: EditorPage) -> None:
    node = page.new_editor(size=(1100, 780), drawing=drawing(TRACKS, POINTS))
    page.page.wait_for_timeout(1500)
    page.focus()
    box = page.stage()
    x, y = page.place(0.5, 0.5)
    page.press("Control+a")
    for what in ("hovering", "dragging a whole track", "dragging all tracks"):
        page.press("Escape", "Escape", "Escape")
        page.page.mouse.move(*page.place(0.5, 0.02))
        if what != "hovering":
            # The outermost track's rightmost place.
            x = box["x"] + box["width"] / 2 + 0.44 * min(box["width"], box["height"] * 1.5) * 0.96
            y = box["y"] + box["height"] / 2
            if what == "dragging all tracks":
                page.press("Control+a")
            page.page.mouse.move(x, y)
            page.page.mouse.down()
        page.run(STATS, node)
        for step in range(int(SECONDS * 60)):
            page.page.mouse.move(x + 40 * math.sin(step / 9), y + 30 * math.cos(step / 9))
        figures = page.run(STATS, node)
        page.page.mouse.up()
        print(f" {what}")
        told("our scripting a frame", figures["frames"])
        told("our scripting a pointer event", figures["pointer"])
    page.press("Escape", "Escape", "Escape", "Home", " ")
    page.run(STATS, node)
    page.page.wait_for_timeout(int(SECONDS * 1000))
    print(" playback")
    told("our scripting a frame", page.run(STATS, node)["frames"])
    page.press(" ")


def busy(devtools) -> float:
    """Milliseconds that the page has spent on scripts, styles and layout."""
    found = {entry["name"]: entry["value"] for entry in devtools.send("Performance.getMetrics")["metrics"]}
    return 1000 * sum(found[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration"))


def measure_opening(browser, frontend, definitions, renderer: str, runs: int) -> None:
    text = drawing(8, 20)
    taken: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    pages = {}
    for with_pack in (True, False):
        server = FrontendServer(frontend, definitions=definitions, with_pack=with_pack).start()
        page = EditorPage(browser, server, renderer, viewport={"width": 1600, "height": 1000})
        devtools = page.context.new_cdp_session(page.page)
        devtools.send("Performance.enable")
        pages[with_pack] = (page, server, devtools)
    for _ in range(runs + 1):
        for with_pack, (page, _, devtools) in pages.items():
            before = busy(devtools)
            opened, settled, made = page.run(OPEN, [workflow(EDITORS, text), EDITORS if with_pack else 0])
            assert made == (EDITORS if with_pack else 0), made
            taken[with_pack].append((opened, settled, busy(devtools) - before))
    print(f" opening a workflow with {EDITORS} editors, all of them on the screen")
    parts = (("first time, the scripts still to be loaded", slice(0, 1)), ("median of the next", slice(1, None)))
    figures = ("until the graph answers", "until every editor is there", "script, style and layout")
    for name, part in parts:
        for index, what in enumerate(figures):
            mine, without = (statistics.median(t[index] for t in taken[given][part]) for given in (True, False))
            print(f"  {name}, {what}: {mine:.0f} ms with, {without:.0f} ms without the pack: {mine - without:+.0f} ms")
    for page, server, _ in pages.values():
        page.close()
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frontend", type=Path, help="a frontend package's static folder; default: the installed one")
    parser.add_argument("--renderer", choices=RENDERERS, action="append")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    definitions = pack_definitions()
    for renderer in args.renderer or RENDERERS:
        print(f"{renderer}: {TRACKS} tracks of {POINTS} points")
        with chromium() as browser:
            server = FrontendServer(args.frontend, definitions=definitions).start()
            page = EditorPage(browser, server, renderer)
            measure_frames(page)
            page.close()
            server.stop()
            measure_opening(browser, args.frontend, definitions, renderer, args.runs)


if __name__ == "__main__":
    main()
