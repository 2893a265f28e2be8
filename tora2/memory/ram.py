"""The computer's own memory."""

from __future__ import annotations

import sys

import torch

from .estimates import GIB

KEPT_FREE = 4 * GIB
"""For everything else that runs."""

WINDOWS_PINS = 0.4
"""Part of its memory that Windows lets be pinned, as ComfyUI counts it."""


def fits_in_ram(needed: float) -> bool | None:
    """Whether so many more bytes leave ``KEPT_FREE``; None where psutil, which tells, is not installed."""
    memory = _memory()
    return None if memory is None else needed < memory.available - KEPT_FREE


def fits_pinned(needed: float) -> bool | None:
    """Whether so many more bytes can be pinned, and leave ``KEPT_FREE``; None where psutil is not installed."""
    memory = _memory()
    if memory is not None and sys.platform == "win32" and needed > WINDOWS_PINS * memory.total:
        return False
    return fits_in_ram(needed)


def give_back_pinned() -> None:
    """Return to the system what torch keeps of pinned memory that nobody uses any more."""
    empty = getattr(torch._C, "_host_emptyCache", None)  # torch has no public name for it
    if empty is not None and torch.cuda.is_available():
        empty()


def _memory():
    try:
        import psutil
    except ImportError:
        return None
    return psutil.virtual_memory()
