"""Trains tora2-tiny's face detector, which insightface's FaceAnalysis loads like its own.

    python -m tora2.tiny.train_detector --atlas ATLAS --out RUN --minutes 10
    python -m tora2.tiny.train_detector --atlas ATLAS --out RUN --export FOLDER/face_encoder/det_tiny.onnx

In this world a face is a smiley's disc or a person's bust: the box is the picture, and its five points are where
ArcFace's 112-pixel template has eyes, nose and mouth, so that the aligned crop is the whole picture, upright.
Everything else (objects, animals, cats' faces, people too small to have a face) is background.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from . import loop, onnx_export
from .assets import SPLITS, Atlas
from .nets import FaceDetector
from .views import Views

TEMPLATE = torch.tensor(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
SIZE = FaceDetector.SIZE
LEVELS = ((0, 44), (36, 84), (72, 1000))  # sides in pixels that each stride is trained on; they overlap


@dataclass
class Scenes:
    """Pictures [B, 3, 128, 128] in 0..1; boxes [B, K, 4] and points [B, K, 5, 2] in pixels, is_face [B, K]."""

    pictures: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    is_face: torch.Tensor


def draw_scenes(views: Views, faces: list[int], others: list[int], count: int, generator: torch.Generator) -> Scenes:
    """Half the scenes are as a prepared reference looks (one picture, or the same with twice the room, on grey, perhaps
    not filling the square), half have two pictures on a background."""
    pick = [torch.tensor(pool)[torch.randint(len(pool), (count, 2), generator=generator)] for pool in (faces, others)]
    is_face = torch.rand(count, 2, generator=generator) < 0.5
    indices = torch.where(is_face, pick[0], pick[1])
    single = torch.rand(count, generator=generator) < 0.5
    sides = torch.rand(count, 2, generator=generator) * 0.3 + 0.2
    close = torch.rand(count, generator=generator) < 0.6
    alone = torch.where(
        close, torch.rand(count, generator=generator) * 0.3 + 0.7, torch.rand(count, generator=generator) * 0.25 + 0.3
    )
    sides[:, 0] = torch.where(single, alone, sides[:, 0])
    centres = torch.rand(count, 2, 2, generator=generator) * 0.6 + 0.2
    centres[:, 1] = (
        centres[:, 0] + 0.5 + 0.2 * (torch.rand(count, 2, generator=generator) - 0.5)
    ) % 1  # half a canvas away
    centres[:, 0] = torch.where(
        single[:, None], 0.5 + 0.06 * (torch.rand(count, 2, generator=generator) - 0.5), centres[:, 0]
    )
    first, matrices0, _ = views.layers(
        indices[:, 0], generator, centres[:, 0].to(views.device), sides[:, 0].to(views.device)
    )
    second, matrices1, _ = views.layers(
        indices[:, 1], generator, centres[:, 1].to(views.device), sides[:, 1].to(views.device)
    )
    second = second * (~single).float().to(views.device)[:, None, None, None]
    layers = second + first * (1 - second[:, 3:])
    pictures = views.finish(layers, generator)
    is_face = (is_face & ~torch.stack([torch.zeros_like(single), single], 1)).to(views.device)
    boxes, points = _ground_truth(torch.stack([matrices0, matrices1], 1), torch.stack([first, second], 1))
    return Scenes(pictures, boxes, points, is_face)


def _ground_truth(matrices: torch.Tensor, layers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes of what is opaque, and the template's points carried through the inverse of ``matrices`` [B, K, 2, 3]."""
    size = layers.shape[-1]
    template = (TEMPLATE / 56 - 1).to(matrices.device)
    inverse = torch.linalg.inv(matrices[..., :2])
    points = torch.einsum("bkij,bkpj->bkpi", inverse, template - matrices[..., None, :, 2])
    mirrored = torch.linalg.det(matrices[..., :2]) < 0
    swapped = points[:, :, [1, 0, 2, 4, 3]]  # left stays what is left in the picture
    points = torch.where(mirrored[..., None, None], swapped, points)
    opaque = layers[:, :, 3] > 0.3
    ramp = torch.arange(size, device=layers.device)
    edges = []
    for axis in (-2, -1):  # columns, then rows
        any_ = opaque.any(axis)
        edges.append((torch.where(any_, ramp, size).amin(-1), torch.where(any_, ramp + 1, 0).amax(-1)))
    (x1, x2), (y1, y2) = edges
    return torch.stack([x1, y1, x2, y2], -1).float(), (points + 1) / 2 * size


