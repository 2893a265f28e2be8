"""How well the trackers follow what is known: ``python -m tora2.tracking.benchmark [--atlas DIR] [--clips 40]``.

Two kinds of clips. Held-out clips of the tiny world (128x128, 17 frames, two things each, followed from their centres):
its own pictures without an atlas. And harder, larger ones (640x384, 49 frames): a textured disc that turns by up to 50
degrees and changes its size by up to 40 % on a bent path before a textured ground that pans, with changing light and
noise, followed from eight places on it, at several mean speeds.
"""

from __future__ import annotations

import argparse
import math

import torch
import torch.nn.functional as F

from ..evaluation.scenes import make_scene, make_world
from .appearance import follow_entities
from .points import Followed, follow_points

SPEEDS = (4.0, 8.0, 16.0, 24.0)  # pixels a frame
FRAMES, HEIGHT, WIDTH = 49, 384, 640
LOST = 3.0  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tora2.tracking.benchmark", description=__doc__.split("\n\n")[0])
    parser.add_argument("--atlas", help="pictures of the tiny world; without it the ten of workflows/inputs")
    parser.add_argument("--clips", type=int, default=40, help="clips of the tiny world (default 40)")
    parser.add_argument("--hard", type=int, default=6, help="harder clips of each speed (default 6)")
    options = parser.parse_args()
    print(f"{'clips':24} {'tracker':11} mean L1  median  < {LOST:g} px  followed  things")
    scenes = [make_scene(make_world(options.atlas, "heldout_names", 2), seed) for seed in range(options.clips)]
    for name, follow in (("points", _points), ("appearance", _appearance)):
        _print("tiny world", name, [_measure(follow(scene), scene.asked, scene.visible) for scene in scenes])
    for speed in SPEEDS:
        figures = []
        for seed in range(options.hard):
            video, truth = hard_clip(seed, speed)
            starts = torch.cat([torch.zeros(len(truth), 1), truth[:, 0]], 1)
            visible = ((truth >= 0) & (truth <= torch.tensor([WIDTH, HEIGHT]))).all(-1)
            figures.append(_measure(follow_points(video, starts), truth, visible))
        _print(f"harder, {speed:g} px a frame", "points", figures)


def _points(scene) -> Followed:
    first = scene.visible.int().argmax(1)
    starts = torch.cat([first[:, None], scene.asked[torch.arange(len(first)), first]], 1)
    return follow_points(scene.true_video().permute(0, 2, 3, 1), starts)


def _appearance(scene) -> Followed:
    return follow_entities(scene.true_video().permute(0, 2, 3, 1), scene.references.permute(0, 2, 3, 1))


def _measure(found: Followed, truth: torch.Tensor, visible: torch.Tensor) -> list[tuple[float, float]]:
    """Mean L1 over the frames in which it was seen after the first, and their part of the frames."""
    wanted = visible & (visible.cumsum(1) > 1)
    counted = wanted & found.seen
    distance = (found.places - truth).abs().sum(-1)
    return [
        (float(row[mask].mean()) if mask.any() else math.nan, float(mask.sum() / all_.sum()))
        for row, mask, all_ in zip(distance, counted, wanted, strict=True)
    ]


def _print(clips: str, tracker: str, figures: list[list[tuple[float, float]]]) -> None:
    pairs = torch.tensor([pair for clip in figures for pair in clip])
    errors = pairs[:, 0][pairs[:, 0].isfinite()]
    print(
        f"{clips:24} {tracker:11} {errors.mean():7.2f} {errors.median():7.2f} {(errors < LOST).float().mean():7.0%} "
        f"{pairs[:, 1].mean():9.0%} {len(pairs):7}"
    )


def hard_clip(seed: int, speed: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A clip [T, H, W, 3] in 0..1 and the true paths [8, T, 2] of places on its disc, in pixels."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    time = torch.linspace(0, 1, FRAMES)
    waves = (draw(2, 3) * torch.tensor([1.0, 0.7, 0.4]))[..., None]
    bends = max(1.0, speed / 6) * torch.tensor([1.0, 2.0, 3.0])[:, None]  # a longer way needs more of them
    path = (waves * torch.sin(math.pi * (bends * time + draw(2, 3)[..., None]))).sum(1).T
    path = path * speed / path.diff(dim=0).norm(dim=-1).mean()
    path = path - (path.amax(0) + path.amin(0)) / 2
    radius = float(draw(1, low=50, high=80))
    room = torch.tensor([WIDTH / 2, HEIGHT / 2]) - radius
    path = path * (room / path.abs().amax(0)).clamp(max=1).min() + torch.tensor([WIDTH / 2, HEIGHT / 2])
    angle = float(draw(1)) * 0.9 * torch.sin(math.pi * time)
    growth = torch.exp(float(draw(1)) * 0.35 * torch.sin(math.pi * time))
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(-1, 2, 2) * growth[:, None, None]
    ground, thing = _texture(HEIGHT, 2 * WIDTH, generator), _texture(256, 256, generator)
    pan = WIDTH / 2 + float(draw(1)) * 60 * (2 * time - 1)
    light = 1 + 0.15 * torch.sin(2 * math.pi * time * float(draw(1, low=0.3, high=1.0)))
    pixels = torch.stack(torch.meshgrid(torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT) + 0.5, indexing="xy"), -1)
    frames = []
    for index in range(FRAMES):
        behind = _read(
            ground, (pixels + torch.stack([pan[index], torch.tensor(0.0)])) / torch.tensor([2.0 * WIDTH, HEIGHT])
        )
        local = (pixels - path[index]) @ torch.linalg.inv(turn[index]).T / radius
        cover = ((1 - local.norm(dim=-1)) * radius / 2).clamp(0, 1)[..., None]
        frame = (behind * (1 - cover) + _read(thing, local / 2 + 0.5) * cover) * light[index]
        frames.append(frame + 0.02 * torch.randn(frame.shape, generator=generator))
    places = draw(8, 2) * 0.45 * radius
    truth = path + torch.einsum("tij,nj->nti", turn, places)
    return torch.stack(frames).clamp(0, 1), truth


def _texture(height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """[3, H, W]: noise of several sizes, as photographs have it."""
    picture = torch.zeros(1, 3, height, width)
    for cell in (96, 48, 24, 12, 6, 3):
        noise = torch.rand(1, 3, height // cell + 2, width // cell + 2, generator=generator) - 0.5
        picture += F.interpolate(noise, (height, width), mode="bicubic") * (cell / 96) ** 0.7
    return (0.5 + picture[0]).clamp(0, 1)


def _read(picture: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """[H, W, 3]: the picture [3, h, w] at ``at`` [H, W, 2] in 0..1."""
    return F.grid_sample(picture[None], at[None] * 2 - 1, align_corners=False, padding_mode="border")[0].permute(
        1, 2, 0
    )


if __name__ == "__main__":
    main()
