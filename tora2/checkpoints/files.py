"""Every file that a model's parts come from, so that a host notices when one of them changes or comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import CheckpointError
from . import components
from .sources import ModelSource, plan_transformer


def model_files(source: ModelSource) -> list[Path]:
    """Files in the model's own folders, and those elsewhere that stand in for what these lack."""
    own = [file for path in (source.base, *source.adapter, source.companion) if path for file in _files(path)]
    try:
        shared = list(_shared(source))
    except (CheckpointError, OSError):  # loading says what is wrong with it
        shared = []
    return list(dict.fromkeys((*own, *shared)))


def _shared(source: ModelSource) -> Iterator[Path]:
    plan = plan_transformer(source)
    stand_ins = {
        "vae": lambda: components.find_vae(source),
        "text_encoder": lambda: components.find_t5(source, int(plan.arguments.get("text_embed_dim", 4096))),
    }
    for name, find in stand_ins.items():
        if components.component_folder(source, name) is None and (header := find()) is not None:
            yield header.path
    personalization = plan.adapter.arguments.get("personalization_config")
    if not personalization:
        return
    for path in (
        components.find_semantic(source, personalization.get("semantic_width", 1024)),
        components.find_reid(source),
        components.find_face(source),
    ):
        if path is not None:
            yield from _files(path)


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
