"""When a run saves and stops: its slice of time and interrupts, the same in every process."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Slice:
    """One unbroken piece of a run; it begins when it is made.

    Args:
        accelerator: whose processes must agree.
        minutes: its length; ``math.inf`` has no end, 0 ends after one step.
        save_minutes: between saves within it; 0 asks for none.

    Attributes:
        passed: the part of it that has passed at the last look, 0 to 1.
        interrupted: SIGINT or SIGTERM came.
        over: whether the step just made was the last; ``save_due``: whether to save now.
    """

    def __init__(self, accelerator: Any, minutes: float, save_minutes: float = 0.0):
        self.accelerator, self.seconds, self.save_seconds = accelerator, 60 * minutes, 60 * save_minutes
        self.begun = self.saved = time.monotonic()
        self.passed, self.interrupted, self.over, self.save_due = 0.0, False, False, False

    def look(self) -> None:
        """Read the clock; every process must do so after each step."""
        now = time.monotonic()
        passed = min(1.0, (now - self.begun) / self.seconds) if self.seconds > 0 else 1.0
        found = [passed, float(self.interrupted), float(0 < self.save_seconds < now - self.saved)]
        if self.accelerator.num_processes > 1:
            found = self.accelerator.reduce(torch.tensor(found, device=self.accelerator.device), "mean").tolist()
        self.passed, self.interrupted, self.save_due = found[0], found[1] > 0, found[2] > 0
        self.over = self.interrupted or self.passed >= 1
        if self.save_due:
            self.saved = now

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """The first SIGINT or SIGTERM ends the loop after its step; the second one ends the process."""
        before = {}

        def stop(number, frame):
            self.interrupted = True
            signal.signal(number, before[number])

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                before[number] = signal.signal(number, stop)
            except ValueError:  # not the main thread
                break
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
