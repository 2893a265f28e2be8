"""`python -m tora2 bench`: steps, whole loops of the presets, attention kernels, and what the presets lose."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import Tora2Error

HELP = "Measure what a step and a whole denoising loop cost, beside plain CogVideoX and alibaba/Tora."

PARTS = ("steps", "loops", "attention", "quality", "memory")
SESSIONS: dict[int, dict[str, Any]] = {
    1: {"what": ["steps", "attention"], "more_entities": [1, 3, 8], "rounds": 5},
    2: {"what": ["loops"], "variants": ["exact", "exact+compile", "balanced+compile", "fast+compile"]},
    3: {
        "what": ["loops"],
        "variants": ["exact+compile+fp8", "balanced+compile+fp8", "exact+compile+int8", "exact+fp8_weights"],
    },
    4: {"what": ["steps"], "compile": True, "rounds": 5},
    5: {"what": ["memory"]},
}
"""Runs that together measure everything at full size, each within ten minutes on an H100."""

DEFAULTS: dict[str, Any] = {
    "shape": "small",
    "frames": 17,
    "height": 256,
    "width": 256,
    "what": ["steps"],
    "variants": ["exact", "balanced", "fast"],
    "more_entities": [],
    "rounds": 7,
    "compile": False,
}
FULL_SIZE = {"shape": "5b", "frames": 49, "height": 480, "width": 720}

EPILOG = """\
Parts: `steps` times one guided step of ours beside diffusers' CogVideoX and, with --tora, alibaba/Tora. `loops` times
whole denoising loops; a variant is a preset with switches, e.g. balanced+compile+fp8+cudnn. `attention` times and
checks every attention kernel. `quality` measures on tora2-tiny what the presets lose (PSNR to exact, TrajError, place
error). `memory` runs a whole job, text encoder to pictures, under one cap of GPU memory after the other with the
settings that auto picks for it. Weights are random except for `quality`: schedules are by step number, so they change
no time.

On a machine with an H100 (each command ends within ten minutes; --tora is a checkout of alibaba/Tora):

  python -m tora2 bench --session 1 --tora DIR --json 1.json   cost of Tora2's parts and of entities, Tora, kernels
  python -m tora2 bench --session 2 --tora DIR --json 2.json   whole loops: exact, compiled, balanced, fast; Tora's step
  python -m tora2 bench --session 3 --json 3.json              whole loops in 8 bits
  python -m tora2 bench --session 4 --tora DIR --json 4.json   session 1's steps, compiled
  python -m tora2 bench --session 5 --json 5.json              the whole job under caps of memory from 80 to 6 GiB

