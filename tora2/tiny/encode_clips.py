"""Writes clips of the world as latents and frozen features, so that training the transformer need not draw them again.

    python -m tora2.tiny.encode_clips --atlas ATLAS --model WEIGHTS --out SHARDS --clips 4096
    python -m tora2.tiny.encode_clips --atlas ATLAS --model WEIGHTS --out STILLS --clips 16384 --frames 1

``WEIGHTS`` is the folder of trained encoders in the layout of a shipped model; they run through the same classes as in
a generation. A shard is one safetensors file of ``PER_SHARD`` clips; shards that exist are kept, so the command can go
on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from safetensors.torch import save_file

from ..conditions import Entity, VideoSize
from ..personalization.encoders import encode_identities
from ..phrases import find_phrase, tokenize_prompt
from ..stages.motion import encode_colors, motion_colors, to_latent_frames
from . import config
from .world import World, WorldBatch

PER_SHARD = 64
MOST_WORDS = 8
ENTITY_WEIGHT = 8.0


class Encoders:
    """The frozen networks of a model folder."""

    def __init__(self, folder: Path, device: str, *, bf16: bool = False):
        from diffusers import AutoencoderKLCogVideoX
        from transformers import AutoTokenizer

        from ..personalization.face import FaceEncoder
        from ..personalization.reid import ReidEncoder
        from ..personalization.semantic import SemanticEncoder

        self.vae = AutoencoderKLCogVideoX.from_pretrained(folder / "vae", torch_dtype=torch.float32).to(device).eval()
        self.vae_precision = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16)
        self.tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        self.semantic = SemanticEncoder.from_pretrained(folder / "semantic_encoder")
        self.reid = ReidEncoder(folder / "reid_encoder" / "model.onnx")
        self.face = FaceEncoder(folder / "face_encoder")


@torch.no_grad()
def encode(batch: WorldBatch, encoders: Encoders) -> dict[str, torch.Tensor]:
    """A world batch as the tensors of a shard; ``video`` counts clips from 0."""
    frames = batch.video.shape[1]
    size = VideoSize(frames, batch.video.shape[-2], batch.video.shape[-1])
    colors = motion_colors(batch.tracks, batch.visible, size, config.FLOW_SIGMA, config.FLOW_WINDOW)
    with encoders.vae_precision:
        shard = {
            "latents": encode_video(encoders.vae, batch.video),
            "weights": latent_weights(batch.masks),
            "motion_latents": encode_colors(encoders.vae, colors),
        }
    points, visible = to_latent_frames(batch.tracks, batch.visible)
    ids, word_index, video, entities = [], [], [], []
    for clip, caption in enumerate(batch.captions):
        tokens, offsets, truncated = tokenize_prompt(encoders.tokenizer, caption, config.TEXT_LENGTH)
        ids.append(tokens[0])
        for index, phrase in enumerate(batch.phrases[clip]):
            words = find_phrase(caption, phrase, offsets, truncated_from=truncated)[:MOST_WORDS]
            word_index.append(torch.tensor(words + [-1] * (MOST_WORDS - len(words))))
            video.append(clip)
            picture = batch.references[clip, index].permute(1, 2, 0)
            entities.append(Entity(phrase, picture, batch.reference_masks[clip, index]))
    transformer = config.TRANSFORMER["personalization_config"]
    features = encode_identities(
        entities,
        semantic=encoders.semantic,
        face=encoders.face,
        reid=encoders.reid,
        size=encoders.semantic.size,
        face_width=transformer["face_width"],
        reid_width=transformer["reid_width"],
    )
    present = batch.present
    shard |= {
        "ids": torch.stack(ids),
        "word_index": torch.stack(word_index),
        "video": torch.tensor(video),
        "identity": batch.indices[present],
        "points": points[present][:, None],
        "visible": visible[present][:, None],
        "semantic": features.semantic,
        "reid": features.reid,
        "face": features.face,
        "is_human": features.is_human,
    }
    return {name: _compact(tensor).contiguous().cpu() for name, tensor in shard.items()}


def encode_video(vae, video: torch.Tensor) -> torch.Tensor:
    latents = vae.encode(rearrange(video, "b t c h w -> b c t h w").to(vae.device)).latent_dist.mode()
    return rearrange(latents * vae.config.scaling_factor, "b c t h w -> b t c h w")


def latent_weights(masks: torch.Tensor, *, each: bool = False) -> torch.Tensor:
    """Weights [B, T', 1, H/8, W/8] of the diffusion loss, larger on the entities; masks are [B, E, T, H, W].

    Their mean is one, over all clips together or over ``each``.
    """
    union = F.avg_pool2d(masks.amax(1), 8)
    first, later = union[:, :1], union[:, 1:]
    if later.shape[1]:
        first = torch.cat([first, rearrange(later, "b (t r) h w -> b t r h w", r=4).mean(2)], dim=1)
    weights = 1 + (ENTITY_WEIGHT - 1) * first[:, :, None]
    return weights / (weights.mean((1, 2, 3, 4), keepdim=True) if each else weights.mean())


def _compact(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of trained encoders")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=4096)
    parser.add_argument("--first", type=int, default=0, help="the first clip's number, for processes side by side")
    parser.add_argument("--frames", type=int, default=config.FRAMES, help="1 writes stills")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--bf16", action="store_true", help="the VAE in bfloat16, for processors that have it")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    encoders = Encoders(args.model, args.device, bf16=args.bf16)
    odds = config.ENTITY_ODDS
    world = World(args.atlas, "train", args.frames, entity_weights=odds, tokenizer=encoders.tokenizer)
    started = time.monotonic()
    for first in range(args.first, args.first + args.clips, PER_SHARD):
        path = args.out / f"{first:08d}.safetensors"
        if path.exists() or time.monotonic() - started > 60 * args.minutes:
            continue
        parts = [
            encode(world.batch(range(seed, seed + 8), args.device), encoders) for seed in range(first, first + 64, 8)
        ]
        for index, part in enumerate(parts):
            part["video"] += 8 * index
        shard = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        save_file(shard, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
        print(f"{path.name}  {(time.monotonic() - started) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
