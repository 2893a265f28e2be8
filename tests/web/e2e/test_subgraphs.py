"""A drawing that is an input of the subgraph around its editor: what is shown is what runs, and it can be edited."""

from __future__ import annotations

import json

LINE = [(0.3, 0.4), (0.6, 0.45)]
SECOND = [(0.35, 0.65), (0.65, 0.6)]
THIRD = [(0.4, 0.8), (0.6, 0.8)]

PROMOTE = """(id) => {
    const { graph } = window.app
    const { subgraph, node } = graph.convertToSubgraph(new Set([graph.getNodeById(id)]))
    const inner = subgraph.nodes.find((other) => other.type === 'Tora2TrajectoryEditor')
    for (const [name, type] of [['drawing', 'STRING'], ['frames', 'INT']]) {
        const slot = inner.inputs.find((input) => input.name === name)
        subgraph.addInput(name, type).connect(slot, inner)
    }
    return [String(inner.id), String(node.id)]
}"""
COPY = """(id) => {
    const { app } = window
    app.canvas.selectNode(app.graph.getNodeById(id))
    app.canvas.copyToClipboard()
    app.canvas.pasteFromClipboard({ position: [0, 2000] })
    return String(app.graph.nodes.find((other) => String(other.id) !== String(id)).id)
}"""
# What the node's menu holds, whichever renderer draws it.
OPEN = """(id) => {
    const node = window.app.canvas.graph.getNodeById(id)
    const items = window.app.collectNodeMenuItems(node).filter((item) => item?.content === 'Open trajectory editor')
    items[0]?.callback()
    return items.length
}"""
LARGE = ".tora2-trajectory-editor dialog[open] .stage"


def open_large(editor, node: str) -> None:
    assert editor.run(OPEN, node) == 1
    editor.page.locator(LARGE).wait_for(timeout=15_000)
    editor.frames(4)
    editor.look_around()


def draw_large(editor, *tracks: list[tuple[float, float]]) -> None:
    """In the large window; afterwards it is closed."""
    stage = editor.page.locator(LARGE)
    box = stage.bounding_box()
    stage.focus()
    editor.press("d")
    for track in tracks:
        for x, y in track:
            editor.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        editor.press("Enter")
    editor.press("v", "e")
    stage.wait_for(state="detached", timeout=5000)
    editor.frames(3)


def sent(editor) -> list[dict]:
    return [entry["inputs"] for entry in editor.queue().values() if entry["class_type"] == "Tora2TrajectoryEditor"]


def count(text: str) -> int:
    return len(json.loads(text).get("tracks", [])) if text else 0


def test_a_promoted_drawing_is_edited_from_the_subgraph_node(editor):
    node = editor.new_editor()
    editor.draw(LINE)
    inner, outer = editor.run(PROMOTE, node)
    editor.frames(6)
    assert [count(inputs["drawing"]) for inputs in sent(editor)] == [1], "promoting loses the drawing"

    open_large(editor, outer)
    draw_large(editor, SECOND)
    (inputs,) = sent(editor)
    assert count(inputs["drawing"]) == 2

    # The editor shows what it was left with, and the workflow keeps it.
    workflow = editor.save()
    editor.load(workflow)
    assert sent(editor)[0]["drawing"] == inputs["drawing"]
    open_large(editor, outer)
    draw_large(editor, THIRD)
    assert [count(inputs["drawing"]) for inputs in sent(editor)] == [3]

    # The same from inside: on the node, where the frontend shows it there, or in the large window.
    enter = "(id) => { const n = window.app.graph.getNodeById(id); window.app.canvas.openSubgraph(n.subgraph, n) }"
    editor.run(enter, outer)
    editor.page.wait_for_timeout(1000)
    open_large(editor, inner)
    draw_large(editor, LINE)
    editor.run("() => window.app.canvas.setGraph(window.app.rootGraph)")
    editor.frames(3)
    assert [count(inputs["drawing"]) for inputs in sent(editor)] == [4]


def test_two_places_of_one_subgraph_have_their_own_drawing_and_clip(editor):
    node = editor.new_editor()
    editor.draw(LINE)
    _, outer = editor.run(PROMOTE, node)
    editor.frames(6)
    copy = editor.run(COPY, outer)
    editor.frames(6)
    if editor.run("(id) => 'sourceWidgetName' in window.app.graph.getNodeById(id).widgets[0]", outer):
        return  # older frontends give all places of a subgraph the one value inside it
    frames = """([id, value]) => {
        const node = window.app.graph.getNodeById(id)
        const widget = node.widgets.find((w) => w.name === 'frames')
        widget.value = value
        widget.callback?.(value, window.app.canvas, node)
    }"""
    editor.run(frames, [copy, 17])
    open_large(editor, copy)
    draw_large(editor, SECOND, THIRD)
    by_frames = {inputs["frames"]: inputs["drawing"] for inputs in sent(editor)}
    assert {key: count(text) for key, text in by_frames.items()} == {49: 1, 17: 3}
    assert json.loads(by_frames[17])["frames"] == 17, "it was drawn for the clip of the other place"
    open_large(editor, outer)
    draw_large(editor, SECOND)
    by_frames = {inputs["frames"]: inputs["drawing"] for inputs in sent(editor)}
    assert {key: count(text) for key, text in by_frames.items()} == {49: 2, 17: 3}
