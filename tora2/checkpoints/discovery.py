"""Which models lie in ComfyUI's models folders. Reads headers and small configs only.

A workflow names a model by a key of ``find_models``; no path is ever made of such a name.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from .config import BaseDescription, check_fit
from .folders import ModelFolders, safetensors_below, subfolders
from .headers import read_header, read_json
from .identify import COMFY_TRANSFORMER, TRANSFORMER, identify
from .sources import (
    ADAPTER_FILE,
    BASE_CLASSES,
    WIDTH_5B,
    ModelSource,
    adapter_config,
    config_from_shapes,
    holds_adapter,
)

logger = logging.getLogger(__name__)

TINY = "tora2-tiny"
TINY_FOLDER = Path(__file__).resolve().parent.parent / "tiny" / "weights"
MODEL_FOLDERS = ("tora2", "CogVideo", "CogVideoX", "diffusers")
FILE_FOLDERS = ("diffusion_models", "unet", "CogVideo")
TORA_NAMES = {"Tora": "", "Tora (I2V)": "_I2V"}
"""Name of Tora's adapter -> how the names of its two files end."""
JOINT = " + "

_told: set[str] = set()
"""What is wrong with a file is logged once, though ComfyUI asks for the models at every look at the node."""


@dataclass(frozen=True)
class Base:
    """A CogVideoX that an adapter may be put on."""

    name: str
    path: Path
    description: BaseDescription


@dataclass(frozen=True)
class _Companion:
    """A CogVideoX folder that may lend its VAE, tokenizer and text encoder."""

    path: Path
    description: BaseDescription | None


@dataclass(frozen=True)
class Adapter:
    """Tora's two files, or one of ours."""

    name: str
    files: tuple[Path, ...]
    description: BaseDescription


@dataclass(frozen=True)
class Survey:
    """What lies in the folders, not yet put together; ``complete`` are bases that hold an adapter or lie beside one."""

    folders: ModelFolders
    bases: tuple[Base, ...]
    complete: tuple[Base, ...]
    adapters: tuple[Adapter, ...]
    companions: tuple[_Companion, ...]


def survey(roots: Iterable[Path | str] | ModelFolders = ()) -> Survey:
    """Read the headers and configs of everything below the folders that may be part of a model."""
    folders = ModelFolders.of(roots)
    bases: list[Base] = []
    complete: list[Base] = []
    companions: list[_Companion] = []
    for folder in model_folders(folders):
        description, whole = _describe_folder(folder)
        if description is not None or _is_cogvideox_vae(folder / "vae"):
            companions.append(_Companion(folder, description))
        if description is None:
            continue
        base = Base(folder.name, folder, description)
        if whole or _own_adapter(folder):
            complete.append(base)
        if not whole:
            bases.append(base)
    bases += _single_files(folders)
    adapters = (*_tora_adapters(folders), *_own_adapters(folders))
    return Survey(folders, tuple(bases), tuple(complete), adapters, tuple(companions))


def find_models(roots: Iterable[Path | str] | ModelFolders = ()) -> dict[str, ModelSource]:
    """Models by name, tora2-tiny first, then models with an adapter, then plain bases.

    Args:
        roots: ComfyUI models folders, or all that `ModelFolders` may hold.

    Returns:
        sources, ready for ``loading.load``. A broken file is left out here only if its header says nothing; what else
        is wrong comes out when the model is loaded, as one sentence. An adapter that is none, or that has no
        base, is logged, once.
    """
    there = survey(roots)
    found: dict[str, ModelSource] = {}
    tiny = Path(TINY_FOLDER)
    if os.path.isfile(tiny / "transformer" / "config.json"):
        found[TINY] = ModelSource(TINY, tiny, _own_adapter(tiny), models=there.folders)
    for base in there.complete:
        _add(found, _source(base.name, base, _own_adapter(base.path), there))
    for base in there.bases:
        for adapter in there.adapters:
            if _fits(adapter, base):
                _add(found, _source(f"{base.name}{JOINT}{adapter.name}", base, adapter.files, there))
    for adapter in there.adapters:
        # Tora comes for both bases in one download, and most people have one of them.
        if adapter.name not in TORA_NAMES and not any(_fits(adapter, base) for base in there.bases):
            _tell_once(
                f"{adapter.files[0]} goes on a plain {adapter.description}, and none is in the model folders: "
                f"{_base_for(adapter.description)}."
            )
    for base in there.bases:
        if base.description.kind and not base.description.is_cogvideox_1_5 and not _own_adapter(base.path):
            _add(found, _source(base.name, base, (), there))
    return found


def _source(name: str, base: Base, adapter: tuple[Path, ...], there: Survey) -> ModelSource:
    # A folder may need a companion too: the usual ComfyUI download leaves text_encoder/ and tokenizer/ out.
    others = [
        companion.path
        for companion in there.companions
        if companion.path != base.path
        and (companion.description is None or companion.description.inner_dim == base.description.inner_dim)
    ]
    others.sort(key=lambda path: not os.path.isdir(path / "tokenizer"))
    return ModelSource(name, base.path, adapter, others[0] if others else None, there.folders)


