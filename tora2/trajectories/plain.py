"""Reading JSON that nobody vouches for: every way it can fail becomes one sentence."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ..errors import TrajectoryError

# 64 tracks of 4,096 points at some 60 characters a point are 16 million characters.
MAX_TEXT = 32_000_000
MAX_DEPTH = 32


def load_json(text: str, what: str) -> Any:
    """Parse JSON text; ``what`` names it in the error.

    Raises:
        TrajectoryError: not JSON, NaN or Infinity, numbers of thousands of digits, nesting deeper than Python's stack.
    """
    try:
        return json.loads(text.lstrip("\ufeff"), parse_constant=_refuse_constant, parse_float=_finite)
    except TrajectoryError as error:
        raise TrajectoryError(f"{what} holds {error}, which is no finite number; correct it.") from None
    except json.JSONDecodeError as error:
        raise TrajectoryError(
            f"{what} is not valid JSON ({error.msg} at line {error.lineno}, column {error.colno})."
        ) from None
    except ValueError:  # integers beyond Python's digit limit
        raise TrajectoryError(f"{what} holds a number with thousands of digits; use ordinary numbers.") from None
    except (RecursionError, MemoryError):
        raise TrajectoryError(f"{what} is nested too deeply to be read.") from None


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise TrajectoryError(f"{digits[:40]} (too large)")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise TrajectoryError(name)


def depth_exceeds(value: Any, limit: int) -> bool:
    """Whether plain lists and objects nest deeper than ``limit``; does not recurse."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list, tuple))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def show(value: Any, limit: int = 60) -> str:
    """A short printable form of any JSON value for an error message."""
    if isinstance(value, (dict, list, tuple)):
        kind = "an object" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}" if value else f"an empty {kind.split()[1]}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**limit:
        return f"a number of {limit} digits or more"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= limit else value[:limit] + "...")
    return f"a {type(value).__name__}"
