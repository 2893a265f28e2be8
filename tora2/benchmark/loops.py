"""Whole denoising loops: every preset and switch on one model, timed as users run them.

The weights are random, which changes no time: kernels are the same and schedules are by step number. The first step of
each variant is run apart (compilation, autotuning, allocator), and each variant's prediction of one step is compared
with the plain one's, so that what is timed is known to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler

from ..acceleration.attention import current_attention
from ..acceleration.compiling import uncompile_blocks
from ..acceleration.presets import branch_passes, preset
from ..acceleration.quantization import quantize, stored_bytes
from ..acceleration.settings import ATTENTIONS, QUANTIZATIONS, Acceleration
from ..conditions import Conditioning, MotionConditions, VideoSize
from ..errors import AccelerationError, Tora2Error
from ..stages import denoise
from ..stages.prediction import Predictor
from .timing import Budget, base_flops, timed

SAMPLE = 3
"""Full passes that a loop's time is estimated from where the budget does not allow the loop."""


@dataclass(frozen=True)
class Variant:
    """A preset with switches, written ``balanced+compile+fp8+cudnn``."""

    name: str
    preset: str
    acceleration: Acceleration

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Raises Tora2Error for a word that is no preset, attention backend or quantization."""
        first, *rest = text.split("+")
        preset(first)
        found = Acceleration()
        for word in rest:
            if word == "compile":
                found = replace(found, compile="on")
            elif word in QUANTIZATIONS:
                found = replace(found, quantization=word)
            elif word in ATTENTIONS:
                found = replace(found, attention=word)
            else:
                raise Tora2Error(
                    f"{text!r} is no variant: {word!r} is neither compile nor one of "
                    f"{', '.join((*QUANTIZATIONS[1:], *ATTENTIONS))}."
                )
        return cls(text, first, found)


@dataclass(frozen=True)
class Loop:
    """One variant's loop.

    Attributes:
        seconds: of the whole loop, warm.
        whole: False if it is estimated from ``SAMPLE`` full passes.
        first_step: seconds of the first step ever, with compilation.
        steps, full_passes, branch_passes: of the schedule.
        tflops: achieved, TFLOP/s of plain CogVideoX's arithmetic.
        peak_bytes: most memory allocated, None on a CPU.
        weight_bytes: of the transformer.
        kept_bytes: held over the steps, by what it is.
        error: relative difference of one full step's prediction to the plain path's.
        attention: kernel in use.
        refused: why the variant did not run, else empty.
    """

    name: str
    seconds: float = 0.0
    whole: bool = True
    first_step: float = 0.0
    steps: int = 0
    full_passes: int = 0
    branch_passes: int = 0
    tflops: float = 0.0
    peak_bytes: int | None = None
    weight_bytes: int = 0
    kept_bytes: dict[str, int] | None = None
    error: float | None = None
    attention: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Job:
    """What is generated: the size, how many steps, how many entities."""

    size: VideoSize
    steps: int = 50
    entities: int = 2
    videos: int = 1
    guidance_batch: str = "together"
    keep_modulations: bool | None = None


def measure_loops(
    build: Callable[[], Any],
    job: Job,
    variants: Sequence[Variant],
    *,
    budget: Budget,
    progress: Callable[[str], None] = lambda text: None,
    on_result: Callable[[Loop], None] = lambda loop: None,
) -> list[Loop]:
    """Time each variant; those with a quantization come last, since it cannot be undone.

    Args:
        build: makes the transformer on its device, always with the same weights.
        on_result: called with each variant's loop as soon as it is there.
    """
    transformer = build()
    given = random_conditioning(transformer, job)
    plain = _one_step(transformer, given, job)
    quantized = "none"
    found: dict[str, Loop] = {}
    for variant in sorted(variants, key=lambda v: QUANTIZATIONS.index(v.acceleration.quantization)):
        progress(variant.name)
        if budget.left <= 0:
            found[variant.name] = Loop(variant.name, refused="the budget was spent before its turn")
            continue
        try:
            variant.acceleration.check(transformer.device)
            if variant.acceleration.quantization != quantized:
                del transformer  # two 5B models may not fit beside one another
                transformer = build()
                quantized = variant.acceleration.quantization
                quantize(transformer, quantized)
            if variant.acceleration.compile == "off":
                uncompile_blocks(transformer)
            variant.acceleration.apply(transformer)
            found[variant.name] = _measure(transformer, given, job, variant, plain, budget)
        except AccelerationError as error:
            found[variant.name] = Loop(variant.name, refused=str(error))
        on_result(found[variant.name])
    return [found[variant.name] for variant in variants]


def _measure(transformer, given, job: Job, variant: Variant, plain: torch.Tensor, budget: Budget) -> Loop:
    device = transformer.device
    prediction: list[torch.Tensor] = []
    first = timed(lambda: prediction.append(_one_step(transformer, given, job)), device)
    warm = timed(lambda: _one_step(transformer, given, job), device)
    error = ((prediction[0] - plain).norm() / plain.norm()).item()
    schedule = preset(variant.preset).schedule(job.steps)
    full = len(schedule) - schedule.count(".")
    whole = budget.allows(1.3 * warm.seconds * full)
    chosen, steps = (variant.preset, job.steps) if whole else ("exact", SAMPLE)
    timing = timed(lambda: run_loop(transformer, given, replace(job, steps=steps), chosen), device)
    seconds = timing.seconds if whole else timing.seconds * full / SAMPLE
    passes = branch_passes(schedule) * job.videos
    return Loop(
        name=variant.name,
        seconds=seconds,
        whole=whole,
        first_step=first.seconds,
        steps=job.steps,
        full_passes=full,
        branch_passes=passes,
        tflops=passes * base_flops(transformer.config, video_tokens(transformer, job.size)) / seconds / 1e12,
        peak_bytes=timing.peak_bytes,
        weight_bytes=stored_bytes(transformer),
        kept_bytes=_predictor(transformer, given, job).kept,
        error=error,
        attention=current_attention(transformer),
    )


def run_loop(transformer: Any, given: Conditioning, job: Job, chosen: str) -> torch.Tensor:
    """The loop itself, through the stage that nodes and pipeline call."""
    return denoise(
        transformer,
        dpm_scheduler(),
        given,
        size=job.size,
        scaling_factor=0.7,
        seeds=range(job.videos),
        steps=job.steps,
        preset=chosen,
        guidance_batch=job.guidance_batch,
        keep_modulations=job.keep_modulations,
    )


@torch.no_grad()
def random_conditioning(transformer: Any, job: Job) -> Conditioning:
    """Conditions of the right shapes: text, motion maps from random latents, tokens of the entities."""
    config, device, dtype = transformer.config, transformer.device, transformer.dtype
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    text = [random(1, config.max_text_seq_length, config.text_embed_dim) for _ in range(2)]
    frames = (job.size.frames - 1) // 4 + 1
    maps = motion = tokens = None
    if transformer.has_motion:
        latents = random(1, frames, config.out_channels or 16, job.size.height // 8, job.size.width // 8)
        maps = transformer.traj_extractor(latents)
        nothing = torch.zeros(0)
        motion = MotionConditions(nothing, nothing, nothing, (), job.size)
    if transformer.has_personalization and job.entities:
        extractor = config.personalization_config
        tokens = random(1, job.entities * extractor["queries"], extractor["token_width"])
    return Conditioning(text[0], text[1], maps, tokens, job.size, motion)


def video_tokens(transformer: Any, size: VideoSize) -> int:
    patch = 8 * transformer.config.patch_size
    return ((size.frames - 1) // 4 + 1) * (size.height // patch) * (size.width // patch)


def dpm_scheduler() -> CogVideoXDPMScheduler:
    """CogVideoX-5B's."""
    return CogVideoXDPMScheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=1.0,
        timestep_spacing="trailing",
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
    )


def _predictor(transformer: Any, given: Conditioning, job: Job) -> Predictor:
    return Predictor(
        transformer,
        given,
        size=job.size,
        guided=True,
        together=job.guidance_batch == "together",
        keep_modulations=job.keep_modulations,
    )


@torch.no_grad()
def _one_step(transformer: Any, given: Conditioning, job: Job) -> torch.Tensor:
    """Both branches' predictions from fixed latents, float32."""
    config, size = transformer.config, job.size
    shape = (job.videos, (size.frames - 1) // 4 + 1, config.out_channels or 16, size.height // 8, size.width // 8)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(transformer.device)
    timestep = torch.tensor(500, device=transformer.device)
    branches = _predictor(transformer, given, job).both_branches(
        latents, timestep, with_motion=given.motion is not None
    )
    return torch.cat(branches)
