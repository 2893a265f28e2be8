"""The re-identification encoder: an ONNX file that turns a picture of any object into one identity vector.

The paper's [21] is a detector's box-head feature; no such weight is common on users' disks, so any network will do that
keeps this contract, carried by the file itself in its ``metadata_props`` (all values are strings):

===================  ================================================================================
``tora2.format``     ``reid-1``
``tora2.size``       S, side of the square input in pixels
``tora2.mean``       three comma-separated values, subtracted from pixels in 0..1, in the order of the channels
``tora2.std``        three comma-separated values, divided by afterwards
``tora2.channels``   ``RGB`` or ``BGR``
``tora2.dimension``  D, length of the vector
===================  ================================================================================

The graph has one input [n, 3, S, S] float32 and one output [n, D] float32; n is dynamic or 1.
``tora2.checkpoints.reid_export`` makes the default one from torchvision's Faster R-CNN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ..errors import EncoderError
from .onnx_session import first_line, open_session
from .preparation import resize

FORMAT = "reid-1"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ReidContract:
    """How pictures go in and how long the vector is; see the module's table."""

    size: int
    dimension: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    channels: str = "RGB"

    def to_metadata(self) -> dict[str, str]:
        """The contract as ONNX ``metadata_props``."""
        return {
            "tora2.format": FORMAT,
            "tora2.size": str(self.size),
            "tora2.mean": ",".join(map(repr, self.mean)),
            "tora2.std": ",".join(map(repr, self.std)),
            "tora2.channels": self.channels,
            "tora2.dimension": str(self.dimension),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: object = "this file") -> ReidContract:
        """Read the contract; EncoderError names the entry that is missing or wrong."""
        if metadata.get("tora2.format") != FORMAT:
            raise EncoderError(
                f"The re-identification encoder at {where} does not say how it wants its pictures (no metadata "
                f"`tora2.format = {FORMAT}`): make it with `python -m tora2 convert`, or add the metadata that "
                "tora2/personalization/reid.py lists."
            )
        try:
            contract = cls(
                size=int(metadata["tora2.size"]),
                dimension=int(metadata["tora2.dimension"]),
                mean=_three(metadata["tora2.mean"]),
                std=_three(metadata["tora2.std"]),
                channels=metadata["tora2.channels"],
            )
            contract._check()
        except (KeyError, ValueError) as error:
            raise EncoderError(
                f"The re-identification encoder at {where} carries metadata that cannot be used ({first_line(error)}): "
                "make it anew with `python -m tora2 convert`."
            ) from error
        return contract

    def _check(self) -> None:
        if not 1 <= self.size <= 4096 or self.dimension < 1:
            raise ValueError(f"size {self.size}, dimension {self.dimension}")
        if self.channels not in ("RGB", "BGR"):
            raise ValueError(f"channels {self.channels!r}")
        if not all(0 < value < float("inf") for value in self.std):
            raise ValueError(f"std {self.std}")


def write_contract(path: Path | str, contract: ReidContract) -> None:
    """Add the contract to an exported ONNX file, in place. Needs the ``onnx`` package; only makers of encoders do."""
    try:
        import onnx
    except ImportError as error:
        raise EncoderError(
            "Writing a re-identification encoder needs the package onnx, which is missing: run `pip install onnx`."
        ) from error
    contract._check()
    model = onnx.load(str(path))
    kept = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, **contract.to_metadata()})
    onnx.save(model, str(path))


class ReidEncoder:
    """Runs an ONNX file that keeps the contract above.

    Attributes:
        contract: what the file says about itself.
        dimension: D.
    """

    def __init__(self, onnx_path: Path | str) -> None:
        self.path = Path(onnx_path)
        self._session = open_session(self.path, "re-identification encoder")
        self.contract = ReidContract.from_metadata(self._session.get_modelmeta().custom_metadata_map, self.path)
        self._check_graph()

    @property
    def dimension(self) -> int:
        return self.contract.dimension

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Turn pictures [E, 3, H, W] in 0..1 (RGB, any size; stretched to S x S) into unit vectors [E, D] float32."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise EncoderError(f"The re-identification encoder takes pictures [E, 3, H, W], not {list(images.shape)}.")
        if images.shape[0] == 0:
            return torch.zeros(0, self.dimension)
        contract = self.contract
        pixels = resize(images.detach().float().cpu(), contract.size)
        if contract.channels == "BGR":
            pixels = pixels.flip(1)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (contract.mean, contract.std))
        pixels = (pixels - mean) / std
        batches = pixels.split(1) if self._one_by_one else [pixels]
        vectors = torch.cat([self._run(batch) for batch in batches])
        if vectors.shape != (images.shape[0], contract.dimension):
            raise EncoderError(
                f"The re-identification encoder at {self.path} gave {list(vectors.shape)} for {len(images)} pictures, "
                f"but its metadata promises [{len(images)}, {contract.dimension}]: make it anew."
            )
        if not torch.isfinite(vectors).all():
            raise EncoderError(f"The re-identification encoder at {self.path} gave values that are not numbers.")
        return F.normalize(vectors, dim=-1)

    def _run(self, batch: torch.Tensor) -> torch.Tensor:
        output = self._session.run([self._output], {self._input: batch.contiguous().numpy()})[0]
        return torch.from_numpy(output.copy()).float()

    def _check_graph(self) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        size, dimension = self.contract.size, self.contract.dimension
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or not _fits(inputs[0].shape, (None, 3, size, size)):
            found = ", ".join(f"{value.type} {value.shape}" for value in inputs)
            raise EncoderError(
                f"The re-identification encoder at {self.path} wants {found}, but the contract is one float input "
                f"[n, 3, {size}, {size}]: export it again with that input."
            )
        if len(outputs) != 1 or outputs[0].type != "tensor(float)" or not _fits(outputs[0].shape, (None, dimension)):
            found = ", ".join(f"{value.type} {value.shape}" for value in outputs)
            raise EncoderError(
                f"The re-identification encoder at {self.path} gives {found}, but the contract is one float output "
                f"[n, {dimension}]: export it again with that output."
            )
        self._input, self._output = inputs[0].name, outputs[0].name
        batch = inputs[0].shape[0]
        self._one_by_one = batch == 1
        if isinstance(batch, int) and batch > 1:
            raise EncoderError(
                f"The re-identification encoder at {self.path} takes only batches of {batch}: export it with a dynamic "
                "batch, or a batch of 1."
            )


def _fits(shape: Sequence[Any], wanted: Sequence[int | None]) -> bool:
    """Whether an ONNX shape (names and None are dynamic) can be the wanted one (None is anything)."""
    if len(shape) != len(wanted):
        return False
    pairs = zip(shape, wanted, strict=True)
    return all(want is None or not isinstance(have, int) or have == want for have, want in pairs)


def _three(text: str) -> tuple[float, float, float]:
    values = tuple(float(part) for part in text.split(","))
    if len(values) != 3 or not all(abs(value) < float("inf") for value in values):
        raise ValueError(f"three numbers expected, not {text!r}")
    return values
