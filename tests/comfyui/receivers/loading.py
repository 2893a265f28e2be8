"""Loads the pack as ComfyUI does, from a folder of any name, as the module ``pack``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def load_pack() -> None:
    root = Path(__file__).resolve().parents[3]
    spec = importlib.util.spec_from_file_location("pack", root / "__init__.py", submodule_search_locations=[str(root)])
    sys.modules["pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["pack"])
