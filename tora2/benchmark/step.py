"""What one denoising prediction costs, ours beside plain diffusers CogVideoX and, if a checkout is given, alibaba/Tora.

All contenders run in the same process on the same inputs, round by round in turn, so that a noisy machine hurts them
alike; what counts is the ratio of the medians.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..acceleration.compiling import share_graph_between_entity_counts
from ..acceleration.settings import Acceleration
from ..conditions import VideoSize
from ..errors import Tora2Error
from .timing import Budget, timed

CONFIGS: dict[str, dict[str, Any]] = {
    "tiny": {"num_attention_heads": 4, "num_layers": 6, "time_embed_dim": 128, "text_embed_dim": 128, "text": 48},
    "small": {"num_attention_heads": 16, "num_layers": 6, "time_embed_dim": 512, "text_embed_dim": 1024, "text": 226},
    "5b": {"num_attention_heads": 48, "num_layers": 42, "time_embed_dim": 512, "text_embed_dim": 4096, "text": 226},
}
"""Shapes by name: heads of 64, layers, widths of time and text, text tokens. ``5b`` needs 11 GB in bfloat16."""

TOKENS_PER_ENTITY, TOKEN_WIDTH = 32, 768
MOST_ATTENTION_HEADS = 16


@dataclass(frozen=True)
class Measurement:
    """Median and all seconds of one contender.

    Attributes:
        ratio: its median over that of the first contender.
        first: seconds of its warm-up, with compilation.
        peak_bytes: most memory allocated meanwhile, all contenders' weights included; None on a CPU.
    """

    name: str
    seconds: float
    rounds: tuple[float, ...]
    ratio: float
    first: float = 0.0
    peak_bytes: int | None = None


def base_config(shape: str, size: VideoSize) -> dict[str, Any]:
    """Constructor arguments of a CogVideoX transformer of that shape."""
    if shape not in CONFIGS:
        raise Tora2Error(f"There is no shape named {shape!r}; use one of {', '.join(CONFIGS)}.")
    config = dict(CONFIGS[shape])
    return {
        **{name: value for name, value in config.items() if name != "text"},
        "attention_head_dim": 64,
        "max_text_seq_length": config["text"],
        "sample_width": size.width // 8,
        "sample_height": size.height // 8,
        "sample_frames": size.frames,
        "use_rotary_positional_embeddings": True,
    }


@torch.no_grad()
def contenders(
    shape: str,
    size: VideoSize,
    entities: int,
    device: str,
    dtype: torch.dtype,
    tora: Path | None,
    more_entities: Sequence[int] = (),
    acceleration: Acceleration | None = None,
) -> dict[str, Callable[[], torch.Tensor]]:
    """Name -> one guided prediction (both branches in one batch).

    Args:
        tora: a checkout of alibaba/Tora.
        more_entities: numbers of entities to measure as well.
        acceleration: for our model and for diffusers' own alike, so that the parts of Tora2 are what differs.
    """
    from diffusers import CogVideoXTransformer3DModel

    from ..dit.transformer import is_adapter_key
    from ..stages.denoising import rotary_tables

    config = base_config(shape, size)
    ours = random_transformer(config, device, dtype)
    plain = build(CogVideoXTransformer3DModel, config, device, dtype)
    plain.load_state_dict({k: v for k, v in ours.state_dict().items() if not is_adapter_key(k)}, assign=True)
    if acceleration is not None:
        plain._repeated_blocks = ["CogVideoXBlock"]  # diffusers names none for CogVideoX
        for model in (ours, plain):
            acceleration.apply(model)

    latent_frames = (size.frames - 1) // 4 + 1
    shape_5d = (1, latent_frames, 16, size.height // 8, size.width // 8)
    latents = torch.randn(2, *shape_5d[1:], device=device, dtype=dtype)
    text = torch.randn(2, config["max_text_seq_length"], config["text_embed_dim"], device=device, dtype=dtype)
    timestep = torch.tensor([500, 500], device=device)
    flow = torch.randn(shape_5d, device=device, dtype=dtype)
    rotary = rotary_tables(ours, size, torch.device(device))

    maps = ours.traj_extractor(flow)
    modulations = ours.motion_modulations(maps, latent_frames)
    keys_values = _keys_values(ours, entities)
    projected = ours.patch_embed.text_proj(text)
    call = {"image_rotary_emb": rotary, "return_dict": False}
    given = {"text_is_projected": True, **call}

    def with_entities(count: int) -> Callable[[], torch.Tensor]:
        held = _keys_values(ours, count)
        return lambda: ours(
            latents, projected, timestep, motion_modulations=modulations, personalization=held, **given
        )[0]

    runs: dict[str, Callable[[], torch.Tensor]] = {
        "diffusers CogVideoX": lambda: plain(latents, text, timestep, **call)[0],
        "Tora2, motion and entities": lambda: ours(
            latents, projected, timestep, motion_modulations=modulations, personalization=keys_values, **given
        )[0],
        "Tora2, motion alone": lambda: ours(latents, projected, timestep, motion_modulations=modulations, **given)[0],
        "Tora2, low memory": lambda: ours(
            latents, projected, timestep, motion_maps=maps, personalization=keys_values, **given
        )[0],
    }
    for count in more_entities:
        runs[f"Tora2, motion and {count} entities"] = with_entities(count)
    if tora is not None:
        theirs = _alibaba_tora(tora, config, device, dtype)
        state = ours.state_dict()
        theirs.load_state_dict({name: state[name] for name in theirs.state_dict()}, assign=True)
        both = torch.cat([flow] * 2)
        runs["alibaba/Tora"] = lambda: theirs(latents, text, timestep, video_flow=both, **call)[0]
        difference = (runs["Tora2, motion alone"]() - runs["alibaba/Tora"]()).abs().max()
        scale = runs["alibaba/Tora"]().abs().max()
        limit = 1e-4 if dtype == torch.float32 else 5e-2
        if difference > limit * scale:
            raise Tora2Error(
                f"The two Tora models disagree by {float(difference / scale):.1e}; their times do not compare."
            )
    return runs


def _alibaba_tora(checkout: Path, config: dict[str, Any], device: str, dtype: torch.dtype):
    folder = checkout / "diffusers-version"
    if not (folder / "tora" / "transformer_3d.py").is_file():
        raise Tora2Error(
            f"{checkout} is no checkout of alibaba/Tora: it has no diffusers-version/tora/transformer_3d.py."
        )
    sys.path.insert(0, str(folder))
    from tora.transformer_3d import ToraTransformer3DModel

    return build(ToraTransformer3DModel, config, device, dtype)


def _tora2_parts(config: dict[str, Any]) -> dict[str, Any]:
    """The 5B model's personalization attention, no wider than the transformer itself."""
    heads = min(MOST_ATTENTION_HEADS, config["num_attention_heads"])
    return {
        "personalization_config": {"token_width": TOKEN_WIDTH, "queries": TOKENS_PER_ENTITY, "layers": 2, "heads": 12},
        "attention_width": 64 * heads,
        "attention_heads": heads,
    }


