"""Writes vectors/*.json: what Python makes of documents and coordinates, to bind the editor's own reading and writing.

    python tests/web/make_vectors.py

`test_agreement.py` proves that Python still gives the same. Each case of documents.json: ``text``, ``fallback``, and
either ``document`` (Python's `to_dict`) or ``refused``; with ``fitted``, the document on another canvas. Each case of
formats.json: ``text``, ``canvas``, and either ``refused`` or ``document`` and what it is exported as.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CLIP = {"width": 720, "height": 480, "frames": 49, "fps": 8}
POINTS = [{"x": 0.1, "y": 0.5}, {"x": 0.5, "y": 0.2}, {"x": 0.9, "y": 0.5}]
FLAT = '[{"x": 72, "y": 48}, {"x": 360, "y": 240}, {"x": 648, "y": 48}]'
STORE = [
    {"points": [{"x": 0, "y": 0, "h1x": 3}, {"x": 360, "y": 240}], "color": "#1f77b4", "name": "Spline 1"},
    {"points": [{"x": 720, "y": 480}], "color": "rgb(1,2,3)", "name": "", "isSinglePoint": True},
    {"points": [], "color": "#1f77b4"},
]


def document(*tracks: Any, **fields: Any) -> str:
    return json.dumps({"version": 1, "tracks": list(tracks), **fields})


def track(points: Any = POINTS, **fields: Any) -> dict:
    return {"points": points, **fields}


def keyed(*frames: float | None) -> dict:
    return track([{"x": 0.1 * i, "y": 0.5, **({} if f is None else {"frame": f})} for i, f in enumerate(frames)])


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


DOCUMENTS = {
    "blank": " \n",
    "no tracks": '{"version": 1}',
    "byte order mark": '\ufeff{"version": 1.0}',
    "defaults": document(track()),
    "every field": document(
        track([{"x": 0, "y": 1, "frame": 0, "easing": "ease-in"}, {"x": 2, "y": -1, "frame": 47.5}],
              name="\u72d0\u72f8 \U0001f98a", color="#FFF",
              kind="static", interpolation="linear", easing="ease-in-out", start=0, end=48, hidden=True,
              locked=True), width=1, height=65536, frames=49, fps=23.976),
    "nulls are left out": document(
        track([{"x": 0.5, "y": 0.5, "frame": None, "easing": None}], name=None, color=None, kind=None,
              interpolation=None, easing=None, start=None, end=None, hidden=None, locked=None),
        width=None, height=None, frames=None, fps=None, tracks2=None),
    "unknown fields at all levels": document(
        track([{"x": 0, "y": 0, "note": [1, {"a": None}]}], label="<b>", x=1), editor={"grid": {"size": 16}}, name="n"),
    "prototype names": '{"version": 1, "__proto__": {"a": 1}, "constructor": 2, "tracks": '
                       '[{"points": [{"x": 0, "y": 0, "__proto__": 1}], "toString": "x"}]}',
    "markup in texts": document(track(name="<img src=x onerror=alert(1)>", color="#abc")),
    "blank names": document(track(name=" \u3000\x1c"), track(name="\ufeff"), track(name="")),
    "a long name": document(track(name="\U0001f98a" * 200)),
    "nested to the limit": document(track(), extra=deep(32)),
    "keys in order": document(
        keyed(None, 4, None, 9.5, None), keyed(0, 48), keyed(48), keyed(0), keyed(None, None, 48)),
    "one frame": document(keyed(None, 0, None), frames=1),
    "64 tracks": document(*[track()] * 64),
    "fallback is passed over": document(width=10, height=20, frames=5, fps=30),
    # refused
    "not JSON": "hello",
    "a list": "[1]",
    "a number": "3",
    "a text": '"x"',
    "unclosed": '{"version": 1',
    "NaN": '{"version": 1, "width": NaN}',
    "infinity in an unknown field": '{"version": 1, "a": [1e999]}',
    "very deep": "[" * 20_000,
    "no version": '{"tracks": []}',
    "null version": '{"version": null}',
    "next version": '{"version": 2}',
    "version true": '{"version": true}',
    "version text": '{"version": "1"}',
    "version 0": '{"version": 0}',
    "width text": document(width="720"),
    "width true": document(width=True),
    "width 0": document(width=0),
    "width too large": document(width=65537),
    "width not whole": document(width=720.5),
    "frames 0": document(frames=0),
    "frames too many": document(frames=100_001),
    "fps 0": document(fps=0),
    "fps list": document(fps=[8]),
    "tracks object": '{"version": 1, "tracks": {}}',
    "tracks text": '{"version": 1, "tracks": "x"}',
    "65 tracks": document(*[track()] * 65),
    "track is a list": document([]),
    "track is null": document(None),
    "name is a number": document(track(name=3)),
    "name too long": document(track(name="\U0001f98a" * 201)),
    "color in words": document(track(color="red")),
    "color with a line break": document(track(color="#fff\n")),
    "color number": document(track(color=3)),
    "no points": document(track([])),
    "points missing": document({}),
    "points object": document(track({})),
    "kind": document(track(kind="circle")),
    "kind list": document(track(kind=["path"])),
    "interpolation": document(track(interpolation="cubic")),
    "easing": document(track(easing="bounce")),
    "prototype as easing": document(track(easing="__proto__")),
    "hidden is 1": document(track(hidden=1)),
    "locked is text": document(track(locked="yes")),
    "start outside": document(track(start=49)),
    "start negative": document(track(start=-1)),
    "start text": document(track(start="0")),
    "start after end": document(track(start=9, end=8)),
    "point is a pair": document(track([[0, 0]])),
    "point without y": document(track([{"x": 0}])),
    "x null": document(track([{"x": None, "y": 0}])),
    "x text": document(track([{"x": "0", "y": 0}])),
    "x true": document(track([{"x": True, "y": 0}])),
    "x too far": document(track([{"x": 2.0000001, "y": 0}])),
    "y too far": document(track([{"x": 0, "y": -1.5}])),
    "x giant": '{"version": 1, "tracks": [{"points": [{"x": 1' + "0" * 400 + ', "y": 0}]}]}',
    "frame outside": document(keyed(48.5)),
    "frame text": document(track([{"x": 0, "y": 0, "frame": "1"}])),
    "point easing": document(track([{"x": 0, "y": 0, "easing": "fast"}])),
    "equal keys": document(keyed(3, 3)),
    "falling keys": document(keyed(0, 9, None, 8)),
    "key 0 after a point": document(keyed(None, 0)),
    "last key before a point": document(keyed(0, 48, None)),
    "nested too deep": document(track(), extra=deep(33)),
    "nested too deep in a track": document(track(extra=deep(33))),
    "nested too deep in a point": document(track([{"x": 0, "y": 0, "extra": {"a": deep(32)}}])),
}  # fmt: skip
CANVASES = [{"width": 64, "height": 32, "frames": 17, "fps": 5}, {**CLIP, "frames": 97}, {**CLIP, "frames": 1}]

OURS = document(track([{"x": 0.5, "y": 0.5, "frame": 4}, {"x": 0.9, "y": 0.1}], name="fox"), track(hidden=True), note=1,
                frames=9)  # fmt: skip
COORDINATES = {
    "flat": FLAT,
    "flat, single quotes": FLAT.replace('"', "'"),
    "nested": f"[{FLAT}, {FLAT}]",
    "deeper": f"[[[{FLAT}]]]",
    "text of a list of texts": json.dumps([FLAT, "0,256"]),
    "a text of a text": json.dumps(FLAT),
    "Python text of a list of texts": str([FLAT, FLAT.replace('"', "'")]),
    "pairs": "[[72, 48], [360, 240], [648, 48]]",
    "nested pairs": "[[[72, 48], [360, 240]], [[1, 2]]]",
    "tuples": "[(72, 48), (360.0, 240), (648, 48),]",
    "numpy": "[(np.float64(72.0), np.float32(48)), (360, 240), (648, 48)]",
    "more fields": '[{"x": 72, "y": 48, "z": null, "w": true}, {"x": 360, "y": 240}]',
    "more fields, Python": "[{'x': 72, 'y': 48, 'z': None, 'w': True, 's': 'it\\'s'}, {'x': 360, 'y': 240}]",
    "empty tracks beside": f"[[], {FLAT}, []]",
    "byte order mark": "\ufeff " + FLAT,
    "Tora": "25.6,25.6\n128, 128\r\n230.4 25.6\n\n",
    "Tora, two tracks": "1,2\n3,4\n\n5e1,+6.\n.7,300",
    "points store": json.dumps(STORE),
    "our document": OURS,
    "a single point": '{"x": 1, "y": 2}',
    "outside": "[[-720, 960], [1440, -480]]",
    "60 points": json.dumps([{"x": 10 * i, "y": i * i / 10} for i in range(60)]),
    "121 points": json.dumps([[[i, 2 * i] for i in range(121)]]),
    "a rest": json.dumps([[5, 5]] * 49),
    "64 tracks": json.dumps([[[1, 2]]] * 64),
    # refused
    "blank": " ",
    "nothing": "[[], []]",
    "words": "hello",
    "Tora line 2": "1,2\n3",
    "Tora NaN": "1,nan",
    "broken JSON": '[{"x": 1',
    "unclosed quote": "['",
    "numbers": "[1, 2, 3]",
    "triples": "[[1, 2, 3]]",
    "half a point": '[{"x": 1, "y": 2}, {"x": 1}]',
    "mixed": '[{"x": 1, "y": 2}, [[1, 2]]]',
    "text as number": '[[{"x": 1, "y": 2}], [{"x": "1", "y": 2}]]',
    "null": '[{"x": null, "y": 2}]',
    "NaN": '[{"x": NaN, "y": 2}]',
    "overflow": '[{"x": 1e999, "y": 2}]',
    "too far": "[[1e9, 1]]",
    "outside by far": "[[1441, 0], [1, 1]]",
    "an object": '{"a": 1}',
    "deep": "[" * 100 + "]" * 100,
    "very deep": "[" * 20_000,
    "65 tracks": json.dumps([[[1, 2]]] * 65),
    "next version": '{"version": 2}',
    "code": "__import__('os').system('true')",
    "code in a list": "[__import__('os').system('true')]",
}


def documents() -> list[dict]:
    from tora2.errors import TrajectoryError
    from tora2.trajectories import parse_document

    cases = []
    for name, text in DOCUMENTS.items():
        case: dict = {"name": name, "text": text, "fallback": CLIP}
        try:
            parsed = parse_document(text, **CLIP)
        except TrajectoryError:
            cases.append({**case, "refused": True})
            continue
        small = len(text) < 3000
        fitted = [parsed.fitted(**canvas).to_dict() for canvas in CANVASES] if small else []
        cases.append({**case, "document": parsed.to_dict(), "canvases": CANVASES[: len(fitted)], "fitted": fitted})
    return cases


def formats() -> list[dict]:
    from tora2.errors import TrajectoryError
    from tora2.trajectories import import_trajectories, to_coordinates, to_tora_txt

    cases = []
    for name, text in COORDINATES.items():
        case: dict = {"name": name, "text": text, "canvas": CLIP}
        try:
            made = import_trajectories(text, **CLIP)
        except TrajectoryError:
            cases.append({**case, "refused": True})
            continue
        case["document"] = made.to_dict()
        if len(made.tracks) <= 2 and len(text) < 400:
            case["nested"] = json.loads(to_coordinates(made))
            case["ati"] = json.loads(to_coordinates(made, count=121))
            case["integers"] = json.loads(to_coordinates(made, count=7, integers=True))
            case["tora"] = to_tora_txt(made)
        cases.append(case)
    return cases


def main() -> None:
    sys.path.insert(0, str(HERE.parents[1]))
    (HERE / "vectors").mkdir(exist_ok=True)
    for name, cases in (("documents", documents()), ("formats", formats())):
        lines = ",\n".join(json.dumps(case) for case in cases)
        (HERE / "vectors" / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{name}: {len(cases)} cases, {sum('refused' in case for case in cases)} refused")


if __name__ == "__main__":
    main()
