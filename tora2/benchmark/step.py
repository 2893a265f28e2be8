"""What one denoising prediction costs, ours beside plain diffusers CogVideoX and, if a checkout is given, alibaba/Tora.

All contenders run in the same process on the same inputs, round by round in turn, so that a noisy machine hurts them
alike; what counts is the ratio of the medians. The first round is timed right after each one's warm-up: a run that is
cut off has figures of all that had begun.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..acceleration.compiling import share_graph_between_entity_counts
from ..acceleration.settings import Acceleration
from ..conditions import VideoSize
from ..errors import Tora2Error
from .timing import Budget, timed
from .turns import ended, free

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
        ratio: its median over that of the first contender; None if either has no figures.
        first: seconds of its warm-up, with compilation.
        peak_bytes: most memory allocated meanwhile, all contenders' weights included; None on a CPU.
        refused: why it did not run, or not in all rounds, else empty.
        failed: True if nobody could foresee that.
    """

    name: str
    seconds: float
    rounds: tuple[float, ...]
    ratio: float | None
    first: float = 0.0
    peak_bytes: int | None = None
    refused: str = ""
    failed: bool = False


def base_config(shape: str, size: VideoSize) -> dict[str, Any]:
    """Constructor arguments of a CogVideoX transformer of that shape."""
    if shape not in CONFIGS:
        raise Tora2Error(f"There is no shape named {shape!r}; use one of {', '.join(CONFIGS)}.")
    config = dict(CONFIGS[shape])
    return {
        **{name: value for name, value in config.items() if name != "text"},
        "attention_head_dim": 64,
        "max_text_seq_length": config["text"],
        "sample_width": size.latent[2],
        "sample_height": size.latent[1],
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
    from ..stages.prediction import rotary_tables

    config = base_config(shape, size)
    if tora is not None:
        check_checkout(tora)
    ours = random_transformer(config, device, dtype)
    plain = build(CogVideoXTransformer3DModel, config, device, dtype)
    plain.load_state_dict({k: v for k, v in ours.state_dict().items() if not is_adapter_key(k)}, assign=True)
    if acceleration is not None:
        plain._repeated_blocks = ["CogVideoXBlock"]  # diffusers names none for CogVideoX
        for model in (ours, plain):
            acceleration.apply(model)

    latent_frames, *sides = size.latent
    shape_5d = (1, latent_frames, 16, *sides)
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

    def motion_alone() -> torch.Tensor:
        return ours(latents, projected, timestep, motion_modulations=modulations, **given)[0]

    runs: dict[str, Callable[[], torch.Tensor]] = {
        "diffusers CogVideoX": lambda: plain(latents, text, timestep, **call)[0],
        "Tora2, motion and entities": lambda: ours(
            latents, projected, timestep, motion_modulations=modulations, personalization=keys_values, **given
        )[0],
    }
    if tora is not None:
        try:
            theirs = _alibaba_tora(tora, config, device, dtype)
            state = ours.state_dict()
            theirs.load_state_dict({name: state[name] for name in theirs.state_dict()}, assign=True)
            both = torch.cat([flow] * 2)
            runs["alibaba/Tora"] = _compared(
                lambda: theirs(latents, text, timestep, video_flow=both, **call)[0], motion_alone, dtype
            )
        except Exception as error:  # a package that it wants must not take the others' figures with it
            runs["alibaba/Tora"] = _refusing(error)
    runs["Tora2, motion alone"] = motion_alone
    runs["Tora2, low memory"] = lambda: ours(
        latents, projected, timestep, motion_maps=maps, personalization=keys_values, **given
    )[0]
    for count in more_entities:
        runs[f"Tora2, motion and {count} entities"] = with_entities(count)
    return runs


def _compared(
    theirs: Callable[[], torch.Tensor], ours: Callable[[], torch.Tensor], dtype: torch.dtype
) -> Callable[[], torch.Tensor]:
    """Theirs, which is seen to compute what ours does in its warm-up: times of different work do not compare."""
    compared = False

    def run() -> torch.Tensor:
        nonlocal compared
        output = theirs()
        if not compared:
            difference = float((ours() - output).abs().max() / output.abs().max())
            if difference > (1e-4 if dtype == torch.float32 else 5e-2):
                raise Tora2Error(f"The two Tora models disagree by {difference:.1e}; their times do not compare.")
            compared = True
        return output

    return run


def _refusing(error: Exception) -> Callable[[], torch.Tensor]:
    bare = error.with_traceback(None)  # which would hold a half-built model

    def run() -> torch.Tensor:
        raise bare

    return run


def check_checkout(checkout: Path) -> Path:
    """The folder in a checkout of alibaba/Tora that ours is compared with; Tora2Error if it is not there."""
    folder = checkout / "diffusers-version"
    if not (folder / "tora" / "transformer_3d.py").is_file():
        raise Tora2Error(
            f"{checkout} is no checkout of alibaba/Tora: it has no diffusers-version/tora/transformer_3d.py; give the "
            "folder that `git clone https://github.com/alibaba/Tora` makes."
        )
    return folder


def _alibaba_tora(checkout: Path, config: dict[str, Any], device: str, dtype: torch.dtype):
    sys.path.insert(0, str(check_checkout(checkout)))
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
    runs: dict[str, Callable[[], torch.Tensor]],
    rounds: int,
    device: str | torch.device,
    budget: Budget | None = None,
    *,
    first_seconds: float = 0.0,
    progress: Callable[[str], None] = lambda text: None,
    keep: Callable[[Sequence[Measurement]], None] = lambda rows: None,
) -> list[Measurement]:
    """Time every contender ``rounds`` times in turn, after one warm-up each.

    A contender that fails is a row with its reason. One that would pass the deadline is not begun, and the rounds end
    before it.

    Args:
        first_seconds: what a warm-up is taken to last until one was seen (compilation).
        keep: called with all rows so far after every turn.
    """
    budget = budget or Budget(None)
    times = {name: _Times() for name in runs}
    firsts: list[float] = []
    for turn in range(rounds):
        for name, run in runs.items():
            mine = times[name]
            if mine.ended:
                continue
            if turn and not budget.allows(mine.cost):
                return _rows(times)
            try:
                if turn == 0:
                    budget.require(max(firsts, default=first_seconds))
                    began = budget.now()
                    mine.first = timed(run, device).seconds
                    firsts.append(budget.now() - began)
                    budget.require()
                began = budget.now()
                timing = timed(run, device)
                mine.cost = budget.now() - began
                mine.seconds.append(timing.seconds)
                mine.peak = timing.peak_bytes
                progress(f"{name}: {timing.seconds:.3f} s")
            except Exception as error:
                mine.ended = ended(error)
                progress(f"{name}: {mine.ended['refused']}")
            if mine.ended:
                free()
            keep(_rows({name: found for name, found in times.items() if found.ended or found.seconds}))
    return _rows(times)


@dataclass
class _Times:
    """``cost``: seconds of the last round by the budget's clock."""

    seconds: list[float] = field(default_factory=list)
    first: float = 0.0
    cost: float = 0.0
    peak: int | None = None
    ended: dict[str, Any] = field(default_factory=dict)


def _rows(times: dict[str, _Times]) -> list[Measurement]:
    medians = {name: statistics.median(found.seconds) if found.seconds else 0.0 for name, found in times.items()}
    base = next(iter(medians.values()), 0.0)
    return [
        Measurement(
            name,
            medians[name],
            tuple(found.seconds),
            medians[name] / base if base and medians[name] else None,
            found.first,
            found.peak,
            **found.ended,
        )
        for name, found in times.items()
    ]
