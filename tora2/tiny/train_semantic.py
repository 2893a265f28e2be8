"""Trains tora2-tiny's semantic encoder: a small transformers ``Dinov2Model`` whose patch tokens say who and how.

    python -m tora2.tiny.train_semantic --atlas ATLAS --out RUN --minutes 10
    python -m tora2.tiny.train_semantic --atlas ATLAS --out RUN --export FOLDER/semantic_encoder

Two aims at once: views of one picture are told from views of others (mean of the patch tokens, through a projection),
and a linear head rebuilds every patch's pixels from its own token, so that tokens keep the detail that generation
needs.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from . import loop
from .assets import SPLITS, Atlas
from .views import Views, contrast, draw_indices, retrieval

SIZE, PATCH, WIDTH = 64, 8, 128
MEAN = STD = (0.5, 0.5, 0.5)


def build():
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(
        Dinov2Config(
            hidden_size=WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            mlp_ratio=3,
            image_size=SIZE,
            patch_size=PATCH,
            layerscale_value=0.1,
            drop_path_rate=0.0,
            use_mask_token=False,
        )
    )


def tokens(model, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures [N, 3, 64, 64] in 0..1 -> patch tokens [N, 64, 128] without CLS."""
    return model(pixel_values=(pictures - 0.5) / 0.5).last_hidden_state[:, 1:]


class Heads(nn.Module):
    """Used in training only: projection for telling pictures apart, linear map from a token to its patch's pixels."""

    def __init__(self):
        super().__init__()
        self.project = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 128))
        self.pixels = nn.Linear(WIDTH, 3 * PATCH * PATCH)

    def identity(self, patch_tokens: torch.Tensor) -> torch.Tensor:
        return self.project(patch_tokens.mean(1))

    def rebuild(self, patch_tokens: torch.Tensor) -> torch.Tensor:
        """[N, 3, 64, 64] in 0..1."""
        return F.fold(self.pixels(patch_tokens).transpose(1, 2), SIZE, PATCH, stride=PATCH) * 0.5 + 0.5


def export(model, folder: Path) -> None:
    from ..personalization.semantic import Preprocessing, SemanticEncoder

    SemanticEncoder(model.half().cpu(), Preprocessing(size=SIZE, mean=MEAN, std=STD)).save_pretrained(folder)


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=1e-3, batch=96)
    parser.add_argument("--export", type=Path, default=None, help="only write the averaged weights to this folder")
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    atlas = Atlas.load(args.atlas)
    trainer = loop.Trainer({"model": build(), "heads": Heads()}, args, averaging=0.998)
    model, heads = trainer.modules["model"], trainer.modules["heads"]
    views = Views(atlas, SIZE, device=args.device)
    if args.export is None:
        train = atlas.split("train")
        for step in trainer:
            generator = torch.Generator().manual_seed(step)
            indices = draw_indices(train, args.batch, generator)
            pictures = torch.cat([views(indices, generator), views(indices, generator)])
            with trainer.autocast():
                found = tokens(model, pictures)
                made, (a, b) = heads.rebuild(found), heads.identity(found).chunk(2)
            error = made.float() - pictures
            loss, right = contrast(a, b)
            trainer.descend(
                loss + 10 * error.abs().mean() + 10 * error.square().mean(),
                right=right,
                rebuilt=-10 * torch.log10(error.detach().square().mean()),
            )
    trainer.use_average()
    if not args.no_figures:
        figures = {}
        for split in SPLITS:
            allowed = atlas.split(split)
            top = retrieval(lambda x: heads.identity(tokens(model, x)), views, allowed)
            plain = retrieval(lambda x: tokens(model, x).mean(1), views, allowed)
            generator = torch.Generator().manual_seed(1 << 40)
            pictures = views(draw_indices(allowed, 100, generator), generator)
            with torch.no_grad():
                error = (heads.rebuild(tokens(model, pictures)) - pictures).square().mean()
            figures[split] = {
                "top-1 of 50": round(top, 4),
                "by mean token": round(plain, 4),
                "rebuilt dB": round(-10 * error.log10().item(), 2),
            }
        print(json.dumps(figures))
    if args.export is not None:
        export(model, args.export)


if __name__ == "__main__":
    main()
