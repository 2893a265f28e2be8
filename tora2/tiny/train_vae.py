"""Trains tora2-tiny's video VAE, a small ``AutoencoderKLCogVideoX``: 8x smaller in space, 4x in time, 16 channels.

    python -m tora2.tiny.train_vae --atlas ATLAS --out RUN --frames 1 --crop 96 --batch 16 --minutes 15
    python -m tora2.tiny.train_vae --atlas ATLAS --out RUN --resume --frames 9 --crop 64 --minutes 30 --decay
    python -m tora2.tiny.train_vae --atlas ATLAS --out DECODER --decoder-from RUN --frames 9 --minutes 60 --decay
    python -m tora2.tiny.train_vae --atlas ATLAS --out BETTER --near VAE --frames 9 --minutes 60 --decay
    python -m tora2.tiny.train_vae --atlas ATLAS --out DECODER --export FOLDER

Stills come first because they are five times cheaper. A part of the clips are colour-coded motion maps, which the same
VAE must carry. Latents are kept near zero mean and unit deviation in every channel, and the decoder learns to bear a
little noise on them, because a diffusion model will have to hit them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from ..trajectories.flow import flow_to_color, motion_flow
from . import loop
from .world import World, WorldBatch

CONFIG = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 16,
    "layers_per_block": 1,
    "norm_num_groups": 16,
    "block_out_channels": (16, 32, 48, 48),
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "temporal_compression_ratio": 4,
    "sample_height": 128,
    "sample_width": 128,
}
FLOW_SIGMA, FLOW_WINDOW = 3.0, 25
LATENT_NOISE = 0.06
NEARNESS = 0.5  # weight of what latents move; at 0.5 they moved by 1 % of their variance in 3,000 steps


def build():
    from diffusers import AutoencoderKLCogVideoX

    return AutoencoderKLCogVideoX(**CONFIG)


def motion_maps(tracks: torch.Tensor, visible: torch.Tensor, size: int) -> torch.Tensor:
    """Tracks [B, E, T, 2] in 0..1 -> colour-coded motion [B, T, 3, size, size] in -1..1, as stages/motion makes it."""
    flow = motion_flow(tracks * size, visible, size, size, FLOW_SIGMA, FLOW_WINDOW)
    return flow_to_color(flow).float() / 127.5 - 1


def crops(
    batch: WorldBatch, crop: int, flow_share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Videos [B, 3, T, crop, crop] and weights [B, 1, T, crop, crop], most windows around an entity."""
    video, weight = batch.video, 1 + 3 * batch.masks.sum(1).clamp(0, 1)[:, :, None]
    size, frames = video.shape[-1], video.shape[1]
    flows = (torch.rand(len(video), generator=generator) < flow_share) & torch.tensor(frames > 1)
    if flows.any():
        maps = motion_maps(batch.tracks[flows], batch.visible[flows], size)
        video, weight = video.clone(), weight.clone()
        video[flows] = maps
        weight[flows] = 1 + 3 * (maps.amin(2, keepdim=True) < 0.98).float()
    counts, tracks = batch.present.sum(1).tolist(), batch.tracks.cpu()  # read once: each reading waits for the device
    videos, weights = [], []
    for b, count in enumerate(counts):
        random = torch.rand(4, generator=generator)
        entity, frame = int(random[0] * count), int(random[1] * frames)
        centre = (
            tracks[b, entity, frame] * size + 24 * (random[2:] - 0.5) if random[0] * 7 % 1 < 0.75 else random[2:] * size
        )
        x, y = ((centre - crop / 2).round().long().clamp(0, size - crop)).tolist()
        videos.append(video[b, :, :, y : y + crop, x : x + crop])
        weights.append(weight[b, :, :, y : y + crop, x : x + crop])
    return torch.stack(videos).transpose(1, 2), torch.stack(weights).transpose(1, 2)


