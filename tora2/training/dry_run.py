"""`train --dry-run`: what a configuration would train, what it needs, and one real step of the same code, shrunken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from ..checkpoints.bundle import Tora2Bundle
from ..checkpoints.components import make_scheduler, text_encoder_config
from ..conditions import VideoSize
from ..dit import Tora2Transformer3DModel
from ..memory.estimates import video_tokens
from .config import TrainingConfig
from .draws import draw_per_clip
from .models import DTYPES, open_source, sizes_of
from .module import GROUPS, TrainingModule, group_of, parameter_groups, trained_parameters
from .shards import micro_batches

SHRUNKEN = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "num_layers": 2,
    "time_embed_dim": 16,
    "text_embed_dim": 32,
    "max_text_seq_length": 16,
    "sample_width": 8,
    "sample_height": 8,
    "sample_frames": 9,
    "motion_channels": 32,
    "attention_width": 32,
    "attention_heads": 2,
}
SHRUNKEN_EXTRACTOR = {"token_width": 32, "queries": 4, "layers": 1, "heads": 2, "adapter_tokens": 2}
SHRUNKEN_FEATURES = {"semantic_width": 16, "face_width": 8, "reid_width": 8}
SHRUNKEN_BINDING = {"width": 32, "layers": 1, "heads": 2}


def dry_run(config: TrainingConfig, say: Callable[[str], None] = print, processes: int = 1) -> dict[str, Any]:
    """Print what the run is, then take one step with a small model of the same options on random data.

    The full-size model is only built on the meta device: no weights are read or made. Without ``model.source`` on this
    machine the sizes in ``model.transformer`` describe the model.

    Returns:
        the figures: parameters by group, bytes by use, passes per step, and the small step's losses.

    Raises:
        TrainingError: the configuration cannot be run.
    """
    bundle = None
    try:
        bundle = open_source(config.model)
    except ValueError as error:  # the paper's configuration must start on a machine without 20 GB of weights
        if not config.model.scratch:
            say(f"note: {error} The sizes below come from `model.transformer` and CogVideoX-5B's.")
    if bundle is not None and not config.model.scratch:
        sizes = sizes_of(config.model, bundle)
    else:
        sizes = cogvideox_5b() | config.model.transformer
    module = _meta_module(config, sizes, bundle)
    run, figures = config.run, {}
    passes = len(micro_batches(0, run.batch, run.micro_batch, processes, 0))

    counts = {group: [0, 0] for group in GROUPS}
    for name, parameter in module.named_parameters():
        counts[group_of(name)][0 if parameter.requires_grad else 1] += parameter.numel()
    trained = sum(count[0] for count in counts.values())
    frozen = sum(count[1] for count in counts.values())
    say(f"{'parameters':<14}{'trained':>16}{'frozen':>16}")
    for group, (moving, still) in counts.items():
        if moving or still:
            say(f"  {group:<12}{moving:>16,}{still:>16,}")
    memory = estimate_memory(config, module.transformer.config, trained, frozen)
    say("memory of one process without sharding, estimated:")
    for name, size in memory.items():
        say(f"  {name:<36}{size / 2**30:>9.2f} GiB")
    say(f"  {'together':<36}{sum(memory.values()) / 2**30:>9.2f} GiB")
    say(
        f"{run.steps:,} steps of {run.batch} clips = {run.steps * run.batch:,} clips; {processes} process(es) x "
        f"{run.micro_batch} clip(s) x {passes} pass(es) a step"
    )
    figures |= {"trained": trained, "frozen": frozen, "groups": counts, "memory": memory, "passes": passes}

    losses = shrunken_step(config, sizes)
    say("one step of a shrunken model: " + ", ".join(f"{name} {value:.4f}" for name, value in losses.items()))
    return figures | {"losses": losses}


def cogvideox_5b() -> dict[str, Any]:
    """Constructor arguments of CogVideoX-5B's transformer with Tora's and Tora2's parts at the paper's size."""
    return {
        "num_attention_heads": 48,
        "num_layers": 42,
        "use_rotary_positional_embeddings": True,
        "motion_channels": 128,
        "personalization_config": {},
        "binding_config": {},
    }


def _meta_module(config: TrainingConfig, sizes: dict[str, Any], bundle: Tora2Bundle | None) -> TrainingModule:
    model, text_encoder, null_ids = config.model, None, None
    arguments = {key: value for key, value in sizes.items() if not key.startswith("_")}
    with torch.device("meta"):
        transformer = Tora2Transformer3DModel(**arguments)
        if model.train_text_encoder and bundle is not None:
            from transformers import T5Config, T5EncoderModel

            text_encoder = T5EncoderModel(T5Config(**text_encoder_config(bundle.source)))
            null_ids = torch.zeros(1, 1, dtype=torch.long)
        return TrainingModule(
            transformer,
            text_encoder,
            null_ids,
            torch.ones(1),
            config.recipe,
            train_base=model.train_base,
            train_text_encoder=model.train_text_encoder,
        )


def estimate_memory(config: TrainingConfig, sizes: Any, trained: int, frozen: int) -> dict[str, int]:
    """Bytes by use. Weights and optimizer are exact; activations are a rough count of what the backward pass keeps."""
    tokens = video_tokens(VideoSize(config.data.frames, config.data.height, config.data.width))
    width = sizes["num_attention_heads"] * sizes["attention_head_dim"]
    item = DTYPES[config.run.precision].itemsize
    one = config.run.micro_batch * tokens * width * item
    # Kept for each layer: its input alone, or about 24 tensors of its width (norms, q, k, v, attention, feed-forward).
    # The fuser adds scale and shift and the convolutions that make them, about 6. Checkpointing keeps one layer's.
    whole, inputs = (1, sizes["num_layers"]) if config.model.gradient_checkpointing else (sizes["num_layers"], 0)
    return {
        "frozen weights": frozen * DTYPES[config.model.frozen_dtype].itemsize,
        "trained weights, float32": trained * 4,
        "gradients, float32": trained * 4,
        "AdamW's two moments, float32": trained * 8,
        "averaged weights, float32": trained * 4 if config.optimizer.ema else 0,
        "activations, rough": one * (inputs + 24 * whole),
        "motion modulations, rough": one * 6 * whole,
    }


def shrunken_step(config: TrainingConfig, sizes: dict[str, Any]) -> dict[str, float]:
    """Losses of one optimizer step of a model with the same options and tiny sizes."""

    extractor = dict(sizes.get("personalization_config") or {})
    binding = dict(sizes.get("binding_config") or {})
    small = {key: value for key, value in sizes.items() if not key.startswith("_")} | SHRUNKEN
    small["personalization_config"] = extractor | SHRUNKEN_EXTRACTOR | SHRUNKEN_FEATURES
    small["binding_config"] = binding | SHRUNKEN_BINDING
    torch.manual_seed(config.run.seed)
    module = TrainingModule(
        Tora2Transformer3DModel(**small),
        None,
        None,
        make_scheduler().alphas_cumprod,
        replace(config.recipe, drop_references=0.0, drop_trajectories=0.0, drop_entities=0.0),
        train_base=config.model.train_base,
    ).train()
    if config.model.gradient_checkpointing:
        module.transformer.enable_gradient_checkpointing()
    rate = config.optimizer.rate
    optimizer = torch.optim.AdamW(parameter_groups(module, {"adapter": rate, "base": rate, "text": rate}))
    raw = _random_batch(small)
    draws = draw_per_clip(module.recipe, raw["latents"].shape, 1000, config.run.seed, range(2))
    with torch.autocast("cpu", DTYPES[config.run.precision], enabled=config.run.precision == "bf16"):
        losses = module(raw, draws)
    losses["loss"].backward()
    torch.nn.utils.clip_grad_norm_(list(trained_parameters(module).values()), config.optimizer.clip or 1.0)
    optimizer.step()
    return {name: float(value.detach()) for name, value in losses.items()}


def _random_batch(sizes: dict[str, Any], clips: int = 2) -> dict[str, torch.Tensor]:
    frames, side = 3, sizes["sample_width"]
    channels = sizes.get("out_channels") or sizes.get("in_channels", 16)
    entities, features = 2 * clips, sizes["personalization_config"]
    return {
        "latents": torch.randn(clips, frames, channels, side, side),
        "motion_latents": torch.randn(clips, frames, channels, side, side),
        "weights": torch.ones(clips, frames, 1, side, side),
        "text": torch.randn(clips, sizes["max_text_seq_length"], sizes["text_embed_dim"]),
        "null_text": torch.randn(1, sizes["max_text_seq_length"], sizes["text_embed_dim"]),
        "semantic": torch.randn(entities, 4, features["semantic_width"]),
        "reid": torch.randn(entities, features["reid_width"]),
        "face": torch.randn(entities, features["face_width"]),
        "is_human": torch.arange(entities) % 2 == 0,
        "word_index": torch.tensor([[1, 2]]).repeat(entities, 1),
        "points": torch.rand(entities, 1, frames, 2),
        "visible": torch.ones(entities, 1, frames, dtype=torch.bool),
        "identity": torch.arange(entities),
        "video": torch.arange(clips).repeat_interleave(2),
    }
