"""Trains the judges of the tiny suite on the world's train split; both fit into minutes of one core.

    python -m tora2.evaluation.train watcher --atlas ATLAS --out RUN/watcher --minutes 10 --decay
    python -m tora2.evaluation.train recognizer --atlas ATLAS --out RUN/recognizer --minutes 8 --decay
    python -m tora2.evaluation.train watcher --atlas ATLAS --out RUN/watcher --export tora2/evaluation/weights

Clips are blurred, faded and made noisy, because generated ones are: a judge that knows only clean renderings would read
noise out of a soft blob.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from ..tiny import loop
from ..tiny.assets import Atlas
from ..tiny.backgrounds import BACKGROUNDS
from ..tiny.views import Views, contrast, draw_indices, retrieval
from ..tiny.world import Plans, World, WorldBatch
from .networks import RECOGNIZER_SIZE, STRIDE, VOTE_UNIT, Recognizer, Sight, Watcher, save, still_of

FRAMES = 17
SHOWN = (0, 4, 8, 12, 16)  # frames of a clip that are rendered
LEARNED = (0, 2, 4)  # of the rendered ones, those that losses are taken of
CELLS = 16  # of a latent frame
TEMPERATURE = 0.1


def soften(video: torch.Tensor, canvases: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Clips [B, T, 3, H, W] in -1..1 as a weak generator would make them: faded into their canvas [B, 3, H, W], blurred
    and noisy, each for a part of the clips."""
    count, frames, _, height, width = video.shape
    fade = torch.rand(count, generator=generator) * 0.5 * (torch.rand(count, generator=generator) < 0.3)
    video = torch.lerp(video, canvases[:, None] * 2 - 1, fade[:, None, None, None, None].to(video.device))
    out = []
    for clip in video:
        if torch.rand(1, generator=generator) < 0.4:
            side = int(height * (0.12 + 0.6 * torch.rand(1, generator=generator).item()))
            small = F.interpolate(clip, (side, side), mode="bilinear", antialias=True)
            clip = F.interpolate(small, (height, width), mode="bicubic").clamp(-1, 1)
        if torch.rand(1, generator=generator) < 0.3:  # errors of latents are patches, one or a few cells large
            grain = torch.randn(frames, 3, CELLS, CELLS, generator=generator)
            grain = F.interpolate(grain.to(clip.device), (height, width), mode="bicubic")
            clip = clip + grain * 0.35 * torch.rand(1, generator=generator).item() ** 2
        out.append(clip)
    return torch.stack(out)


