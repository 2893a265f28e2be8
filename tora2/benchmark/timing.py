"""Clocks of a device: events on a GPU, the wall on a CPU; peak memory; and the arithmetic that a pass takes."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import Tora2Error


class OutOfTime(Tora2Error):
    """The budget does not allow what comes next."""


def indexed(device: torch.device | str) -> torch.device:
    """The device with its number: torch's caps of memory refuse a plain ``cuda``."""
    device = torch.device(device)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


class Clock:
    """Seconds between ``start`` and ``stop`` as the device itself counts them."""

    def __init__(self, device: torch.device | str):
        self.cuda = torch.device(device).type == "cuda"
        self.device = torch.device(device)

    def start(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)
            self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            self._begin.record()
        else:
            self._began = time.perf_counter()

    def stop(self) -> float:
        if not self.cuda:
            return time.perf_counter() - self._began
        self._end.record()
        torch.cuda.synchronize(self.device)
        return self._begin.elapsed_time(self._end) / 1000


@dataclass(frozen=True)
class Timing:
    """Seconds on the device, and the most memory that was allocated meanwhile (None on a CPU), weights included."""

    seconds: float
    peak_bytes: int | None


def timed(run: Callable[[], Any], device: torch.device | str) -> Timing:
    clock = Clock(device)
    if clock.cuda:
        torch.cuda.reset_peak_memory_stats(clock.device)
    clock.start()
    run()
    seconds = clock.stop()
    return Timing(seconds, torch.cuda.max_memory_allocated(clock.device) if clock.cuda else None)


class Budget:
    """Minutes that a run may take; None is no limit.

    What may still be begun is forecast with this clock, not with a device's: building, compiling and copying count.

    Args:
        minutes: until the deadline.
        now: a clock in seconds.
        began: what it showed at the start, if that was earlier than now.
    """

    def __init__(self, minutes: float | None, now: Callable[[], float] = time.monotonic, began: float | None = None):
        self.now = now
        began = now() if began is None else began
        self._deadline = None if minutes is None else began + 60 * minutes

    @property
    def left(self) -> float:
        """Seconds."""
        return float("inf") if self._deadline is None else self._deadline - self.now()

    def allows(self, seconds: float) -> bool:
        return seconds <= self.left

    def require(self, seconds: float = 0.0) -> None:
        """OutOfTime unless something that takes about so many seconds would end before the deadline."""
        if not self.allows(seconds):
            raise OutOfTime(
                f"the budget was spent before its turn: it takes about {seconds:.0f} s and {max(0.0, self.left):.0f} s "
                "were left; give more minutes (--budget), or measure less in one run"
            )


def base_flops(config: Any, video_tokens: int) -> float:
    """Floating-point operations of one branch through plain CogVideoX's blocks: projections, feed-forward, attention.

    332 TFLOP at 49 frames of 720x480, 169 of them linear. Tora2's parts are left out, so that figures compare.
    """
    dim = config.num_attention_heads * config.attention_head_dim
    tokens = video_tokens + config.max_text_seq_length
    return config.num_layers * (24.0 * tokens * dim**2 + 4.0 * tokens**2 * dim)


def describe_device(device: torch.device | str) -> str:
    device = torch.device(device)
    versions = f"torch {torch.__version__}"
    if device.type != "cuda":
        return f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} threads, {versions}"
    properties = torch.cuda.get_device_properties(device)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {versions}, CUDA {torch.version.cuda}"
