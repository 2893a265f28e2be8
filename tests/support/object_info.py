"""The interfaces of the pack's nodes, as ComfyUI's /object_info tells them: shared workflows depend on every name.

    python tests/support/object_info.py     writes tests/nodes/object_info.json anew, after a change that is meant
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).resolve().parents[1] / "nodes" / "object_info.json"


def interfaces(definitions: dict[str, Any]) -> dict[str, Any]:
    """What must not change by accident: /object_info without what a machine or a folder decides."""
    plain = json.loads(json.dumps(definitions, default=str))
    for definition in plain.values():
        definition.pop("python_module", None)
    model = plain["Tora2LoadModel"]["input"]["required"]["model"]
    model[1]["options"] = ["tora2-tiny"]
    model[1]["default"] = "tora2-tiny"
    return plain


def current() -> dict[str, Any]:
    from tora2.headless import loader

    return interfaces(loader.definitions_of(loader.load_pack()))


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(SNAPSHOT.parents[2]))
    SNAPSHOT.write_text(json.dumps(current(), indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
