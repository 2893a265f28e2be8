"""Writing our layout: a diffusers folder for the base, one file for the adapter. Nothing is left half-written."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ..errors import CheckpointError
from .bundle import Tora2Bundle
from .config import ADAPTER_ARGUMENTS, METADATA_KEY, NO_ADAPTER, AdapterConfig, BaseDescription
from .sources import ADAPTER_FILE

PIPELINES = {"t2v": "CogVideoXPipeline", "i2v": "CogVideoXImageToVideoPipeline"}


def describe_adapter(transformer_config: Mapping[str, Any], **values: Any) -> AdapterConfig:
    """Adapter config of a transformer by its own config.

    Args:
        values: ``flow_sigma``, ``flow_window``, ``reference_size`` where they are not the public weights'.
    """
    arguments = {name: transformer_config[name] for name in ADAPTER_ARGUMENTS if name in transformer_config}
    base = BaseDescription.from_config(transformer_config)
    if arguments.get("binding_config") is None:  # nothing else of an adapter reads text
        base = replace(base, text_embed_dim=None)
    return AdapterConfig(arguments={**NO_ADAPTER, **arguments}, base=base, **values)


def save_adapter(
    path: Path | str,
    tensors: torch.nn.Module | Mapping[str, torch.Tensor],
    config: AdapterConfig,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write an adapter's file, replacing one that is there only when the new one is complete.

    Args:
        tensors: the transformer, or its state dict; the base's tensors are left out.
        config: goes into the file's metadata.
        dtype: of floating-point tensors (one that would overflow in float16 stays as it is); None keeps them.
    """
    from ..dit.transformer import is_adapter_key

    state = tensors.state_dict() if isinstance(tensors, torch.nn.Module) else tensors
    adapter = {key: value for key, value in state.items() if is_adapter_key(key)}
    if not adapter:
        raise CheckpointError("There is no adapter to save: the model is a plain CogVideoX.")
    return write_safetensors(Path(path), adapter, dtype, {METADATA_KEY: config.to_json()})


def save_bundle(
    bundle: Tora2Bundle, folder: Path | str, dtype: torch.dtype | None = None, *, overwrite: bool = False
) -> Path:
    """Write a whole model in our layout; its base alone is a folder that plain diffusers loads.

    Args:
        folder: must not exist, or be empty, unless ``overwrite``.
        dtype: of floating-point tensors; None keeps them.

    Raises:
        CheckpointError: the folder exists, or a component of the bundle cannot be loaded.
    """
    from ..dit.transformer import is_adapter_key

    with new_folder(Path(folder), overwrite) as out:
        transformer = bundle.transformer
        state = transformer.state_dict()
        write_safetensors(
            out / "transformer" / "diffusion_pytorch_model.safetensors",
            {key: value for key, value in state.items() if not is_adapter_key(key)},
            dtype,
        )
        write_json(out / "transformer" / "config.json", base_transformer_config(transformer.config))
        if bundle.has_motion or bundle.has_personalization:
            save_adapter(out / ADAPTER_FILE, state, bundle.config, dtype)
        _save_parts(bundle, out, dtype)
        write_json(out / "model_index.json", model_index(bundle.kind))
    return Path(folder)


def base_transformer_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Config of the base alone, as diffusers' own class writes it."""
    left_out = (*ADAPTER_ARGUMENTS, "_name_or_path", "_class_name")
    return {"_class_name": "CogVideoXTransformer3DModel"} | {k: v for k, v in config.items() if k not in left_out}


def model_index(kind: str) -> dict[str, Any]:
    """model_index.json of the base for plain diffusers."""
    return {
        "_class_name": PIPELINES[kind],
        "scheduler": ["diffusers", "CogVideoXDPMScheduler"],
        "text_encoder": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "T5Tokenizer"],
        "transformer": ["diffusers", "CogVideoXTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLCogVideoX"],
    }


def write_safetensors(
    path: Path, tensors: Mapping[str, torch.Tensor], dtype: torch.dtype | None, metadata: dict[str, str] | None = None
) -> Path:
    """Write to a temporary file beside ``path`` and rename it when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {key: _own(_cast(value.detach(), dtype).cpu().contiguous()) for key, value in tensors.items()}
    with _temporary(path) as partial:
        save_file(state, str(partial), metadata={"format": "pt", **(metadata or {})})
    return path


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as partial:
        partial.write_text(json.dumps(dict(data), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _save_parts(bundle: Tora2Bundle, out: Path, dtype: torch.dtype | None) -> None:
    vae, text_encoder = bundle.vae, bundle.text_encoder
    if vae is not None:
        vae.save_config(out / "vae")
        write_safetensors(out / "vae" / "diffusion_pytorch_model.safetensors", vae.state_dict(), dtype)
    if text_encoder is not None:
        text_encoder.config.save_pretrained(str(out / "text_encoder"))
        state = {k: v for k, v in text_encoder.state_dict().items() if k != "encoder.embed_tokens.weight"}  # tied
        write_safetensors(out / "text_encoder" / "model.safetensors", state, dtype)
    if bundle.tokenizer is not None:
        bundle.tokenizer.save_pretrained(str(out / "tokenizer"))
    if bundle.scheduler is not None:
        bundle.scheduler.save_pretrained(str(out / "scheduler"))
    if not bundle.has_personalization:
        return
    if bundle.semantic is not None:
        (out / "semantic_encoder").mkdir()
        bundle.semantic.save_pretrained(out / "semantic_encoder")
    if bundle.reid is not None:
        (out / "reid_encoder").mkdir()
        shutil.copyfile(bundle.reid.path, out / "reid_encoder" / "model.onnx")
    if bundle.face is not None:
        (out / "face_encoder").mkdir()
        for path in sorted(bundle.face.folder.glob("*.onnx")):
            shutil.copyfile(path, out / "face_encoder" / path.name)


def _cast(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if dtype is None or not tensor.is_floating_point():
        return tensor
    cast = tensor.to(dtype)
    return tensor if dtype is torch.float16 and not torch.isfinite(cast).all() else cast


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Safetensors refuses tensors that are parts of one storage, such as SAT's query, key and value."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A path beside ``path`` that becomes it if nothing goes wrong, and vanishes if something does."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)  # mkstemp makes files that only their owner reads
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder that becomes ``folder`` if nothing goes wrong, and vanishes if something does."""
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise CheckpointError(f"{folder} exists already: give a new folder, or remove that one.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
            os.replace(folder, old / folder.name)
            os.replace(partial, folder)
            shutil.rmtree(old)
        else:
            os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
