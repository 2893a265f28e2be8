"""`python -m tora2 convert WHAT ...`: checkpoints between layouts, offline."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import CheckpointError

HELP = "Convert checkpoints and adapters between layouts."
DTYPES = ("bf16", "fp16", "fp32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    sat = _add(kinds, "sat", "SAT checkpoint (mp_rank_00_model_states.pt) -> a model folder", _sat)
    sat.add_argument("checkpoint", type=Path, metavar="FILE.pt", help="the SAT checkpoint; no code in it is ever run")
    sat.add_argument("out", type=Path, metavar="OUT_DIR", help="new folder, such as models/tora2/my-model")
    sat.add_argument(
        "--base", type=Path, metavar="DIR", help="CogVideoX-5b's folder: its VAE, text encoder and tokenizer are used"
    )

    export = _add(kinds, "adapter-export", "the adapter of a model folder -> one file", _export)
    export.add_argument("model", type=Path, metavar="MODEL", help="folder, such as Tora_T2V_diffusers")
    export.add_argument(
        "out", type=Path, metavar="OUT.safetensors", help="such as models/tora2/adapters/tora.safetensors"
    )

    adapter = _add(kinds, "adapter-import", "Tora's fuser and trajectory extractor -> one adapter file", _import)
    adapter.add_argument("fuser", type=Path, metavar="FUSER.safetensors", help="fuser.safetensors or fuser_I2V")
    adapter.add_argument("extractor", type=Path, metavar="TRAJ_EXTRACTOR.safetensors")
    adapter.add_argument("out", type=Path, metavar="OUT.safetensors")

    split = _add(kinds, "adapter-to-tora", "an adapter file -> Tora's fuser and trajectory extractor", _split)
    split.add_argument("adapter", type=Path, metavar="ADAPTER.safetensors")
    split.add_argument("out", type=Path, metavar="OUT_DIR", help="folder that gets fuser/ and traj_extractor/")

    reid = kinds.add_parser("reid", help="torchvision's detector -> the re-identification encoder (ONNX)")
    reid.add_argument("out", type=Path, metavar="OUT.onnx", help="such as models/tora2/reid/fasterrcnn.onnx")
    reid.add_argument(
        "--weights", type=Path, metavar="FILE", help="fasterrcnn_resnet50_fpn_v2_coco-*.pth of torchvision"
    )
    reid.set_defaults(convert=_reid)


def main(args: argparse.Namespace) -> int:
    for path in args.convert(args):
        print(f"wrote {path}")
    return 0


def _add(kinds: argparse._SubParsersAction, name: str, text: str, convert) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=text, description=text)
    parser.add_argument("--dtype", choices=DTYPES, help="precision of the written weights (default: as they are)")
    parser.set_defaults(convert=convert)
    return parser


def _dtype(args: argparse.Namespace):
    import torch

    names = dict(zip(DTYPES, (torch.bfloat16, torch.float16, torch.float32), strict=True))
    return names.get(args.dtype)


def _sat(args: argparse.Namespace) -> list[Path]:
    from ..checkpoints.conversion import sat_to_ours

    return [sat_to_ours(args.checkpoint, args.out, args.base, _dtype(args))]


def _export(args: argparse.Namespace) -> list[Path]:
    from ..checkpoints.conversion import export_adapter

    return [export_adapter(args.model, args.out, _dtype(args))]


def _import(args: argparse.Namespace) -> list[Path]:
    from ..checkpoints.conversion import tora_to_adapter

    return [tora_to_adapter(args.fuser, args.extractor, args.out, _dtype(args))]


def _split(args: argparse.Namespace) -> list[Path]:
    from ..checkpoints.conversion import adapter_to_tora

    return list(adapter_to_tora(args.adapter, args.out, _dtype(args)))


def _reid(args: argparse.Namespace) -> list[Path]:
    from ..checkpoints.reid_export import WEIGHTS_NAME, WEIGHTS_URL, export_reid

    # torchvision's own download folder; without weights the encoder would be made of random numbers.
    weights = args.weights or _torch_hub() / WEIGHTS_NAME
    if not weights.is_file():
        raise CheckpointError(f"There are no weights at {weights}: get {WEIGHTS_URL} and give it with --weights.")
    return [export_reid(args.out, weights)]


def _torch_hub() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"
