"""A headless Chromium for tests and measurements, if this machine has one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def find_chromium() -> str | None:
    """The browser's path: TORA2_CHROMIUM, or what is on PATH."""
    return os.environ.get("TORA2_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A Playwright browser. Skips the test, saying why, where there is none.

    Nothing may use asyncio in this thread while it is open: Playwright has a loop of its own running.
    """
    path = find_chromium()
    if path is None:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)} or set TORA2_CHROMIUM to its path")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; requirements-dev.lock has it")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()
