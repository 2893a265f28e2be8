"""tora2-tiny from nothing to figures, in slices: one command a slice, on a GPU that is lent for minutes or on the CPU.

    python -m tora2.tiny.make --atlas A --run R --stage vae --minutes 9 --last
    python -m tora2.tiny.make --atlas A --run R --stage encoders,judges --minutes 9 --last
    python -m tora2.tiny.make --atlas A --run R --stage transformer --minutes 9           any number of these,
    python -m tora2.tiny.make --atlas A --run R --stage transformer --minutes 9 --last    the last one lowers the rate
    python -m tora2.tiny.make --atlas A --run R --stage none --minutes 9                  until it says that it is done
    python -m tora2.tiny.make --atlas A --run R --stage evaluate

Every stage goes on from what lies in R, and leaves its networks in R/model, a model folder like any other (a copy of
the shipped one at first). ``--out O`` also packs what the stage trained into O, in half precision and files of at most
15 MB; ``--from O`` takes that up again where R is gone. A later stage must be trained anew after an earlier one changed
(the transformer speaks the encoders' language).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..errors import Tora2Error
from . import loop, states
from .assets import PLAIN, Atlas

SHIPPED = Path(__file__).resolve().parent / "weights"
STAGES = ("vae", "encoders", "judges", "transformer", "none", "evaluate")
ENCODERS = {"reid": 0.2, "face": 0.15, "detector": 0.15, "semantic": 0.3, "text": 0.2}  # shares of the minutes
JUDGES = {"watcher": 0.7, "recognizer": 0.3}
RUNS = {"vae": ("vae",), "encoders": tuple(ENCODERS), "judges": tuple(JUDGES)}
BATCH = {  # on a GPU
    "vae stills": 128,
    "vae": 32,
    "reid": 512,
    "face": 512,
    "detector": 128,
    "semantic": 512,
    "text": 256,
    "watcher": 48,
    "recognizer": 512,
    "transformer": 256,
}
STILLS = 0.25  # part of the VAE's first slice
STILL_STEPS = 2000  # of the transformer, at its beginning
ENDLESS = 1_000_000  # steps; a run that nobody has told to end


class Maker:
    """Runs stages with one set of settings; see the module's text for what they mean."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.run, self.model = args, args.run, args.run / "model"
        self.scale = args.batch_scale
        self.atlas = args.atlas
        if not (self.atlas / PLAIN).is_file():  # every script reads it anew, and unpacking takes seconds
            self.atlas = self.run / "atlas"
            if not (self.atlas / PLAIN).is_file():
                Atlas.load(args.atlas).save(self.atlas)
        if not (self.model / "vae").is_dir():
            shutil.copytree(SHIPPED, self.model, dirs_exist_ok=True)

    def batch(self, name: str) -> int:
        return max(2, round(BATCH[name] * self.scale))

    def vae(self, minutes: float) -> None:
        from . import train_vae

        if minutes:
            begun = (self.run / "vae" / "state.pt").is_file()
            if not begun:
                stills = ["--frames", "1", "--crop", "64"]
                self._slice(train_vae.main, "vae", STILLS * minutes, stills, batch="vae stills", last=False)
            clips = ["--frames", "9", "--crop", "64"]
            self._slice(train_vae.main, "vae", minutes * (1 if begun else 1 - STILLS), clips)
        self._export(train_vae.main, "vae", self.model / "vae")

    def encoders(self, minutes: float) -> None:
        from . import train_detector, train_identity, train_semantic, train_text

        semantic = ["--semantic", str(self.run / "semantic")]
        for name, main, extra, target in (
            ("reid", train_identity.main, ["reid"], self.model / "reid_encoder" / "model.onnx"),
            ("face", train_identity.main, ["face"], self.model / "face_encoder" / "embed_tiny.onnx"),
            ("detector", train_detector.main, [], self.model / "face_encoder" / "det_tiny.onnx"),
            ("semantic", train_semantic.main, [], self.model / "semantic_encoder"),
            ("text", train_text.main, semantic, self.model),
        ):
            if minutes:
                self._slice(main, name, ENCODERS[name] * minutes, extra)
            self._export(main, name, target, extra)

    def judges(self, minutes: float) -> None:
        from ..evaluation import train

        for name, share in JUDGES.items():
            if minutes:
                self._slice(train.main, name, share * minutes, [name])
            self._export(train.main, name, self.run / "judges", [name])

    def transformer(self, minutes: float) -> None:
        self._train("transformer", minutes, self.args.last)

    def none(self, minutes: float) -> None:
        """The ablation: exactly the steps and the rates of the transformer's own run."""
        plan = self._plan("transformer")
        if plan["steps"] == ENDLESS:
            raise Tora2Error("The ablation is as long as the transformer's run, which has not ended: give that --last.")
        self._write_plan("none", plan)
        self._train("none", minutes, False, ["model.transformer.binding_config.variant=none"])

    def evaluate(self, minutes: float) -> None:
        """As long as its scenes take."""
        from ..evaluation.folder import evaluate_folder

        judges = self.run / "judges"
        for name in ("transformer", "none"):
            model = self.run / name / "model"
            if model.is_dir():
                evaluate_folder(
                    model,
                    self.atlas,
                    (self.args.out or self.run) / f"evaluation-{name}",
                    device=self.args.device,
                    judges=judges if judges.is_dir() else None,
                    scenes=self.args.scenes,
                    steps=self.args.steps,
                )

    def _slice(
        self,
        main: Callable[[list[str]], None],
        name: str,
        minutes: float,
        extra: Sequence[str] = (),
        batch: str = "",
        last: bool | None = None,
    ) -> None:
        decay = ["--decay"] if (self.args.last if last is None else last) else []
        size = ["--batch", str(self.batch(batch or name)), "--workers", str(self.args.workers)]
        main([*extra, *self._common(name), "--minutes", str(minutes), *size, *decay])

    def _export(self, main: Callable[[list[str]], None], name: str, target: Path, extra: Sequence[str] = ()) -> None:
        main([*extra, *self._common(name), "--export", str(target)])

    def _common(self, name: str) -> list[str]:
        where = ["--atlas", str(self.atlas), "--out", str(self.run / name), "--resume"]
        return [*where, "--device", self.args.device]

    def _train(self, name: str, minutes: float, last: bool, more: Sequence[str] = ()) -> None:
        from ..training.trainer import Trainer

        if last:  # at first as before, to know the pace; then as many steps as the rest of the time holds
            begun = time.monotonic()
            if not self._pace(name):
                self._trainer(Trainer, name, more, 0.15 * minutes)
            left = 60 * minutes - (time.monotonic() - begun)
            done = states.steps_of(self.run / name)
            steps = done + max(1, int(0.92 * left * self._pace(name)))
            self._write_plan(name, {"steps": steps, "decay_begin": done})
            minutes = left / 60
        trainer = self._trainer(Trainer, name, more, minutes)
        if trainer.step >= trainer.config.run.steps:
            print(f"{name} is done after {trainer.step} steps: {self.run / name / 'model'}")
        else:
            print(f"{name} is at step {trainer.step} of {trainer.config.run.steps}")

    def _trainer(self, make: type, name: str, more: Sequence[str], minutes: float):
        from ..training.config import load_config

        plan, batch = self._plan(name), self.batch("transformer")
        values = {
            "model.source": self.model.as_posix(),
            "data.atlas": self.atlas.as_posix(),
            "data.workers": self.args.workers,
            "data.stills": self.args.still_steps,
            "optimizer.decay_begin": plan["decay_begin"],
            "optimizer.decay": "cosine" if plan["steps"] < ENDLESS else "constant",
            "run.out": (self.run / name).as_posix(),
            "run.steps": plan["steps"],
            "run.batch": batch,
            "run.micro_batch": batch,
            "run.precision": "bf16" if loop.bfloat16_is_fast(self.args.device) else "fp32",
            "run.save_every": ENDLESS,
            "run.keep": 1,
        }
        config = load_config(states.CONFIG, [*(f"{key}={value}" for key, value in values.items()), *more])
        trainer = make(config, resume=True, minutes=minutes, quiet=True)
        before, begun = states.steps_of(self.run / name), time.monotonic()
        trainer.run()
        pace = {"steps_per_second": (trainer.step - before) / (time.monotonic() - begun)}
        (self.run / name / "pace.json").write_text(json.dumps(pace))
        return trainer

    def _pace(self, name: str) -> float:
        """Steps a second of the run's last slice; 0 if there was none."""
        path = self.run / name / "pace.json"
        return json.loads(path.read_text())["steps_per_second"] if path.is_file() else 0.0

    def _plan(self, name: str) -> dict[str, int]:
        path = self.run / name / "plan.json"
        return json.loads(path.read_text()) if path.is_file() else {"steps": ENDLESS, "decay_begin": 0}

    def _write_plan(self, name: str, plan: dict[str, int]) -> None:
        (self.run / name).mkdir(parents=True, exist_ok=True)
        (self.run / name / "plan.json").write_text(json.dumps(plan))


