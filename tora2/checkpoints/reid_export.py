"""Make the default re-identification encoder: the box head of torchvision's COCO detector, as ONNX.

The paper's [21] reads an object's identity from a detector's box head: the 1024-vector before class and box are
predicted. torchvision's Faster R-CNN R50-FPN v2 is the nearest well-kept equal of it. The detector is asked about one
box only, the whole reference picture: backbone and FPN, RoIAlign over the whole picture, box head -> [n, 1024].

This runs once, where torchvision is installed; using the exported file needs onnxruntime alone.
"""

from __future__ import annotations

import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError
from ..personalization.reid import ReidContract, write_contract

WEIGHTS_NAME = "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth"
WEIGHTS_URL = f"https://download.pytorch.org/models/{WEIGHTS_NAME}"
CANONICAL_SIDE, CANONICAL_LEVEL = 224, 4
"""A box of 224 pixels is read from level 4 of the pyramid (stride 16); Feature Pyramid Networks, equation 1."""


def export_reid(out_path: Path | str, weights: Path | str | None = None, *, size: int = 224) -> Path:
    """Export the detector's box head with the contract that ``ReidEncoder`` reads.

    Args:
        out_path: the .onnx file to write; its folder is made.
        weights: the downloaded ``fasterrcnn_resnet50_fpn_v2_coco-*.pth``; None takes random weights (for tests only).
        size: side of the input. 224 is the size at which the pyramid reads a box from its middle; a multiple of 32.

    Raises:
        CheckpointError: torchvision or onnx is missing, or the weights file is another one.
    """
    out_path = Path(out_path)
    if size < 32 or size % 32:
        raise CheckpointError(f"The re-identification encoder's input side is a multiple of 32, not {size}.")
    detector = _detector(weights)
    model = WholePictureBoxHead(detector, size).eval()
    out_path.parent.mkdir(parents=True, exist_ok=True)
    partial = out_path.with_name(out_path.name + ".part")  # an interrupted export must not look like a finished one
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own notices about its successor, which wants onnxscript
            torch.onnx.export(
                model,
                torch.zeros(1, 3, size, size),
                str(partial),
                input_names=["pixels"],
                output_names=["identity"],
                dynamic_axes={"pixels": {0: "n"}, "identity": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
        write_contract(partial, ReidContract(size=size, dimension=model.dimension))
        partial.replace(out_path)
    finally:
        partial.unlink(missing_ok=True)
    return out_path


class WholePictureBoxHead(nn.Module):
    """Normalised pictures [n, 3, S, S] -> [n, 1024], what the detector's box head says of the box (0, 0, S, S).

    RoIAlign of one known box is a fixed linear map along each axis, so it is written as two matrix products instead of
    the RoiAlign operator: the same numbers, and any execution provider can run it.
    """

    def __init__(self, detector: nn.Module, size: int) -> None:
        super().__init__()
        pool = detector.roi_heads.box_roi_pool
        level = min(max(math.floor(CANONICAL_LEVEL + math.log2(size / CANONICAL_SIDE) + 1e-6), 2), 5)
        self.backbone, self.head = detector.backbone, detector.roi_heads.box_head
        self.feature = pool.featmap_names[level - 2]
        self.register_buffer("pooling", roi_align_matrix(size // 2**level, pool.output_size[0], pool.sampling_ratio))
        self.dimension = next(layer.out_features for layer in reversed(self.head) if isinstance(layer, nn.Linear))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.backbone(pixels)[self.feature]
        return self.head(self.pooling @ features @ self.pooling.T)


def roi_align_matrix(length: int, bins: int, samples: int) -> torch.Tensor:
    """RoIAlign (``aligned=False``) of a whole axis of ``length`` cells as a matrix [bins, length].

    Each bin is the mean of ``samples`` linearly interpolated points, evenly spaced in it; cell i lies at coordinate i
    and the box spans 0..length, so points past the last cell take its value.
    """
    matrix = torch.zeros(bins, length, dtype=torch.float64)
    for index in range(bins):
        for sample in range(samples):
            place = min((index + (sample + 0.5) / samples) * length / bins, length - 1)
            low = int(place)
            high = min(low + 1, length - 1)
            matrix[index, low] += (1 - (place - low)) / samples
            matrix[index, high] += (place - low) / samples
    return matrix.float()


def _detector(weights: Path | str | None) -> Any:
    try:
        from torchvision.models.detection import fasterrcnn_resnet50_fpn_v2
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision built for another torch
        raise CheckpointError(
            "Exporting the re-identification encoder needs torchvision, which is not installed or does not fit the "
            "installed torch: run this command in ComfyUI's own Python, which has it, or `pip install torchvision`."
        ) from error
    state = None if weights is None else _read_weights(Path(weights))
    detector = fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    if state is not None:
        try:
            detector.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError(
                f"{weights} is not torchvision's COCO Faster R-CNN R50-FPN v2: get {WEIGHTS_NAME} from {WEIGHTS_URL}."
            ) from error
    return detector.eval()


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise CheckpointError(f"The detector's weights are not at {path}: get {WEIGHTS_NAME} from {WEIGHTS_URL}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError, KeyError) as error:
        raise CheckpointError(
            f"{path} cannot be read as plain PyTorch weights (it may be incomplete, or hold code): get {WEIGHTS_NAME} "
            f"anew from {WEIGHTS_URL}."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no detector weights: get {WEIGHTS_NAME} from {WEIGHTS_URL}.")
    return state
