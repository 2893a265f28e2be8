"""`python -m tora2 evaluate`: how well a model does what is asked of it, with controls and intervals."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "Measure trajectories, binding, identity and text on held-out scenes, beside controls."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", default="tiny", choices=("tiny",), help="which scenes (default: tiny)")
    parser.add_argument("--model", default="tora2-tiny", help="a model's name or folder (default: tora2-tiny)")
    parser.add_argument(
        "--models-dir", type=Path, action="append", default=[], help="a models folder to look in as well"
    )
    parser.add_argument("--scenes", type=int, default=12, help="how many scenes (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene; the others follow (default: 0)")
    parser.add_argument("--entities", type=int, default=2, help="entities in a scene, 1 to 4 (default: 2)")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps (default: 50)")
    parser.add_argument(
        "--precision", default="float32", choices=("float32", "bfloat16", "float16"), help="default: float32"
    )
    parser.add_argument("--guidance", type=float, default=6.0, help="guidance scale (default: 6)")
    parser.add_argument("--split", default="heldout_names", choices=("heldout_names", "heldout_style"))
    parser.add_argument(
        "--atlas",
        type=Path,
        metavar="DIR",
        help="pictures made by python -m tora2.tiny.assets; without it the ten pictures of workflows/inputs are used",
    )
    parser.add_argument(
        "--controls", default="all", choices=("all", "none"), help="none: only the real thing and given videos"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="keep table, JSON and videos there, and go on from there"
    )


def main(args: argparse.Namespace) -> int:
    import torch

    from ..checkpoints.discovery import find_models
    from ..errors import Tora2Error
    from ..evaluation import report, suite
    from ..evaluation.folder import on_device
    from ..evaluation.generation import GENERATED
    from ..evaluation.measures import Judges
    from ..evaluation.networks import load_recognizer, load_watcher
    from ..evaluation.scenes import make_world

    if args.scenes < 1 or args.steps < 1:
        raise Tora2Error("--scenes and --steps must be at least 1.")
    models = find_models(args.models_dir)
    if args.model not in models and not Path(args.model).is_dir():
        raise Tora2Error(f"There is no model {args.model!r}; there are {', '.join(models) or 'none'}.")
    bundle = on_device(models.get(args.model, Path(args.model)), "cpu", getattr(torch, args.precision))
    settings = suite.Settings(
        split=args.split if args.atlas else "shipped pictures",
        scenes=args.scenes,
        first_seed=args.seed,
        entities=args.entities,
        steps=args.steps,
        guidance=args.guidance,
        precision=args.precision,
        ways=GENERATED if args.controls == "all" else GENERATED[:1],
    )
    result = suite.run(
        bundle,
        make_world(args.atlas, args.split, args.entities),
        Judges(load_watcher(), load_recognizer()),
        settings,
        out=args.out,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(report.table(result))
    if args.out is not None:
        report.write(result, args.out)
        print(f"\nWritten to {args.out}")
    return 0
