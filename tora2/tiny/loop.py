"""What the training scripts share: time-boxed, resumable optimisation with an average of the weights, on CPU or GPU.

A run is a folder. Every script may be stopped and called again with ``--resume`` on any machine: data come from seeds
that follow the step number, so a resumed run sees what an unbroken one would have seen.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from .world import Plans, World

T = TypeVar("T", contravariant=True)
R = TypeVar("R", covariant=True)

PREFETCH = 2  # batches that each planning process makes ahead
SHARED_MEMORY = Path("/dev/shm")  # through which they reach this process


def arguments(description: str, *, rate: float, batch: int) -> argparse.ArgumentParser:
    """The arguments that every training script has, and ``begun``: a slice counts from here, loading included."""
    parser = argparse.ArgumentParser(description=description)
    parser.set_defaults(begun=time.monotonic())
    parser.add_argument("--atlas", type=Path, required=True, help="folder made by python -m tora2.tiny.assets")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of this slice")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's last state")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument(
        "--decay", action="store_true", help="let the learning rate fall to zero by the end of this slice"
    )
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=None, help="bfloat16 where it is fast")
    parser.add_argument("--workers", type=int, default=0, help="processes that plan clips")
    parser.add_argument("--save-every", type=float, default=3.0, help="minutes between saved states")
    parser.add_argument(
        "--pack", type=Path, metavar="OUT", help="also pack every saved state to travel, into this folder"
    )
    parser.add_argument("--no-figures", action="store_true", help="measure nothing on held-out pictures at the end")
    return parser


def bfloat16_is_fast(device: str) -> bool:
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported()
    return torch.backends.cpu.get_cpu_capability() == "AMX" or torch.cpu._is_amx_tile_supported()


class Trainer:
    """Optimises ``modules`` (name -> module) and keeps an exponential average of their weights and buffers.

    ``for step in trainer: loss = ...; trainer.descend(loss, psnr=...)`` runs until the slice's minutes are over, for
    one step at least.
    """

    def __init__(
        self,
        modules: dict[str, nn.Module],
        args: argparse.Namespace,
        *,
        averaging: float = 0.999,
        weight_decay: float = 0.01,
        warm_up: int = 100,
    ):
        self.modules = nn.ModuleDict(modules).to(args.device)
        self.args, self.out, self.averaging, self.warm_up = args, Path(args.out), averaging, warm_up
        self.precision = args.precision or ("bfloat16" if bfloat16_is_fast(args.device) else "float32")
        self.parameters = [p for p in self.modules.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=weight_decay)
        self.average = {k: v.detach().clone() for k, v in self.modules.state_dict().items()}
        self.step, self.first_step, self.rise_from, self.seen = 0, 0, 0, {}
        self.out.mkdir(parents=True, exist_ok=True)
        if args.resume and (self.out / "state.pt").is_file():
            self.modules.load_state_dict(load_file(self.out / "weights.safetensors", device=args.device))
            self.average = load_file(self.out / "average.safetensors", device=args.device)
            # AdamW reads its step counters at every step, each by itself: on a GPU that would be as many waits.
            state = torch.load(self.out / "state.pt", map_location="cpu", weights_only=True)
            if "optimizer" in state:  # a packed state has none
                self.optimizer.load_state_dict(state["optimizer"])
            self.step = self.first_step = state["step"]
            self.rise_from = state.get("rise_from", 0)

    def autocast(self) -> contextlib.AbstractContextManager:
        kind = self.args.device.split(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16")

    def __iter__(self) -> Iterator[int]:
        self.first = self.saved = self.told = time.monotonic()
        self.modules.train()
        seconds = 60 * self.args.minutes
        while (passed := time.monotonic() - self.args.begun) < seconds or (seconds and self.step == self.first_step):
            rate = self.args.rate * min(1, (self.step - self.rise_from + 1) / self.warm_up)
            if self.args.decay:
                rate *= max(0.02, 0.5 + 0.5 * math.cos(math.pi * min(1, passed / seconds)))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            yield self.step
            if time.monotonic() - self.saved > 60 * self.args.save_every:
                self.save()
        self.save()

    def descend(self, loss: torch.Tensor, **figures: float | torch.Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        keep = min(self.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.modules.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)
                else:
                    self.average[name].copy_(value)
        for name, value in {"loss": loss, "norm": norm, **figures}.items():
            self.seen.setdefault(name, []).append(
                value.detach() if isinstance(value, torch.Tensor) else torch.tensor(value)
            )
        if time.monotonic() - self.told > 20:
            self.tell()

    def tell(self) -> None:
        means = "  ".join(f"{k} {torch.stack([v.float().cpu() for v in vs]).mean():.4f}" for k, vs in self.seen.items())
        pace = (self.step - self.first_step) / (time.monotonic() - self.first)
        line = f"step {self.step}  {means}  {pace:.2f} steps/s"
        print(line, flush=True)
        with (self.out / "log.txt").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        self.seen, self.told = {}, time.monotonic()

    def save(self) -> None:
        """Write weights, average and state, each whole or not at all; the state last, which makes a run of them."""
        for name, values in (("weights", self.modules.state_dict()), ("average", self.average)):
            # Cloned, because safetensors refuses weights that share memory (T5's embedding stands under two names).
            whole = {k: v.contiguous().clone() for k, v in values.items()}
            _replace(self.out / f"{name}.safetensors", lambda part, whole=whole: save_file(whole, part))
        state = {"optimizer": self.optimizer.state_dict(), "step": self.step, "rise_from": self.rise_from}
        _replace(self.out / "state.pt", lambda part: torch.save(state, part))
        if self.args.pack is not None:
            from .states import pack_loop

            pack_loop(self.out, self.args.pack)
        self.saved = time.monotonic()

    def use_average(self) -> None:
        """Puts the averaged weights into the modules, for evaluation and export; rounded as packed ones are, so that
        what is exported where they were taken up is the same file."""
        self.modules.load_state_dict(
            {k: v.half().to(v.dtype) if v.is_floating_point() else v for k, v in self.average.items()}
        )
        self.modules.eval()


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)


def averaged(folder: str | Path, name: str) -> dict[str, torch.Tensor]:
    """State dict of one module of a finished run."""
    state = load_file(Path(folder) / "average.safetensors")
    return {k[len(name) + 1 :]: v for k, v in state.items() if k.startswith(name + ".")}


def plan_batches(world: World, step: int, batch: int, workers: int = 0) -> Iterator[Plans]:
    """Plans of the steps from ``step`` on; seed = step * batch + place in the batch."""
    return plan_ahead(_Planner(world), (range(n * batch, (n + 1) * batch) for n in itertools.count(step)), workers)


class Planner(Protocol[T, R]):
    """What planning processes run: a task to its plans, and how many bytes of tensors they are."""

    def __call__(self, task: T) -> R: ...

    def bytes(self, task: T) -> int: ...


def plan_ahead(planner: Planner[T, R], tasks: Iterable[T], workers: int = 0) -> Iterator[R]:
    """``planner`` of every task, in their order; made ahead by so many processes, if any, and if there is room."""
    tasks = iter(tasks)
    for first in tasks:
        tasks, workers = itertools.chain([first], tasks), workers_that_fit(workers, planner.bytes(first))
        break
    if not workers:
        yield from map(planner, tasks)
        return
    yield from torch.utils.data.DataLoader(
        _Mapped(planner),
        batch_size=None,
        sampler=tasks,
        num_workers=workers,
        prefetch_factor=PREFETCH,
        collate_fn=_as_it_is,
        worker_init_fn=_one_thread,
    )


def workers_that_fit(workers: int, size: int) -> int:
    """How many of the workers can plan batches of ``size`` bytes ahead before shared memory is full, which would kill
    them."""
    if not workers or not SHARED_MEMORY.is_dir():
        return workers
    free = shutil.disk_usage(SHARED_MEMORY).free
    fitting = min(workers, int(0.8 * free / (size * (PREFETCH + 1))))
    if fitting < workers:
        print(f"{SHARED_MEMORY} has {free / 2**20:.0f} MiB free: {fitting} instead of {workers} processes plan clips.")
    return fitting


class _Planner:
    def __init__(self, world: World):
        self.world = world

    def __call__(self, seeds: range) -> Plans:
        return Plans.of([self.world.plan(seed) for seed in seeds])

    def bytes(self, seeds: range) -> int:
        return len(seeds) * self.world.plan_bytes


class _Mapped(torch.utils.data.Dataset):
    def __init__(self, function: Callable):
        self.function = function

    def __getitem__(self, task):
        return self.function(task)


def _as_it_is(value):
    return value


def _one_thread(number: int) -> None:
    torch.set_num_threads(1)
