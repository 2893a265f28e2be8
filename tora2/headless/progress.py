"""Progress on the terminal: ComfyUI's progress hook drives one tqdm bar per node."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class Progress:
    """Names each node as it starts; a bar appears when the node reports steps. Use as a context manager."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream or sys.stderr
        self._bar: tqdm | None = None
        self._title = ""

    def __enter__(self) -> Progress:
        import comfy.utils

        comfy.utils.set_progress_bar_global_hook(self.report)
        return self

    def __exit__(self, *_: Any) -> None:
        import comfy.utils

        comfy.utils.set_progress_bar_global_hook(None)
        self._close()

    def start(self, node_id: str, node: dict[str, Any]) -> None:
        """A node begins."""
        self._close()
        self._title = str((node.get("_meta") or {}).get("title") or node["class_type"])

    def report(self, value: float, total: float, preview: Any = None, **_: Any) -> None:
        """The hook: `value` of `total` steps are done."""
        if self._bar is None or self._bar.total != total or value < self._bar.n:
            self._close()
            self._bar = tqdm(total=total, desc=self._title, file=self._stream, dynamic_ncols=True)
        self._bar.update(value - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
