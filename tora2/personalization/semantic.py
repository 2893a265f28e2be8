"""The semantic encoder: DINOv2 patch tokens of a reference picture, through transformers' own model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import EncoderError
from ..memory.placement import compute_device
from .preparation import resize

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREPROCESSOR = "preprocessor_config.json"
MODEL_TYPES = ("dinov2", "dinov2_with_registers")


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes DINOv2's input.

    Attributes:
        size: side of the square input. The published processor shrinks the shorter side to 256 and cuts 224 out of the
            middle; a prepared reference is square with the entity in its middle and a margin around it, so it is
            resized to ``size`` whole, or the cut would take the entity's edges.
        mean, std: of pixels in 0..1, RGB; ImageNet's are DINOv2's.
    """

    size: int = 224
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    @classmethod
    def from_file(cls, path: Path, default_size: int) -> Preprocessing:
        """Read a transformers ``preprocessor_config.json``; without it, ImageNet's values, ``default_size``."""
        if not path.is_file():
            return cls(size=default_size)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            # Where the processor cuts from the middle, the cut is what the model sees; else what it resizes to.
            cut = data.get("crop_size") if data.get("do_center_crop", True) else None
            size = _side(cut if cut is not None else data.get("size")) or default_size
            mean, std = (
                tuple(float(value) for value in data.get(key, default))
                for key, default in (("image_mean", cls.mean), ("image_std", cls.std))
            )
            if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
                raise ValueError("size, image_mean or image_std out of range")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise EncoderError(f"{path} is not a preprocessor config that can be used ({error}).") from error
        return cls(size, mean, std)

    def to_file(self, path: Path) -> None:
        """Write it as transformers' own processor would read it."""
        square = {"height": self.size, "width": self.size}
        data = {"image_processor_type": "BitImageProcessor", "do_resize": True, "size": square, "do_center_crop": False}
        data |= {"do_rescale": True, "rescale_factor": 1 / 255, "resample": 3, "do_normalize": True}
        data |= {"image_mean": list(self.mean), "image_std": list(self.std)}
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


class SemanticEncoder(nn.Module):
    """Pictures -> patch tokens without CLS (and without registers).

    Args:
        model: transformers' ``Dinov2Model`` or ``Dinov2WithRegistersModel``.
        preprocessing: see :class:`Preprocessing`.
    """

    def __init__(self, model: PreTrainedModel, preprocessing: Preprocessing | None = None) -> None:
        super().__init__()
        self.model = model
        self.preprocessing = preprocessing or Preprocessing(size=_default_size(model.config))
        if self.preprocessing.size < model.config.patch_size:
            raise EncoderError(
                f"The semantic encoder's input of {self.preprocessing.size} pixels is smaller than one of its patches "
                f"({model.config.patch_size}): set a larger size in {PREPROCESSOR}."
            )

    @classmethod
    def from_pretrained(cls, folder: Path | str, dtype: torch.dtype | None = None) -> SemanticEncoder:
        """Load a local transformers folder (config.json, model.safetensors, preprocessor_config.json); never downloads.

        Raises:
            EncoderError: the folder is missing, holds another model, or lacks weights.
        """
        folder = Path(folder)
        model_type = _model_type(folder)
        model_class = _import_classes()[model_type]
        try:
            model, report = model_class.from_pretrained(
                str(folder),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except Exception as error:  # transformers and safetensors raise many kinds for a broken file
            raise EncoderError(
                f"The semantic encoder in {folder} cannot be loaded ({str(error).strip().splitlines()[0][:160]}): it "
                "holds config.json and model.safetensors of DINOv2, such as facebook/dinov2-large."
            ) from error
        missing = sorted(key for key in report["missing_keys"] if not key.endswith("mask_token"))
        if missing or report.get("mismatched_keys"):
            raise EncoderError(
                f"The weights in {folder} do not fill the DINOv2 that its config.json describes "
                f"({len(missing)} missing, the first {missing[:1]}): get the whole folder anew."
            )
        model = model.to(dtype or torch.float32).eval()
        encoder = cls(model, Preprocessing.from_file(folder / PREPROCESSOR, _default_size(model.config)))
        return encoder.requires_grad_(False)

    def save_pretrained(self, folder: Path | str) -> None:
        """Write the folder that :meth:`from_pretrained` reads."""
        self.model.save_pretrained(str(folder))
        self.preprocessing.to_file(Path(folder) / PREPROCESSOR)

    @property
    def size(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocessing.size

    @property
    def width(self) -> int:
        """Width d of the tokens."""
        return self.model.config.hidden_size

    @property
    def tokens(self) -> int:
        """Number n of patch tokens of one picture."""
        return (self.size // self.model.config.patch_size) ** 2

    @property
    def device(self) -> torch.device:
        return compute_device(self.model)

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures [E, 3, H, W] RGB in 0..1, any size (stretched to S x S) -> tokens [E, n, d] in the model's dtype."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise EncoderError(f"The semantic encoder takes pictures [E, 3, H, W], not {list(images.shape)}.")
        # Resize and normalise in float32: half precision would band the picture before the model sees it.
        pixels = resize(images.to(self.device, torch.float32), self.size)
        mean, std = (
            torch.tensor(values, device=pixels.device).view(1, 3, 1, 1)
            for values in (self.preprocessing.mean, self.preprocessing.std)
        )
        hidden = self.model(pixel_values=((pixels - mean) / std).to(self.dtype)).last_hidden_state
        return hidden[:, 1 + getattr(self.model.config, "num_register_tokens", 0) :]


def _default_size(config: Any) -> int:
    """224 as published, less where the model was made for less; a whole number of patches."""
    size = config.image_size if isinstance(config.image_size, int) else min(config.image_size)
    size = min(224, size)
    return max(1, size // config.patch_size) * config.patch_size


def _side(size: Any) -> int | None:
    """The side out of transformers' ways of giving a size: an int, {height, width}, or {shortest_edge}."""
    if isinstance(size, dict):
        size = size.get("height", size.get("shortest_edge"))
    elif isinstance(size, Sequence) and size:
        size = size[0]
    return None if size is None else int(size)


def _model_type(folder: Path) -> str:
    config = folder / "config.json"
    if not config.is_file():
        raise EncoderError(
            f"There is no semantic encoder in {folder}: put config.json, preprocessor_config.json and "
            "model.safetensors of DINOv2 there, such as facebook/dinov2-large."
        )
    try:
        model_type = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise EncoderError(f"{config} is not a model config that can be read ({error}).") from error
    if model_type not in MODEL_TYPES:
        raise EncoderError(
            f"The semantic encoder is a DINOv2, but {folder} holds {model_type!r}: put facebook/dinov2-large there."
        )
    return model_type


def _import_classes() -> dict[str, Any]:
    try:
        from transformers import Dinov2Model, Dinov2WithRegistersModel
    except ImportError as error:
        raise EncoderError("The semantic encoder needs transformers: run `pip install transformers`.") from error
    return dict(zip(MODEL_TYPES, (Dinov2Model, Dinov2WithRegistersModel), strict=True))