def watcher_losses(sight: Sight, batch: WorldBatch, refs: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Losses of a batch; ``refs`` [R, D] are the looks of its present entities, clip by clip."""
    frames = batch.video.shape[1]
    masks = F.avg_pool2d(batch.masks.flatten(0, 1), STRIDE).unflatten(0, batch.masks.shape[:2])  # [B, E, T, h, w]
    share, owner = masks.max(1)
    share, owner = share.flatten(0, 1), owner.flatten(0, 1)
    solid = masks.sum(1).flatten(0, 1).clamp(0, 1)
    loss_solid = F.binary_cross_entropy_with_logits(sight.solid, solid, pos_weight=solid.new_tensor(2.0))

    device = solid.device
    rows = torch.arange(len(batch.video), device=device).repeat_interleave(frames)[:, None, None].expand_as(owner)
    times = torch.arange(frames, device=device).repeat(len(batch.video))[:, None, None].expand_as(owner)
    target = batch.tracks[rows, owner, times] * batch.video.shape[-1]
    weight = (share > 0.5).float()
    error = F.smooth_l1_loss(sight.votes / VOTE_UNIT, target / VOTE_UNIT, beta=0.1, reduction="none").sum(-1)
    loss_votes = (error * weight).sum() / weight.sum()
    pixels = ((sight.votes - target).abs().sum(-1) * weight).sum() / weight.sum()

    numbers = torch.full(batch.present.shape, -1, device=device)
    numbers[batch.present] = torch.arange(len(refs), device=device)
    mine = numbers[rows, owner]
    chosen = (share > 0.5) & (mine >= 0)
    logits = sight.looks[chosen] @ refs.T / TEMPERATURE
    loss_looks = F.cross_entropy(logits, mine[chosen])
    right = (logits.argmax(1) == mine[chosen]).float().mean()

    names = list(BACKGROUNDS)
    scene = torch.tensor([names.index(b) for b in batch.backgrounds], device=device).repeat_interleave(frames)
    loss_scene = F.cross_entropy(sight.scene, scene)
    loss = loss_solid + loss_votes + loss_looks + 0.2 * loss_scene
    return loss, {
        "solid": loss_solid,
        "pixels": pixels,
        "looks": right,
        "scene": (sight.scene.argmax(1) == scene).float().mean(),
    }


def train_watcher(trainer: loop.Trainer, args) -> None:
    world = World(args.atlas, "train", FRAMES, entities=(1, 3), entity_weights=(1, 3, 1))
    net = trainer.modules["net"]
    for step, plans in zip(trainer, loop.plan_batches(world, trainer.step, args.batch, args.workers), strict=False):
        generator = torch.Generator().manual_seed(step)
        plans = some_frames(plans).to(args.device)
        batch = world.render(plans, args.device)
        video = soften(batch.video, plans.canvases, generator)
        still = still_of(video)[:, LEARNED]
        video = video[:, LEARNED]
        masks, tracks = batch.masks[:, :, LEARNED], batch.tracks[:, :, LEARNED]
        batch = replace(batch, video=video, masks=masks, tracks=tracks)
        with trainer.autocast():
            sight = net(video.flatten(0, 1), still.flatten(0, 1))
            refs = net.look_at(batch.references[batch.present])
        loss, figures = watcher_losses(sight, batch, refs)
        trainer.descend(loss, **figures)


def some_frames(plans: Plans) -> Plans:
    """Plans of only the frames ``SHOWN``: enough to know what stands still, and cheap to render."""
    shown = list(SHOWN)
    return replace(plans, matrices=plans.matrices[:, shown], tracks=plans.tracks[:, shown])


def blur_some(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Cut-outs [N, 3, S, S] of which six in ten are blurred to between a sixth and all of their pixels."""
    out, size = pictures.clone(), pictures.shape[-1]
    for part in torch.randperm(len(pictures), generator=generator)[: int(0.6 * len(pictures))].chunk(6):
        side = int(size * (0.16 + 0.6 * torch.rand(1, generator=generator).item()))
        small = F.interpolate(pictures[part], (side, side), mode="bilinear", antialias=True)
        out[part] = F.interpolate(small, (size, size), mode="bilinear")
    return out


def train_recognizer(trainer: loop.Trainer, args, views: Views, allowed: list[int]) -> None:
    net = trainer.modules["net"]
    for step in trainer:
        generator = torch.Generator().manual_seed(step)
        indices = draw_indices(allowed, args.batch, generator)
        pictures = torch.cat([blur_some(views(indices, generator), generator), views(indices, generator)])
        with trainer.autocast():
            a, b = net(pictures).chunk(2)
        loss, right = contrast(a, b, 0.07)
        trainer.descend(loss, right=right)


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=2e-3, batch=96)
    parser.add_argument("which", choices=("watcher", "recognizer"))
    parser.add_argument("--export", type=Path, help="only write the averaged weights into this folder")
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    net = Watcher(len(BACKGROUNDS)) if args.which == "watcher" else Recognizer()
    trainer = loop.Trainer({"net": net}, args)
    notes: dict[str, object] = {"steps": trainer.step}
    if args.which == "recognizer":
        atlas = Atlas.load(args.atlas)
        views = Views(atlas, RECOGNIZER_SIZE, fill=(0.6, 1.0), shift=0.09, scenery=0.35, device=args.device)
        if args.export is None:
            train_recognizer(trainer, args, views, atlas.split("train"))
        trainer.use_average()
        notes["top-1 of 50"] = {
            split: round(retrieval(net, views, atlas.split(split)), 4)
            for split in ("train", "heldout_names", "heldout_style")
        }
        print(notes)
    elif args.export is None:
        train_watcher(trainer, args)
    trainer.use_average()
    if args.export is not None:
        save(net, args.export / f"{args.which}.safetensors", **notes)


if __name__ == "__main__":
    main()
