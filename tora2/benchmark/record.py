"""What a run has measured so far, in a JSON file that is whole at any moment: a killed process keeps its rows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import Tora2Error


class Record:
    """Rows by the part that measured them.

    Args:
        path: where to; None keeps them in memory alone.
        head: what is said of the whole run.

    Attributes:
        rows: part -> its rows, dataclasses.

    Raises:
        Tora2Error: the file cannot be written; said before anything is measured.
    """

    def __init__(self, path: Path | None, head: dict[str, Any]):
        self.path, self._head = path, dict(head)
        self.rows: dict[str, list[Any]] = {}
        self._errors: dict[str, str] = {}
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise Tora2Error(f"Figures cannot be written to {path} ({error}); give another --json.") from error

    def keep(self, part: str, rows: Sequence[Any]) -> None:
        """All rows of a part so far; they replace those that it gave before."""
        self.rows[part] = list(rows)
        self._write()

    def fail(self, part: str, reason: str) -> None:
        """Why a part ended early."""
        self._errors[part] = reason
        self._write()

    def add(self, name: str, value: Any) -> None:
        self._head[name] = value
        self._write()

    def failed(self) -> bool:
        """Whether any row is one that nobody could foresee."""
        return any(getattr(row, "failed", False) for rows in self.rows.values() for row in rows)

    def _write(self) -> None:
        if self.path is None:
            return
        report = self._head | {part: [asdict(row) for row in rows] for part, rows in self.rows.items()}
        if self._errors:
            report["errors"] = self._errors
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(json.dumps(_finite(report), indent=2), encoding="utf-8")
        part.replace(self.path)


def _finite(value: Any) -> Any:
    """NaN is no JSON: what could not be measured is null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
