"""How many bytes of tensors live at once. Works on any device; what a kernel takes inside itself is not seen."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class PeakBytes(TorchDispatchMode):
    """Counts the storages that operations make, from their making to their end.

    What was there before is not counted. Use it as a context::

        with PeakBytes() as counted:
            decode(...)
        counted.peak

    Attributes:
        live: bytes now.
        peak: the most at any time.
        device: counts tensors there only; None counts all.
    """

    def __init__(self, device: str | None = None):
        super().__init__()
        self.device, self.live, self.peak = device, 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_key(value) for value in tree_leaves((args, kwargs)) if _is_plain(value)}
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if _is_plain(value) and (self.device is None or value.device.type == self.device):
                key = _key(value)
                if key not in given and key not in self._known:
                    self._count(value.untyped_storage(), key)
        return result

    def _count(self, storage: torch.UntypedStorage, key: int) -> None:
        size = storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size).atexit = False

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def _key(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _is_plain(value: Any) -> bool:
    return type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout == torch.strided
