"""LoRA files of CogVideoX: which weights they change, and by what. ``merging`` adds it to them.

Understood are the names of diffusers and peft (``transformer_blocks.0.attn1.to_q.lora_A.weight``), those of kohya's
scripts (``lora_unet__transformer_blocks_0_attn1_to_q.lora_down.weight``) and ComfyUI's own of CogVideoX's blocks.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import CheckpointError
from .comfy_names import diffusers_name
from .folders import ModelFolders, safetensors_below
from .headers import Header, read_header
from .identify import LORA, expect
from .weights import opened

logger = logging.getLogger(__name__)

_HALF = re.compile(r"(?P<module>.+)\.(?P<half>lora_A|lora_down|lora_B|lora_up)(\.[^.]+)?\.weight")
_DOWN = ("lora_A", "lora_down")
_PREFIXES = ("base_model.model.", "model.diffusion_model.", "diffusion_model.", "transformer.")
_FLAT_PREFIX = re.compile(r"lora_(unet|transformer)_+")
_TEXT_ENCODER = ("lora_te", "text_encoder")
_OTHER_KINDS = {
    "LoHa": (".hada_",),
    "LoKr": (".lokr_",),
    "DoRA": (".dora_scale", ".lora_magnitude_vector"),
    "LoRA with biases": (".lora_B.bias", ".lora_up.bias"),
}
_DIFFUSERS_SETTINGS = "lora_adapter_metadata"


@dataclass(frozen=True)
class Lora:
    """A LoRA's file, and the factor of its change: 1.0 is as it was trained, negative ones turn it round."""

    path: Path
    strength: float = 1.0


@dataclass(frozen=True)
class Change:
    """What a LoRA adds to one weight: ``factor * up @ down``, by the matrices' names in its file."""

    path: Path
    down: str
    up: str
    factor: float


def find_loras(roots: Iterable[Path | str] | ModelFolders = ()) -> dict[str, Path]:
    """LoRAs by name: files of any model below the folders ``loras`` and ``CogVideo/loras``, as their paths there.

    Their headers are not read: people keep hundreds, and a wrong one is refused when it is used.
    """
    folders = ModelFolders.of(roots)
    tops = (*folders.named("loras"), *(folder / "loras" for folder in folders.named("CogVideo", "CogVideoX")))
    found: dict[str, Path] = {}
    for top in tops:
        for path in safetensors_below([top]):
            found.setdefault(path.relative_to(top).as_posix(), path)
    return found


def check_loras(loras: Iterable[Lora], expected: Mapping[str, torch.Tensor]) -> None:
    """CheckpointError unless each LoRA fits a model with these weights; nothing but headers is read."""
    for lora in loras:
        changes(lora, expected)


def changes(lora: Lora, expected: Mapping[str, torch.Tensor]) -> dict[str, Change]:
    """A LoRA's changes by the weight's name.

    Args:
        expected: the transformer's ``state_dict``, perhaps on meta.

    Raises:
        CheckpointError: the file is no LoRA, or one of a kind that cannot be merged, or was made for another model.
    """
    header = read_header(lora.path)
    for kind, marks in _OTHER_KINDS.items():
        if any(mark in name for name in header.tensors for mark in marks):
            raise CheckpointError(f"{lora.path} is a {kind}, and only plain LoRAs can be merged: choose one of those.")
    expect(header, LORA)
    layers = _layers(header)
    flat = {key.removesuffix(".weight").replace(".", "_"): key for key in expected if key.endswith(".weight")}
    targets = {layer.name: _target(layer.name, expected, flat) for layer in layers}
    strange = [name for name, key in targets.items() if key is None]
    if strange:
        raise CheckpointError(
            f"{lora.path} changes {len(strange)} of {len(layers)} layers that this model does not have (the first is "
            f"{strange[0]}): it was made for another model, and one for CogVideoX-5B goes here."
        )
    found = {}
    for layer in layers:
        key = str(targets[layer.name])
        down, up = header.tensors[layer.down].shape, header.tensors[layer.up].shape
        if len(down) < 2 or len(up) < 2 or up[1] != down[0] or (up[0], *down[1:]) != tuple(expected[key].shape):
            raise CheckpointError(
                f"{lora.path} does not fit this model: it changes {key} by {list(up)} times {list(down)}, which has "
                f"shape {list(expected[key].shape)} here; it was made for another model."
            )
        found[key] = Change(lora.path, layer.down, layer.up, lora.strength * layer.scale)
    return found


