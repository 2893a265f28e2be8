"""Drawn with the mouse, kept by the workflow, sent with the prompt."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from editor_page import WIDGET

PICTURES = Path(os.environ.get("TORA2_PICTURES", Path(__file__).parent / "pictures"))
TRACKS = [
    [(0.25, 0.3), (0.5, 0.25), (0.75, 0.3)],
    [(0.3, 0.5), (0.5, 0.55), (0.7, 0.5)],
    [(0.3, 0.75), (0.5, 0.7), (0.65, 0.8), (0.7, 0.65)],
]


def assert_drawn(document: dict, stage: dict, tracks: list) -> None:
    """Tracks are where the mouse was: everywhere the same scale, both ways the same pixels, nothing moved."""
    assert [len(track["points"]) for track in document["tracks"]] == [len(track) for track in tracks]
    drawn = [(p["x"] * document["width"], p["y"] * document["height"]) for t in document["tracks"] for p in t["points"]]
    mouse = [(x * stage["width"], y * stage["height"]) for track in tracks for x, y in track]
    (x0, y0), (u0, v0) = drawn[0], mouse[0]
    scales = [(x - x0) / (u - u0) for (x, _), (u, _) in zip(drawn, mouse, strict=True) if abs(u - u0) > 20]
    scales += [(y - y0) / (v - v0) for (_, y), (_, v) in zip(drawn, mouse, strict=True) if abs(v - v0) > 20]
    assert max(scales) - min(scales) < 0.03 * scales[0], scales


def test_three_tracks_are_drawn_keyed_saved_reloaded_and_queued(editor):
    node = editor.new_editor()
    editor.draw(*TRACKS)
    assert_drawn(editor.document(node), editor.stage(), TRACKS)

    # The last track's second point becomes a key at frame 20, the first track's last at frame 10.
    for (x, y), frame in ((TRACKS[2][1], 20), (TRACKS[0][2], 10)):
        editor.take(x, y)
        editor.press("Home", *(["Shift+."] * (frame // 10)), "k")
    document = editor.document(node)
    assert document["tracks"][2]["points"][1]["frame"] == 20
    assert document["tracks"][0]["points"][2]["frame"] == 10
    editor.picture(PICTURES, "three_tracks")

    text, workflow = editor.value(node), editor.save()
    stored = workflow["nodes"][0]["widgets_values"]
    assert stored[0] == text and stored[1:] == [720, 480, 49, 8]

    editor.open()  # a new page, which knows nothing
    editor.load(workflow)
    editor.look_at(node)
    assert editor.value(node) == text
    prompt = editor.queue()
    assert prompt[node]["class_type"] == "Tora2TrajectoryEditor"
    assert prompt[node]["inputs"]["drawing"] == text
    assert json.loads(text) == document
    editor.draw([(0.4, 0.4), (0.6, 0.4)])
    assert len(editor.document(node)["tracks"]) == 4


def test_the_drawing_is_sharp_again_once_the_graph_was_zoomed(editor):
    """A template opens at a third of its size and is then zoomed in, which no observer tells."""
    node = editor.new_editor()
    editor.look_at(node, 0.35)
    editor.page.wait_for_timeout(1000)
    editor.look_at(node, 1.3)
    editor.page.wait_for_function(
        """(selector) => {
            const { shadowRoot } = document.querySelector(`${selector}[data-on-screen]`)
            const canvases = [...shadowRoot.querySelectorAll('.stage canvas, .lanes canvas, .ruler canvas')]
            const dense = (canvas) => canvas.width >= 0.99 * canvas.getBoundingClientRect().width
            return canvases.length > 3 && canvases.every(dense)
        }""",
        arg=WIDGET,
        timeout=5000,
    )


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.5, 2.0])
def test_the_mouse_is_right_at_every_zoom_of_the_graph(editor, scale):
    node = editor.new_editor()
    editor.look_at(node, scale, at=(130, 90) if scale < 2 else (-200, -200))
    tracks = [[(0.3, 0.35), (0.6, 0.4)], [(0.35, 0.6), (0.6, 0.65)]]
    editor.draw(*tracks)
    assert_drawn(editor.document(node), editor.stage(), tracks)
    editor.take(*tracks[0][1])
    editor.drag(tracks[0][1], (0.7, 0.5))
    moved = [[(0.3, 0.35), (0.7, 0.5)], tracks[1]]
    assert_drawn(editor.document(node), editor.stage(), moved)
    editor.picture(PICTURES, f"zoom_{round(scale * 100)}")


def test_the_toolbar_fits_whatever_width_it_had_before(editor):
    node = editor.new_editor(size=(620, 700))
    widths = """() => {
        const bar = document.querySelector('.tora2-trajectory-editor')?.shadowRoot?.querySelector('.toolbar')
            ?? document.querySelector('.tora2-trajectory-editor .toolbar')
        return [bar.scrollWidth, bar.clientWidth]
    }"""
    resize = """([id, width]) => {
        app.graph.getNodeById(id).setSize([width, 700])
        app.graph.setDirtyCanvas(true, true)
    }"""
    for width in (650, 660, 670, 560, 680):
        editor.page.evaluate(resize, [node, width])
        editor.page.wait_for_timeout(300)
        wanted, there = editor.page.evaluate(widths)
        assert wanted <= there, (width, wanted, there)
