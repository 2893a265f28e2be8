"""Small ONNX files for the encoders' tests."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn


def export(module: nn.Module, path: Path, shape: tuple[int, ...], outputs: list[str], dynamic=True) -> Path:
    """``dynamic``: True for a dynamic batch, False for none, or the exporter's own ``dynamic_axes``."""
    axes = {name: {0: "n"} for name in ["input.1", *outputs]} if dynamic is True else dynamic or None
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            torch.zeros(shape),
            str(path),
            input_names=["input.1"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return path


class BlobDetector(nn.Module):
    """An SCRFD-shaped detector without training: a bright red patch is a face.

    The cells of stride 8 whose mean red stands out by more than 0.5 over green score high, and each cell proposes a box
    of 64 pixels around itself; the other strides never fire.
    """

    def __init__(self, points: bool = True):
        super().__init__()
        self.points = points
        places = torch.tensor([[-1.2, -1.0], [1.2, -1.0], [0.0, 0.2], [-0.9, 1.3], [0.9, 1.3]])
        self.register_buffer("places", places.reshape(1, 10))

    def forward(self, pixels):
        scores, boxes, points = [], [], []
        for stride in (8, 16, 32):
            red = nn.functional.avg_pool2d(pixels[:, :1] - pixels[:, 1:2], stride) * (1.0 if stride == 8 else 0.0)
            score = torch.sigmoid(red * 10 - 10).reshape(-1, 1)
            score = torch.cat([score, score * 0], dim=1).reshape(-1, 1)  # two anchors a cell
            scores.append(score)
            boxes.append(score * 0 + torch.full((1, 4), 32.0 / stride))
            points.append(score * 0 + self.places * (8 / stride))
        return (*scores, *boxes, *points) if self.points else (*scores, *boxes)


class MeanEmbedder(nn.Module):
    """[n, 3, 112, 112] -> [n, D]: the crop shrunk to 4x4, in a fixed random basis; tells colours apart."""

    def __init__(self, dimension: int = 512):
        super().__init__()
        self.basis = nn.Linear(48, dimension)
        generator = torch.Generator().manual_seed(1)
        nn.init.normal_(self.basis.weight, generator=generator)
        nn.init.zeros_(self.basis.bias)

    def forward(self, pixels):
        return self.basis(nn.functional.avg_pool2d(pixels, 28).flatten(1))


SCRFD_OUTPUTS = [f"{kind}_{stride}" for kind in ("score", "box", "points") for stride in (8, 16, 32)]


def face_pack(
    folder: Path, detector: str = "det_tiny.onnx", embedder: str = "embed_tiny.onnx", dimension: int = 512
) -> Path:
    export(BlobDetector(), folder / detector, (1, 3, 128, 128), SCRFD_OUTPUTS, dynamic=False)
    export(MeanEmbedder(dimension), folder / embedder, (1, 3, 112, 112), ["embedding"])
    return folder


class ColourReid(nn.Module):
    """[n, 3, S, S] -> [n, D]: first the mean of each channel, then zeros."""

    def __init__(self, dimension: int):
        super().__init__()
        self.register_buffer("spread", torch.eye(3, dimension))

    def forward(self, pixels):
        return pixels.mean((2, 3)) @ self.spread


@pytest.fixture(scope="session")
def onnx_models() -> SimpleNamespace:
    """The makers of this file, for tests (test folders are no packages)."""
    pytest.importorskip("onnx")
    names = (export, BlobDetector, MeanEmbedder, ColourReid, face_pack)
    return SimpleNamespace(SCRFD_OUTPUTS=SCRFD_OUTPUTS, **{maker.__name__: maker for maker in names})


@pytest.fixture(scope="session")
def pack(onnx_models, tmp_path_factory) -> Path:
    """A folder with a small detector and a small embedder."""
    return onnx_models.face_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def reid_file(onnx_models, tmp_path_factory) -> Path:
    """A re-identification encoder of 16 pixels and 8 numbers: the mean colour."""
    from tora2.personalization.reid import ReidContract, write_contract

    path = onnx_models.export(
        onnx_models.ColourReid(8), tmp_path_factory.mktemp("reid") / "model.onnx", (1, 3, 16, 16), ["identity"]
    )
    write_contract(path, ReidContract(size=16, dimension=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    return path
