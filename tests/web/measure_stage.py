"""How much scripting the editor does per animation frame with 64 tracks of 100 points, in headless Chromium.

    python tests/web/measure_stage.py

Every callback of an animation frame (drawing surface, timeline, panels) is counted, all of one frame together, in
wall time and in time of the page's thread, which other processes on the machine do not blur. The bar is 4 ms in the
median and 12 ms at the 99th percentile for drags and playback.
"""

from __future__ import annotations

import functools
import http.server
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from chromium import chromium  # noqa: E402

PLACE = """([track, point]) => {
  const { camera, element } = bench.editor.stage;
  const { tracks, width, height } = bench.editor.store.document;
  const { left, top } = element.getBoundingClientRect();
  const [x, y] = camera.toScreen(tracks[track].points[point].x * width, tracks[track].points[point].y * height);
  return [left + x, top + y];
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, *_: object) -> None:
        pass


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


class Bench:
    def __init__(self, browser, url: str) -> None:
        self.browser = browser
        self.page = browser.new_page(viewport={"width": 1440, "height": 920})
        self.page.goto(url)
        self.page.wait_for_timeout(1500)
        self.stage = self.page.locator(".stage").bounding_box()
        self.page.mouse.click(self.stage["x"] + 4, self.stage["y"] + 4)
        self.wait()

    def wait(self, milliseconds: int = 400) -> None:
        self.page.wait_for_timeout(milliseconds)

    def select(self, tracks: list[int], points: list | None = None) -> None:
        self.page.evaluate(
            "(s) => bench.editor.store.set({ selection: s })", {"tracks": tracks, "points": points or []}
        )
        self.wait()

    def report(self, name: str, work: Callable[[], None]) -> None:
        self.browser.start_tracing(page=self.page, categories=["devtools.timeline"])
        work()
        events = json.loads(self.browser.stop_tracing())["traceEvents"]
        frames = sorted((e for e in events if e["name"] == "FireAnimationFrame" and "dur" in e), key=lambda e: e["ts"])
        # Callbacks of one frame follow one another at once.
        grouped: dict[int, list[dict]] = defaultdict(list)
        last, group = -1e9, 0
        for event in frames:
            if event["ts"] - last > 1500:
                group += 1
            grouped[group].append(event)
            last = event["ts"] + event["dur"]
        wall = [sum(e["dur"] for e in group) / 1000 for group in grouped.values()]
        own = [sum(e.get("tdur", e["dur"]) for e in group) / 1000 for group in grouped.values()]
        print(
            f"{name:34} {len(own):4} frames   thread {share(own, 0.5):5.2f} / {share(own, 0.99):5.2f} ms"
            f"   wall {share(wall, 0.5):5.2f} / {share(wall, 0.99):5.2f} ms   (median / p99)"
        )

    def drag(self, name: str, moves: int = 100) -> None:
        x, y = self.page.evaluate(PLACE, [20, 50])
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 6, y + 6)
        self.wait()

        def move() -> None:
            for step in range(moves):
                self.page.mouse.move(x + 6 + step * 0.8, y + 6 + step % 20)
                self.page.wait_for_timeout(17)

        self.report(name, move)
        self.page.mouse.up()
        self.page.keyboard.press("Control+z")
        self.wait()


def main() -> None:
    handler = functools.partial(Quiet, directory=str(ROOT))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    query = "scene=crowd&width=1400&height=880"
    with chromium() as browser:
        bench = Bench(browser, f"http://127.0.0.1:{server.server_address[1]}/tests/web/harness.html?{query}")
        everything = list(range(64))
        bench.select([20])
        bench.drag("drag one point")
        bench.select([20], [[20, point] for point in range(100)])
        bench.drag("drag a track of 100 points")
        bench.select(everything)
        bench.drag("drag all 64 tracks, 6,400 points")
        bench.select([])
        left, top = bench.stage["x"] + 100, bench.stage["y"] + 80

        def hover() -> None:
            for step in range(100):
                bench.page.mouse.move(left + 4 * step, top + (7 * step) % 300)
                bench.page.wait_for_timeout(17)

        bench.report("pointer over the drawing", hover)
        bench.page.keyboard.press("Space")
        bench.wait()
        bench.report("playback", lambda: bench.wait(4000))
        bench.select(everything)
        bench.report("playback, all tracks selected", lambda: bench.wait(3000))
        bench.page.keyboard.press("Space")
        bench.select([])
    server.shutdown()


if __name__ == "__main__":
    main()
