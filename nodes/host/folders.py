"""ComfyUI's model folders as the pack sees them, and the models in them."""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import folder_paths

from ...tora2.errors import ConditionError
from .runtime import INSIDE_COMFYUI

logger = logging.getLogger(__name__)

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "workflows" / "inputs"
MODEL_FOLDER = "tora2"
EXTENSIONS = {".safetensors", ".json", ".pt"}
MODEL_KINDS = (MODEL_FOLDER,) + tuple(
    "CogVideo CogVideoX diffusers diffusion_models text_encoders vae loras dinov2 insightface".split()
)
NO_LORA = "none"
REMEMBERED_SECONDS = 2.0

_remembered: dict[str, tuple[float, dict[str, Any]]] = {}


def register_model_folder() -> None:
    """Make models/tora2 a model folder. Without extensions of its own ComfyUI would list every file in it."""
    folder_paths.add_model_folder_path(MODEL_FOLDER, os.path.join(folder_paths.models_dir, MODEL_FOLDER))
    paths, extensions = folder_paths.folder_names_and_paths[MODEL_FOLDER]
    folder_paths.folder_names_and_paths[MODEL_FOLDER] = (paths, set(extensions) | EXTENSIONS)


def provide_example_pictures() -> None:
    """Put the pictures that the pack's workflows name into ComfyUI's input folder; what is there stays as it is."""
    if not INSIDE_COMFYUI:
        return
    folder = Path(folder_paths.get_input_directory())
    for picture in sorted(EXAMPLES.glob("*.png")):
        if folder.is_dir() and not (folder / picture.name).exists():
            try:
                shutil.copyfile(picture, folder / picture.name)
            except OSError as error:  # a read-only folder is the user's choice
                logger.info("The example picture %s was not copied to %s: %s", picture.name, folder, error)
                return


def model_folders() -> Any:
    """ComfyUI's models folders, with those that extra_model_paths.yaml names for a kind of model of ours."""
    from ...tora2.checkpoints.folders import ModelFolders

    if MODEL_FOLDER not in folder_paths.folder_names_and_paths:
        register_model_folder()
    single = {
        kind: folder_paths.get_folder_paths(kind) for kind in MODEL_KINDS if kind in folder_paths.folder_names_and_paths
    }
    # Beside each tora2/ its neighbours are looked for, too: base_path of extra_model_paths.yaml.
    roots = (folder_paths.models_dir, *(os.path.dirname(path) for path in single[MODEL_FOLDER]))
    return ModelFolders.of(roots, single)


def model_names() -> list[str]:
    return list(_sources())


def _sources() -> dict[str, Any]:
    from ...tora2.checkpoints.discovery import find_models

    return _there_now("models", find_models)


def _there_now(what: str, find: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """ComfyUI asks for schemas many times in a row; the folders are read once for that."""
    when, found = _remembered.get(what, (-math.inf, {}))
    if time.monotonic() - when > REMEMBERED_SECONDS:
        found = find(model_folders())
        _remembered[what] = (time.monotonic(), found)
    return found


def model_fingerprint(name: str) -> str:
    """Changes when the model's files do, so that a replaced file is loaded anew, and one that was missing is found."""
    source = _sources().get(name)
    if source is None:
        return ""
    from ...tora2.checkpoints.files import model_files

    return repr(sorted((str(file), *_stamp(file)) for file in model_files(source)))


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def find_model(name: str) -> Any:
    """The model's files; ConditionError says what of them is missing or wrong."""
    sources = _sources()
    if name not in sources:
        from ...tora2.checkpoints.missing import why_missing

        raise ConditionError(
            f"There is no model {name!r}: {why_missing(name, model_folders())}. README, 'Full size', says which file "
            f"goes where below {folder_paths.models_dir}; refresh then, or choose one of {', '.join(sources)}."
        )
    return sources[name]


def lora_names() -> list[str]:
    return list(_loras())


def _loras() -> dict[str, Any]:
    from ...tora2.checkpoints.lora import find_loras

    return _there_now("LoRAs", find_loras)


def lora_fingerprint(name: str) -> str:
    """Changes when the file does."""
    path = _loras().get(name)
    return "" if path is None else repr((str(path), *_stamp(path)))


def find_lora(name: str) -> Path | None:
    """The LoRA's file, None for ``NO_LORA``; ConditionError if there is none of that name."""
    if name == NO_LORA:
        return None
    loras = _loras()
    # Workflows that were saved under Windows may hold core's backslashes.
    found = loras.get(name, loras.get(name.replace("\\", "/")))
    if found is None:
        raise ConditionError(
            f"There is no LoRA {name!r}: put it into {os.path.join(folder_paths.models_dir, 'loras')} and refresh, or "
            "choose another or none."
        )
    return found