def losses(vae, video: torch.Tensor, weight: torch.Tensor, near=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Training loss and mean squared error (of pixels in -1..1).

    Args:
        near: a VAE whose latents are to be kept; without one they are led to zero mean and unit deviation.
    """
    posterior = vae.encode(video).latent_dist
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    made = vae.decode((mean + LATENT_NOISE * torch.randn_like(mean)).to(video.dtype)).sample.float()
    error = made - video
    weight = weight / weight.mean()
    loss = (weight * error.abs()).mean() + 2 * (weight * error.square()).mean()
    for axis in (-1, -2, -3):
        if error.shape[axis] > 1:
            loss = loss + 0.5 * (error.diff(dim=axis).abs() * weight.narrow(axis, 1, error.shape[axis] - 1)).mean()
    if near is not None:
        with torch.no_grad():
            wanted = near.encode(video).latent_dist.mean.float()
        loss = loss + NEARNESS * (mean - wanted).square().mean()
    else:
        spread, centre = mean.std((0, 2, 3, 4)).clamp_min(1e-4), mean.mean((0, 2, 3, 4))
        loss = loss + 0.01 * (centre.square().mean() + spread.log().square().mean())
    loss = loss + 1e-5 * (logvar - 2 * math.log(LATENT_NOISE)).square().mean()
    return loss, error.detach().square().mean()


@torch.no_grad()
def evaluate(vae, atlas, split: str, clips: int = 16, device: str = "cpu", *, rebuilt: bool = True) -> dict[str, float]:
    """PSNR in dB on whole clips of 17 x 128 x 128 of a split (mean of clips), on the entities' pixels, and on maps of
    motion; and the latents' spread, alone unless ``rebuilt``."""
    world, first = World(atlas, split), 1 << 30
    sums = {"psnr": 0.0, "entities": 0.0, "motion": 0.0} if rebuilt else {}
    latents = []
    for seed in range(first, first + clips):
        batch = world.batch([seed], device)
        latents.append(vae.encode(batch.video.transpose(1, 2)).latent_dist.mode())
        for name in [name for name in ("psnr", "motion") if name in sums]:
            video = batch.video if name == "psnr" else motion_maps(batch.tracks, batch.visible, world.size)
            latent = latents[-1] if name == "psnr" else vae.encode(video.transpose(1, 2)).latent_dist.mode()
            error = ((vae.decode(latent).sample.transpose(1, 2).clamp(-1, 1) - video) / 2).square()
            sums[name] += _decibel(error.mean())
            if name == "psnr":
                mask = batch.masks.sum(1)[:, :, None].clamp(0, 1)
                sums["entities"] += _decibel((error * mask).sum() / mask.sum() / 3)
    latents = torch.cat(latents)
    return {k: v / clips for k, v in sums.items()} | {
        "latent_std": latents.std().item(),
        "latent_mean": latents.mean().item(),
    }


def exported(folder: Path):
    """The VAE that :func:`export` wrote there, in float32."""
    from diffusers import AutoencoderKLCogVideoX

    return AutoencoderKLCogVideoX.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)


def _decibel(error: torch.Tensor) -> float:
    return -10 * math.log10(max(error.item(), 1e-10))


def export(vae, atlas, folder: Path, *, rebuilt: bool = True, scaled: bool = False) -> dict[str, float]:
    """Writes the half-precision VAE with the measured scaling factor, or the one it has if it is ``scaled``; returns
    its held-out figures (in float32), see :func:`evaluate`."""
    figures = evaluate(vae, atlas, "heldout_names", device=str(vae.device), rebuilt=rebuilt)
    if not scaled:
        vae.register_to_config(scaling_factor=round(1 / figures["latent_std"], 4))
    vae.half().save_pretrained(folder)
    return figures


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=2e-3, batch=8)
    parser.add_argument("--frames", type=int, default=9, help="1 for stills, 9 or 17 (whole temporal windows)")
    parser.add_argument("--crop", type=int, default=64, help="side of the training windows, at most 128")
    parser.add_argument("--flow-share", type=float, default=0.15, help="part of the clips that are motion maps")
    parser.add_argument("--export", type=Path, default=None, help="only write the averaged weights there")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--near",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="start from that exported VAE and stay near its latents and scale, which a transformer learned",
    )
    start.add_argument(
        "--decoder-from",
        type=Path,
        default=None,
        metavar="RUN",
        help="train the decoder alone, starting from that run: latents stay what a transformer learned",
    )
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    vae = build() if args.near is None else exported(args.near)
    near = None if args.near is None else exported(args.near).to(args.device).requires_grad_(False)
    if args.decoder_from is not None:
        vae.load_state_dict(loop.averaged(args.decoder_from, "vae"))
        vae.encoder.requires_grad_(False)
    trainer = loop.Trainer({"vae": vae}, args)
    if args.export is not None:
        trainer.use_average()
        figures = export(vae, args.atlas, args.export, rebuilt=not args.no_figures, scaled=near is not None)
        print(json.dumps(figures))
        return
    world = World(args.atlas, "train", args.frames)
    plans = loop.plan_batches(world, trainer.step, args.batch, args.workers)
    for step in trainer:
        generator = torch.Generator().manual_seed(step)
        video, weight = crops(world.render(next(plans), args.device), args.crop, args.flow_share, generator)
        with trainer.autocast():
            loss, error = losses(vae, video, weight, near)
        trainer.descend(loss, psnr=-10 * torch.log10(error.detach() / 4))
    if not args.no_figures:
        trainer.use_average()
        print(json.dumps(evaluate(vae, args.atlas, "heldout_names", 4, args.device)))


if __name__ == "__main__":
    main()
