"""tora2-tiny from nothing to figures, in slices: one command a slice, on a GPU that is lent for minutes or on the CPU.

    python -m tora2.tiny.make --atlas A --run R --stage vae --minutes 9 --last
    python -m tora2.tiny.make --atlas A --run R --stage encoders,judges --minutes 9 --last
    python -m tora2.tiny.make --atlas A --run R --stage transformer --minutes 9           any number of these,
    python -m tora2.tiny.make --atlas A --run R --stage transformer --minutes 9 --last    the last one lowers the rate
    python -m tora2.tiny.make --atlas A --run R --stage none --minutes 9                  until it says that it is done
    python -m tora2.tiny.make --atlas A --run R --stage evaluate --minutes 9              as many scenes as time allows

Every stage goes on from what lies in R, and leaves its networks in R/model, a model folder like any other (a copy of
the shipped one at first). ``--out O`` also packs what the stage trained into O, in half precision and files of at most
15 MB, whenever something is saved; ``--from O`` takes that up again where R is gone. A later stage must be trained anew
after an earlier one changed (the transformer speaks the encoders' language).

The minutes are those of the whole command, from here on. Seconds are kept back for what follows a slice on a GPU's
machine; a CPU takes longer for that.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..errors import Tora2Error
from . import judging, states
from .assets import PLAIN, Atlas
from .clock import Clock
from .runs import NAMES, Runs

SHIPPED = Path(__file__).resolve().parent / "weights"
STAGES = (*states.LOOPS, *NAMES, "evaluate")
ENCODERS = {"reid": 0.2, "face": 0.15, "detector": 0.15, "semantic": 0.3, "text": 0.2}  # shares of the minutes
JUDGES = {"watcher": 0.7, "recognizer": 0.3}
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
RESERVE = {"vae": 20.0, "detector": 15.0}  # seconds for figures and export after a slice
USUAL_RESERVE = 8.0

Script = Callable[[list[str]], None]


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
        self.runs = Runs(args, self.model, self.atlas, self.batch("transformer"))

    def batch(self, name: str) -> int:
        return max(2, round(BATCH[name] * self.scale))

    def take_up(self, packed: Path) -> None:
        """What was packed and is not here, and the files that were exported from it."""
        taken = states.take_up(packed, self.run)
        judging.take_up(packed, self.run)
        for stage in states.LOOPS:  # in this order, which is not the files': a run needs the encoders' files
            if stage in taken:
                self._export_all(stage, figures=False)

    def make(self, stage: str, clock: Clock) -> None:
        if stage == "evaluate":
            self.evaluate(clock)
        elif stage in NAMES:
            self.runs.train(stage, clock, finish=self.args.last and stage == NAMES[0])
        elif not self.args.minutes:
            self._export_all(stage, figures=False)
        elif stage == "vae":
            self.vae(clock)
        else:
            self.share(stage, clock)

    def vae(self, clock: Clock) -> None:
        script, extra, _ = self._scripts("vae")["vae"]
        if not (self.run / "vae" / "state.pt").is_file():
            stills = [*extra, "--frames", "1", "--crop", "64"]
            self._slice(script, "vae", clock.part(STILLS).left() / 60, stills, batch="vae stills", last=False)
        clips = [*extra, "--frames", "9", "--crop", "64"]
        self._slice(script, "vae", clock.minutes_but(RESERVE["vae"]), clips)
        self._export_all("vae", figures=True)

    def share(self, stage: str, clock: Clock) -> None:
        """The stage's networks one after the other, each exported before the next: it may be what that needs."""
        shares = ENCODERS if stage == "encoders" else JUDGES
        rest = sum(shares.values())
        for name, (script, extra, _) in self._scripts(stage).items():
            part = clock.part(shares[name] / rest)
            rest -= shares[name]
            self._slice(script, name, part.minutes_but(RESERVE.get(name, USUAL_RESERVE)), extra)
            self._export(stage, name, figures=True)

    def evaluate(self, clock: Clock) -> None:
        """Every run that has ended.

        Raises:
            Tora2Error: none has, or there is no time for a single scene.
        """
        models = {name: model for name in NAMES if (model := self.runs.finished_model(name)) is not None}
        if not models:
            raise Tora2Error(
                f"There is nothing to evaluate in {self.run}: no run has ended; give `--stage transformer --last`, or "
                "`--from` with the folder that a run was packed into."
            )
        judges = self.run / "judges"
        for number, (name, model) in enumerate(models.items()):
            part, folder = clock.part(1 / (len(models) - number)), self.run / f"evaluation-{name}"
            job = judging.Job(
                model,
                self.atlas,
                judges if judges.is_dir() else None,
                folder,
                self.args.device,
                self.args.steps,
                time.time() + part.left(),
            )
            judging.evaluate(job, self.args.scenes, self.args.workers, lambda folder=folder: self._pack_scenes(folder))
            self._pack_scenes(folder)

    def pack(self, stage: str) -> None:
        if self.args.out is not None and stage != "evaluate":
            for path in states.pack_stage(self.run, self.args.out, stage):
                print(f"{path} {path.stat().st_size / 1e6:.1f} MB")

    def _pack_scenes(self, folder: Path) -> None:
        if self.args.out is not None:
            judging.pack(folder, self.args.out)

    def _scripts(self, stage: str) -> dict[str, tuple[Script, list[str], Path]]:
        """Of each of a stage's networks: what trains it, arguments of its own, where its files go."""
        from ..evaluation import train as judge
        from . import train_detector, train_identity, train_semantic, train_text, train_vae

        model, judges = self.model, self.run / "judges"
        faces, semantic = model / "face_encoder", ["--semantic", str(self.run / "semantic")]
        scripts = {
            "vae": (train_vae.main, [], model / "vae"),
            "reid": (train_identity.main, ["reid"], model / "reid_encoder" / "model.onnx"),
            "face": (train_identity.main, ["face"], faces / "embed_tiny.onnx"),
            "detector": (train_detector.main, [], faces / "det_tiny.onnx"),
            "semantic": (train_semantic.main, [], model / "semantic_encoder"),
            "text": (train_text.main, semantic, model),
            "watcher": (judge.main, ["watcher"], judges),
            "recognizer": (judge.main, ["recognizer"], judges),
        }
        return {name: scripts[name] for name in states.LOOPS[stage]}

    def _slice(
        self, script: Script, name: str, minutes: float, extra: Sequence[str], batch: str = "", last: bool | None = None
    ) -> None:
        more = ["--decay"] if (self.args.last if last is None else last) else []
        more += ["--pack", str(self.args.out)] if self.args.out is not None else []
        if name != "text":  # the others are measured when they are exported
            more.append("--no-figures")
        size = ["--batch", str(self.batch(batch or name)), "--workers", str(self.args.workers)]
        script([*extra, *self._common(name), "--minutes", str(minutes), *size, *more])

    def _export_all(self, stage: str, *, figures: bool) -> None:
        for name in states.LOOPS[stage]:
            self._export(stage, name, figures=figures)

    def _export(self, stage: str, name: str, *, figures: bool) -> None:
        if (self.run / name / "state.pt").is_file():
            script, extra, target = self._scripts(stage)[name]
            quiet = [] if figures else ["--no-figures"]
            script([*extra, *self._common(name), "--export", str(target), *quiet])

    def _common(self, name: str) -> list[str]:
        where = ["--atlas", str(self.atlas), "--out", str(self.run / name), "--resume"]
        return [*where, "--device", self.args.device]


