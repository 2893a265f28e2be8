"""The tiny suite from a model to its files, on any device, also where insightface or PyAV are missing."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..checkpoints import components
from ..checkpoints.bundle import Tora2Bundle
from ..checkpoints.loading import load
from ..checkpoints.sources import ModelSource, source_at
from ..errors import EncoderError
from . import report, suite
from .generation import GENERATED
from .measures import Judges
from .networks import WEIGHTS, load_recognizer, load_watcher
from .scenes import make_world

TWIN_FILES = ("det_tiny.onnx", "embed_tiny.onnx")


def evaluate_folder(
    model: Path | ModelSource,
    atlas: Path | None,
    out: Path | None,
    *,
    device: str = "cpu",
    judges: Path | None = None,
    scenes: int = 50,
    entities: int = 2,
    steps: int = 50,
    seed: int = 0,
    split: str = "heldout_names",
    guidance: float = 6.0,
    precision: str = "float32",
    ways: Sequence[str] = GENERATED,
) -> suite.Result:
    """Figures of the model in OUT/result.txt and result.json, and one line a scene and way while it goes.

    Args:
        atlas: folder of pictures; None takes the ten shipped ones, whatever ``split`` is.
        out: None keeps nothing.
        judges: folder of watcher.safetensors and recognizer.safetensors; None takes the shipped ones.
        seed: of the first scene; the others follow.
        precision: the name of a floating-point dtype of torch.
    """
    where = judges or WEIGHTS
    result = suite.run(
        on_device(model, device, getattr(torch, precision)),
        make_world(atlas, split, entities),
        Judges(load_watcher(where / "watcher.safetensors"), load_recognizer(where / "recognizer.safetensors")),
        suite.Settings(
            split=split if atlas else "shipped pictures",
            scenes=scenes,
            first_seed=seed,
            entities=entities,
            steps=steps,
            guidance=guidance,
            precision=precision,
            ways=tuple(ways),
        ),
        out=out,
        videos=importlib.util.find_spec("av") is not None,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(report.table(result))
    if out is not None:
        report.write(result, out)
    return result


def on_device(
    model: Path | ModelSource, device: torch.device | str, dtype: torch.dtype | None = torch.float32
) -> Tora2Bundle:
    """A model's networks on a device; its ONNX encoders stay on the CPU."""
    source = model if isinstance(model, ModelSource) else source_at(model)
    stored = load(source, dtype)
    parts: dict[str, Any] = {name: stored.component(name) for name in ("tokenizer", "scheduler", "reid")}
    for name in ("transformer", "vae", "text_encoder", "semantic"):
        part = stored.component(name)
        parts[name] = part if part is None else part.to(device)
    parts["face"] = stored.face if importlib.util.find_spec("insightface") else torch_faces(source)
    return Tora2Bundle.of(stored.name, stored.config, size=stored.size, **parts)


def torch_faces(source: ModelSource) -> Any | None:
    """The face encoder without insightface (``tora2.tiny.twins``), which knows the files of the tiny world alone.

    Raises:
        EncoderError: the model has others.
    """
    from ..tiny.twins import TwinFaceEncoder

    folder = components.find_face(source)
    if folder is None:
        return None
    if not all((folder / name).is_file() for name in TWIN_FILES):
        raise EncoderError(
            f"Faces need insightface, which is not installed, and {folder} lacks {' or '.join(TWIN_FILES)}, which are "
            "read without it: run `pip install insightface onnxruntime`, or give a model of the tiny world."
        )
    return TwinFaceEncoder(folder)
