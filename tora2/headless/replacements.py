"""`%date:yyyy-MM-dd%` and `%Node.widget%` in file names of save nodes, filled in by ComfyUI's frontend as it queues.

Behaviour matched: comfyui-frontend 1.58 (applyTextReplacements, formatDate). `%year%`, `%width%` and the like are the
server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from .workflow import Node

SAVE_NODE_TYPES = frozenset({"SaveImage", "SaveVideo", "SaveWEBM", "SaveAnimatedWEBP", "SaveAnimatedPNG", "SaveLatent"})
_UNSAFE = re.compile(r'[/?<>\\:*|"\x00-\x1F\x7F]')
_DATE_PARTS = re.compile(r"dd?|MM?|hh?|mm?|ss?|yyy?y?")


def replace_text(text: str, nodes: Iterable[Node], now: datetime | None = None) -> str:
    """`text` with its patterns filled in; patterns that name no node or widget stay as they are."""
    nodes = list(nodes)

    def fill(match: re.Match) -> str:
        parts = match[1].split(".")
        if len(parts) != 2:
            return _format_date(parts[0][5:], now or datetime.now()) if parts[0].startswith("date:") else match[0]
        named = [node for node in nodes if (node.raw.get("properties") or {}).get("Node name for S&R") == parts[0]]
        named = named or [node for node in nodes if node.title == parts[0]]
        widget = named[0].widget(parts[1]) if named else None
        return match[0] if widget is None else _UNSAFE.sub("_", _as_text(widget.value))

    return re.sub(r"%([^%]+)%", fill, text)


def _as_text(value: object) -> str:
    """A value as JavaScript would write it into a string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _format_date(pattern: str, now: datetime) -> str:
    values = {"d": now.day, "M": now.month, "h": now.hour, "m": now.minute, "s": now.second}

    def fill(match: re.Match) -> str:
        part = match[0]
        if part[0] in values:
            return str(values[part[0]]).zfill(len(part))
        return {"yy": str(now.year)[2:], "yyyy": str(now.year)}.get(part, part)

    return _DATE_PARTS.sub(fill, pattern)