def random_transformer(config: dict[str, Any], device: str | torch.device, dtype: torch.dtype):
    """Our transformer with all Tora2 parts, made on its device; always the same weights."""
    from ..dit import Tora2Transformer3DModel

    torch.manual_seed(0)
    ours = build(Tora2Transformer3DModel, config | _tora2_parts(config), device, dtype)
    with torch.no_grad():
        for module in (*ours.fuser, *(block.personalization_attention for block in ours.transformer_blocks)):
            for parameter in module.parameters():  # no zero-initialised output may let a kernel off its work
                torch.nn.init.normal_(parameter, std=0.02)
    return ours


def _keys_values(ours: Any, entities: int) -> list[tuple[torch.Tensor, torch.Tensor]] | None:
    if not entities:
        return None
    tokens = torch.randn(1, entities * TOKENS_PER_ENTITY, TOKEN_WIDTH, device=ours.device, dtype=ours.dtype)
    held = ours.personalization_keys_values(tokens)
    share_graph_between_entity_counts(held)
    return held


def build(model_class: type, config: dict[str, Any], device: str | torch.device, dtype: torch.dtype):
    """Random weights made in place: at 5B there is no room for a float32 copy first."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return model_class(**config).eval()
    finally:
        torch.set_default_dtype(default)


@torch.no_grad()
def measure(
    runs: dict[str, Callable[[], torch.Tensor]], rounds: int, device: str, budget: Budget | None = None
) -> list[Measurement]:
    """Time every contender ``rounds`` times in turn, after one warm-up each; fewer rounds if the budget ends."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    first: dict[str, float] = {}
    peaks: dict[str, int | None] = {}
    for turn in range(rounds + 1):
        if turn > 1 and budget is not None and not budget.allows(sum(values[-1] for values in seconds.values())):
            break
        for name, run in runs.items():
            timing = timed(run, device)
            if turn:
                seconds[name].append(timing.seconds)
                peaks[name] = timing.peak_bytes
            else:
                first[name] = timing.seconds
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = next(iter(medians.values()))
    return [
        Measurement(name, medians[name], tuple(values), medians[name] / base, first[name], peaks[name])
        for name, values in seconds.items()
    ]
