"""`python -m tora2 bench`: steps, whole loops of the presets, attention kernels, and what the presets lose."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import Tora2Error

HELP = "Measure what a step and a whole denoising loop cost, beside plain CogVideoX and alibaba/Tora."

PARTS = ("steps", "loops", "attention", "quality", "memory")
SESSIONS: dict[int, dict[str, Any]] = {
    1: {"what": ["steps", "attention"], "more_entities": [1, 3, 8], "rounds": 5},
    2: {
        "what": ["loops"],
        "variants": ["exact", "balanced", "fast", "exact+compile", "balanced+compile", "fast+compile"],
    },
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
error), in float32 unless --dtype says otherwise. `memory` runs a whole job, text encoder to pictures, under one cap of
GPU memory after the other with the settings that auto picks for it. Weights are random except for `quality`: schedules
are by step number, so they change no time.

What cannot run is a row with its reason, and all else runs; every row is in the --json file as soon as it is there.
Nothing is begun that would pass the deadline, and a loop that reaches it is estimated from its steps until then. Exit
status 1 says that something failed which nobody could foresee.

On a machine with an H100 (each command ends within ten minutes; --tora is a checkout of alibaba/Tora). The sessions in
the order of what they are worth are 2, 1, 5, 4, 3:

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
    parser.add_argument("--memory-ladder", nargs="+", metavar="CAP", help="memory: caps, GIB or GIB+QUANTIZATION")
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
    """Exit status 1 if anything failed that nobody could foresee; all other parts and contenders have run then, too."""
    began = time.monotonic()  # reading torch takes seconds that a killed run does not get back
    import torch

    from ..benchmark.parts import check
    from ..benchmark.record import Record
    from ..benchmark.timing import Budget, describe_device, indexed
    from ..conditions import VideoSize
    from ..stages.motion import check_size

    _fill(args)
    budget = Budget(args.budget, time.monotonic, began)
    device = indexed(args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    dtype = args.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device.type == "cuda" else "float32"
    size = check_size(VideoSize(args.frames, args.height, args.width))
    check(args, size)
    head = f"{args.shape}, {size.frames} frames of {size.width}x{size.height}, {args.entities} entities, {dtype}"
    record = Record(args.json, {"device": describe_device(device), "job": head})
    print(f"{head}\n{describe_device(device)}", flush=True)
    sound = [_part(part, args, size, device, getattr(torch, dtype), budget, record) for part in args.what]
    if {"steps", "loops"} & set(record.rows):
        from ..benchmark.report import bars

        lines = bars(record.rows.get("steps", []), record.rows.get("loops", []))
        record.add("bars", lines)
        print("\n" + "\n".join(lines), flush=True)
    return 0 if all(sound) and not record.failed() else 1


def _part(part: str, args: argparse.Namespace, size: Any, device: Any, dtype: Any, budget: Any, record: Any) -> bool:
    """Measure one part; False if it failed. Its rows until then are kept, and the next part runs."""
    from ..benchmark.parts import MEASURES, Given
    from ..benchmark.timing import OutOfTime
    from ..benchmark.turns import ended, free

    sound = True
    try:
        budget.require()
        given = Given(args, size, device, dtype, budget, partial(record.keep, part))
        record.keep(part, MEASURES[part](given))
    except Exception as error:
        reason = ended(error)["refused"]
        record.fail(part, reason)
        print(f"Error: {part}: {reason}", file=sys.stderr, flush=True)
        sound = isinstance(error, OutOfTime)
    free()
    return sound


def _fill(args: argparse.Namespace) -> None:
    """What was not given: the session's, else the full size for 5b, else the small default."""
    chosen = dict(DEFAULTS)
    if args.session is not None:
        chosen |= FULL_SIZE | SESSIONS[args.session]
        args.budget = 9.0 if args.budget is None else args.budget
        if args.tora is not None and "steps" not in (args.what or chosen["what"]):
            chosen["what"] = ["steps", *chosen["what"]]  # the ratio to Tora's loop belongs into the same run
            chosen["rounds"] = 3
    elif args.shape == "5b":
        chosen |= FULL_SIZE
    for name, value in chosen.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.steps < 1 or args.rounds < 1 or args.scenes < 1 or args.videos < 1:
        raise Tora2Error("--steps, --rounds, --scenes and --videos must be at least 1.")
