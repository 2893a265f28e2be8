"""Why a model that a workflow names is not among those that were found, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import CheckpointError
from .config import check_fit
from .discovery import JOINT, TORA_NAMES, Survey, model_folders, single_files, survey, tora_files
from .folders import ModelFolders
from .headers import read_header, weight_files
from .identify import COMFY_TRANSFORMER, TRANSFORMER, expect
from .sources import adapter_config, config_from_shapes, transformer_config


def why_missing(name: str, roots: Iterable[Path | str] | ModelFolders = ()) -> str:
    """What is wrong with the files of ``name``, a key that ``find_models`` lacks: clauses, without a stop at the end.

    No path is made of the name: it is only compared with what lies in the folders.
    """
    there = survey(roots)
    base, _, adapter = re.sub(r" \(\d+\)$", "", name).partition(JOINT)
    reasons = [_base_reason(base, there)]
    if adapter:
        reasons.append(_adapter_reason(adapter, there))
    if not any(reasons):
        reasons.append(_misfit(base, adapter, there))
    return "; ".join(reason.removesuffix(".") for reason in reasons if reason) or f"nothing is called {name!r} any more"


def _base_reason(name: str, there: Survey) -> str:
    """Empty if the base is there."""
    if any(base.name == name for base in (*there.bases, *there.complete)):
        return ""
    folder = next((folder for folder in model_folders(there.folders) if folder.name == name), None)
    if folder is None:
        return _file_reason(name, there)
    transformer = folder / "transformer"
    if not (transformer / "config.json").is_file():
        return f"{folder} has no transformer/config.json: get the whole repository"
    try:
        transformer_config(transformer)
        for path in weight_files(transformer):
            read_header(path)
    except (CheckpointError, OSError) as error:
        return str(error)
    return ""


def _file_reason(name: str, there: Survey) -> str:
    file = next((path for path in single_files(there.folders) if path.stem == name), None)
    if file is None:
        return f"no folder or file is called {name!r}"
    try:
        header = read_header(file)
        expect(header, TRANSFORMER, COMFY_TRANSFORMER)
        config_from_shapes(header)
    except (CheckpointError, OSError) as error:
        return str(error)
    return ""


def _adapter_reason(name: str, there: Survey) -> str:
    """Empty if the adapter is there."""
    if any(adapter.name == name for adapter in there.adapters):
        return ""
    if name not in TORA_NAMES:
        folders = (parent / "adapters" for parent in there.folders.named("tora2"))
        file = next((path for folder in folders for path in folder.glob("*.safetensors") if path.stem == name), None)
        if file is None:
            return f"no adapter in tora2/adapters is called {name!r}"
        return _trouble((file,)) or f"{file} does not say which base it goes on: get it anew"
    for folder in model_folders(there.folders):
        files = tora_files(folder, name)
        present = [path for path in files if path.is_file()]
        if len(present) == len(files):
            return _trouble(files)
        if present:
            absent = next(path for path in files if path not in present)
            return f"{absent} is missing; {name} needs it beside {present[0].name}"
    ends = " and ".join(f"{path.parent.name}/{path.name}" for path in tora_files(Path(), name))
    return f"{name} needs {ends}, which are in no folder of CogVideo"


def _trouble(files: tuple[Path, ...]) -> str:
    try:
        if files:
            adapter_config(files)
    except (CheckpointError, OSError) as error:
        return str(error)
    return ""


def _misfit(base_name: str, adapter_name: str, there: Survey) -> str:
    for base in there.bases:
        for adapter in there.adapters:
            if (base.name, adapter.name) == (base_name, adapter_name):
                try:
                    check_fit(adapter.description, base.description, adapter.files[0], base.path)
                except CheckpointError as error:
                    return str(error)
    return ""
