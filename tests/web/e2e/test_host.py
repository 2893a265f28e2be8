"""What happens to the node around the editor: copies, undo, subgraphs, bypass, collapse and links."""

from __future__ import annotations

import json
import os
from pathlib import Path

PICTURES = Path(os.environ.get("TORA2_PICTURES", Path(__file__).parent / "pictures"))
LINE = [(0.3, 0.4), (0.6, 0.45)]
SECOND = [(0.35, 0.65), (0.65, 0.6)]


def track_count(editor, node) -> int:
    text = editor.value(node)
    return len(json.loads(text).get("tracks", [])) if text else 0


def wait_until_shown(editor, node) -> None:
    """Until the editor in the page is that of the node in the graph."""
    editor.page.wait_for_function(
        """(id) => {
            const { element } = window.app.canvas.graph.getNodeById(id).widgets.find((w) => w.name === 'drawing')
            return element.isConnected && Boolean(element.shadowRoot?.querySelector('.stage'))
        }""",
        arg=node,
        timeout=15_000,
    )


def undo_depth(editor) -> int:
    return editor.run("() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length")


def test_a_copied_node_brings_its_drawing_and_has_a_life_of_its_own(editor):
    node = editor.new_editor()
    editor.draw(LINE)
    copy = editor.run(
        """(id) => {
            const { app } = window
            app.canvas.selectNode(app.graph.getNodeById(id))
            app.canvas.copyToClipboard()
            app.canvas.pasteFromClipboard({ position: [0, 2000] })
            return String(app.graph.nodes.find((other) => String(other.id) !== String(id)).id)
        }""",
        node,
    )
    assert editor.value(copy) == editor.value(node)
    editor.look_at(copy)
    editor.draw(SECOND)  # the other one is out of sight
    assert (track_count(editor, node), track_count(editor, copy)) == (1, 2)
    prompt = editor.queue()
    assert [prompt[key]["inputs"]["drawing"] for key in (node, copy)] == [editor.value(node), editor.value(copy)]


def test_the_editors_undo_and_the_graphs_undo_do_not_fight(editor):
    node = editor.new_editor()
    before = undo_depth(editor)
    editor.draw(LINE, SECOND)
    assert track_count(editor, node) == 2
    assert undo_depth(editor) > before, "an edit is no step of the graph's undo"

    # With the focus in the editor Ctrl+Z is the editor's: the last point goes, the node stays what it is.
    identity = """(id) => {
        window.theNode ??= window.app.graph.getNodeById(id)
        return window.theNode === window.app.graph.getNodeById(id)
    }"""
    editor.run("() => { delete window.theNode }")
    assert editor.run(identity, node)
    editor.focus()
    editor.press("Control+z")
    editor.page.wait_for_timeout(400)
    assert [len(track["points"]) for track in editor.document(node)["tracks"]] == [2, 1]
    assert editor.run(identity, node), "the graph was loaded anew: ComfyUI's undo ran as well"
    editor.press("Control+Shift+Z")
    assert track_count(editor, node) == 2 and len(editor.document(node)["tracks"][1]["points"]) == 2

    # With the focus elsewhere it is the graph's.
    drawn = editor.value(node)
    editor.run("(id) => { const n = window.app.graph.getNodeById(id); n.title = 'renamed' }", node)
    editor.run("() => document.activeElement.blur()")
    editor.page.mouse.click(1250, 400)  # the empty graph
    editor.page.wait_for_timeout(300)
    editor.page.keyboard.press("Control+z")
    editor.page.wait_for_timeout(1500)
    assert editor.run("(id) => window.app.graph.getNodeById(id).title", node) != "renamed"
    assert editor.value(node) == drawn
    editor.run("() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undo()")
    editor.page.wait_for_timeout(800)
    assert editor.value(node) != drawn, "the graph's undo does not reach the drawing"
    wait_until_shown(editor, node)  # and not the editor of the node that is gone
    editor.run("() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.redo()")
    editor.page.wait_for_timeout(800)
    assert editor.value(node) == drawn


def test_one_ctrl_z_takes_one_edit_back_while_every_change_is_run(editor):
    """With Run (On Change) newer frontends undo whatever has the focus; never both undo, or neither."""
    mode = "(mode) => { window.app.extensionManager.queueSettings.mode = mode }"
    node = editor.new_editor()
    editor.draw(LINE, SECOND)
    editor.run(mode, "change")
    try:
        editor.focus()
        editor.press("Control+z")
        editor.page.wait_for_timeout(1500)
        assert [len(track["points"]) for track in editor.document(node)["tracks"]] == [2, 1]
    finally:
        editor.run(mode, "disabled")
    wait_until_shown(editor, node)
    editor.look_at(node)


