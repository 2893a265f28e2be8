"""8-bit weights and 8-bit matrix products through torchao, which is optional.

Quantized are the linear layers of the transformer's blocks that see every token, base and personalization attention
alike: 86 % of the weights at 5B and all of the large products. Embeddings, adaptive norms, motion parts and what is
computed once per video stay as they are.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import AccelerationError
from .settings import QUANTIZATIONS

FP8_MATMUL = (8, 9)  # Ada and Hopper
INT8_MATMUL = (8, 0)
OLDEST_TORCHAO = (0, 15)


@dataclass(frozen=True)
class Scheme:
    """A way to quantize.

    Attributes:
        config: name of torchao's config class; weights have one scale a row.
        capability: least compute capability of the GPU that multiplies in 8 bits; None computes in the model's own
            precision, anywhere.
    """

    config: str
    capability: tuple[int, int] | None


SCHEMES: dict[str, Scheme] = {
    "int8_weights": Scheme("Int8WeightOnlyConfig", None),
    "int8": Scheme("Int8DynamicActivationInt8WeightConfig", INT8_MATMUL),
    "fp8_weights": Scheme("Float8WeightOnlyConfig", None),
    "fp8": Scheme("Float8DynamicActivationFloat8WeightConfig", FP8_MATMUL),
}


def quantize(transformer: Any, choice: str, device: torch.device | None = None) -> int:
    """Quantize the blocks' linear layers in place; returns their number.

    Args:
        choice: one of ``settings.QUANTIZATIONS``.
        device: where the model is going to compute; None means where it is, or the GPU if there is one.

    Raises:
        AccelerationError: torchao is missing, or the device cannot do it, or the model is quantized already.
    """
    if choice == "none":
        return 0
    check_quantization(choice, device or _computing_device(transformer))
    if is_quantized(transformer):
        raise AccelerationError(
            "This model is quantized already, as its file is; set quantization to none, or load the model's "
            "full-precision file."
        )
    from torchao import quantization as ao

    scheme = SCHEMES[choice]
    options: dict[str, Any] = {"set_inductor_config": False}  # it would change torch.compile for every other model
    if choice == "fp8":
        options["granularity"] = ao.PerRow()
    names = set(quantizable(transformer))
    ao.quantize_(transformer, getattr(ao, scheme.config)(**options), lambda module, name: name in names)
    return len(names)


def check_quantization(choice: str, device: torch.device, dtype: torch.dtype | None = None) -> None:
    """AccelerationError unless ``choice`` exists, torchao is there and the device can do it, with weights of ``dtype``
    where that is given."""
    if choice not in QUANTIZATIONS:
        raise AccelerationError(f"There is no quantization {choice!r}; use one of {', '.join(QUANTIZATIONS)}.")
    if choice == "none":
        return
    require_torchao(f"The quantization {choice!r}")
    least = SCHEMES[choice].capability
    if least is None or (choice == "int8" and device.type == "cpu"):
        return
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < least:
        raise AccelerationError(
            f"The quantization {choice!r} multiplies in 8 bits, which needs an NVIDIA GPU of compute capability "
            f"{least[0]}.{least[1]} or newer, and this is {_describe(device)}; use {choice}_weights, which saves the "
            "same memory."
        )
    if choice == "fp8" and dtype not in (None, torch.bfloat16):
        raise AccelerationError(
            f"The quantization 'fp8' multiplies weights of bfloat16 alone, and the precision is "
            f"{str(dtype).removeprefix('torch.')}; set the precision to bfloat16, or use fp8_weights."
        )


def require_torchao(what: str) -> None:
    """AccelerationError unless a torchao is installed that ``what`` can use."""
    from importlib.metadata import version

    if importlib.util.find_spec("torchao") is None:
        raise AccelerationError(
            f"{what} needs the package torchao, which is not installed: `pip install torchao` into the Python that "
            "runs this, or do without quantization."
        )
    found = tuple(int(part) for part in version("torchao").split("+")[0].split(".")[:2])
    if found < OLDEST_TORCHAO:
        raise AccelerationError(
            f"{what} needs torchao 0.15 or newer and {version('torchao')} is installed: `pip install -U torchao`, or "
            "do without quantization."
        )


def quantizable(transformer: Any) -> list[str]:
    """Names of the blocks' linear layers that see every token. 8-bit products need sides that 16 divides."""
    return [
        f"transformer_blocks.{name}"
        for name, module in transformer.transformer_blocks.named_modules()
        if isinstance(module, nn.Linear)
        and ".norm" not in f".{name}"  # adaptive norms see one row a video
        and module.in_features % 16 == 0
        and module.out_features % 16 == 0
    ]


def is_quantized(module: nn.Module) -> bool:
    return any(hasattr(parameter, "__tensor_flatten__") for parameter in module.parameters())


def stored_bytes(module: nn.Module) -> int:
    """Bytes of a module's weights as they lie in memory; torchao's tensors report those of the original."""
    return sum(_bytes(tensor) for tensor in (*module.parameters(), *module.buffers()))


def _bytes(tensor: torch.Tensor) -> int:
    inner = getattr(tensor, "__tensor_flatten__", None)
    if inner is None:
        return tensor.nbytes
    return sum(_bytes(getattr(tensor, name)) for name in inner()[0])


def _computing_device(module: Any) -> torch.device:
    if module.device.type == "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    return module.device


def _describe(device: torch.device) -> str:
    if device.type != "cuda":
        return f"a {device.type.upper()}"
    major, minor = torch.cuda.get_device_capability(device)
    return f"{torch.cuda.get_device_name(device)} with {major}.{minor}"
