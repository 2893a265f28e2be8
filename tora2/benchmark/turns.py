"""A contender's turn: whatever ends it early becomes a row with its reason, and the next contender has its turn."""

from __future__ import annotations

import contextlib
import gc
import sys
import traceback
from typing import Any

import torch

from ..errors import Tora2Error

FORESEEN = (Tora2Error, torch.OutOfMemoryError)
"""What a machine may refuse: such a row is a result. Everything else is a failure, which the command's status tells."""

FIRST_COMPILE = 120.0
"""Seconds that a first compilation is taken for until one was seen: one that passes the deadline tells nothing."""

LONGEST_REASON = 240


def ended(error: Exception) -> dict[str, Any]:
    """The fields ``refused`` and ``failed`` of a row; the traceback of a failure goes to stderr."""
    if not isinstance(error, FORESEEN):
        traceback.print_exception(error, file=sys.stderr)
    return {"refused": reason(error), "failed": not isinstance(error, FORESEEN)}


def reason(error: Exception) -> str:
    """One line. Our own errors are sentences already; of others the kind is said, too."""
    if isinstance(error, Tora2Error):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else ""
    if first.endswith(":") and len(lines) > 1:  # Inductor's first line only says that something follows
        first += " " + lines[1]
    return f"{type(error).__name__}: {first}"[:LONGEST_REASON]


def free() -> None:
    """Give back what earlier turns left behind; a device that a failure made useless must not end the run here."""
    gc.collect()
    if torch.cuda.is_available():
        with contextlib.suppress(Exception):
            torch.cuda.empty_cache()
