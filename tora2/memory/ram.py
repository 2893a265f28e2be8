"""The computer's own memory."""

from __future__ import annotations

from .estimates import GIB

KEPT_FREE = 4 * GIB
"""For everything else that runs."""


def fits_in_ram(needed: float) -> bool | None:
    """Whether so many more bytes leave ``KEPT_FREE``; None where psutil, which tells, is not installed."""
    try:
        import psutil
    except ImportError:
        return None
    return needed < psutil.virtual_memory().available - KEPT_FREE
