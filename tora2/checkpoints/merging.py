"""LoRAs added to a transformer's weights while these are read.

A merged LoRA costs nothing per step and goes together with all that comes after loading: compile, 8 bits, offloading.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping

import torch

from ..errors import CheckpointError
from .lora import Change, Lora, changes
from .quantized import QUANTIZED
from .weights import JoinedTensors, StoredTensors, Tensors, opened

logger = logging.getLogger(__name__)


def merge(
    stored: StoredTensors | JoinedTensors,
    loras: Iterable[Lora],
    expected: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None = None,
) -> MergedTensors:
    """The stored tensors with every LoRA's change added; see :class:`MergedTensors`.

    Args:
        stored: a transformer's weights under its own names.
        loras: in any order: their changes add up.
        expected: the transformer's ``state_dict``, perhaps on meta.
        dtype: of the merged weights; None is what is stored (fp8 becomes bfloat16).

    Raises:
        CheckpointError: a file is no LoRA or one of another model, or changes weights that the file has in 8 bits of
            torchao's.
    """
    added: dict[str, list[Change]] = {}
    for lora in loras:
        for key, change in changes(lora, expected).items():
            if stored[key].dtype == QUANTIZED:
                raise CheckpointError(
                    f"{lora.path.name} cannot be merged into {stored!r}, which torchao quantized: load the model's "
                    "file in half precision, and set quantization if it is to have 8 bits."
                )
            added.setdefault(key, []).append(change)
        logger.info("The LoRA %s is merged into the transformer, strength %g", lora.path.name, lora.strength)
    return MergedTensors(stored, added, dtype)


class MergedTensors(Tensors):
    """Stored tensors that are changed as they are read: W + sum of strength * alpha / rank * up @ down, in float32."""

    def __init__(
        self,
        stored: StoredTensors | JoinedTensors,
        added: Mapping[str, list[Change]],
        dtype: torch.dtype | None = None,
    ):
        super().__init__(stored, repr(stored))
        self._stored, self._added, self._dtype = stored, added, dtype

    def read(self) -> Iterator[tuple[str, torch.Tensor]]:
        for key, tensor in self._stored.read():
            yield key, self._merged(tensor, self._added[key]) if key in self._added else tensor

    def _merged(self, tensor: torch.Tensor, added: list[Change]) -> torch.Tensor:
        merged = tensor.to(torch.float32, copy=True)
        for change in added:
            with opened(change.path) as file:
                down, up = (file.get_tensor(name).to(torch.float32) for name in (change.down, change.up))
            merged.add_((up.flatten(1) @ down.flatten(1)).reshape(merged.shape), alpha=change.factor)
        return merged.to(self._dtype or (tensor.dtype if tensor.dtype.itemsize > 1 else torch.bfloat16))
