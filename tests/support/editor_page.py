"""The trajectory editor in a page of ComfyUI's real frontend, driven by real mouse and key events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from frontend_server import FrontendServer

RENDERERS = ("classic", "nodes2")
WIDGET = ".tora2-trajectory-editor"
START_MS = 180_000
NO_DOUBLE_CLICK_MS = 450
READY = "() => window.app?.graph && window.app?.extensionManager"

ADD_EDITOR = """async ([size, values]) => {
    const { app } = window
    const empty = { last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {}, extra: {} }
    await app.loadGraphData({ ...empty, version: 0.4 })
    const node = window.LiteGraph.createNode('Tora2TrajectoryEditor')
    app.graph.add(node)
    node.pos = [0, 0]
    node.setSize(size)
    for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value
    return node.id
}"""


class EditorPage:
    """One page in one renderer. Node ids are those of the graph that is shown."""

    def __init__(self, browser: Any, server: FrontendServer, renderer: str, **context: Any) -> None:
        self.server, self.renderer = server, renderer
        context = {"viewport": {"width": 1400, "height": 950}, **context}
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(f"{error}"))
        self.page.on("console", self._heard)
        server.settings["Comfy.VueNodes.Enabled"] = renderer == "nodes2"
        self.open()

    def _heard(self, message: Any) -> None:
        if message.type == "error" and ("Tora2" in message.text or "/extensions/" in str(message.location)):
            self.problems.append(message.text)

    def open(self) -> None:
        """Load, or reload, the page."""
        self.page.goto(self.server.url)
        self.page.wait_for_function(READY, timeout=START_MS)
        self.page.wait_for_function("() => window.app.canvas?.graph && document.querySelector('#graph-canvas')")
        self.page.wait_for_timeout(500)
        self.page.keyboard.press("Escape")

    def close(self) -> None:
        self.context.close()

    # The graph

    def run(self, script: str, value: Any = None) -> Any:
        return self.page.evaluate(script, value)

    def frames(self, count: int = 3) -> None:
        """Let the page draw."""
        wait = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        for _ in range(count):
            self.run(f"() => {wait}")

    def new_editor(self, size: tuple[int, int] = (820, 760), **values: Any) -> str:
        """A workflow of one editor node and nothing else; its id."""
        node = str(self.run(ADD_EDITOR, [list(size), {"width": 720, "height": 480, "frames": 49, "fps": 8} | values]))
        self.look_at(node)
        return node

    def load(self, workflow: dict) -> None:
        self.run("(workflow) => window.app.loadGraphData(workflow, true, true)", workflow)
        self.frames()

    def save(self) -> dict:
        return self.run("() => JSON.parse(JSON.stringify(window.app.rootGraph.serialize()))")

    def look_at(self, node: str, scale: float = 1.0, at: tuple[float, float] = (130, 90)) -> None:
        """Put the node's corner at this place of the page."""
        self.run(
            """([id, scale, x, y]) => {
                const { canvas } = window.app
                const node = canvas.graph.getNodeById(id)
                const { left, top } = canvas.canvas.getBoundingClientRect()
                canvas.ds.scale = scale
                canvas.ds.offset[0] = (x - left) / scale - node.pos[0]
                canvas.ds.offset[1] = (y - top) / scale - node.pos[1]
                canvas.setDirty(true, true)
            }""",
            [node, scale, *at],
        )
        self.frames(6)
        self.look_around()
        self.stages().first.wait_for(timeout=30_000)
        self.frames(4)

    def value(self, node: str) -> str:
        return self.run(
            "(id) => window.app.canvas.graph.getNodeById(id).widgets.find((w) => w.name === 'drawing').value", node
        )

    def document(self, node: str) -> dict:
        return json.loads(self.value(node))

    def widget(self, node: str, name: str) -> Any:
        return self.run(
            "([id, name]) => window.app.canvas.graph.getNodeById(id).widgets.find((w) => w.name === name).value",
            [node, name],
        )

    def queue(self) -> dict:
        """Press Run; the prompt that arrived."""
        before = len(self.server.prompts)
        self.run("() => window.app.queuePrompt(0, 1)")
        assert len(self.server.prompts) == before + 1, "nothing was queued"
        return self.server.prompts[-1]["prompt"]

    # The editor

    def stages(self) -> Any:
        """The drawing surfaces of the editors that are on the screen, not merely in the page."""
        return self.page.locator(f"{WIDGET}[data-on-screen] .stage")

    def look_around(self) -> None:
        """Note which editors are on the screen."""
        self.run(
            """(selector) => {
                for (const element of document.querySelectorAll(selector)) {
                    const { left, top, right, bottom, width, height } = element.getBoundingClientRect()
                    const seen = width && height && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight
                    element.toggleAttribute('data-on-screen', Boolean(seen) && element.checkVisibility())
                }
            }""",
            WIDGET,
        )

    def stage(self, index: int = 0) -> dict[str, float]:
        """Where the drawing surface is on the page: x, y, width, height."""
        return self.stages().nth(index).bounding_box()

    def place(self, x: float, y: float, index: int = 0) -> tuple[float, float]:
        """A place of the page from parts of the stage."""
        box = self.stage(index)
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self, x: float, y: float, index: int = 0, **options: Any) -> None:
        self.page.mouse.move(*self.place(x, y, index))
        self.page.mouse.click(*self.place(x, y, index), **options)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()
        self.frames(2)

    def take(self, x: float, y: float) -> None:
        """Select the point that is here: a first click takes its track, a second one, no double click, the point."""
        self.focus()
        self.press("Escape", "Escape", "Escape", "v")
        self.click(x, y)
        self.page.wait_for_timeout(NO_DOUBLE_CLICK_MS)
        self.click(x, y)
        self.page.wait_for_timeout(NO_DOUBLE_CLICK_MS)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.frames(1)

    def focus(self, index: int = 0) -> None:
        """The focus on the drawing surface, as Tab would give it."""
        self.stages().nth(index).focus()

    def draw(self, *tracks: list[tuple[float, float]], index: int = 0) -> None:
        """Draw tracks point by point with the mouse."""
        self.focus(index)
        self.press("Escape", "Escape", "Escape", "d")
        for track in tracks:
            for x, y in track:
                self.click(x, y, index)
            self.press("Enter")
        self.press("v")

    def picture(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{self.renderer}_{name}.png")
