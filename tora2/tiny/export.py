"""Writes what the transformer's training made into a model folder, in half precision and the layout of any model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ..checkpoints.components import make_scheduler
from ..checkpoints.saving import (
    base_transformer_config,
    describe_adapter,
    model_index,
    save_adapter,
    write_json,
    write_safetensors,
)
from ..checkpoints.sources import ADAPTER_FILE
from ..dit.transformer import is_adapter_key
from . import config

REFERENCE_SIZE = 96


def export_transformer(transformer: nn.Module, text_encoder: nn.Module, folder: Path) -> None:
    """Base, adapter, text encoder and scheduler; the encoders that were trained before are there already.

    Args:
        folder: holds vae/, tokenizer/, semantic_encoder/, reid_encoder/ and face_encoder/.
    """
    state = transformer.state_dict()
    base = {name: tensor for name, tensor in state.items() if not is_adapter_key(name)}
    write_safetensors(folder / "transformer" / "diffusion_pytorch_model.safetensors", base, torch.float16)
    write_json(folder / "transformer" / "config.json", base_transformer_config(transformer.config))
    described = describe_adapter(
        transformer.config,
        flow_sigma=config.FLOW_SIGMA,
        flow_window=config.FLOW_WINDOW,
        reference_size=REFERENCE_SIZE,
    )
    save_adapter(folder / ADAPTER_FILE, state, described, torch.float16)
    text_encoder.config.save_pretrained(str(folder / "text_encoder"))
    words = {
        name: tensor for name, tensor in text_encoder.state_dict().items() if name != "encoder.embed_tokens.weight"
    }
    write_safetensors(folder / "text_encoder" / "model.safetensors", words, torch.float16)
    make_scheduler().save_pretrained(str(folder / "scheduler"))
    write_json(folder / "model_index.json", model_index("i2v"))
