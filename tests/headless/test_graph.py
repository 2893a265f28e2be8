"""The conversion equals what the frontend's own graphToPrompt made of the same files (fixtures: see record_prompts.py)."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tora2.errors import WorkflowError
from tora2.headless import graph

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def comparable(prompt: dict) -> dict:
    return {
        key: {"inputs": node["inputs"], "class_type": node["class_type"], "title": node["_meta"]["title"]}
        for key, node in prompt.items()
    }


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["workflow", "resaved"])
def test_equals_frontend(path: Path, form: str) -> None:
    fixture = load(path)
    converted = graph.to_prompt(copy.deepcopy(fixture[form]), fixture["object_info"])
    assert comparable(converted) == comparable(fixture["prompt"])
