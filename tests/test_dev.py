"""dev.py runs the right commands and knows an outdated environment; and pytest leaves the root's __init__.py alone."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def dev():
    spec = importlib.util.spec_from_file_location("tora2_dev_script", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_line_of_its_help_is_what_runs(dev):
    python = Path("python")
    assert dev.job_commands(python, ["setup"]) == []
    assert [command[1:3] for command in dev.job_commands(python, ["test"])] == [["-m", "ruff"], ["-m", "pytest"]]
    assert dev.job_commands(python, ["test", "tests/x.py", "-x"]) == [["python", "-m", "pytest", "tests/x.py", "-x"]]
    assert dev.job_commands(python, ["run", "a.json", "--output", "b"]) == [
        ["python", "-m", "tora2", "run", "a.json", "--output", "b"]
    ]


def test_an_environment_is_current_until_the_lock_changes(dev, tmp_path):
    lock, folder = tmp_path / "lock", tmp_path / "venv"
    lock.write_text("torch==1.0\n")
    python = dev.environment_python(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    assert not dev.is_current(folder, lock), "no stamp: the installation was interrupted"
    (folder / "made-from").write_text(dev.fingerprint(lock))
    assert dev.is_current(folder, lock)
    lock.write_text("torch==1.1\n")
    assert not dev.is_current(folder, lock)


def test_only_torch_may_bring_dependencies(dev):
    torch, rest = dev.install_commands(Path("python"), Path("the.lock"))
    assert torch[-3:] == ["--constraint", "the.lock", "torch"] and "--no-deps" not in torch
    assert "--no-deps" in rest and rest[-1] == "the.lock"


def test_a_failing_step_fails_the_whole(dev, monkeypatch):
    monkeypatch.setattr(dev, "ensure_environment", lambda: Path(sys.executable))
    monkeypatch.setattr(dev, "job_commands", lambda python, arguments: [[str(python), "-c", "raise SystemExit(7)"]])
    assert dev.main(["test"]) == 7


def test_paths_are_those_of_where_the_user_stands(dev, monkeypatch, tmp_path):
    code = "import os, tora2; print(os.getcwd(), tora2.__file__, file=open('seen', 'w'))"
    monkeypatch.setattr(dev, "ensure_environment", lambda: Path(sys.executable))
    monkeypatch.setattr(dev, "job_commands", lambda python, arguments: [[str(python), "-c", code]])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    assert dev.main(["run", "x.json"]) == 0
    assert (tmp_path / "seen").read_text().split() == [str(tmp_path), str(ROOT / "tora2" / "__init__.py")]


def test_the_environment_links_its_python(dev, monkeypatch, tmp_path):
    """A copied interpreter does not find its library on a Mac."""
    made = {}
    monkeypatch.setattr(dev, "is_current", lambda: False)
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev.venv, "create", lambda folder, **options: made.update(options))
    dev.ensure_environment()
    assert made == {"clear": True, "with_pip": True, "symlinks": sys.platform != "win32"}


@pytest.mark.parametrize("folder", ["tora2", "ComfyUI-Tora2"])
def test_pytest_never_imports_the_roots_init(tmp_path, folder):
    """A checkout in miniature, with the real pyproject and conftest: its door raises, and its library must be found."""
    checkout = tmp_path / folder
    (checkout / "tora2").mkdir(parents=True)
    (checkout / "tests" / "part").mkdir(parents=True)
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "__init__.py").write_text("raise RuntimeError('the door was opened')\n")
    (checkout / "tora2" / "__init__.py").write_text("")
    (checkout / "tests" / "part" / "test_it.py").write_text(
        "from pathlib import Path\n"
        "import tora2\n"
        "def test_it():\n"
        "    assert Path(tora2.__file__).parent.parent == Path(__file__).parent.parent.parent\n"
        "    assert Path(tora2.__file__).parent.name == 'tora2'\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert run.returncode == 0 and "1 passed" in run.stdout, run.stdout + run.stderr
