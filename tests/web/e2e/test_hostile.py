"""Workflows are written by strangers: nothing in them runs, and none of them keeps the graph from loading."""

from __future__ import annotations

import json
import os
from pathlib import Path

PICTURES = Path(os.environ.get("TORA2_PICTURES", Path(__file__).parent / "pictures"))
MARKUP = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>\"'`${window.owned=1}"


def drawing(**fields) -> str:
    track = {"name": "a", "points": [{"x": 0.2, "y": 0.2}, {"x": 0.8, "y": 0.6}]}
    return json.dumps({"version": 1, "width": 720, "height": 480, "frames": 49, "fps": 8, "tracks": [track]} | fields)


def track(**fields) -> str:
    return drawing(tracks=[{"name": "a", "points": [{"x": 0.2, "y": 0.2}, {"x": 0.8, "y": 0.6}], **fields}])


HOSTILE = {
    "markup in a name": track(name=MARKUP),
    "markup in a colour": track(color=MARKUP),
    "markup in an unknown field": drawing(**{MARKUP: MARKUP, "editor": {"background": {"image": MARKUP}}}),
    "script address as background": drawing(editor={"background": {"image": "javascript:window.owned=1"}}),
    "markup picture as background": drawing(editor={"background": {"image": "data:text/html,<script>owned=1</script"}}),
    "foreign address as background": drawing(editor={"background": {"image": "https://example.invalid/spy.png"}}),
    "prototype": '{"version": 1, "__proto__": {"owned": 1}, "constructor": {"prototype": {"owned": 1}}, "tracks": []}',
    "huge coordinates": track(points=[{"x": 1e308, "y": -1e308}, {"x": 0, "y": 0}]),
    "negative canvas": drawing(width=-720, height=-1, frames=-5, fps=-8),
    "huge canvas": drawing(width=1e9, height=1e9, frames=1e9, fps=1e9),
    "not a number": drawing().replace("0.2", "NaN"),
    "infinity": drawing().replace("0.8", "1e999"),
    "wrong types": drawing(tracks={"a": 1}, width="wide", frames=None),
    "tracks of anything": drawing(tracks=[1, None, "x", [], {"points": 3}, {"points": [[1, 2], "x"]}]),
    "newer version": drawing(version=2),
    "no version": drawing(version=None),
    "deep": "[" * 5000 + "]" * 5000,
    "long name": track(name="x" * 100_000),
    "65 tracks": drawing(tracks=[{"name": "a", "points": [{"x": 0.5, "y": 0.5}]}] * 65),
    "5000 points": track(points=[{"x": 0.5, "y": 0.5}] * 5000),
    "not JSON": "{" + MARKUP,
    "a number": 7,
    "a list": [1, 2, {"x": MARKUP}],
    "an object": {"version": 1, "tracks": "many"},
    "nothing": None,
    "true": True,
}


def workflow(values: dict) -> dict:
    nodes = [
        {
            "id": index + 1,
            "type": "Tora2TrajectoryEditor",
            "pos": [900 * (index % 4), 800 * (index // 4)],
            "size": [760, 700],
            "flags": {},
            "order": index,
            "mode": 0,
            "title": MARKUP,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": [value, 720, 480, 49, 8],
        }
        for index, value in enumerate(values.values())
    ]
    entity = {
        "id": 900,
        "type": "Tora2Entity",
        "pos": [-500, 0],
        "size": [300, 200],
        "flags": {},
        "order": 99,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [MARKUP, "auto", MARKUP],
    }
    return {
        "last_node_id": 900,
        "last_link_id": 0,
        "nodes": [*nodes, entity],
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def test_hostile_workflows_load_and_run_nothing(editor):
    requests = []
    editor.page.on("request", lambda request: requests.append(request.url))
    dialogs = []
    editor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    editor.load(workflow(HOSTILE))
    count = editor.run("() => window.app.graph.nodes.length")
    assert count == len(HOSTILE) + 1
    for index, name in enumerate(HOSTILE):
        editor.look_at(str(index + 1))
        assert editor.run("() => window.owned === undefined && ({}).owned === undefined"), name
        text = editor.value(str(index + 1))
        assert isinstance(text, str)
        given = HOSTILE[name]
        if isinstance(given, str):
            assert text == given, f"{name}: the value was changed by looking at it"
        if name in ("markup in a name", "newer version", "deep"):
            editor.picture(PICTURES, f"hostile_{name.replace(' ', '_')}")
    assert not dialogs
    foreign = [url for url in requests if not url.startswith((editor.server.url, "data:image/", "blob:"))]
    assert not [url for url in foreign if "example.invalid" in url]
    assert not editor.run(
        "() => [...document.querySelectorAll('script')].filter((s) => s.textContent.includes('owned')).length"
    )
    # The next workflow is as good as ever.
    node = editor.new_editor()
    editor.draw([(0.3, 0.3), (0.6, 0.6)])
    assert len(editor.document(node)["tracks"]) == 1
    editor.problems[:] = [problem for problem in editor.problems if "could not be read" not in problem]