The same on a CPU, in small: add --shape tiny --frames 9 --height 32 --width 32 --steps 6.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--what", nargs="+", choices=PARTS, help="what to measure (default: steps)")
    parser.add_argument("--session", type=int, choices=sorted(SESSIONS), help="a part of the full-size run, see below")
    parser.add_argument("--shape", help="tiny, small or 5b (default: small; 5b with its own size)")
    parser.add_argument("--frames", type=int, help="frames of the video (default: 17)")
    parser.add_argument("--height", type=int, help="pixels (default: 256)")
    parser.add_argument("--width", type=int, help="pixels (default: 256)")
    parser.add_argument("--entities", type=int, default=2, help="entities with a reference (default: 2)")
    parser.add_argument("--more-entities", type=int, nargs="+", metavar="N", help="steps: these numbers, too")
    parser.add_argument("--variants", nargs="+", metavar="V", help="loops: PRESET[+compile][+QUANTIZATION][+ATTENTION]")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps of a loop (default: 50)")
    parser.add_argument("--videos", type=int, default=1, help="videos in one loop (default: 1)")
    parser.add_argument("--compile", action="store_true", default=None, help="steps: compile ours and plain CogVideoX")
    parser.add_argument("--attention", default="auto", help="steps: attention kernel of both (default: auto)")
    parser.add_argument("--low-memory", action="store_true", help="loops: branches in sequence, modulations recomputed")
    parser.add_argument(
        "--memory-ladder", nargs="+", metavar="GIB", help="memory: caps, GIB or GIB+QUANTIZATION (default: 80 to 6)"
    )
    parser.add_argument("--rounds", type=int, help="timed rounds, after one warm-up (default: 7)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    parser.add_argument("--tora", type=Path, metavar="DIR", help="a checkout of alibaba/Tora to run beside")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="leave out or estimate what does not fit")
    parser.add_argument("--atlas", type=Path, metavar="DIR", help="quality: pictures of python -m tora2.tiny.assets")
    parser.add_argument("--scenes", type=int, default=10, help="quality: held-out scenes (default: 10)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="quality: keep figures there and go on from there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def main(args: argparse.Namespace) -> int:
    import torch

    from ..benchmark.timing import Budget, describe_device
    from ..conditions import VideoSize
    from ..stages.motion import check_size

    _fill(args)
    budget = Budget(args.budget)
    device = args.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = args.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
    size = check_size(VideoSize(args.frames, args.height, args.width))
    head = f"{args.shape}, {size.frames} frames of {size.width}x{size.height}, {args.entities} entities, {dtype}"
    report: dict[str, Any] = {"device": describe_device(device), "job": head}
    print(f"{head}\n{report['device']}", flush=True)
    measured: dict[str, list[Any]] = {}
    for part in args.what:
        report[part] = []

        def keep(row: Any, rows: list[Any] = report[part]) -> None:
            """A run that is cut off keeps what it has."""
            rows.append(asdict(row))
            _write(args.json, report)

        measured[part] = MEASURES[part](args, size, device, getattr(torch, dtype), budget, keep)
        report[part] = [asdict(row) for row in measured[part]]
        _write(args.json, report)
    if {"steps", "loops"} & set(measured):
        from ..benchmark.report import bars

        report["bars"] = bars(measured.get("steps", []), measured.get("loops", []))
        print("\n" + "\n".join(report["bars"]))
        _write(args.json, report)
    return 0


def _steps(args, size, device, dtype, budget, keep) -> list[Any]:
    from ..acceleration.settings import Acceleration
    from ..benchmark.report import steps_table
    from ..benchmark.step import contenders, measure

    acceleration = Acceleration(args.attention, "on" if args.compile else "off")
    runs = contenders(args.shape, size, args.entities, device, dtype, args.tora, args.more_entities, acceleration)
    results = measure(runs, args.rounds, device, budget)
    print("\n" + steps_table(results), flush=True)
    return results


def _loops(args, size, device, dtype, budget, keep) -> list[Any]:
    from ..benchmark.loops import Job, Variant, measure_loops
    from ..benchmark.report import loops_table
    from ..benchmark.step import base_config, random_transformer

    variants = [Variant.parse(text) for text in args.variants]
    job = Job(size, args.steps, args.entities, args.videos)
    if args.low_memory:
        job = Job(size, args.steps, args.entities, args.videos, "in sequence", False)
    config = base_config(args.shape, size)
    loops = measure_loops(
        lambda: random_transformer(config, device, dtype),
        job,
        variants,
        budget=budget,
        progress=_say,
        on_result=lambda loop: (_say(loops_table([loop])), keep(loop)),
    )
    print("\n" + loops_table(loops), flush=True)
    return loops


def _memory(args, size, device, dtype, budget, keep) -> list[Any]:
    from ..benchmark.loops import Job
    from ..benchmark.memory import LADDER, ladder_table, measure_ladder, random_models
    from ..benchmark.step import base_config

    config = base_config(args.shape, size)
    job = Job(size, args.steps, args.entities, args.videos)
    rungs = measure_ladder(
        lambda: random_models(config, device, dtype, args.shape == "5b"),
        job,
        args.memory_ladder or LADDER,
        device,
        budget=budget,
        progress=_say,
        keep=lambda rungs: keep(rungs[-1]),
    )
    print("\n" + ladder_table(rungs), flush=True)
    return rungs


def _attention(args, size, device, dtype, budget, keep) -> list[Any]:
    from ..benchmark.kernels import measure_kernels
    from ..benchmark.report import kernels_table
    from ..benchmark.step import base_config, random_transformer

    config = base_config(args.shape, size) | {"num_layers": 1}
    kernels = measure_kernels(random_transformer(config, device, dtype), size)
    print("\n" + kernels_table(kernels), flush=True)
    return kernels


def _quality(args, size, device, dtype, budget, keep) -> list[Any]:
    import torch

    from ..benchmark.quality import measure_presets, table
    from ..checkpoints.discovery import find_models
    from ..checkpoints.loading import load
    from ..evaluation.measures import Judges
    from ..evaluation.networks import load_recognizer, load_watcher
    from ..evaluation.scenes import make_world

    bundle = load(find_models([])["tora2-tiny"], torch.float32)
    losses = measure_presets(
        bundle,
        make_world(args.atlas, "heldout_names", 2),
        Judges(load_watcher(), load_recognizer()),
        presets=[text.split("+")[0] for text in args.variants],
        scenes=args.scenes,
        steps=args.steps,
        out=args.out,
        progress=_say,
    )
    print("\n" + table(losses, bundle.name, args.scenes), flush=True)
    return losses


MEASURES = {"steps": _steps, "loops": _loops, "attention": _attention, "quality": _quality, "memory": _memory}


def _fill(args: argparse.Namespace) -> None:
    """What was not given: the session's, else the full size for 5b, else the small default."""
    chosen = dict(DEFAULTS)
    if args.session is not None:
        chosen |= FULL_SIZE | SESSIONS[args.session]
        args.budget = 9.0 if args.budget is None else args.budget
        if args.tora is not None and "steps" not in (args.what or chosen["what"]):
            chosen["what"] = ["steps", *chosen["what"]]  # the ratio to Tora's loop belongs into the same run
            chosen["rounds"] = 1
    elif args.shape == "5b":
        chosen |= FULL_SIZE
    for name, value in chosen.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.steps < 1 or args.rounds < 1 or args.scenes < 1 or args.videos < 1:
        raise Tora2Error("--steps, --rounds, --scenes and --videos must be at least 1.")


def _write(path: Path | None, report: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(report, indent=2), encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
