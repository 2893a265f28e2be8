"""Trains tora2-tiny's two identity encoders: re-identification of objects, and the face embedder.

    python -m tora2.tiny.train_identity reid --atlas ATLAS --out RUN --minutes 10
    python -m tora2.tiny.train_identity face --atlas ATLAS --out RUN --minutes 10
    python -m tora2.tiny.train_identity reid --atlas ATLAS --out RUN --export FOLDER/reid_encoder/model.onnx

Metric learning: two views of one picture belong together, views of other pictures do not. In this world a face is a
smiley's disc or a person's bust; the embedder sees it aligned upright, as insightface cuts it, hence little turn.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from . import loop, onnx_export
from .assets import Atlas
from .nets import Embedder
from .views import Views, contrast, draw_indices, retrieval

KINDS = {
    "reid": {"size": 64, "dimension": 256, "mean": 0.5, "std": 0.5, "views": {"turn": 0.45}},
    # FaceAnalysis wants 112 pixels and feeds (x - 127.5) / 127.5; what the crop misses it fills with black.
    "face": {
        "size": 112,
        "dimension": 256,
        "mean": 0.5,
        "std": 0.5,
        "views": {"turn": 0.15, "fill": (0.85, 1.1), "scenery": 0.3},
    },
}


def build(kind: str) -> Embedder:
    return Embedder(KINDS[kind]["size"], KINDS[kind]["dimension"])


def allowed(atlas: Atlas, kind: str, split: str) -> list[int]:
    """Faces for the face embedder. Re-identification learns from faces as well: more pictures, and it may meet them."""
    return [i for i in atlas.split(split) if atlas.human[i] or kind == "reid"]


def export(net: Embedder, kind: str, path: Path) -> None:
    """Writes the ONNX file; the re-identification encoder's carries its contract."""
    onnx_export.export(net, net.size, path, ["embedding"], dynamic=True)
    if kind == "reid":
        from ..personalization.reid import ReidContract, write_contract

        half = (0.5, 0.5, 0.5)
        write_contract(path, ReidContract(size=net.size, dimension=net.dimension, mean=half, std=half, channels="RGB"))


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=2e-3, batch=96)
    parser.add_argument("kind", choices=tuple(KINDS))
    parser.add_argument("--export", type=Path, default=None, help="only write the averaged weights as this ONNX file")
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    settings, atlas = KINDS[args.kind], Atlas.load(args.atlas)
    trainer = loop.Trainer({"net": build(args.kind)}, args)
    net = trainer.modules["net"]

    def embed(pictures: torch.Tensor) -> torch.Tensor:
        return net((pictures - settings["mean"]) / settings["std"])

    views = Views(atlas, settings["size"], device=args.device, **settings["views"])
    if args.export is None:
        train = allowed(atlas, args.kind, "train")
        for step in trainer:
            generator = torch.Generator().manual_seed(step)
            indices = draw_indices(train, args.batch, generator)
            pictures = torch.cat([views(indices, generator), views(indices, generator)])
            with trainer.autocast():
                a, b = embed(pictures).chunk(2)
            loss, right = contrast(a, b)
            trainer.descend(loss, right=right)
    trainer.use_average()
    if not args.no_figures:
        figures = {
            split: round(retrieval(embed, views, allowed(atlas, args.kind, split)), 4)
            for split in ("train", "heldout_names", "heldout_style")
        }
        print(json.dumps({"top-1 of 50": figures}))
    if args.export is not None:
        export(net, args.kind, args.export)


if __name__ == "__main__":
    main()
