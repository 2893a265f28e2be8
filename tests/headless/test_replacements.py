from __future__ import annotations

from datetime import datetime

from tora2.headless.replacements import replace_text
from tora2.headless.widgets import Widget
from tora2.headless.workflow import Node


def node(title: str, name: str | None = None) -> Node:
    raw = {"properties": {"Node name for S&R": name}} if name else {}
    widgets = [Widget("fps", 8.0, "FLOAT"), Widget("flag", True, "BOOLEAN"), Widget("file", "a/b:c.png", "COMBO")]
    return Node("1", "T", 0, title, raw, [], [], widgets)


def test_widgets_of_named_nodes() -> None:
    nodes = [node("Video"), node("other", "Real Name")]
    assert replace_text("%Video.fps%_%Real Name.flag%_%Video.file%", nodes) == "8_true_a_b_c.png"


def test_unknown_patterns_stay() -> None:
    text = "%Nobody.fps% %Video.nothing% %width% %year%"
    assert replace_text(text, [node("Video")]) == text


def test_dates() -> None:
    now = datetime(2026, 3, 4, 5, 6, 7)
    assert replace_text("%date:yyyy-MM-dd hh.mm.ss%", [], now) == "2026-03-04 05"  # a dot ends it, there too
    assert replace_text("%date:yyyy-MM-dd hhmmss yy d%", [], now) == "2026-03-04 050607 26 4"
