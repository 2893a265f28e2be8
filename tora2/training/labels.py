"""What a shard of `train --encode` says of its making, so that the command goes on with what fits, and only that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from ..errors import TrainingError
from ..personalization.extractor import ExtractorConfig
from .shards import head

WEIGHTS_OF = "weights of "
VAE = f"{WEIGHTS_OF}the VAE"
VARIANT = "model.transformer.personalization_config.variant"
LEFT_OUT = "left out"
VALUES = 16
"""Values of each weight that are looked at: T5 XXL as a whole would take a minute."""


def label(samples: Iterable[tuple[str, Mapping[str, bytes]]], settings: Mapping[str, Any]) -> dict[str, str]:
    """A shard's metadata.

    Args:
        samples: name and files of each, as ``sample_files`` gives them.
        settings: what else decides the shard's content; plain JSON.
    """
    digest = hashlib.sha256()
    for name, files in samples:
        digest.update(f"{name}\n".encode())
        for extension in sorted(files):
            digest.update(extension.encode() + hashlib.sha256(files[extension]).digest())
    return {"samples": digest.hexdigest(), "settings": json.dumps(dict(settings), sort_keys=True)}


def stored_label(path: Path) -> dict[str, str] | None:
    """The label of a shard; None where no file is.

    Raises:
        TrainingError: the file cannot be read, is no shard, or says nothing of its making.
    """
    if not path.is_file():
        return None
    head(path)
    with safe_open(path, "pt") as shard:
        metadata = shard.metadata() or {}
    if not {"samples", "settings"} <= set(metadata):
        raise TrainingError(
            f"{path} holds clips but does not say of which samples and how they were made: it can be trained on, but "
            "to go on encoding set `data.path` to another folder."
        )
    return {name: metadata[name] for name in ("samples", "settings")}


def left_out(path: Path) -> list[str]:
    """Which samples a shard lacks, and why, one sentence for each."""
    with safe_open(path, "pt") as shard:
        return json.loads((shard.metadata() or {}).get(LEFT_OUT, "[]"))


def check_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """All shards of a folder were made with these settings, or TrainingError says which one was otherwise.

    An encoder that was not there then, and is now, changes nothing of what was made without it.
    """
    for path in sorted(folder.glob("*.safetensors")):
        before = json.loads(stored_label(path)["settings"])
        changed = next((key for key in sorted({*before, *settings}) if _differs(key, before, settings)), None)
        if changed is None:
            continue
        if changed.startswith(WEIGHTS_OF):
            what = f"other {changed}"
        else:
            what = f"`{changed}` {before.get(changed)}, and now it is {settings.get(changed)}"
        raise TrainingError(
            f"{path} was made with {what}: mend that, or set `data.path` to another folder to encode all anew."
        )


def settings_of(path: Path) -> dict[str, Any]:
    """With which settings a shard was made; empty where it does not say."""
    with safe_open(path, "pt") as shard:
        return json.loads((shard.metadata() or {}).get("settings", "{}"))


def check_readable(paths: Iterable[Path], settings: Mapping[str, Any]) -> None:
    """TrainingError if a shard says that it was made otherwise than a training with these settings reads it.

    Args:
        paths: shards; those without a label are taken as they are.
        settings: the training's, by the names of labels; names that a label lacks are passed over.
    """
    for path in paths:
        before = settings_of(path)
        for key in sorted({*before} & {*settings}):
            if not _holds(key, before[key], settings[key]):
                what = f"`{key}` {before[key]}, and this run has {settings[key]}"
                what = f"other {key}" if key.startswith(WEIGHTS_OF) else what
                raise TrainingError(
                    f"{path} was made with {what}: encode the samples for it into another `data.path`, or train with "
                    "what they were made for."
                )


def _holds(key: str, before: Any, now: Any) -> bool:
    """Whether features that were made with one value serve another."""
    if key != VARIANT:
        return before == now
    made, read = (ExtractorConfig(variant=value) for value in (before, now))
    # Without faces people are described by the re-identification network, too; with them they are not.
    same = (made.uses_face, made.uses_reid) == (read.uses_face, read.uses_reid)
    return same or not read.uses_reid


def _differs(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    came = key.startswith(WEIGHTS_OF) and before.get(key) is None
    return before.get(key) != now.get(key) and not came


def sketch(part: Any) -> str:
    """A digest of a few of each of a network's weights, or of those that an encoder holds."""
    digest = hashlib.sha256()
    networks = [part] if isinstance(part, nn.Module) else [v for v in vars(part).values() if isinstance(v, nn.Module)]
    for network in networks:
        for name, tensor in network.state_dict().items():
            flat = tensor.detach().reshape(-1)
            count = min(VALUES, len(flat))  # whole numbers: float32 does not tell T5's last values apart
            places = torch.arange(count) * (len(flat) - 1) // max(count - 1, 1)
            digest.update(f"{name} {list(tensor.shape)} {flat[places.to(flat.device)].float().tolist()}".encode())
    return digest.hexdigest()[:16]


def files_sketch(path: Path) -> str:
    """The same for an encoder that is a file, or a folder of .onnx files."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.onnx")) if path.is_dir() else [path]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
