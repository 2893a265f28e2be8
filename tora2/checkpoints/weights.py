"""Filling a module that was built on the meta device with tensors from safetensors files, each held in memory once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ..errors import CheckpointError
from .headers import TensorInfo, read_header
from .quantized import QUANTIZED, fp8_weight, read_weight, stored_weights

Module = TypeVar("Module", bound=nn.Module)
Rename = Callable[[str], "str | None"]

FP8 = ("F8_E4M3", "F8_E5M2")
_SCALES = (".scale_weight", ".weight_scale")
_MARKS = ("scaled_fp8", ".comfy_quant", ".scale_input", ".input_scale")
NAMED = 3


class StoredTensors(Mapping[str, TensorInfo]):
    """Tensors of one or several safetensors files under the names that a module gives them; nothing is read yet.

    fp8 files in ComfyUI's scaled format are understood: a weight's scale is multiplied in when it is read. Weights that
    torchao quantized stay quantized.

    Args:
        files: the shards.
        rename: stored name -> module's name, or None to leave a tensor out.
        keep_fp8: the type to compute in, to keep fp8 matrices as they are stored (torchao's tensors); None makes plain
            ones of them.
    """

    def __init__(self, files: list[Path] | Path, rename: Rename | None = None, keep_fp8: torch.dtype | None = None):
        self.keep_fp8 = keep_fp8
        self.files = [files] if isinstance(files, Path) else list(files)
        self._entries: dict[str, tuple[Path, str, TensorInfo]] = {}
        self._scales: dict[str, tuple[Path, str]] = {}
        for path in self.files:
            for name, info in stored_weights(read_header(path)):
                key = rename(name) if rename is not None else name
                if key is not None and not name.endswith(_MARKS):
                    self._add(key, path, name, info)

    def _add(self, key: str, path: Path, name: str, info: TensorInfo) -> None:
        for end in _SCALES:
            if key.endswith(end):
                self._scales[key.removesuffix(end) + ".weight"] = (path, name)
                return
        if key in self._entries:
            raise CheckpointError(
                f"{key} is in {self._entries[key][0].name} and in {path.name}: these files are not shards of one model."
            )
        self._entries[key] = (path, name, info)

    def __getitem__(self, key: str) -> TensorInfo:
        return self._entries[key][2]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return " + ".join(str(path) for path in self.files)

    def read(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every tensor, file by file; half-precision tensors stay backed by the file until somebody writes to them."""
        for path in self.files:
            wanted = [(key, name, info) for key, (home, name, info) in self._entries.items() if home == path]
            if not wanted:
                continue
            with opened(path) as file:
                for key, name, info in wanted:
                    yield key, self._read(key, name, info, path, file)

    def _read(self, key: str, name: str, info: TensorInfo, path: Path, file: Any) -> torch.Tensor:
        if info.dtype == QUANTIZED:
            return read_weight(read_header(path), name, file.get_tensor)
        tensor = file.get_tensor(name)
        if info.dtype not in FP8:
            return tensor
        scale = self._scale(key, path, file) if key in self._scales else None
        if self.keep_fp8 is not None and info.dtype == "F8_E4M3" and tensor.ndim == 2:
            return fp8_weight(tensor, scale, self.keep_fp8)
        if scale is None:
            return tensor
        if scale.numel() > 1:  # one a row
            scale = scale.reshape(-1, *[1] * (tensor.ndim - 1))
        return tensor.to(torch.float32) * scale

    def _scale(self, key: str, path: Path, file: Any) -> torch.Tensor:
        home, name = self._scales[key]
        if home == path:
            scale = file.get_tensor(name)
        else:
            with opened(home) as other:
                scale = other.get_tensor(name)
        return scale.to(torch.float32)


class Tensors(Mapping[str, TensorInfo]):
    """Names, shapes and types of tensors that come from elsewhere, and what that is called."""

    def __init__(self, infos: Mapping[str, TensorInfo], name: str):
        self._infos, self._name = infos, name

    def __getitem__(self, key: str) -> TensorInfo:
        return self._infos[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __repr__(self) -> str:
        return self._name


class JoinedTensors(Tensors):
    """Sets of stored tensors, read one after the other."""

    def __init__(self, *parts: StoredTensors):
        super().__init__({key: info for part in parts for key, info in part.items()}, " + ".join(map(repr, parts)))
        self._parts = parts

    def read(self) -> Iterator[tuple[str, torch.Tensor]]:
        for part in self._parts:
            yield from part.read()


class LoadedTensors(Tensors):
    """The same for tensors that are in memory already; they are given away as they are read."""

    def __init__(self, tensors: dict[str, torch.Tensor], name: str):
        super().__init__(
            {key: TensorInfo(tuple(value.shape), str(value.dtype)) for key, value in tensors.items()}, name
        )
        self._tensors = tensors

    def read(self) -> Iterator[tuple[str, torch.Tensor]]:
        while self._tensors:
            yield self._tensors.popitem()


def check_coverage(
    expected: Mapping[str, torch.Tensor], stored: Mapping[str, TensorInfo], what: str, optional: tuple[str, ...] = ()
) -> None:
    """CheckpointError unless the stored names and shapes are exactly those of the module.

    BatchNorm's step counter is never read, so a file without it will do.
    """
    missing = [key for key in expected if key not in stored and not _dispensable(key, optional)]
    unexpected = [key for key in stored if key not in expected]
    if missing or unexpected:
        parts = []
        if missing:
            parts.append(f"lacks {len(missing)} of {len(expected)} weights ({_some(missing)})")
        if unexpected:
            parts.append(f"has {len(unexpected)} that nothing uses ({_some(unexpected)})")
        raise CheckpointError(
            f"{stored!r} does not fill {what}: it {' and '.join(parts)}; it is incomplete or made for another model."
        )
    wrong = [key for key, info in stored.items() if tuple(expected[key].shape) != info.shape]
    if wrong:
        key = wrong[0]
        raise CheckpointError(
            f"{stored!r} does not fit {what}: {len(wrong)} weights have another shape, the first {key} with "
            f"{list(stored[key].shape)} instead of {list(expected[key].shape)}; it was made for another model."
        )


def build(make: Callable[[], Module]) -> Module:
    """Build a module without memory for its weights."""
    with torch.device("meta"):
        return make()


def fill(
    module: Module,
    stored: StoredTensors | LoadedTensors,
    dtype: torch.dtype | None,
    what: str,
    *,
    float32: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Module:
    """Give a module that was built on meta its weights, cast to ``dtype``; frozen and in eval mode.

    Args:
        stored: the weights.
        dtype: of all floating-point tensors; None keeps what is stored (fp8 becomes bfloat16).
        what: what the module is, for error sentences.
        float32: parts of names that are float32 where they would be float16, in which they overflow.
        optional: names that may be missing because the module ties them to another.

    Raises:
        CheckpointError: names or shapes differ, or a file cannot be read to its end.
    """
    expected = module.state_dict()
    check_coverage(expected, stored, what, optional)
    state = {}
    for key, tensor in stored.read():
        state[key] = _cast(tensor, dtype, keep=any(f".{part}." in f".{key}." for part in float32))
    for key in expected:
        if key not in state and key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=torch.long)
    module.load_state_dict(state, assign=True, strict=not optional)
    return module.eval().requires_grad_(False)


def check_no_meta(module: nn.Module, what: str) -> None:
    """A bug, not a user's error: something of a module has no memory after loading."""
    left = [name for name, value in [*module.named_parameters(), *module.named_buffers()] if value.is_meta]
    if left:
        raise RuntimeError(f"{what} was loaded without {_some(left)}")


def _cast(tensor: torch.Tensor, dtype: torch.dtype | None, keep: bool) -> torch.Tensor:
    if not tensor.is_floating_point() or hasattr(tensor, "__tensor_flatten__"):  # torchao's keep their own
        return tensor
    if keep and (dtype or tensor.dtype) is torch.float16:
        return tensor.to(torch.float32)
    if dtype is None:
        return tensor.to(torch.bfloat16) if tensor.dtype.itemsize == 1 else tensor
    return tensor.to(dtype)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file to read tensors from; CheckpointError if it cannot be read."""
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({str(error).splitlines()[0]}): get it anew.") from error


def _dispensable(key: str, optional: tuple[str, ...]) -> bool:
    return key in optional or key.endswith("num_batches_tracked")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, ..."
