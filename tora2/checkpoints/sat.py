"""SAT checkpoints (``mp_rank_00_model_states.pt``, as Tora and CogVideoX were trained) under the transformer's names.

SAT keeps query, key and value in one matrix, both norms' modulations in one layer, and Tora's fuser among the
mixins of the adaptive norm.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import CheckpointError
from .config import NO_ADAPTER, AdapterConfig, BaseDescription
from .headers import is_pickle, refuse_other_formats
from .identify import SAT, count_layers, identify, wrong_file
from .sources import HEAD_DIM, WIDTH_2B, tora_description

PREFIX = "model.diffusion_model."
WRAPPERS = ("module", "model", "state_dict")

_RENAMED = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "mixins.patch_embed.proj": "patch_embed.proj",
    "mixins.patch_embed.text_proj": "patch_embed.text_proj",
    "mixins.final_layer.norm_final": "norm_out.norm",
    "mixins.final_layer.linear": "proj_out",
    "mixins.final_layer.adaLN_modulation.1": "norm_out.linear",
    "transformer.final_layernorm": "norm_final",
}
_BLOCK_PARTS = {
    "input_layernorm": "norm1.norm",
    "post_attention_layernorm": "norm2.norm",
    "attention.dense": "attn1.to_out.0",
    "mlp.dense_h_to_4h": "ff.net.0.proj",
    "mlp.dense_4h_to_h": "ff.net.2",
}
_LAYER = re.compile(r"transformer\.layers\.(\d+)\.(.+)\.(weight|bias)$")
_MIXIN = re.compile(r"mixins\.adaln_layer\.(\w+)\.(\d+)\.(.+)$")
_COMPUTED = ("freqs_sin", "freqs_cos", "position_embeddings", "word_embeddings", "embed_tokens")
"""Tables that the model computes, or that SAT makes and never uses."""


def read_sat(path: Path | str) -> dict[str, torch.Tensor]:
    """Tensors of a SAT checkpoint under their own names, without the text encoder and the VAE.

    The pickle is read with ``weights_only``: anything in it but tensors and plain data is refused, never run.

    Raises:
        CheckpointError: not a SAT checkpoint, incomplete, or it holds code.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"There is no SAT checkpoint at {path}: give the file mp_rank_00_model_states.pt.")
    with open(path, "rb") as file:
        start = file.read(1024)
    if not is_pickle(start):
        refuse_other_formats(path, start, path.stat().st_size)
        raise CheckpointError(f"{path} is not a SAT checkpoint (a PyTorch .pt): give mp_rank_00_model_states.pt.")
    state = _unwrapped(_load(path, mapped=start.startswith(b"PK")))
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    if not any(name.startswith(PREFIX) for name in tensors):
        raise wrong_file(path, identify(tensors), SAT)
    # What stands beside the diffusion model (conditioner, first stage) comes from the base folder instead.
    return {name[len(PREFIX) :]: value for name, value in tensors.items() if name.startswith(PREFIX)}


def convert_sat(tensors: dict[str, torch.Tensor], where: object = "the SAT checkpoint") -> dict[str, torch.Tensor]:
    """SAT's names and shapes -> the transformer's; tensors are views where they can be.

    Raises:
        CheckpointError: a name that has no place in the transformer (full key coverage both ways is checked again when
            the result is put into a model).
    """
    result: dict[str, torch.Tensor] = {}
    unknown = []
    for name, value in tensors.items():
        if any(part in name for part in _COMPUTED):
            continue
        placed = _place(name, value)
        if placed is None:
            unknown.append(name)
        else:
            result |= placed
    if unknown:
        raise CheckpointError(
            f"{where} has {len(unknown)} tensors that CogVideoX with Tora lacks ({', '.join(unknown[:3])}): it was "
            "made by another version or model."
        )
    return result


