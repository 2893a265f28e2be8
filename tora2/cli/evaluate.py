"""`python -m tora2 evaluate`: how well a model does what is asked of it, with intervals; two suites."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

HELP = "Measure a model on held-out scenes beside controls, or any model's videos by the paper's metrics."
MOST_STEPS = 1000  # the diffusion has no more timesteps
NETWORKS = {
    "clip": "a CLIPModel: measures Text-S and Vid-S",
    "dino": "a DINOv2: measures Subj-S, with --detector",
    "detector": "a Grounding DINO: finds the entities for --dino and --faces",
    "faces": "an insightface pack: measures Face-S",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--suite", default="tiny", choices=("tiny", "paper"), help="tiny (default): generate and measure; paper: below"
    )
    parser.add_argument("--model", default="tora2-tiny", help="a model's name or folder (default: tora2-tiny)")
    parser.add_argument("--models", type=Path, help="ComfyUI's models folder (default: the one around this pack)")
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
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps")
    group = parser.add_argument_group("paper", "the paper's metrics, of videos that any model made of given scenes")
    group.add_argument("--samples", type=Path, metavar="DIR", help="scenes in the format of tora2/training/README.md")
    group.add_argument("--videos", type=Path, metavar="DIR", help="a video for each sample: NAME.mp4, .webm or .gif")
    for name, what in NETWORKS.items():
        group.add_argument(f"--{name}", type=Path, metavar="FOLDER", help=what)


def main(args: argparse.Namespace) -> int:
    from ..errors import Tora2Error

    _check_device(args.device)
    if args.suite == "paper":
        return _paper(args)
    for name in ("samples", "videos", *NETWORKS):
        if getattr(args, name) is not None:
            raise Tora2Error(f"--{name} belongs to the paper's suite: add --suite paper, or leave it out.")
    return _tiny(args)


def _tiny(args: argparse.Namespace) -> int:
    from ..checkpoints.discovery import find_models
    from ..checkpoints.folders import default_models_folder
    from ..errors import Tora2Error
    from ..evaluation.folder import evaluate_folder
    from ..evaluation.generation import GENERATED

    if args.scenes < 1 or not 1 <= args.steps <= MOST_STEPS:
        raise Tora2Error(f"--scenes must be at least 1, and --steps lie between 1 and {MOST_STEPS}.")
    if args.seed < 0 or not math.isfinite(args.guidance):
        raise Tora2Error("--seed must not be negative, and --guidance must be a number.")
    models = find_models([args.models or default_models_folder()])
    if args.model not in models and not Path(args.model).is_dir():
        raise Tora2Error(f"There is no model {args.model!r}; there are {', '.join(models) or 'none'}.")
    evaluate_folder(
        models.get(args.model, Path(args.model)),
        args.atlas,
        args.out,
        device=args.device,
        scenes=args.scenes,
        entities=args.entities,
        steps=args.steps,
        seed=args.seed,
        split=args.split,
        guidance=args.guidance,
        precision=args.precision,
        ways=GENERATED if args.controls == "all" else GENERATED[:1],
    )
    _say_where(args.out)
    return 0


def _paper(args: argparse.Namespace) -> int:
    from ..errors import Tora2Error
    from ..evaluation import paper, report

    for name, what in (("samples", "the folder of the scenes"), ("videos", "the folder of the generated videos")):
        if getattr(args, name) is None:
            raise Tora2Error(f"The paper's suite needs --{name}: give it {what}.")
    result = paper.run(
        args.samples,
        args.videos,
        paper.open_networks({name: getattr(args, name) for name in NETWORKS}, args.device),
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(report.paper_table(result))
    if args.out is not None:
        report.write_paper(result, args.out)
    _say_where(args.out)
    return 0


def _check_device(name: str) -> None:
    import torch

    from ..errors import Tora2Error

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch's ways of not having it
        reason = str(error).strip().partition("\n")[0][:160].rstrip(" .")
        raise Tora2Error(f"--device {name} cannot be used here ({reason}): give another, such as cpu.") from error


def _say_where(out: Path | None) -> None:
    if out is not None:
        print(f"\nWritten to {out}")
