"""The judges: two small networks of their own that never condition generation, trained on the world's train split.

``Watcher`` looks at single frames and says where things are, which reference they look like and what the background is.
``Recognizer`` says which of many pictures a cut-out shows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import Tora2Error
from ..tiny.nets import Embedder, Residual

WEIGHTS = Path(__file__).resolve().parent / "weights"
STRIDE = 4
VOTE_UNIT = 16.0  # pixels; votes are a few of these long
RECOGNIZER_SIZE = 64


@dataclass
class Sight:
    """What the watcher sees in frames [N, 3, H, W]; h x w = H/4 x W/4.

    ``solid`` [N, h, w] logit: is something in front of the background here. ``votes`` [N, h, w, 2]: the pixel (x, y) at
    which the centre of that thing would be. ``looks`` [N, h, w, D] unit vectors. ``scene`` [N, K] background logits.
    """

    solid: torch.Tensor
    votes: torch.Tensor
    looks: torch.Tensor
    scene: torch.Tensor


class Watcher(nn.Module):
    """Frames in -1..1 and the still picture behind them (the median over the clip) -> Sight.

    Every place votes for the centre of its thing, as in Hough voting: what is partly covered is still found where it
    is, and hundreds of votes make the place exact to a part of a pixel.
    """

    def __init__(self, backgrounds: int = 20, dimension: int = 32):
        super().__init__()
        self.dimension = dimension
        self.stem = nn.Sequential(nn.Conv2d(6, 16, 5, 2, 2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stages = nn.ModuleList([Residual(16, 32, 2), Residual(32, 48, 2), Residual(48, 64, 2)])
        self.laterals = nn.ModuleList([nn.Conv2d(c, 48, 1) for c in (32, 48, 64)])
        self.mix = nn.Sequential(nn.Conv2d(48, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        self.head = nn.Conv2d(64, 3 + dimension, 1)
        self.scene = nn.Linear(64 + 2 * 32, backgrounds)

    def forward(self, frames: torch.Tensor, still: torch.Tensor) -> Sight:
        """``frames`` [N, 3, H, W]; ``still`` [N, 3, H, W], zeros where there is no clip."""
        maps, x = [], self.stem(torch.cat([frames, frames - still], 1))
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        top = self.laterals[2](maps[2])
        for lateral, feature in zip(self.laterals[1::-1], maps[1::-1], strict=True):
            top = F.interpolate(top, size=feature.shape[-2:], mode="bilinear") + lateral(feature)
        out = self.head(self.mix(top)).float().permute(0, 2, 3, 1)
        height, width = out.shape[1:3]
        rows, columns = (
            (torch.arange(n, device=out.device, dtype=torch.float32) + 0.5) * STRIDE for n in (height, width)
        )
        places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
        fine = maps[0].float().flatten(2)
        scene = torch.cat([maps[2].float().mean((2, 3)), fine.mean(2), fine.std(2)], 1)
        return Sight(
            solid=out[..., 0],
            votes=places + out[..., 1:3] * VOTE_UNIT,
            looks=F.normalize(out[..., 3:], dim=-1),
            scene=self.scene(scene.to(self.scene.weight.dtype)).float(),
        )

    def look_at(self, references: torch.Tensor) -> torch.Tensor:
        """References [E, 3, S, S] in 0..1 on neutral grey -> unit vectors [E, D]: their solid part's mean look."""
        size = 64
        pictures = F.interpolate(references, (size, size), mode="bilinear", antialias=True) * 2 - 1
        sight = self(pictures, torch.zeros_like(pictures))
        weight = torch.sigmoid(sight.solid)[..., None] + 1e-3
        return F.normalize((sight.looks * weight).sum((1, 2)), dim=-1)


def still_of(video: torch.Tensor) -> torch.Tensor:
    """Median over time of [..., T, 3, H, W], repeated for every frame: mostly background, whatever moves is gone."""
    return video.median(-4, keepdim=True).values.expand_as(video)


class Recognizer(nn.Module):
    """Cut-outs [N, 3, 64, 64] in 0..1 -> unit vectors [N, D]; the same thing's vectors lie close together."""

    def __init__(self, dimension: int = 128):
        super().__init__()
        self.net = Embedder(RECOGNIZER_SIZE, dimension)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.net(pictures * 2 - 1).float(), dim=-1)


def save(net: nn.Module, path: Path, **notes: object) -> None:
    """Half precision safetensors with notes on its training in the metadata."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(state, path, {"notes": json.dumps(notes)})


def load_watcher(path: Path = WEIGHTS / "watcher.safetensors") -> Watcher:
    return _load(Watcher(), path)


def load_recognizer(path: Path = WEIGHTS / "recognizer.safetensors") -> Recognizer:
    return _load(Recognizer(), path)


def _load(net: nn.Module, path: Path) -> nn.Module:
    from safetensors.torch import load_file

    if not path.is_file():
        raise Tora2Error(
            f"{path} is missing; restore it from the repository, or train it with python -m tora2.evaluation.train."
        )
    state = load_file(path)
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    return net.eval().requires_grad_(False)
