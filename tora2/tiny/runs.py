"""The transformer's run and its ablation's: the trainer of the 5B model, in slices of a command's time."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import Tora2Error
from . import loop, states
from .clock import Clock

CONFIG = Path(__file__).resolve().parent / "train.toml"
NAMES = ("transformer", "none")
ABLATION = ("model.transformer.binding_config.variant=none",)
RESERVE = 30.0  # seconds, of a GPU's machine: the step under way, a checkpoint, the model, packing
SAVE_MINUTES = 3.0


class Runs:
    """Runs in ``args.run``, under their names.

    Args:
        args: of ``tora2.tiny.make``.
        model: folder of the encoders. atlas: of the pictures. batch: clips a step.
    """

    def __init__(self, args: argparse.Namespace, model: Path, atlas: Path, batch: int):
        self.args, self.folder, self.model, self.atlas, self.batch = args, args.run, model, atlas, batch

    def train(self, name: str, clock: Clock, *, finish: bool = False) -> None:
        """One slice.

        Args:
            finish: the last one: its time decides where the run ends, and the rate is at its floor there.

        Raises:
            Tora2Error: the ablation is asked for before the transformer's run has ended.
        """
        from ..training.trainer import Trainer

        run = self.folder / name
        if name == "none":
            self._copy_plan()
        before = states.steps_of(run)
        trainer = Trainer(
            self._config(name, finish=finish),
            resume=True,
            minutes=clock.minutes_but(RESERVE),
            quiet=True,
            finish=finish,
            on_save=lambda: self._pack(name),
        )
        trainer.run()
        if finish and trainer.ended:
            states.write_plan(run, trainer.step, before)
        if trainer.ended:
            print(f"{name} is done after {trainer.step} steps: {run / 'model'}", flush=True)
        else:
            print(f"{name} is at step {trainer.step} of {trainer.config.run.steps}", flush=True)

    def finished_model(self, name: str) -> Path | None:
        """Model folder of a run that has ended, written if only its checkpoint is there; None if it has not ended."""
        run = self.folder / name
        if not states.has_ended(run):
            return None
        if not (run / "model" / "model_index.json").is_file():
            from ..training.export import export_run

            export_run(self._config(name))
        return run / "model"

    def _copy_plan(self) -> None:
        """The ablation takes exactly the transformer's steps, and its rates but for the pace of the last slice."""
        if not states.has_ended(self.folder / "transformer"):
            raise Tora2Error("The ablation is as long as the transformer's run, which has not ended: give that --last.")
        plan = states.plan_of(self.folder / "transformer")
        states.write_plan(self.folder / "none", **plan)

    def _config(self, name: str, *, finish: bool = False) -> Any:
        from ..training.config import load_config

        args, run = self.args, self.folder / name
        plan = states.plan_of(run)
        if finish:
            plan = {"steps": states.ENDLESS, "decay_begin": states.steps_of(run)}
        falls = finish or plan["steps"] < states.ENDLESS
        values = {
            "model.source": self.model.as_posix(),
            "data.atlas": self.atlas.as_posix(),
            "data.workers": args.workers,
            "data.stills": args.still_steps,
            "optimizer.decay_begin": plan["decay_begin"],
            "optimizer.decay": "cosine" if falls else "constant",
            "run.out": run.as_posix(),
            "run.steps": plan["steps"],
            "run.batch": self.batch,
            "run.micro_batch": self.batch,
            "run.precision": "bf16" if loop.bfloat16_is_fast(args.device) else "fp32",
            "run.save_every": states.ENDLESS,
            "run.save_minutes": SAVE_MINUTES,
            "run.keep": 1,
        }
        more: Sequence[str] = ABLATION if name == "none" else ()
        return load_config(CONFIG, [*(f"{key}={value}" for key, value in values.items()), *more])

    def _pack(self, name: str) -> None:
        if self.args.out is not None:
            states.pack_stage(self.folder, self.args.out, name)