def sat_arguments(state: dict[str, torch.Tensor], where: object) -> tuple[dict[str, Any], AdapterConfig]:
    """Constructor arguments of the transformer and the adapter's config, from converted tensors' shapes."""
    try:
        inner, text = state["patch_embed.text_proj.weight"].shape
        in_channels, patch = state["patch_embed.proj.weight"].shape[1:3]
        out_channels = state["proj_out.weight"].shape[0] // patch**2
        head = state.get("transformer_blocks.0.attn1.norm_q.weight", torch.empty(HEAD_DIM)).shape[0]
        time = state["time_embedding.linear_1.weight"].shape[0]
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{where} is no whole CogVideoX 1.0 ({error!r} is missing or wrong).") from error
    arguments = {
        "num_attention_heads": inner // head,
        "attention_head_dim": head,
        "num_layers": count_layers(state, "transformer_blocks."),
        "in_channels": in_channels,
        "out_channels": out_channels,
        "patch_size": patch,
        "text_embed_dim": text,
        "time_embed_dim": time,
        "use_rotary_positional_embeddings": inner != WIDTH_2B,
        "use_learned_positional_embeddings": "patch_embed.pos_embedding" in state,
        **NO_ADAPTER,
    }
    if "traj_extractor.conv_in.weight" not in state:
        return arguments, AdapterConfig()
    channels, base = tora_description({key: tuple(value.shape) for key, value in state.items()}, in_channels, where)
    adapter = {**NO_ADAPTER, "motion_channels": channels}
    return {**arguments, **adapter}, AdapterConfig(
        arguments=adapter, base=BaseDescription(in_channels, out_channels, base.num_layers, base.inner_dim)
    )


def _place(name: str, value: torch.Tensor) -> dict[str, torch.Tensor] | None:
    if name.startswith("traj_extractor."):
        return {name: value}
    if name == "mixins.pos_embed.pos_embedding":
        return {"patch_embed.pos_embedding": value}
    layer = _LAYER.match(name)
    if layer:
        return _place_block(*layer.groups(), value)
    mixin = _MIXIN.match(name)
    if mixin:
        return _place_mixin(*mixin.groups(), value)
    module, _, kind = name.rpartition(".")
    return {f"{_RENAMED[module]}.{kind}": value} if module in _RENAMED else None


def _place_block(layer: str, part: str, kind: str, value: torch.Tensor) -> dict[str, torch.Tensor] | None:
    block = f"transformer_blocks.{layer}"
    if part == "attention.query_key_value":
        return {
            f"{block}.attn1.{which}.{kind}": piece
            for which, piece in zip(("to_q", "to_k", "to_v"), value.chunk(3), strict=True)
        }
    return {f"{block}.{_BLOCK_PARTS[part]}.{kind}": value} if part in _BLOCK_PARTS else None


def _place_mixin(group: str, layer: str, rest: str, value: torch.Tensor) -> dict[str, torch.Tensor] | None:
    block = f"transformer_blocks.{layer}"
    if group == "fuser_list":
        return {f"fuser.{layer}.{rest}": value}
    if group in ("query_layernorm_list", "key_layernorm_list"):
        return {f"{block}.attn1.norm_{group[0]}.{rest}": value}
    if group == "adaLN_modulations":
        # Twelve parts: shift, scale, gate of attention and of feed-forward, first for the video, then for the text.
        parts, kind = value.chunk(12), rest.rpartition(".")[2]
        return {
            f"{block}.norm1.linear.{kind}": torch.cat(parts[0:3] + parts[6:9]),
            f"{block}.norm2.linear.{kind}": torch.cat(parts[3:6] + parts[9:12]),
        }
    return None


def _load(path: Path, mapped: bool) -> Any:
    try:
        with torch.serialization.safe_globals(_plain_data()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors, so that reading it would run code of its maker; nothing was run: get the "
            "checkpoint from its authors."
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read to its end (an incomplete download?): get it anew.") from error


def _plain_data() -> list[Any]:
    """Types that trainers leave in checkpoints beside the tensors (random states); none of them can run anything."""
    core = getattr(np, "_core", None) or np.core
    rebuild = core.multiarray._reconstruct
    dtypes = [type(np.dtype(kind)) for kind in ("u4", "u8", "i8", "f4", "f8")]
    named = [(rebuild, f"numpy.{folder}.multiarray._reconstruct") for folder in ("core", "_core")]  # numpy 1 and 2
    return [np.ndarray, np.dtype, *named, *dtypes]


def _unwrapped(data: Any) -> dict[str, Any]:
    for name in WRAPPERS:
        if isinstance(data, dict) and isinstance(data.get(name), dict):
            data = data[name]
    return data if isinstance(data, dict) else {}
