"""Trains tora2-tiny's transformer with all its Tora2 parts, and its text encoder, on encoded clips.

    python -m tora2.tiny.train_dit --model WEIGHTS --shards STILLS --out RUN --minutes 15 --batch 32
    python -m tora2.tiny.train_dit --model WEIGHTS --shards SHARDS --out RUN --resume --minutes 60
    python -m tora2.tiny.train_dit --model WEIGHTS --out RUN --export WEIGHTS

Base, Tora parts and Tora2 parts are trained jointly, from scratch: at this size there is no pretrained base to protect.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from ..checkpoints.components import make_scheduler
from ..conditions import VideoSize
from ..dit import Tora2Transformer3DModel
from ..stages.denoising import rotary_tables
from ..training.step import Recipe, TrainingBatch, training_losses
from . import config, loop
from .encode_clips import PER_SHARD

RECIPE = Recipe(drop_caption=0.15, drop_references=0.1, drop_trajectories=0.1, drop_entities=0.2, keep_first_frame=0.25)


class Shards:
    """Batches of encoded clips; which one a step sees follows from its number alone."""

    def __init__(self, folder: Path, batch: int):
        self.paths = sorted(folder.glob("*.safetensors"))
        if not self.paths:
            raise SystemExit(f"{folder} holds no encoded clips; make some with python -m tora2.tiny.encode_clips.")
        self.batch = batch

    def __call__(self, step: int) -> Iterator[dict[str, torch.Tensor]]:
        """Batches from ``step`` on, for ever."""
        parts = PER_SHARD // self.batch
        loaded, shard = None, {}
        while True:
            epoch, place = divmod(step, len(self.paths) * parts)
            number, part = divmod(place, parts)
            path = random.Random(epoch).sample(self.paths, len(self.paths))[number]
            if path != loaded:
                loaded, shard = path, load_file(path)
            clips = torch.randperm(PER_SHARD, generator=torch.Generator().manual_seed(epoch))
            yield select(shard, clips[part * self.batch : (part + 1) * self.batch])
            step += 1


def select(shard: dict[str, torch.Tensor], clips: torch.Tensor) -> dict[str, torch.Tensor]:
    """The chosen clips of a shard, their entities in ascending order of the new clip number."""
    place = torch.full((len(shard["latents"]),), -1)
    place[clips] = torch.arange(len(clips))
    video = place[shard["video"]]
    rows = torch.argsort(video, stable=True)
    rows = rows[video[rows] >= 0]
    per_clip = ("latents", "weights", "motion_latents", "ids")
    chosen = {name: tensor[clips if name in per_clip else rows] for name, tensor in shard.items() if name != "video"}
    return chosen | {"video": video[rows]}


def training_batch(raw: dict[str, torch.Tensor], text_encoder: nn.Module, null_ids: torch.Tensor) -> TrainingBatch:
    """Raw tensors of a shard -> TrainingBatch on the text encoder's device."""
    device = text_encoder.device
    raw = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in raw.items()}
    states = text_encoder(torch.cat([raw["ids"], null_ids]).to(device))[0]
    ids = raw.pop("ids")
    batch = TrainingBatch(text=states[: len(ids)], null_text=states[len(ids) :], **raw)
    return batch.to(device)


def build(model: Path) -> dict[str, nn.Module]:
    from transformers import T5EncoderModel

    return {
        "transformer": Tora2Transformer3DModel(**config.TRANSFORMER),
        "text_encoder": T5EncoderModel.from_pretrained(model / "text_encoder", torch_dtype=torch.float32),
    }


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=7e-4, batch=8, draws_clips=False)
    parser.add_argument("--model", type=Path, required=True, help="folder of trained encoders")
    parser.add_argument("--shards", type=Path, help="folder of encode_clips")
    parser.add_argument("--export", type=Path, help="only write the averaged weights into this model folder")
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    trainer = loop.Trainer(build(args.model), args)
    if args.export is not None:
        from .export import export_transformer

        trainer.use_average()
        export_transformer(trainer.modules["transformer"], trainer.modules["text_encoder"], args.export)
        return

    from transformers import AutoTokenizer

    from ..phrases import tokenize_prompt

    null_ids = tokenize_prompt(AutoTokenizer.from_pretrained(args.model / "tokenizer"), "", config.TEXT_LENGTH)[0]
    transformer, text_encoder = trainer.modules["transformer"], trainer.modules["text_encoder"]
    alphas = make_scheduler().alphas_cumprod
    batches = Shards(args.shards, args.batch)(trainer.step)
    rotary = None
    for step in trainer:
        raw = next(batches)
        if rotary is None:
            frames = 4 * (raw["latents"].shape[1] - 1) + 1
            rotary = rotary_tables(transformer, VideoSize(frames, config.SIZE, config.SIZE), args.device)
            # A still given its own first frame would have nothing left to learn.
            recipe = RECIPE if frames > 1 else replace(RECIPE, keep_first_frame=0.0)
        with trainer.autocast():
            batch = training_batch(raw, text_encoder, null_ids)
            losses = training_losses(transformer, batch, alphas, rotary, recipe, torch.Generator().manual_seed(step))
        trainer.descend(**losses)


if __name__ == "__main__":
    main()
