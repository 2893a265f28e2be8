"""What was trained, as files that the nodes load: an adapter, and a whole model where more than that was trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from ..checkpoints.bundle import Tora2Bundle
from ..checkpoints.components import find_face, find_reid
from ..checkpoints.saving import save_adapter, save_bundle
from ..checkpoints.sources import ADAPTER_FILE, ModelSource
from ..errors import TrainingError
from . import models, state
from .config import TrainingConfig
from .models import Built
from .module import trained_parameters


def export_run(config: TrainingConfig) -> list[Path]:
    """Write the (averaged) weights of a run's last checkpoint, on the CPU; data and optimizer are not needed.

    Raises:
        TrainingError: the run has no checkpoint, or it is of another model.
    """
    out = Path(config.run.out)
    found = state.checkpoints(out) if config.run.out else []
    if not found:
        raise TrainingError(f"{out} holds no checkpoint to export: set `run.out` to the run's folder.")
    torch.manual_seed(config.run.seed)  # new parts begin as they did in the run, should any not be trained
    built = models.build(config, has_text=not config.model.train_text_encoder)
    state.restore_parameters(trained_parameters(built.module), state.load_weights(found[-1]), found[-1])
    return export(built, config)


def export(built: Built, config: TrainingConfig) -> list[Path]:
    """Write the adapter, and a whole model folder where the base or the text encoder was trained, too.

    Args:
        built: with the weights that are to be written in place.
    """
    out, dtype = Path(config.run.out), models.DTYPES[config.run.export_dtype]
    transformer = built.module.transformer
    written = [save_adapter(out / ADAPTER_FILE, transformer, built.adapter, dtype)]
    if (config.model.train_base or config.model.train_text_encoder) and built.bundle is not None:
        parts = {name: built.bundle.component(name) for name in ("vae", "tokenizer", "semantic")}
        trained = Tora2Bundle.of(
            out.name,
            built.adapter,
            size=built.bundle.size,
            transformer=transformer,
            text_encoder=built.module.text_encoder or built.bundle.text_encoder,
            scheduler=models.scheduler(built.bundle),
            **parts,
        )
        written.append(save_bundle(trained, out / "model", dtype, overwrite=True))
        if trained.has_personalization:
            _copy_identity_encoders(built.bundle.source, out / "model")
    return written


def _copy_identity_encoders(source: ModelSource, folder: Path) -> None:
    """The source's re-identification and face encoders as files: training runs where onnxruntime and insightface, which
    opening them needs, are missing."""
    reid, face = find_reid(source), find_face(source)
    files = [(reid, folder / "reid_encoder" / "model.onnx")] if reid is not None else []
    if face is not None:
        pack = sorted(face.glob("*.onnx")) or sorted(face.glob("*/*.onnx"))
        files += [(path, folder / "face_encoder" / path.name) for path in pack]
    for path, target in files:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