def main(argv: Sequence[str] | None = None) -> None:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", type=Path, required=True, help="folder of pictures, plain or compact")
    parser.add_argument("--run", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--stage", required=True, help=f"one or several, by commas, of {', '.join(STAGES)}")
    parser.add_argument("--minutes", type=float, default=9.0, help="of all these stages together")
    parser.add_argument("--last", action="store_true", help="the last slice of these stages: lower the rate to its end")
    parser.add_argument("--out", type=Path, help="also pack what was trained into this folder")
    parser.add_argument("--from", type=Path, dest="taken", help="first take up what was packed into this folder")
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--workers", type=int, default=14 if cuda else 0, help="processes that plan clips")
    parser.add_argument("--batch-scale", type=float, default=1.0 if cuda else 1 / 16, help="of the GPU's batch sizes")
    parser.add_argument("--still-steps", type=int, default=STILL_STEPS, help="steps of the transformer on stills")
    parser.add_argument("--scenes", type=int, default=50, help="of the evaluation")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps of the evaluation")
    args = parser.parse_args(argv)
    stages = args.stage.split(",")
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        parser.error(f"there is no stage {unknown[0]!r}; choose from {', '.join(STAGES)}")
    maker = Maker(args)
    if args.taken is not None:
        for stage in states.take_up(args.taken, args.run):
            if stage in RUNS:
                getattr(maker, stage)(0)
    for stage in stages:
        begun = time.monotonic()
        getattr(maker, stage)(args.minutes / len(stages))
        print(f"{stage}: {(time.monotonic() - begun) / 60:.1f} minutes", flush=True)
    if args.out is not None:
        for stage in stages:
            for path in states.pack_stage(args.run, args.out, stage):
                print(f"{path} {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
