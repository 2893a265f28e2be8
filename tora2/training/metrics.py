"""Where a run's figures go: a progress bar, a JSON-lines file, and TensorBoard if it is installed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

METRICS_FILE = "metrics.jsonl"


class Metrics:
    """Only the main process has one.

    Args:
        out: the run's folder. first_step: lines of later steps, of a run that was broken off, are removed.
    """

    def __init__(self, out: Path, first_step: int, steps: int, *, quiet: bool = False):
        from tqdm import tqdm

        out.mkdir(parents=True, exist_ok=True)
        self.path = out / METRICS_FILE
        _forget_after(self.path, first_step)
        self.bar = tqdm(total=steps, initial=first_step, unit="step", dynamic_ncols=True, disable=quiet or None)
        self.board = _tensorboard(out, first_step)

    def step(self) -> None:
        self.bar.update()

    def log(self, step: int, values: dict[str, float]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
            file.write(json.dumps({"step": step, **finite}) + "\n")
        self.bar.set_postfix({name: f"{values[name]:.4g}" for name in ("loss", "contrastive", "norm")}, refresh=False)
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)

    def video(self, step: int, name: str, frames: torch.Tensor) -> None:
        """First, middle and last of frames [T, H, W, 3] in 0..1, as pictures."""
        if self.board is not None:
            chosen = frames[[0, len(frames) // 2, len(frames) - 1]]
            self.board.add_images(name, chosen, step, dataformats="NHWC")

    def say(self, text: str) -> None:
        self.bar.write(text)

    def close(self) -> None:
        self.bar.close()
        if self.board is not None:
            self.board.close()


def read_metrics(out: Path) -> list[dict[str, float]]:
    """The lines of a run's file."""
    path = out / METRICS_FILE
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def _forget_after(path: Path, step: int) -> None:
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = []
    for line in lines:
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):
            continue  # half a line, of a process that was killed while writing it
    if kept != lines:
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _tensorboard(out: Path, first_step: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"), purge_step=first_step + 1 if first_step else None)
