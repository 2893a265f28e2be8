"""What the pack puts into ComfyUI's page, and how it behaves there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from node import find_node

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
TYPES = Path(__file__).parent
SOURCES = sorted([*WEB.rglob("*.mjs"), *WEB.rglob("*.js")])
IMPORT = re.compile(
    r"""^(?:import|export)\s+(?:[\w$*\s{},]*?\bfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]""", re.MULTILINE
)
CODE = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.DOTALL)


def code(path: Path) -> str:
    """A script without its comments."""
    return CODE.sub("", path.read_text(encoding="utf-8"))


def test_the_root_holds_comfyuis_door_and_nothing_else():
    body = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8")).body
    assert [type(part) for part in body] == [ast.Expr, ast.Assign, ast.AsyncFunctionDef]
    assert ast.unparse(body[1]) == "WEB_DIRECTORY = './web'"
    assert body[2].name == "comfy_entrypoint"


def test_comfyui_imports_one_script_only():
    """It imports every *.js of the folder; *.mjs it leaves alone."""
    assert [path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")] == ["tora2.js"]
    assert {path.suffix for path in WEB.rglob("*") if path.is_file()} <= {".js", ".mjs", ".md", ".png", ".gif"}


def test_only_the_host_knows_comfyui():
    for path in SOURCES:
        imports = [target for pair in IMPORT.findall(code(path)) for target in pair if target]
        for target in imports:
            assert target.startswith("."), f"{path.name} imports {target}"
        if path.name != "tora2.js":
            assert not [target for target in imports if "scripts/" in target], path.name
        if path.parent.name == "core":
            assert not re.search(r"\b(document\.create|window|HTMLElement)\b", code(path)), f"{path.name}: a page"
        if path.is_relative_to(WEB / "core") or path.is_relative_to(WEB / "view"):
            assert not [target for target in imports if "/host/" in target], path.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_a_script_is_a_good_guest(path):
    text = code(path)
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b", text), "markup from data"
    assert not re.search(r"\beval\(|new Function\b|setTimeout\(\s*['\"`]", text), "code from data"
    assert not re.search(r"\b(window|globalThis|self)\.\w+\s*=[^=]", text), "writes to window"
    assert not re.search(r"\.prototype\.\w+\s*=[^=]", text), "changes somebody's prototype"
    assert not re.search(r"https?://(?!www\.w3\.org)", text), "speaks to the network"
    assert not re.search(r"document\.(body|head)\.append", text), "leaves its shadow root"


def test_types():
    compiler = TYPES / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.is_file():
        pytest.skip("run `npm ci --prefix tests/web` to check the types")
    command = [find_node(), str(compiler), "--project", str(TYPES / "tsconfig.json"), "--pretty", "false"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=os.environ | {"NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout[-6000:]
