"""The parts of `python -m tora2 bench`: from the command's arguments to rows, and to a table that is printed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..acceleration.settings import Acceleration
from ..conditions import VideoSize
from .kernels import measure_kernels
from .loops import Job, Variant, measure_loops
from .memory import LADDER, ladder_table, measure_ladder, parse_rung, random_models
from .report import kernels_table, loops_table, steps_table
from .step import base_config, check_checkout, contenders, measure, random_transformer
from .timing import Budget
from .turns import FIRST_COMPILE


@dataclass(frozen=True)
class Given:
    """What every part is given. ``keep`` is to be called with all rows so far whenever there is another."""

    args: argparse.Namespace
    size: VideoSize
    device: torch.device
    dtype: torch.dtype
    budget: Budget
    keep: Callable[[Sequence[Any]], None]

    @property
    def config(self) -> dict[str, Any]:
        return base_config(self.args.shape, self.size)

    def telling(self, table: Callable[[Sequence[Any]], str]) -> Callable[[Sequence[Any]], None]:
        """``keep`` that also tells of the row that came last."""

        def keep(rows: Sequence[Any]) -> None:
            self.keep(rows)
            say(table(rows[-1:]))

        return keep


def check(args: argparse.Namespace, size: VideoSize) -> None:
    """Refuse wrong words before anything is built.

    Raises:
        Tora2Error: a shape, variant, rung or checkout that is none.
    """
    base_config(args.shape, size)
    if "loops" in args.what:
        list(map(Variant.parse, args.variants))
    if "memory" in args.what:
        list(map(parse_rung, args.memory_ladder or LADDER))
    if args.tora is not None and "steps" in args.what:
        check_checkout(args.tora)


def steps(given: Given) -> list[Any]:
    args = given.args
    acceleration = Acceleration(args.attention, "on" if args.compile else "off")
    runs = contenders(
        args.shape, given.size, args.entities, given.device, given.dtype, args.tora, args.more_entities, acceleration
    )
    first = FIRST_COMPILE if args.compile else 0.0
    rows = measure(runs, args.rounds, given.device, given.budget, first_seconds=first, progress=say, keep=given.keep)
    _show(steps_table(rows))
    return rows


def loops(given: Given) -> list[Any]:
    args = given.args
    options = {"guidance_batch": "in sequence", "keep_modulations": False} if args.low_memory else {}

    rows = measure_loops(
        partial(random_transformer, given.config, given.device, given.dtype),
        Job(given.size, args.steps, args.entities, args.videos, **options),
        [Variant.parse(text) for text in args.variants],
        budget=given.budget,
        progress=say,
        keep=given.telling(loops_table),
    )
    _show(loops_table(rows))
    return rows


def attention(given: Given) -> list[Any]:
    model = random_transformer(given.config | {"num_layers": 1}, given.device, given.dtype)
    rows = measure_kernels(model, given.size, budget=given.budget, keep=given.keep)
    _show(kernels_table(rows))
    return rows


def memory(given: Given) -> list[Any]:
    args = given.args
    rows = measure_ladder(
        partial(random_models, given.config, given.device, given.dtype, args.shape == "5b"),
        Job(given.size, args.steps, args.entities, args.videos),
        args.memory_ladder or LADDER,
        given.device,
        budget=given.budget,
        progress=say,
        keep=given.telling(ladder_table),
    )
    _show(ladder_table(rows))
    return rows


def quality(given: Given) -> list[Any]:
    from ..checkpoints.discovery import find_models
    from ..evaluation.folder import on_device
    from ..evaluation.measures import Judges
    from ..evaluation.networks import load_recognizer, load_watcher
    from ..evaluation.scenes import make_world
    from .quality import measure_presets, table

    args = given.args
    # tora2-tiny's own precision, unless another was asked for: its figures are compared with those of other machines.
    dtype = torch.float32 if args.dtype == "auto" else given.dtype
    bundle = on_device(find_models([])["tora2-tiny"], given.device, dtype)
    rows = measure_presets(
        bundle,
        make_world(args.atlas, "heldout_names", 2),
        Judges(load_watcher(), load_recognizer()),
        presets=[text.split("+")[0] for text in args.variants],
        scenes=args.scenes,
        steps=args.steps,
        out=args.out,
        budget=given.budget,
        progress=say,
        keep=given.keep,
    )
    _show(table(rows, f"{bundle.name} in {str(dtype).removeprefix('torch.')} on {given.device}"))
    return rows


MEASURES = {"steps": steps, "loops": loops, "attention": attention, "quality": quality, "memory": memory}


def say(text: str) -> None:
    """Progress, also where output is read only after the end."""
    print(text, file=sys.stderr, flush=True)


def _show(table: str) -> None:
    print("\n" + table, flush=True)
