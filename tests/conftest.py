"""What every test gets: no downloads, repeatable random numbers, a real ComfyUI if there is one; no root package."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# Read when diffusers and transformers are first imported: a test that would download anything fails instead.
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).resolve().parent.parent


class RootIsNoPackage:
    """The root's __init__.py is ComfyUI's door. Because of it pytest takes the checkout for a package and imports it
    under the name of its folder before the first test."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_configure(config: pytest.Config) -> None:
    # Registered, not defined here: a conftest's own hook sees only the folders below it.
    config.pluginmanager.register(RootIsNoPackage())
    try:
        from hypothesis import settings
    except ImportError:
        return
    settings.register_profile("tora2", deadline=None, derandomize=True, database=None, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tora2"))


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    if "torch" in sys.modules:  # most tests need it, a few must not pay for it
        sys.modules["torch"].manual_seed(0)


@dataclass(frozen=True)
class RealComfyUI:
    folder: Path
    python: Path


@pytest.fixture(scope="session")
def real_comfyui() -> RealComfyUI:
    """A ComfyUI checkout and the Python that runs it, from COMFYUI_PATH and COMFYUI_PYTHON (default: this Python)."""
    folder = os.environ.get("COMFYUI_PATH")
    if not folder:
        pytest.skip("set COMFYUI_PATH to a ComfyUI checkout (and COMFYUI_PYTHON to its Python) to run this")
    if not (Path(folder) / "main.py").is_file():
        pytest.fail(f"COMFYUI_PATH is {folder}, which holds no main.py of ComfyUI")
    return RealComfyUI(Path(folder), Path(os.environ.get("COMFYUI_PYTHON", sys.executable)))
