"""Fingers and sharp screens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from editor_page import WIDGET, EditorPage
from frontend_server import FrontendServer

PICTURES = Path(os.environ.get("TORA2_PICTURES", Path(__file__).parent / "pictures"))


@pytest.fixture
def tablet(browser, definitions, frontend):
    """A touch screen with two device pixels for each of the page's."""
    folder, renderer = frontend
    server = FrontendServer(folder, definitions=definitions).start()
    size = {"width": 1200, "height": 950}
    page = EditorPage(browser, server, renderer, has_touch=True, device_scale_factor=2, viewport=size)
    try:
        yield page
        assert not page.problems
    finally:
        page.close()
        server.stop()


class Fingers:
    def __init__(self, tablet) -> None:
        self.cdp = tablet.context.new_cdp_session(tablet.page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(places)]
        self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_fingers_draw_move_and_pinch_on_a_sharp_screen(tablet):
    node = tablet.new_editor(size=(820, 740))
    tablet.focus()
    tablet.press("d")
    for x, y in [(0.3, 0.4), (0.6, 0.45)]:
        tablet.page.touchscreen.tap(*tablet.place(x, y))
        tablet.page.wait_for_timeout(450)
    tablet.frames(2)
    (track,) = tablet.document(node)["tracks"]
    assert len(track["points"]) == 2

    # Sharp: the canvas has a pixel for each of the screen's.
    ratio = tablet.page.locator(f"{WIDGET} .stage canvas").first.evaluate(
        "(canvas) => canvas.width / canvas.getBoundingClientRect().width"
    )
    assert ratio == pytest.approx(2, rel=0.05)

    fingers = Fingers(tablet)
    tablet.press("Escape", "Escape", "v")
    start = tablet.place(0.3, 0.4)
    tablet.page.touchscreen.tap(*start)
    tablet.page.wait_for_timeout(500)
    fingers.send("touchStart", start)
    for step in range(1, 6):
        fingers.send("touchMove", (start[0] + 10 * step, start[1] + 8 * step))
    fingers.send("touchEnd")
    tablet.page.wait_for_timeout(200)
    (moved,) = tablet.document(node)["tracks"]
    assert moved["points"][0]["x"] > track["points"][0]["x"] + 0.02
    assert moved["points"][1] == track["points"][1]

    # Two fingers zoom the drawing, not the graph.
    before = tablet.run("() => window.app.canvas.ds.scale")
    middle = tablet.place(0.5, 0.5)
    fingers.send("touchStart", (middle[0] - 40, middle[1]), (middle[0] + 40, middle[1]))
    for step in range(1, 8):
        fingers.send("touchMove", (middle[0] - 40 - 10 * step, middle[1]), (middle[0] + 40 + 10 * step, middle[1]))
    fingers.send("touchEnd")
    tablet.frames(3)
    assert tablet.run("() => window.app.canvas.ds.scale") == before
    assert tablet.document(node)["tracks"] == [moved]
    tablet.picture(PICTURES, "touch_and_high_dpi")
