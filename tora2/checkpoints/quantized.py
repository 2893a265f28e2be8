"""Weights that are quantized on disk: torchao's tensors in safetensors, and fp8 kept as it is stored.

A torchao file (what diffusers' ``save_pretrained`` writes for a quantized model, and ``save_quantized`` below) stores
each weight in parts, ``to_q._weight_qdata`` and ``to_q._weight_scale``, and says in its metadata how they make one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..acceleration.quantization import require_torchao
from ..errors import CheckpointError
from .headers import Header, TensorInfo

NAMES = "tensor_names"
QUANTIZED = "torchao"
"""What TensorInfo gives as the type of a weight in parts."""


def is_torchao(header: Header) -> bool:
    return NAMES in header.metadata


def stored_weights(header: Header) -> Iterator[tuple[str, TensorInfo]]:
    """Names and shapes of a file's weights, those in parts as one.

    Raises:
        CheckpointError: the metadata is damaged, or describes weights that the file does not hold.
    """
    if not is_torchao(header):
        yield from header.tensors.items()
        return
    try:
        for name in json.loads(header.metadata[NAMES]):
            if name in header.tensors:
                yield name, header.tensors[name]
                continue
            parts = _parts(header, name)
            data = next(part for part in parts if part.endswith("qdata"))
            yield name, TensorInfo(header.tensors[data].shape, QUANTIZED)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise CheckpointError(
            f"{header.path} says that torchao quantized it, but its description is damaged or of a kind that is not "
            f"known here ({error!r}): get the file anew, or the model in half precision."
        ) from error


def read_weight(header: Header, name: str, get: Callable[[str], torch.Tensor]) -> torch.Tensor:
    """A weight in parts as torchao's tensor.

    Raises:
        CheckpointError: this torchao cannot read it.
    """
    require_torchao(f"{header.path.name}, which torchao quantized,")
    from torchao.prototype.safetensors.safetensors_support import unflatten_tensor_state_dict

    metadata = {NAMES: json.dumps([name]), name: header.metadata[name]}
    try:
        whole, _ = unflatten_tensor_state_dict({part: get(part) for part in _parts(header, name)}, metadata)
        return whole[name]
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise CheckpointError(
            f"The installed torchao cannot read {name} of {header.path} ({str(error).splitlines()[0]}): install the "
            "torchao that wrote the file, or get the model in half precision."
        ) from error


def fp8_weight(stored: torch.Tensor, scale: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor:
    """A stored fp8 matrix [out, in] as torchao's tensor, not a bit of it changed.

    Args:
        scale: of the whole matrix or of each row; None is 1.
        dtype: that it computes in.
    """
    require_torchao("The quantization 'fp8_weights'")
    from torchao.quantization import Float8Tensor

    rows, columns = stored.shape
    scale = torch.ones(1) if scale is None else scale
    per_row = scale.to(torch.float32).reshape(-1, 1).expand(rows, 1).contiguous()
    return Float8Tensor(stored, per_row, block_size=[1, columns], dtype=dtype)


def save_quantized(module: nn.Module, path: Path) -> None:
    """Write a module, its quantized weights in parts, as torchao and diffusers do."""
    require_torchao("A quantized model")
    from safetensors.torch import save_file
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict

    tensors, metadata = flatten_tensor_state_dict(module.state_dict())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)


def _parts(header: Header, name: str) -> list[str]:
    description: dict[str, Any] = json.loads(header.metadata[name])
    module, _, weight = name.rpartition(".")
    parts = [f"{module}._{weight}_{part}" for part in description["_tensor_data_names"]]
    missing = [part for part in parts if part not in header.tensors]
    if missing:
        raise KeyError(missing[0])
    return parts
