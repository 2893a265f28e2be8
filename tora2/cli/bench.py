"""`python -m tora2 bench`: the cost of one guided step beside plain CogVideoX and alibaba/Tora, in one run."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

HELP = "Measure the cost of one denoising step against plain CogVideoX (and alibaba/Tora, given a checkout)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", default="small", help="tiny, small or 5b (default: small)")
    parser.add_argument("--frames", type=int, default=17, help="frames of the video (default: 17)")
    parser.add_argument("--height", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument("--width", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument("--entities", type=int, default=2, help="entities with a reference (default: 2)")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds, after one warm-up (default: 7)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--tora", type=Path, metavar="DIR", help="a checkout of alibaba/Tora to run beside")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def main(args: argparse.Namespace) -> int:
    import torch

    from ..benchmark.step import contenders, measure
    from ..conditions import VideoSize
    from ..stages.motion import check_size

    size = check_size(VideoSize(args.frames, args.height, args.width))
    runs = contenders(args.shape, size, args.entities, args.device, getattr(torch, args.dtype), args.tora)
    results = measure(runs, args.rounds, args.device)
    print(f"{args.shape}, {size.frames} frames of {size.width}x{size.height}, {args.entities} entities, {args.dtype}")
    print(f"{'one guided step':<30}{'median':>10}{'least':>10}{'ratio':>8}")
    for result in results:
        least = min(result.rounds)
        print(f"{result.name:<30}{result.seconds:>9.3f}s{least:>9.3f}s{result.ratio:>8.3f}")
    if args.json:
        args.json.write_text(json.dumps([asdict(result) for result in results], indent=2), encoding="utf-8")
    return 0
