"""The small convolutional networks of tora2-tiny's encoders, built from one kind of residual block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm; halves the size if ``stride`` is 2."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.skip = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.skip = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def backbone(channels: Sequence[int], stem_stride: int = 2) -> nn.Sequential:
    """Stem, then one halving residual block per further entry; stage i is ``backbone[i]``."""
    stem = nn.Sequential(
        nn.Conv2d(3, channels[0], 5, stem_stride, 2, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU()
    )
    return nn.Sequential(stem, *(Residual(a, b, 2) for a, b in zip(channels, channels[1:], strict=False)))


class Embedder(nn.Module):
    """Pictures [N, 3, size, size], normalised by the caller -> identity vectors [N, dimension], not normalised.

    The last map is read at every place (flattened), not averaged: where a thing's parts are is a part of its identity.
    """

    def __init__(self, size: int, dimension: int, channels: Sequence[int] = (24, 40, 64, 96)):
        super().__init__()
        self.size, self.dimension = size, dimension
        self.body = backbone(channels)
        side = size
        for _ in channels:
            side = (side + 1) // 2
        self.narrow = nn.Sequential(nn.Conv2d(channels[-1], 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        self.out = nn.Linear(32 * side * side, dimension)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.out(self.narrow(self.body(pictures)).flatten(1))


class FaceDetector(nn.Module):
    """SCRFD-style detector of one static size: [1, 3, 128, 128] -> scores, boxes and points of strides 8, 16, 32.

    Output order and units are those that insightface reads: for each stride rows (y, x, anchor) with two anchors a
    cell; scores after the sigmoid, boxes as left, top, right, bottom and points as dx, dy, from the cell's corner, in
    strides. Both anchors of a cell say the same; suppression drops one.
    """

    STRIDES = (8, 16, 32)
    SIZE = 128

    def __init__(self, channels: Sequence[int] = (16, 32, 48, 64, 96)):
        super().__init__()
        self.body = backbone(channels)
        width = 64
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels[-3:])
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, 15, 1)) for _ in self.STRIDES
        )
        for head in self.heads:
            nn.init.constant_(head[-1].bias[:1], -4.0)  # nearly everywhere is no face
            nn.init.constant_(head[-1].bias[1:5], 2.0)  # a box without size would have no gradient

    def maps(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Raw maps [N, 15, h, w] of each stride: score logit, box, points."""
        features = []
        for stage in self.body:
            pictures = stage(pictures)
            features.append(pictures)
        laterals = [lateral(f) for lateral, f in zip(self.lateral, features[-3:], strict=True)]
        for i in (1, 0):
            laterals[i] = laterals[i] + nn.functional.interpolate(laterals[i + 1], scale_factor=2.0, mode="nearest")
        return [head(x) for head, x in zip(self.heads, laterals, strict=True)]

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores, boxes, points = [], [], []
        for y in self.maps(pictures):
            y = y.permute(0, 2, 3, 1).reshape(-1, 1, 15).expand(-1, 2, 15).reshape(-1, 15)
            scores.append(torch.sigmoid(y[:, :1]))
            boxes.append(y[:, 1:5])
            points.append(y[:, 5:])
        return (*scores, *boxes, *points)
