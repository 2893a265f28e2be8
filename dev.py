"""Runs the project from a bare checkout, in an environment that it makes itself.

    python3 dev.py run workflows/two_entities_tiny.json    the main job, on the embedded tora2-tiny
    python3 dev.py test                                    ruff and the whole test suite
    python3 dev.py test tests/trajectories -x              pytest alone, with these arguments
    python3 dev.py COMMAND ...                             any other command of `python -m tora2`
    python3 dev.py setup                                   the environment and nothing else

The environment is `.venv`, made from requirements-dev.lock with the Python that runs this file, and made again when
either changes. Standard library only. ComfyUI does not need this file.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements-dev.lock"
VENV = ROOT / ".venv"


def environment_python(folder: Path = VENV) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(lock: Path = LOCK) -> str:
    """What an environment was made from: the Python version and the lock's content."""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{version} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def is_current(folder: Path = VENV, lock: Path = LOCK) -> bool:
    stamp = folder / "made-from"
    return environment_python(folder).exists() and stamp.is_file() and stamp.read_text() == fingerprint(lock)


def install_commands(python: Path, lock: Path = LOCK) -> list[list[str]]:
    """torch brings what its platform needs (CUDA's packages on Linux), so it alone is installed with dependencies."""
    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    if not sys.stdout.isatty():
        pip.append("-qq")  # a person wants to see several hundred megabytes arrive, a log does not
    return [[*pip, "--constraint", str(lock), "torch"], [*pip, "--no-deps", "--requirement", str(lock)]]


def ensure_environment() -> Path:
    python = environment_python()
    if is_current():
        return python
    print(f"Making {VENV} from {LOCK.name}: a few minutes, and only this once.", flush=True)
    # An interrupted or outdated environment is not worth mending, hence clear. The stamp comes last.
    # Links, as `python -m venv` makes them: a copied interpreter does not find its library on a Mac.
    venv.create(VENV, clear=True, with_pip=True, symlinks=os.name != "nt")
    for command in install_commands(python):
        subprocess.run(command, cwd=ROOT, check=True)
    (VENV / "made-from").write_text(fingerprint())
    return python


def job_commands(python: Path, arguments: list[str]) -> list[list[str]]:
    """The commands behind one line of the docstring, to be run in order until one fails."""
    command, *options = arguments
    if command == "setup":
        return []
    if command == "test" and not options:
        pytest = ["-m", "pytest", "--numprocesses=logical", "--maxprocesses=8"]
        return [[str(python), "-m", "ruff", "check", "."], [str(python), *pytest]]
    if command == "test":
        return [[str(python), "-m", "pytest", *options]]
    return [[str(python), "-m", "tora2", *arguments]]


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 (this is where an older Python is told)
        print(f"Tora2 needs Python 3.10 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    # Paths are the user's, wherever they stand; the library is found by its own.
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    folder = ROOT if arguments[0] == "test" else None
    if arguments == ["test"]:
        environment["OMP_NUM_THREADS"] = "1"  # there is one pytest worker per core
    try:
        for command in job_commands(ensure_environment(), arguments):
            code = subprocess.run(command, cwd=folder, env=environment).returncode
            if code:
                return code
    except subprocess.CalledProcessError as error:
        print(f"Making {VENV} failed at: {subprocess.list2cmdline(error.cmd)}", file=sys.stderr)
        if "ensurepip" in error.cmd and sys.platform == "linux":
            print("On Debian and Ubuntu, `apt install python3-venv` adds what is missing.", file=sys.stderr)
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
