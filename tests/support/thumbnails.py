"""Makes workflows/*.jpg, which the template browser shows.

    python tests/support/thumbnails.py [NAME ...]

They are square, as the browser's cards are. A workflow for tora2-tiny is run (25 steps), and four frames of its video
stand in reading order with the paths drawn over them. One for full-size weights, which this does not run, shows its
drawing over its first frame or an empty canvas.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tora2.headless.graph import load_json  # noqa: E402
from tora2.trajectories import TrajectoryDocument, import_trajectories, parse_document  # noqa: E402
from tora2.trajectories.overlay import draw_trajectories  # noqa: E402

STEPS = 25
SIDE = 256  # of one frame
GAP = 8
BACKGROUND, SURROUND = (48, 51, 60), (24, 26, 30)
LIMIT = 60_000


def all_nodes(workflow: dict) -> list[dict]:
    return workflow["nodes"] + [
        node for subgraph in workflow.get("definitions", {}).get("subgraphs", []) for node in subgraph["nodes"]
    ]


def drawing_of(workflow: dict) -> TrajectoryDocument:
    node = next(node for node in all_nodes(workflow) if node["type"].startswith(("Tora2TrajectoryE", "Tora2Import")))
    text, width, height, frames, fps = node["widgets_values"][:5]
    size = {"width": width, "height": height, "frames": frames, "fps": fps}
    if node["type"] == "Tora2ImportTrajectories":
        return import_trajectories(text, **size)
    return parse_document(text, **size).fitted(**size)


def video_of(path: Path, *options: str) -> np.ndarray:
    """The frames [T, H, W, 3] that the workflow's first video has, without its paths; ``options`` of `tora2 run`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tora2", "run", str(path), "--output", folder]
        subprocess.run([*command, *options], cwd=ROOT, check=True)
        videos = sorted(file for file in Path(folder).rglob("*.mp4") if "_tracks" not in file.name)
        with av.open(str(videos[0])) as container:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def enlarged(frames: np.ndarray, drawing: TrajectoryDocument, side: int) -> np.ndarray:
    """Pictures of this height, then the paths, so that their lines stay fine."""
    width = round(frames.shape[2] * side / frames.shape[1])
    large = np.stack([np.asarray(Image.fromarray(frame).resize((width, side), Image.LANCZOS)) for frame in frames])
    shown = drawing.fitted(width=width, height=side)  # a single picture gets the whole paths
    drawn = draw_trajectories(torch.from_numpy(large).float() / 255, shown, names=False)
    return (drawn.clamp(0, 1) * 255).round().byte().numpy()


def canvas_of(workflow: dict, drawing: TrajectoryDocument) -> np.ndarray:
    """The first frame's picture, cut as the sampler cuts it, or an empty canvas: [H, W, 3]."""
    for node in workflow["nodes"]:
        if node["type"] == "LoadImage":
            picture = Image.open(ROOT / "workflows" / "inputs" / node["widgets_values"][0]).convert("RGB")
            scale = max(drawing.width / picture.width, drawing.height / picture.height)
            picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.LANCZOS)
            left, top = (picture.width - drawing.width) // 2, (picture.height - drawing.height) // 2
            return np.asarray(picture.crop((left, top, left + drawing.width, top + drawing.height)))
    return np.full((drawing.height, drawing.width, 3), BACKGROUND, np.uint8)


def thumbnail(path: Path) -> Image.Image:
    workflow = load_json(path)
    drawing = drawing_of(workflow)
    square = Image.new("RGB", (2 * SIDE + GAP, 2 * SIDE + GAP), SURROUND)
    if not path.stem.endswith("_tiny"):
        still = Image.fromarray(enlarged(canvas_of(workflow, drawing)[None], drawing, 344)[0])
        square.paste(still, ((square.width - still.width) // 2, (square.height - still.height) // 2))
        return square
    frames = enlarged(video_of(path, "--set", f"Tora2Sampler.steps={STEPS}"), drawing, SIDE)
    for place, index in enumerate(np.linspace(0, len(frames) - 1, 4).round().astype(int)):
        row, column = divmod(place, 2)
        square.paste(Image.fromarray(frames[index]), (column * (SIDE + GAP), row * (SIDE + GAP)))
    return square


def main(names: list[str]) -> None:
    for path in sorted((ROOT / "workflows").glob("*.json")):
        if names and path.stem not in names:
            continue
        picture, target = thumbnail(path), path.with_suffix(".jpg")
        for quality in (88, 80, 70, 60):
            picture.save(target, quality=quality, optimize=True)
            if target.stat().st_size < LIMIT:
                break
        print(target.relative_to(ROOT), picture.size, f"{target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