def test_tab_goes_into_the_drawing_surface_and_out_again(editor):
    editor.new_editor()
    editor.draw(LINE, SECOND)
    focus = """() => {
        const { activeElement } = document.querySelector('.tora2-trajectory-editor[data-on-screen]').shadowRoot
        return activeElement?.matches('.stage') ? 'stage' : 'elsewhere'
    }"""
    editor.focus()
    editor.page.mouse.move(*editor.place(*LINE[0]))
    editor.frames(2)
    stops = []
    for _ in range(3):
        editor.press("Tab")
        stops.append(editor.run(focus))
    assert stops[-1] == "elsewhere", stops
    # The mouse still lies on a track, and nobody has moved it: it does not hold the keyboard.
    editor.focus()
    editor.press("Shift+Tab")
    assert editor.run(focus) == "elsewhere"
    editor.focus()
    editor.press("Tab")
    assert editor.run(focus) == "elsewhere"


def test_bypass_collapse_and_a_subgraph_keep_the_drawing(editor):
    node = editor.new_editor()
    editor.draw(LINE)
    drawn = editor.value(node)

    editor.run("(id) => { window.app.graph.getNodeById(id).mode = 4 }", node)
    editor.frames()
    assert node not in editor.queue()
    editor.run("(id) => { window.app.graph.getNodeById(id).mode = 0 }", node)
    assert editor.queue()[node]["inputs"]["drawing"] == drawn

    editor.run("(id) => { window.app.graph.getNodeById(id).collapse(); window.app.canvas.setDirty(true, true) }", node)
    editor.frames(6)
    editor.look_around()
    assert not editor.stages().count()
    assert editor.queue()[node]["inputs"]["drawing"] == drawn
    editor.run("(id) => { window.app.graph.getNodeById(id).collapse(); window.app.canvas.setDirty(true, true) }", node)
    editor.look_at(node)
    editor.draw(SECOND)
    assert track_count(editor, node) == 2
    drawn = editor.value(node)

    inside, outside = editor.run(
        """(id) => {
            const { graph } = window.app
            const { subgraph, node } = graph.convertToSubgraph(new Set([graph.getNodeById(id)]))
            return [subgraph.nodes.find((inner) => inner.type === 'Tora2TrajectoryEditor').id, node.id].map(String)
        }""",
        node,
    )
    editor.frames(6)
    editor.run(
        "(id) => { const n = window.app.graph.getNodeById(id); window.app.canvas.openSubgraph(n.subgraph, n) }", outside
    )
    editor.page.wait_for_timeout(1000)  # ComfyUI moves the view
    assert editor.value(inside) == drawn
    editor.look_at(inside)
    editor.draw([(0.4, 0.8), (0.6, 0.8)])
    assert track_count(editor, inside) == 3
    editor.picture(PICTURES, "in_a_subgraph")
    drawn = editor.value(inside)
    editor.run("() => window.app.canvas.setGraph(window.app.rootGraph)")
    editor.frames(3)
    (sent,) = [entry for entry in editor.queue().values() if entry["class_type"] == "Tora2TrajectoryEditor"]
    assert sent["inputs"]["drawing"] == drawn

    workflow = editor.save()
    editor.load(workflow)
    (sent,) = [entry for entry in editor.queue().values() if entry["class_type"] == "Tora2TrajectoryEditor"]
    assert sent["inputs"]["drawing"] == drawn


def test_the_hidden_track_of_an_entity_is_shown_where_it_is_missed(editor):
    workflow = json.loads((Path(__file__).parents[3] / "workflows" / "two_entities_tiny.json").read_text())
    node = next(n for n in workflow["nodes"] if n["type"] == "Tora2TrajectoryEditor")
    node["size"] = [820, 760]
    editor.load(workflow)
    editor.look_at(str(node["id"]))
    tracks = editor.document(str(node["id"]))["tracks"]
    row = editor.page.locator(".track", has_text=tracks[0]["name"])
    row.get_by_role("button", name="Hide").click()
    assert editor.document(str(node["id"]))["tracks"][0]["hidden"]
    missed = editor.page.locator(".missing-list .track")
    assert "Track is hidden" in missed.inner_text()
    editor.picture(PICTURES, "hidden_track")
    missed.get_by_role("button", name="Show").click()
    shown = editor.document(str(node["id"]))["tracks"]
    assert len(shown) == len(tracks) and "hidden" not in shown[0]
    assert missed.count() == 0


