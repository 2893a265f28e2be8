"""The time of one command, whose machine is taken away at a fixed moment."""

from __future__ import annotations

import time


class Clock:
    """Counts down from its making, whatever the time is spent on.

    Args:
        seconds: until :attr:`end`, a value of ``time.monotonic``.
    """

    def __init__(self, seconds: float):
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, 0 at least."""
        return max(0.0, self.end - time.monotonic())

    def part(self, share: float) -> Clock:
        """A clock of the next ``share`` (0 to 1) of what is left."""
        return Clock(share * self.left())

    def minutes_but(self, reserve: float) -> float:
        """Minutes left if so many seconds are kept back; a moment at least, for one step."""
        return max(0.5, self.left() - reserve) / 60
