"""A help page for every node, in English and Chinese, that speaks of all its inputs and outputs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "web" / "docs"
NODES = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))


def test_there_are_pages_of_nodes_only():
    assert {path.stem for path in DOCS.glob("*.md")} == set(NODES)
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.glob("*/*")} == {f"{name}/zh.md" for name in NODES}


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_names_every_input_and_output(name, language):
    page = (DOCS / (f"{name}.md" if language == "en" else f"{name}/zh.md")).read_text(encoding="utf-8")
    texts = json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))[name]
    assert page.startswith(f"# {texts['display_name']}\n")
    for key, text in texts["inputs"].items():
        assert f"`{key}`" in page, key
        if "tooltip" in text:
            assert re.search(rf"\| [^|]*`{key}`\)? \| {re.escape(text['tooltip'])}", page), f"{key}: not its tooltip"
    for output in NODES[name]["outputs"].values():
        assert f"`{output['name']}`" in page, output["name"]
    assert len(page.split("## ")[0]) > len(texts["description"]) + 60, "the page adds nothing to the description"
    assert not re.search(r"<[a-z]", page), "plain Markdown, no HTML"