@dataclass(frozen=True)
class _Layer:
    """One layer of a LoRA's file: its name there, the names of its two matrices, and alpha / rank."""

    name: str
    down: str
    up: str
    scale: float


def _layers(header: Header) -> list[_Layer]:
    halves: dict[str, dict[str, str]] = {}
    alphas, others, left_out = {}, [], 0
    for name in header.tensors:
        if name.startswith(_TEXT_ENCODER):
            left_out += 1
        elif match := _HALF.fullmatch(name):
            half = "down" if match["half"] in _DOWN else "up"
            halves.setdefault(match["module"], {})[half] = name
        elif name.endswith(".alpha"):
            alphas[name.removesuffix(".alpha")] = name
        else:
            others.append(name)
    others += [min(names.values()) for names in halves.values() if len(names) < 2]
    if others or not halves:
        what = f"holds {others[0]}, which is no part of one" if others else "has none for the transformer"
        raise CheckpointError(f"{header.path} should be a LoRA of CogVideoX's transformer but {what}: choose another.")
    if left_out:
        logger.warning("%s also changes a text encoder, which is left out: T5 stays as it is", header.path.name)
    settings = _Settings.of(header)
    stored = _numbers(header, alphas)
    layers = []
    for module, names in halves.items():
        rank = max(1, header.tensors[names["down"]].shape[0])
        alpha = stored.get(module, settings.alpha_of(module))
        divisor = rank**0.5 if settings.rank_stabilized else rank
        layers.append(_Layer(module, names["down"], names["up"], 1.0 if alpha is None else alpha / divisor))
    return layers


def _numbers(header: Header, names: Mapping[str, str]) -> dict[str, float]:
    if not names:
        return {}
    with opened(header.path) as file:
        tensors = {module: file.get_tensor(name) for module, name in names.items()}
    for module, tensor in tensors.items():
        if tensor.numel() != 1:
            raise CheckpointError(f"{header.path} gives {module} an alpha that is no number: get the file anew.")
    return {module: float(tensor) for module, tensor in tensors.items()}


@dataclass(frozen=True)
class _Settings:
    """What diffusers writes of peft's LoraConfig into a file's metadata; without it alpha is the rank, as there."""

    default_alpha: float | None = None
    alphas: Mapping[str, float] | None = None
    rank_stabilized: bool = False

    @classmethod
    def of(cls, header: Header) -> _Settings:
        try:
            described = json.loads(header.metadata.get(_DIFFUSERS_SETTINGS, "{}"))
            described = {key.removeprefix("transformer."): value for key, value in described.items()}
            alpha = described.get("lora_alpha")
            patterns = described.get("alpha_pattern") or {}
            alphas = {name.removeprefix("^"): float(value) for name, value in patterns.items()}
            return cls(None if alpha is None else float(alpha), alphas, bool(described.get("use_rslora")))
        except (ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"The metadata of {header.path} is damaged ({error}): get the file anew.") from error

    def alpha_of(self, module: str) -> float | None:
        for name, alpha in (self.alphas or {}).items():
            if f".{module}".endswith(f".{name}"):
                return alpha
        return self.default_alpha


def _target(module: str, expected: Mapping[str, torch.Tensor], flat: Mapping[str, str]) -> str | None:
    """Name of the weight that a LoRA's layer changes, or None."""
    if flat_prefix := _FLAT_PREFIX.match(module):
        return flat.get(module[flat_prefix.end() :])
    for prefix in _PREFIXES:
        module = module.removeprefix(prefix)
    key = diffusers_name(f"{module}.weight")
    return key if key in expected else None
