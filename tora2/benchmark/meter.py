"""A cap of memory and the peak below it: CUDA's own count; elsewhere tensors counted, the weights' place reckoned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..memory.counting import PeakBytes
from .timing import Clock, indexed


class Meter:
    """Use it as a context, so that no cap outlives its rung.

    Attributes:
        weights: bytes of the models on the device, told by whoever brings them; not read on CUDA.
        peak: bytes since ``begin``.
    """

    def __init__(self, device: torch.device | str, cap: float):
        self.device, self.cap = indexed(device), cap
        self.clock = Clock(self.device)
        self.weights = self._counted = 0

    def __enter__(self) -> Meter:
        if self.clock.cuda:
            total = torch.cuda.get_device_properties(self.device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, self.cap / total), self.device)
        return self

    def __exit__(self, *error: Any) -> None:
        if self.clock.cuda:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)

    def begin(self) -> None:
        self.weights = self._counted = 0
        if self.clock.cuda:
            torch.cuda.reset_peak_memory_stats(self.device)

    def timed(self, run: Callable[[], Any]) -> float:
        """Seconds of the device."""
        if self.clock.cuda:
            self.clock.start()
            run()
            return self.clock.stop()
        with PeakBytes() as count:
            self.clock.start()
            run()
            seconds = self.clock.stop()
        self._counted = max(self._counted, count.peak)
        return seconds

    @property
    def peak(self) -> float:
        return torch.cuda.max_memory_allocated(self.device) if self.clock.cuda else self.weights + self._counted
