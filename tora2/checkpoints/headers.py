"""What a safetensors file holds, from its first kilobytes; and what a file is that is not one.

Names, shapes and types are checked here before a byte of weights is read, so that a wrong or broken file costs nothing
and gets one sentence.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import CheckpointError

MAX_HEADER = 100_000_000
"""The format's own limit, in bytes."""
GGUF_KEYS = (".Q4_0_qweight", ".Q8_0_qweight")
"""Names of GGUF's blocks in the safetensors files that ComfyUI-CogVideoXWrapper downloads."""

_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
_BITS |= {"U64": 64, "U32": 32, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8}


@dataclass(frozen=True)
class TensorInfo:
    """Shape and safetensors type name (``BF16``, ``F8_E4M3`` ...) of one stored tensor."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Header:
    """Tensors and string metadata of one safetensors file."""

    path: Path
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]


def read_header(path: Path | str) -> Header:
    """Read and check the header of a safetensors file.

    Raises:
        CheckpointError: the file is missing, truncated, a GGUF (by itself or in a safetensors file), a pickle, a web
            page, a git-lfs pointer or unknown.
    """
    path = Path(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise CheckpointError(f"There is no file at {path}: put it there, or choose another model.") from error
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder where a .safetensors file was expected.")
    return _read_header(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=512)
def _read_header(name: str, size: int, _modified: int) -> Header:
    path = Path(name)
    with open(path, "rb") as file:
        start = file.read(1024)
        length = int.from_bytes(start[:8], "little")
        if length > MAX_HEADER or start[8:9] != b"{":
            # Only now: a header's length can look like the first bytes of a pickle or of a page.
            refuse_other_formats(path, start, size)
            raise CheckpointError(
                f"{path} is not a safetensors file although its name says so: get it anew from where it came from."
            )
        if 8 + length > size:
            raise _truncated(path, size, 8 + length)
        file.seek(8)
        raw = file.read(length)
    try:
        entries = json.loads(raw)
        metadata = entries.pop("__metadata__", None) or {}
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are no texts")
        tensors, end = {}, 0
        for key, entry in entries.items():
            info = TensorInfo(tuple(entry["shape"]), entry["dtype"])
            if not all(isinstance(side, int) and side >= 0 for side in info.shape):
                raise ValueError(f"{key} has the shape {list(info.shape)}")
            first, last = entry["data_offsets"]
            if info.dtype in _BITS and last - first != math.prod(info.shape) * _BITS[info.dtype] // 8:
                raise ValueError(f"{key} has the wrong length")
            tensors[key], end = info, max(end, last)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"The header of {path} is damaged ({error}): get the file anew.") from error
    if 8 + length + end > size:
        raise _truncated(path, size, 8 + length + end)
    if any(key.endswith(GGUF_KEYS) for key in tensors):
        raise _gguf(path)
    return Header(path, tensors, metadata)


def refuse_other_formats(path: Path, start: bytes, size: int) -> None:
    """Raise CheckpointError if the first bytes are those of something else than safetensors."""
    if size == 0:
        raise CheckpointError(f"{path} is empty: get it anew from where it came from.")
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a git-lfs pointer, not the weights themselves: run `git lfs pull` in the folder that was "
            "cloned, or download the file with a browser."
        )
    if start.lstrip()[:1] == b"<":
        raise CheckpointError(
            f"{path} is a web page that was saved under the name of a model (a login or error page): download the file "
            "itself."
        )
    if start.startswith(b"GGUF"):
        raise _gguf(path)
    if is_pickle(start):
        raise CheckpointError(
            f"{path} is a PyTorch pickle, which could carry code and is not loaded here: use the .safetensors version, "
            "or convert a SAT checkpoint with `python -m tora2 convert sat`."
        )
    if size < 8:
        raise CheckpointError(f"{path} is too short to be a model ({size} bytes): get it anew.")


def _gguf(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} holds GGUF weights, which this pack cannot read: use the .safetensors of CogVideoX-5B in half "
        "precision or fp8 (models/diffusion_models), or its diffusers folder (models/CogVideo)."
    )


def is_pickle(start: bytes) -> bool:
    """Whether a file's first bytes are those of ``torch.save`` (zip or bare pickle)."""
    return start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


def read_json(path: Path) -> dict:
    """A JSON object from a config file; CheckpointError if it is missing or no object."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: a diffusers model folder has it; get the folder whole.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not readable JSON ({error}): get the file anew.") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a config (no JSON object): get the file anew.")
    return data


def weight_files(folder: Path, stems: tuple[str, ...] = ("diffusion_pytorch_model", "model")) -> list[Path]:
    """The safetensors files of one component's folder: one file, or the shards that its index names.

    Raises:
        CheckpointError: nothing is there, a shard is missing, or the index names a file outside of the folder.
    """
    indexes = sorted(folder.glob("*.safetensors.index.json")) if folder.is_dir() else []
    for stem in stems:
        single = folder / f"{stem}.safetensors"
        if single.is_file():
            return [single]
    # With several indexes (a half-precision variant beside the full one) the plain name comes first.
    for index in sorted(indexes, key=lambda path: len(path.name)):
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{index} names no weights: get the folder {folder} anew.")
        names = sorted({str(name) for name in weight_map.values()})
        for name in names:
            if os.path.basename(name) != name or name in (".", "..") or "\\" in name:
                raise CheckpointError(f"{index} names {name!r}, which is not a file of its own folder: get it anew.")
            if not (folder / name).is_file():
                raise CheckpointError(
                    f"{folder} is incomplete: {name} is missing (shard {names.index(name) + 1} of {len(names)}): "
                    "download it."
                )
        return [folder / name for name in names]
    others = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if len(others) == 1:
        return others
    pickles = [path for end in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(end)]
    if pickles:
        raise CheckpointError(
            f"{folder} holds its weights as a pickle ({pickles[0].name}), which could carry code and is not loaded: "
            "get the .safetensors version."
        )
    raise CheckpointError(
        f"There are no weights in {folder}: a .safetensors file (or shards with an index) goes there."
    )


def _truncated(path: Path, size: int, wanted: int) -> CheckpointError:
    return CheckpointError(
        f"{path} is incomplete ({size / 2**20:.1f} of {wanted / 2**20:.1f} MB, the download stopped early): "
        "get it anew."
    )
