"""The English texts of all nodes, as ComfyUI's translations want them: locales/en/nodeDefs.json.

    python tests/support/node_texts.py      writes that file; tests/web/test_locales.py compares it with the schemas
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "locales" / "en" / "nodeDefs.json"


def node_texts(definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Names and explanations of nodes, inputs and outputs from /object_info."""
    return {name: _of_one(definition) for name, definition in definitions.items()}


def _of_one(definition: dict[str, Any]) -> dict[str, Any]:
    inputs = {}
    for group in ("required", "optional"):
        for name, (_, *options) in definition["input"].get(group, {}).items():
            given = options[0] if options else {}
            inputs[name] = {"name": given.get("display_name") or name.replace("_", " "), "tooltip": given["tooltip"]}
    pairs = zip(definition["output_name"], definition["output_tooltips"], strict=True)
    outputs = {str(index): {"name": name, "tooltip": tooltip} for index, (name, tooltip) in enumerate(pairs)}
    return {
        "display_name": definition["display_name"],
        "description": definition["description"],
        "inputs": inputs,
        "outputs": outputs,
    }


def pack_texts() -> dict[str, Any]:
    from tora2.headless import loader

    return node_texts(json.loads(json.dumps(loader.definitions_of(loader.load_pack()), default=str)))


def as_file(texts: dict[str, Any]) -> str:
    return json.dumps(texts, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(ROOT))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(as_file(pack_texts()), encoding="utf-8")
