"""Tiny random models that the tests of transformer, binding, stages and pipeline share."""

from __future__ import annotations

import torch

from tora2.dit import Tora2Transformer3DModel

BASE = {
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 8,
    "text_embed_dim": 24,
    "num_layers": 3,
    "sample_width": 16,
    "sample_height": 16,
    "sample_frames": 17,
    "max_text_seq_length": 12,
    "use_rotary_positional_embeddings": True,
}
TORA2 = {
    "motion_channels": 32,
    "personalization_config": {
        "token_width": 32,
        "queries": 4,
        "layers": 2,
        "heads": 2,
        "adapter_tokens": 2,
        "semantic_width": 16,
        "face_width": 8,
        "reid_width": 8,
    },
    "binding_config": {"width": 32, "heads": 2, "layers": 1, "footprint": 1.0},
    "attention_width": 32,
    "attention_heads": 2,
}


def transformer(seed: int = 0, **options) -> Tora2Transformer3DModel:
    """A small model with all Tora2 parts, as constructed: gates and output projections are zero."""
    torch.manual_seed(seed)
    return Tora2Transformer3DModel(**(BASE | TORA2 | options)).eval()


def trained(model: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """The same model with every parameter and BatchNorm buffer random, zero-initialised ones included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point() or not tensor.numel():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(noise.abs() + 0.5)
            elif tensor.dim() < 2:
                tensor.copy_(noise * 0.3 + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
            else:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
    return model


def inputs(batch: int = 2, channels: int = 16, seed: int = 2) -> dict[str, torch.Tensor]:
    """Arguments of one forward pass: latents [B, 5, C, 16, 16], text [B, 12, 24], timestep."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "hidden_states": torch.randn(batch, 5, channels, 16, 16, generator=generator),
        "encoder_hidden_states": torch.randn(batch, 12, 24, generator=generator),
        "timestep": torch.full((batch,), 300),
    }
