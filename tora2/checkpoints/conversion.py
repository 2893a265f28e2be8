"""Offline conversions between layouts; ``python -m tora2 convert`` calls them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

from ..dit import Tora2Transformer3DModel
from ..dit.transformer import is_adapter_key
from ..errors import CheckpointError
from .config import AdapterConfig
from .identify import EXTRACTOR, FUSER
from .sat import convert_sat, read_sat, sat_arguments
from .saving import base_transformer_config, model_index, new_folder, save_adapter, write_json, write_safetensors
from .sources import ADAPTER_FILE, ModelSource, adapter_config, plan_transformer, source_at
from .transformer import expected_weights, stored_adapter, stored_transformer
from .weights import LoadedTensors, StoredTensors, build, check_coverage

BASE_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")


def sat_to_ours(
    checkpoint: Path | str, out: Path | str, base: Path | str | None = None, dtype: torch.dtype | None = None
) -> Path:
    """A SAT checkpoint of Tora (or plain CogVideoX) -> a folder of our layout.

    Args:
        checkpoint: ``mp_rank_00_model_states.pt``.
        out: a new folder.
        base: CogVideoX-5b's (or -I2V's) diffusers folder, whose VAE, text encoder, tokenizer and scheduler are taken
            (as hard links where the disk allows); without it only transformer and adapter are written.
        dtype: of the written weights; None keeps them.

    Raises:
        CheckpointError: one sentence on what is wrong with a file.
    """
    base = None if base is None else Path(base)
    missing = [] if base is None else [part for part in BASE_PARTS[:1] if not (base / part).is_dir()]
    if missing:
        raise CheckpointError(f"{base} is not a diffusers folder of CogVideoX-5b: it has no {missing[0]}/.")
    state = convert_sat(read_sat(checkpoint), checkpoint)
    arguments, config = sat_arguments(state, checkpoint)
    model = build(lambda: Tora2Transformer3DModel(**arguments))
    check_coverage(model.state_dict(), LoadedTensors(dict(state), str(checkpoint)), "CogVideoX with Tora")
    with new_folder(Path(out)) as folder:
        transformer = folder / "transformer"
        weights = {key: value for key, value in state.items() if not is_adapter_key(key)}
        write_safetensors(transformer / "diffusion_pytorch_model.safetensors", weights, dtype)
        write_json(transformer / "config.json", base_transformer_config(model.config))
        if config.has_motion:
            save_adapter(folder / ADAPTER_FILE, state, config, dtype)
        for part in BASE_PARTS if base is not None else ():
            if (base / part).is_dir():
                shutil.copytree(base / part, folder / part, copy_function=_link_or_copy)
        write_json(folder / "model_index.json", model_index("i2v" if arguments["in_channels"] == 32 else "t2v"))
    return Path(out)


def export_adapter(model: Path | str, out: Path | str, dtype: torch.dtype | None = None) -> Path:
    """The adapter of a model folder (ours, or one that holds all keys such as ``Tora_T2V_diffusers``) as one file."""
    source = source_at(model)
    plan = plan_transformer(source)
    if not (plan.adapter.has_motion or plan.adapter.has_personalization):
        raise CheckpointError(f"{model} holds no adapter: it is a plain CogVideoX.")
    stored = stored_transformer(source, plan, expected_weights(plan))
    state = {key: value for key, value in stored.read() if is_adapter_key(key)}
    return save_adapter(out, state, plan.adapter, dtype)


def tora_to_adapter(
    fuser: Path | str, extractor: Path | str, out: Path | str, dtype: torch.dtype | None = None
) -> Path:
    """Tora's two files of the ComfyUI conversion -> one adapter file of ours."""
    files = (Path(fuser), Path(extractor))
    config = adapter_config(files)
    stored = stored_adapter(ModelSource(files[0].stem, files[0], files))
    check_coverage(_expected_adapter(config), stored, "Tora's adapter")
    return save_adapter(out, dict(stored.read()), config, dtype)


def adapter_to_tora(adapter: Path | str, out: Path | str, dtype: torch.dtype | None = None) -> tuple[Path, Path]:
    """The motion part of one adapter file of ours -> Tora's two files, in folders as ComfyUI users have them.

    Args:
        out: folder in which ``fuser/`` and ``traj_extractor/`` are made.
    """
    adapter, out = Path(adapter), Path(out)
    config = adapter_config((adapter,))
    if not config.has_motion:
        raise CheckpointError(f"{adapter} holds no motion parts, and Tora's files hold nothing else.")
    stored = StoredTensors(adapter)
    check_coverage(_expected_adapter(config), stored, "the adapter that its config describes")
    state = dict(stored.read())
    end = "_I2V" if config.kind == "i2v" else ""
    written = []
    for part, prefix in ((FUSER.id, "fuser."), (EXTRACTOR.id, "traj_extractor.")):
        tensors = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        written.append(write_safetensors(out / part / f"{part}{end}.safetensors", tensors, dtype))
    return tuple(written)


def _expected_adapter(config: AdapterConfig) -> dict[str, torch.Tensor]:
    """Names and shapes of an adapter by its config, on a base that matters only in its width and depth."""
    base = config.base
    arguments = {
        "num_attention_heads": 1,
        "attention_head_dim": base.inner_dim,
        "num_layers": base.num_layers,
        "in_channels": base.in_channels,
        "out_channels": base.out_channels,
        "patch_size_t": base.patch_size_t,
        "text_embed_dim": base.text_embed_dim or 4096,
        "use_rotary_positional_embeddings": True,
        **config.arguments,
    }
    model = build(lambda: Tora2Transformer3DModel(**arguments))
    return {key: value for key, value in model.state_dict().items() if is_adapter_key(key)}


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)
    return target
