"""Makes README's picture: web/docs/tiny.png and web/docs/tiny.gif, held-out scenes by the shipped weights.

    python tests/support/contact_sheet.py

Scenes 0 to 7 of the evaluation suite (two entities each, of names or an art style that training never saw), whatever
comes out: each goes as prompt, drawing, phrases and reference pictures into the shipped workflow, which runs as a user
would run it, with its own number of steps and the scene's number as seed. On the sheet each scene shows the two
references, five frames of the video with its paths drawn in, and below them the rendered clip that the scene was asked
from. The film shows all eight at once, the real clip under each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from thumbnails import ROOT, SURROUND, enlarged, video_of

from tora2.evaluation.scenes import Scene, make_scene, make_world

WORKFLOW = ROOT / "workflows" / "two_entities_tiny.json"
TARGET = ROOT / "web" / "docs"
SEEDS = range(8)
SIDE, GAP, LINE = 96, 4, 18
MOMENTS = 5
WORDS = (220, 222, 228)
REFERENCES, ENTITIES = ("Reference 1", "Reference 2"), ("5a. Entity 1", "5a. Entity 2")


def generated(scene: Scene, seed: int) -> np.ndarray:
    """Frames [T, H, W, 3] uint8 of the shipped workflow for that scene."""
    with tempfile.TemporaryDirectory() as folder:
        drawing = Path(folder) / "drawing.json"
        drawing.write_text(scene.document.to_json(), encoding="utf-8")
        settings = {
            "Tora2TextEncode.prompt": scene.caption,
            "Tora2TrajectoryEditor.drawing": f"@{drawing}",
            "Tora2Sampler.seed": seed,
        }
        for place, entity in enumerate(scene.entities):
            name = f"reference_{place}.png"
            picture = torch.cat([entity.image, entity.mask[..., None]], dim=-1)
            Image.fromarray((picture * 255).round().byte().numpy(), "RGBA").save(Path(folder) / name)
            settings[f"{REFERENCES[place]}.image"] = name
            settings[f"{ENTITIES[place]}.phrase"] = settings[f"{ENTITIES[place]}.track"] = entity.phrase
        options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        return video_of(WORKFLOW, "--input", folder, *options)


def pictures(video: torch.Tensor) -> np.ndarray:
    """[N, 3, H, W] in 0..1 -> [N, H, W, 3] uint8."""
    return (video.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def paste_row(sheet: Image.Image, row: list[np.ndarray], left: int, top: int) -> None:
    for column, picture in enumerate(row):
        tile = Image.fromarray(picture).resize((SIDE, SIDE), Image.LANCZOS)
        sheet.paste(tile, (left + column * (SIDE + GAP), top))


def sheet_of(scenes: list[Scene], videos: list[np.ndarray]) -> Image.Image:
    width, height = (2 + MOMENTS) * (SIDE + GAP) + 4 * GAP, LINE + 2 * (SIDE + GAP) + 2 * GAP
    columns = 2
    sheet = Image.new("RGB", (columns * width - 5 * GAP, -(-len(scenes) // columns) * height - 3 * GAP), SURROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, (scene, video) in enumerate(zip(scenes, videos, strict=True)):
        left, top = place % columns * width, place // columns * height
        draw.text((left + 2, top + 1), f"{SEEDS[place]}: {scene.caption}", WORDS, font)
        moments = np.linspace(0, len(video) - 1, MOMENTS).round().astype(int)
        made = enlarged(video, scene.document, SIDE)[moments]
        paste_row(sheet, [*pictures(scene.references), *made], left, top + LINE)
        below, beside = top + LINE + SIDE + GAP, left + 2 * (SIDE + GAP)
        draw.text((beside - 8, below + SIDE // 2), "asked from:", WORDS, font, anchor="rm")
        paste_row(sheet, list(pictures(scene.true_video())[moments]), beside, below)
    return sheet


def film_of(scenes: list[Scene], videos: list[np.ndarray]) -> list[Image.Image]:
    half = len(scenes) // 2
    made = [enlarged(video, scene.document, SIDE) for scene, video in zip(scenes, videos, strict=True)]
    real = [pictures(scene.true_video()) for scene in scenes]
    film = []
    for frame in range(len(made[0])):
        still = Image.new("RGB", (half * (SIDE + GAP) - GAP, 4 * (SIDE + GAP) - GAP), SURROUND)
        for block in range(2):
            scenes_here = slice(block * half, (block + 1) * half)
            for line, source in enumerate((made, real)):
                paste_row(still, [clip[frame] for clip in source[scenes_here]], 0, (2 * block + line) * (SIDE + GAP))
        film.append(still.quantize(96, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    return film


def main() -> None:
    world = make_world(None, "heldout_names", entities=2)
    scenes = [make_scene(world, seed) for seed in SEEDS]
    videos = [generated(scene, seed) for scene, seed in zip(scenes, SEEDS, strict=True)]
    sheet_of(scenes, videos).quantize(256).save(TARGET / "tiny.png", optimize=True)
    first, *others = film_of(scenes, videos)
    first.save(TARGET / "tiny.gif", save_all=True, append_images=others, duration=125, loop=0, optimize=True)
    for name in ("tiny.png", "tiny.gif"):
        print(name, f"{(TARGET / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