def main(argv: Sequence[str] | None = None) -> None:
    begun = time.monotonic()
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", type=Path, required=True, help="folder of pictures, plain or compact")
    parser.add_argument("--run", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--stage", required=True, help=f"one or several, by commas, of {', '.join(STAGES)}")
    parser.add_argument("--minutes", type=float, default=9.0, help="of the whole command; 0 only exports")
    parser.add_argument("--last", action="store_true", help="the last slice of these stages: lower the rate to its end")
    parser.add_argument("--out", type=Path, help="also pack what was trained into this folder")
    parser.add_argument("--from", type=Path, dest="taken", help="first take up what was packed into this folder")
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument(
        "--workers", type=int, default=14 if cuda else 0, help="processes that plan clips, or measure scenes"
    )
    parser.add_argument("--batch-scale", type=float, default=1.0 if cuda else 1 / 16, help="of the GPU's batch sizes")
    parser.add_argument("--still-steps", type=int, default=STILL_STEPS, help="steps of the transformer on stills")
    parser.add_argument("--scenes", type=int, default=50, help="most of the evaluation")
    parser.add_argument("--steps", type=int, default=50, help="denoising steps of the evaluation")
    args = parser.parse_args(argv)
    clock = Clock(60 * args.minutes - (time.monotonic() - begun))
    stages = args.stage.split(",")
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        parser.error(f"there is no stage {unknown[0]!r}; choose from {', '.join(STAGES)}")
    maker = Maker(args)
    if args.taken is not None:
        maker.take_up(args.taken)
    for number, stage in enumerate(stages):
        stage_begun = time.monotonic()
        maker.make(stage, clock.part(1 / (len(stages) - number)))
        maker.pack(stage)
        print(f"{stage}: {(time.monotonic() - stage_begun) / 60:.1f} minutes, {clock.left():.0f} s left", flush=True)


if __name__ == "__main__":
    main()