def test_entities_backgrounds_and_the_canvas_come_from_the_graph(editor):
    workflow = json.loads((Path(__file__).parents[3] / "workflows" / "two_entities_tiny.json").read_text())
    editor.load(workflow)
    node = next(str(n["id"]) for n in workflow["nodes"] if n["type"] == "Tora2TrajectoryEditor")
    editor.run(
        """(id) => {
            const { app } = window
            const node = app.graph.getNodeById(id)
            node.setSize([820, 760])
            app.canvas.bringToFront(node)
        }""",
        node,
    )
    editor.look_at(node)
    names = [track["name"] for track in editor.document(node)["tracks"]]
    pictures = editor.page.locator(".tora2-trajectory-editor img")
    editor.page.wait_for_timeout(500)
    sources = pictures.evaluate_all("(images) => images.map((image) => image.src)")
    assert len([source for source in sources if "/api/view?" in source]) >= len(names)

    # A picture on the background input, through a reroute, without a run.
    editor.run(
        """(id) => {
            const { app, LiteGraph } = window
            const image = LiteGraph.createNode('LoadImage'), reroute = LiteGraph.createNode('Reroute')
            app.graph.add(image); app.graph.add(reroute)
            image.widgets[0].value = 'tora2_duck.png'
            image.connect(0, reroute, 0)
            const editor = app.graph.getNodeById(id)
            reroute.connect(0, editor, editor.inputs.findIndex((input) => input.name === 'background'))
        }""",
        node,
    )
    with editor.page.expect_response(lambda answer: "/api/view?" in answer.url and "duck.png" in answer.url) as seen:
        editor.page.mouse.move(*editor.place(0.5, 0.5))
        editor.page.mouse.move(*editor.place(0.52, 0.5))
    assert seen.value.ok
    editor.page.wait_for_timeout(800)
    editor.picture(PICTURES, "entities_and_background")

    # The node's inputs and the drawing's canvas are one.
    editor.run(
        """(id) => {
            const widget = window.app.graph.getNodeById(id).widgets.find((w) => w.name === 'frames')
            widget.value = 33
            widget.callback?.(33)
        }""",
        node,
    )
    editor.page.wait_for_timeout(200)
    width = editor.page.locator(".tora2-trajectory-editor").get_by_label("Frames", exact=True).first
    assert width.input_value() == "33"


def test_a_picture_that_only_a_run_knows_is_shown_after_it(editor):
    node = editor.new_editor()
    editor.frames(4)
    editor.server.uploads["ComfyUI_temp_abcde_00001_.png"] = next(
        (folder / "tora2_lion.png").read_bytes() for folder in editor.server.inputs
    )
    image = {"filename": "ComfyUI_temp_abcde_00001_.png", "subfolder": "", "type": "temp"}
    with editor.page.expect_response(lambda answer: "abcde" in answer.url, timeout=15_000) as seen:
        editor.run("([id, image]) => window.app.graph.getNodeById(id).onExecuted({ images: [image] })", [node, image])
    assert seen.value.ok and "type=temp" in seen.value.url


WATCH_LISTENERS = """() => {
    const open = new Map()
    let last = 0
    window.listenersLeft = () => [...open.values()]
    window.stopWatching = []
    for (const target of [window, document, document.body, document.documentElement, window.comfyAPI.api.api]) {
        target.addEventListener = function (type, listener, options) {
            if (new Error().stack.includes('ComfyUI-Tora2')) {
                const key = ++last
                open.set(key, type)
                listener.tora2Keys = [...(listener.tora2Keys ?? []), [this, type, key]]
                options?.signal?.addEventListener('abort', () => open.delete(key))
            }
            return EventTarget.prototype.addEventListener.call(this, type, listener, options)
        }
        target.removeEventListener = function (type, listener, options) {
            for (const [where, what, key] of listener?.tora2Keys ?? []) {
                if (where === this && what === type) open.delete(key)
            }
            return EventTarget.prototype.removeEventListener.call(this, type, listener, options)
        }
        window.stopWatching.push(() => { delete target.addEventListener; delete target.removeEventListener })
    }
}"""


def test_no_listener_is_left_behind(editor):
    """Editors come and go, and window, document, body and api are as they were."""
    editor.run(WATCH_LISTENERS)
    editor.new_editor()
    editor.draw(LINE)
    assert editor.run("() => window.listenersLeft().length"), "nothing was seen at all: the watch does not work"
    editor.run("() => window.app.graph.clear()")
    editor.frames(3)
    left = editor.run("() => { window.stopWatching.forEach((stop) => stop()); return window.listenersLeft() }")
    assert left == []
