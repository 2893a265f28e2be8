"""Every file in workflows/ converts and passes all checks, with the pack's own node definitions."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tora2.headless import graph, loader

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


@pytest.fixture(scope="module")
def pack() -> dict[str, type]:
    classes = loader.load_pack()
    from tora2.headless import builtin_nodes

    return {**loader.by_id(builtin_nodes.NODES), **classes}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_ready_to_run(path: Path, pack: dict[str, type], monkeypatch: pytest.MonkeyPatch) -> None:
    from tora2.headless import builtin_nodes
    from tora2.headless.executor import Executor

    data = json.loads(path.read_text())
    inner = [node for subgraph in data.get("definitions", {}).get("subgraphs", []) for node in subgraph["nodes"]]
    named = [node["widgets_values"][0] for node in data["nodes"] + inner if node["type"] == "Tora2LoadModel"]
    # Whether this machine has the weights is another matter.
    monkeypatch.setattr(sys.modules[f"{loader.PACK_NAME}.nodes.host.folders"], "_sources", lambda: dict.fromkeys(named))
    builtin_nodes.start_session(builtin_nodes.Session(inputs=[ROOT / "workflows" / "inputs"]))
    prompt = graph.to_prompt(data, loader.definitions_of(pack))
    order = Executor(pack).plan(prompt)
    assert set(order) == set(prompt), "a node of the file leads nowhere"
    assert any(prompt[key]["class_type"] == "SaveVideo" for key in order)
