"""Figures of scenes on disk, and the key that says whether they may stand beside new ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..checkpoints.bundle import Tora2Bundle
from ..tiny.world import World
from .scenes import FPS

if TYPE_CHECKING:
    from .measures import Judges
    from .suite import Settings

GENERATING = ("transformer", "vae", "text_encoder", "semantic", "reid", "face")
NOT_IN_KEY = ("scenes", "first_seed", "ways")
"""Settings that choose which figures there are and change none of them."""


def fingerprint(bundle: Tora2Bundle, world: World, settings: Settings, judges: Judges) -> str:
    """Changes with anything that a scene's figures depend on: model, encoders, judges in use, pictures, settings.

    All of them count by what is loaded, not by the names of files: figures of two judges must never share a table.
    """
    digest = hashlib.sha256()
    for name in GENERATING:
        digest.update(name.encode())
        _add(digest, bundle.component(name))
    for judge in (judges.watcher, judges.recognizer):
        _add(digest, judge)
    _add_tensor(digest, world.atlas.pictures[world.indices])
    scene = {k: v for k, v in asdict(settings).items() if k not in NOT_IN_KEY}
    digest.update(json.dumps(scene, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _add(digest: Any, part: Any) -> None:
    """A network by its weights, an ONNX encoder by its files, else by its class."""
    digest.update(type(part).__name__.encode())
    networks = [part] if isinstance(part, nn.Module) else [v for v in _own(part) if isinstance(v, nn.Module)]
    for network in networks:
        for name, tensor in network.state_dict().items():
            digest.update(name.encode())
            _add_tensor(digest, tensor)
    for place in (getattr(part, "path", None), getattr(part, "folder", None)):
        if isinstance(place, Path):
            for path in sorted(place.glob("*.onnx")) if place.is_dir() else [place]:
                digest.update(path.read_bytes())


def _own(part: Any) -> list[Any]:
    return list(getattr(part, "__dict__", {}).values())


def _add_tensor(digest: Any, tensor: torch.Tensor) -> None:
    inner = getattr(tensor, "__tensor_flatten__", None)
    if inner is not None:  # torchao's tensors show the original's shape and hold others
        for name in inner()[0]:
            _add_tensor(digest, getattr(tensor, name))
        return
    plain = tensor.detach().cpu().contiguous()
    digest.update(f"{plain.dtype} {list(plain.shape)}".encode())
    digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())


class Kept:
    """Figures of one scene, on disk if there is a folder.

    Attributes:
        figures: way of asking -> metric -> value.
    """

    def __init__(self, out: Path | None, seed: int, key: str, videos: bool = True):
        self.out, self.seed, self.key, self.videos = out, seed, key, videos
        self.figures: dict[str, dict[str, float]] = {}
        if out is not None and self.path.is_file():
            stored: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            if stored.get("key") == key:
                self.figures = stored["figures"]

    @property
    def path(self) -> Path:
        return self.out / "scenes" / f"{self.seed:05d}.json"

    def has(self, way: str, metric: str | None) -> bool:
        """Whether the way was measured, with that metric if one is named."""
        return way in self.figures and (metric is None or metric in self.figures[way])

    def add(self, way: str, figures: dict[str, float], video: torch.Tensor) -> None:
        self.figures[way] = figures
        if self.out is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.videos:
            from ..headless.video import Video, write_mp4

            folder = self.out / "videos"
            folder.mkdir(parents=True, exist_ok=True)
            write_mp4(folder / f"{self.seed:05d} {way}.mp4", Video(video.permute(0, 2, 3, 1), FPS), crf=10)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"key": self.key, "figures": self.figures}, indent=1), encoding="utf-8")
        part.replace(self.path)