def _add(found: dict[str, ModelSource], source: ModelSource) -> None:
    name, number = source.name, 2
    while name in found:
        name, number = f"{source.name} ({number})", number + 1
    found[name] = (
        source
        if name == source.name
        else ModelSource(name, source.base, source.adapter, source.companion, source.models)
    )


def model_folders(folders: ModelFolders) -> Iterator[Path]:
    seen = set()
    for parent in folders.named(*MODEL_FOLDERS):
        for folder in subfolders(parent):
            if folder.resolve() not in seen:
                seen.add(folder.resolve())
                yield folder


def _describe_folder(folder: Path) -> tuple[BaseDescription | None, bool]:
    """Description of a diffusers folder's CogVideoX transformer, and whether it holds an adapter too."""
    config_path = folder / "transformer" / "config.json"
    if not os.path.isfile(config_path):
        return None, False
    try:
        config = read_json(config_path)
        name = config.get("_class_name")
        if name not in BASE_CLASSES:
            return None, False
        description = BaseDescription.from_config(config)
        return description, name != "CogVideoXTransformer3DModel" or holds_adapter(_stored_names(config_path.parent))
    except (CheckpointError, ValueError, TypeError, OverflowError):
        return None, False


def _is_cogvideox_vae(folder: Path) -> bool:
    try:
        return read_json(folder / "config.json").get("_class_name") == "AutoencoderKLCogVideoX"
    except CheckpointError:
        return False


def _stored_names(folder: Path) -> set[str]:
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        weight_map = read_json(indexes[0]).get("weight_map")
        return set(weight_map) if isinstance(weight_map, dict) else set()
    try:
        return {name for path in folder.glob("*.safetensors") for name in read_header(path).tensors}
    except CheckpointError:
        return set()


def _single_files(folders: ModelFolders) -> list[Base]:
    bases = []
    for path in single_files(folders):
        try:
            header = read_header(path)
            if identify(header.tensors) in (TRANSFORMER, COMFY_TRANSFORMER):
                bases.append(Base(path.stem, path, BaseDescription.from_config(config_from_shapes(header))))
        except (CheckpointError, OSError):
            continue
    return bases


def single_files(folders: ModelFolders) -> Iterator[Path]:
    """Each file in which a base may be alone; those inside of a diffusers folder are parts of it."""
    seen = set()
    for path in safetensors_below(folders.named(*FILE_FOLDERS)):
        part = os.path.isfile(path.parent / "config.json") or path.name.startswith("diffusion_pytorch_model")
        if path not in seen and not part:
            seen.add(path)
            yield path


def tora_files(folder: Path, name: str) -> tuple[Path, ...]:
    """Where a folder of the ComfyUI conversion has the two files of Tora's adapter ``name`` (see TORA_NAMES)."""
    return tuple(folder / part / f"{part}{TORA_NAMES[name]}.safetensors" for part in ("fuser", "traj_extractor"))


def _tora_adapters(folders: ModelFolders) -> list[Adapter]:
    """Tora's two files as the ComfyUI conversion lays them out."""
    adapters = []
    for folder in model_folders(folders):
        for name in TORA_NAMES:
            files = tora_files(folder, name)
            if all(os.path.isfile(path) for path in files):
                adapters += _described(name, files)
    return adapters


def _own_adapters(folders: ModelFolders) -> list[Adapter]:
    adapters = []
    for parent in folders.named("tora2"):
        for path in sorted((parent / "adapters").glob("*.safetensors")):
            adapters += _described(path.stem, (path,))
        for folder in subfolders(parent):  # a folder that holds an adapter and no base
            if os.path.isfile(folder / ADAPTER_FILE) and not os.path.isfile(folder / "transformer" / "config.json"):
                adapters += _described(folder.name, (folder / ADAPTER_FILE,))
    return adapters


def _described(name: str, files: tuple[Path, ...]) -> list[Adapter]:
    try:
        description = adapter_config(files).base
    except (CheckpointError, OSError) as error:
        _tell_once(str(error))
        return []
    return [Adapter(name, files, description)] if description is not None else []


def _base_for(description: BaseDescription) -> str:
    if description.inner_dim != WIDTH_5B or not description.kind:
        return "put its base there, or the whole model folder that its training wrote"
    return f"put {'CogVideoX-5b-I2V' if description.kind == 'i2v' else 'CogVideoX-5b'} there"


def _tell_once(reason: str) -> None:
    if reason not in _told:
        _told.add(reason)
        logger.warning("No model for Tora2 Load Model: %s", reason)


def _fits(adapter: Adapter, base: Base) -> bool:
    try:
        check_fit(adapter.description, base.description, adapter.files[0], base.path)
    except CheckpointError:
        return False
    return base.description.kind is not None


def _own_adapter(folder: Path) -> tuple[Path, ...]:
    path = folder / ADAPTER_FILE
    return (path,) if folder.is_dir() and os.path.isfile(path) else ()
