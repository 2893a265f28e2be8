"""The tiny suite on a trained model within a command's time: scenes side by side in processes, figures that travel.

A scene costs a core some ten seconds (judging runs on the CPU, and one video is too small to fill a GPU), so the scenes
are shared out among processes. They are begun in their order and none is begun that would end too late: what is there
at the end is the first so many scenes, whole.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from ..errors import Tora2Error

RESULTS = ("result.txt", "result.json")
SCENES = "scenes.json"
SUMMARY = 30.0  # seconds that loading the model once more and the table take


@dataclass(frozen=True)
class Job:
    """What to measure.

    Attributes:
        model: its folder. judges: theirs; None takes the shipped ones. folder: keeps figures and results.
        steps: of denoising.
        until: time (``time.time``, which processes share) at which everything is to be over.
    """

    model: Path
    atlas: Path
    judges: Path | None
    folder: Path
    device: str
    steps: int
    until: float

    def open(self) -> Suite:
        return Suite(self)


class Suite:
    """A job's networks, opened once a process."""

    def __init__(self, job: Job):
        from ..evaluation.folder import on_device
        from ..evaluation.measures import Judges
        from ..evaluation.networks import WEIGHTS, load_recognizer, load_watcher
        from ..evaluation.scenes import make_world

        where = job.judges or WEIGHTS
        self.job, self.longest = job, 0.0
        self.bundle, self.world = on_device(job.model, job.device), make_world(job.atlas, "heldout_names", 2)
        self.judges = Judges(
            load_watcher(where / "watcher.safetensors"), load_recognizer(where / "recognizer.safetensors")
        )

    def measure(self, seed: int) -> bool:
        """Figures of one scene into the job's folder, unless they are there; False if there is no time for it."""
        from ..evaluation import suite

        begun = time.time()
        if begun + self.longest > self.job.until - SUMMARY:
            return False
        settings = suite.Settings(scenes=1, first_seed=seed, steps=self.job.steps)
        videos = importlib.util.find_spec("av") is not None
        suite.run(self.bundle, self.world, self.judges, settings, out=self.job.folder, videos=videos)
        self.longest = max(self.longest, time.time() - begun)
        return True


_suite: Suite | None = None  # of a process of the pool


def _open(job: Job) -> None:
    global _suite
    torch.set_num_threads(1)  # as many processes as cores
    _suite = job.open()


def _measure(seed: int) -> bool:
    return _suite.measure(seed)


def evaluate(job: Job, scenes: int, processes: int, on_scene: Callable[[], None] = lambda: None) -> Any:
    """Measure what time allows of the scenes, and summarise that; the result is in the job's folder, too.

    Args:
        processes: that measure; 1 or 0 measures in this one.
        on_scene: called after each scene.

    Raises:
        Tora2Error: there was not time for a single scene.
    """
    from ..evaluation.folder import evaluate_folder

    def count(found: Iterable[bool]) -> int:
        done = 0
        for there in found:
            if not there:
                break
            done += 1
            on_scene()
        return done

    if processes > 1:
        context = get_context("spawn")  # a forked process could not use the GPU
        with ProcessPoolExecutor(min(processes, scenes), context, _open, (job,)) as pool:
            try:
                done = count(pool.map(_measure, range(scenes)))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    else:
        done = count(map(job.open().measure, range(scenes)))
    if not done:
        raise Tora2Error(f"There was no time to measure a single scene of {job.model}: give the stage more --minutes.")
    print(f"{job.model}: {done} of {scenes} scenes", flush=True)
    where = {"device": job.device, "judges": job.judges, "steps": job.steps}
    return evaluate_folder(job.model, job.atlas, job.folder, scenes=done, **where)


def pack(folder: Path, out: Path) -> list[Path]:
    """Copy an evaluation's results, and all its scenes as one file, into a folder of its name in ``out``."""
    scenes = {path.name: json.loads(path.read_text()) for path in sorted((folder / "scenes").glob("*.json"))}
    if not scenes:
        return []
    target = out / folder.name
    target.mkdir(parents=True, exist_ok=True)
    part = (target / SCENES).with_suffix(".part")
    part.write_text(json.dumps(scenes))
    part.replace(target / SCENES)
    results = [folder / name for name in RESULTS if (folder / name).is_file()]
    return [target / SCENES, *(Path(shutil.copy(path, target)) for path in results)]


def take_up(out: Path, run: Path) -> None:
    """Unpack the scenes that ``run`` does not hold."""
    for packed in out.glob(f"evaluation-*/{SCENES}"):
        folder = run / packed.parent.name / "scenes"
        folder.mkdir(parents=True, exist_ok=True)
        for name, figures in json.loads(packed.read_text()).items():
            if not (folder / name).is_file():
                (folder / name).write_text(json.dumps(figures))
