"""Results of calls that may be coroutines: nodes may be written either way."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any


def finish(value: Any) -> Any:
    """Waits for a coroutine. Plain nodes run outside any event loop, so that Ctrl-C reaches them at once."""
    return asyncio.run(_await(value)) if inspect.isawaitable(value) else value


async def _await(value: Any) -> Any:
    return await value