def losses(maps: list[torch.Tensor], scenes: Scenes) -> torch.Tensor:
    """Focal loss on scores, generalised IoU on boxes, smooth L1 on points; positives are cells near a face's middle."""
    total, positives = torch.zeros((), device=scenes.pictures.device), 0.0
    for y, stride, (low, high) in zip(maps, FaceDetector.STRIDES, LEVELS, strict=True):
        y = y.float()
        cells = torch.arange(y.shape[-1], device=y.device) * float(stride)
        anchors = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1)  # [h, w, 2] x, y
        boxes = scenes.boxes[:, :, None, None]
        middle, side = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).amax(-1)
        distance = (anchors - middle).abs().amax(-1)  # [B, K, h, w]
        wanted = scenes.is_face[..., None, None] & (side >= low) & (side < high)
        inner, outer = (
            wanted & (distance <= torch.clamp(0.18 * side, min=0.75 * stride)),
            wanted & (distance <= 0.3 * side + stride),
        )
        target = inner.any(1)
        other_size = (scenes.is_face[..., None, None] & ~wanted & (distance <= 0.3 * side + stride)).any(1)
        ignore = (outer.any(1) & ~target) | other_size
        score = torch.sigmoid(y[:, 0])
        focal = F.binary_cross_entropy_with_logits(y[:, 0], target.float(), reduction="none")
        focal = focal * torch.where(target, 1.5 * (1 - score) ** 2, 0.75 * score**2).detach()
        total = total + (focal * ~ignore).sum()
        b, k, row, column = inner.nonzero(as_tuple=True)
        positives += len(b)
        if len(b):
            found, anchor = y[b, :, row, column], anchors[row, column]
            box, points = scenes.boxes[b, k], scenes.points[b, k]
            made = torch.cat([anchor - found[:, 1:3] * stride, anchor + found[:, 3:5] * stride], 1)
            total = total + 2 * (1 - _generalised_iou(made, box)).sum()
            error = (found[:, 5:].reshape(-1, 5, 2) * stride + anchor[:, None] - points) / side[b, k].reshape(-1, 1, 1)
            total = (
                total
                + 20 * F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.02, reduction="none").mean((1, 2)).sum()
            )
    return total / max(1.0, positives)


def _generalised_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    def area(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return (high - low).clamp_min(0).prod(-1)

    inner = area(torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:]))
    union = area(a[:, :2], a[:, 2:]) + area(b[:, :2], b[:, 2:]) - inner
    hull = area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    return inner / union.clamp_min(1e-3) - (hull - union) / hull.clamp_min(1e-3)


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """0..1 -> what insightface feeds a detector: (x - 127.5) / 128 of 0..255."""
    return (pictures * 255 - 127.5) / 128


@torch.no_grad()
def evaluate(
    net: FaceDetector, views: Views, faces: list[int], others: list[int], threshold: float = 0.5
) -> dict[str, float]:
    """On pictures as references: share of faces found, share of others taken for a face, mean error of the five points
    in parts of the face's side."""
    generator = torch.Generator().manual_seed(1 << 40)
    hits, false, errors = [], [], []
    for pool, is_face in ((faces, True), (others, False)):
        spread = pool[:: max(1, len(pool) // 256)]  # evenly over the atlas, whose order is by kind of thing
        for begin in range(0, len(spread), 64):
            indices = torch.tensor(spread[begin : begin + 64])
            centre = torch.full((len(indices), 2), 0.5, device=views.device)
            layers, matrices, _ = views.layers(
                indices, generator, centre, torch.full((len(indices),), 0.83, device=views.device)
            )
            _, points = _ground_truth(matrices[:, None], layers[:, None])
            best = [_best(net(normalised(picture[None]))) for picture in views.finish(layers, generator)]
            found = torch.stack([score for score, _ in best]) > threshold
            (hits if is_face else false).append(found.float())
            if is_face and found.any():
                made = torch.stack([p for _, p in best])[found]
                errors.append((made - points[found, 0]).norm(dim=-1).mean(1) / (0.83 * SIZE))
    return {
        "found": torch.cat(hits).mean().item(),
        "false alarms": torch.cat(false).mean().item(),
        "point error": torch.cat(errors).mean().item() if errors else float("nan"),
    }


def _best(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Highest score and its five points in pixels."""
    scores, points = torch.cat(outputs[:3])[:, 0], []
    for stride, p in zip(FaceDetector.STRIDES, outputs[6:], strict=True):
        side = SIZE // stride
        row = torch.arange(len(p), device=p.device) // 2
        anchor = torch.stack([row % side, row // side], -1).float()
        points.append((p.reshape(-1, 5, 2) + anchor[:, None]) * stride)
    index = scores.argmax()
    return scores[index], torch.cat(points)[index]


def export(net: FaceDetector, path: Path) -> None:
    names = [f"{what}_{stride}" for what in ("score", "box", "points") for stride in FaceDetector.STRIDES]
    onnx_export.export(net, SIZE, path, names, dynamic=False)


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=2e-3, batch=48)
    parser.add_argument("--export", type=Path, default=None, help="only write the averaged weights as this ONNX file")
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    atlas = Atlas.load(args.atlas)
    trainer = loop.Trainer({"net": FaceDetector()}, args, averaging=0.995)
    net = trainer.modules["net"]
    views = Views(atlas, SIZE, turn=0.4, scenery=0.5, mirror=0.3, device=args.device)
    pools = {
        split: (
            [i for i in atlas.split(split) if atlas.human[i]],
            [i for i in atlas.split(split) if not atlas.human[i]],
        )
        for split in SPLITS
    }
    if args.export is None:
        for step in trainer:
            scenes = draw_scenes(views, *pools["train"], args.batch, torch.Generator().manual_seed(step))
            with trainer.autocast():
                maps = net.maps(normalised(scenes.pictures))
            trainer.descend(losses(maps, scenes))
    trainer.use_average()
    if not args.no_figures:
        views.scenery = 0.0
        figures = {split: {k: round(v, 4) for k, v in evaluate(net, views, *pools[split]).items()} for split in SPLITS}
        print(json.dumps(figures))
    if args.export is not None:
        export(net, args.export)


if __name__ == "__main__":
    main()
