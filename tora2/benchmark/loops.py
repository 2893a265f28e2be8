"""Whole denoising loops: every preset and switch on one model, timed as users run them.

The weights are random, which changes no time: kernels are the same and schedules are by step number. The first step of
each variant is run apart (compilation, autotuning, allocator), and each variant's prediction of one step is compared
with the plain one's, so that what is timed is known to be right.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..acceleration.attention import current_attention
from ..acceleration.compiling import uncompile_blocks
from ..acceleration.presets import REUSED, branch_passes, preset
from ..acceleration.quantization import quantize, stored_bytes
from ..acceleration.settings import ATTENTIONS, QUANTIZATIONS, Acceleration
from ..checkpoints.components import make_scheduler
from ..conditions import Conditioning, MotionConditions, VideoSize
from ..errors import Tora2Error
from ..memory.estimates import video_tokens
from ..stages import denoise
from ..stages.denoising import DenoisingStep
from ..stages.prediction import Predictor
from .timing import Budget, OutOfTime, base_flops, timed
from .turns import FIRST_COMPILE, ended, free

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
        whole: False if ``seconds`` is an estimate from fewer steps than the loop has.
        timed_steps: steps that were run for it.
        first_step: seconds of the first step ever, with compilation.
        steps, full_passes, branch_passes: of the schedule.
        tflops: achieved, TFLOP/s of plain CogVideoX's arithmetic.
        peak_bytes: most memory allocated, None on a CPU.
        weight_bytes: of the transformer.
        kept_bytes: held over the steps, by what it is.
        error: relative difference of one full step's prediction to the plain path's.
        attention: kernel in use.
        refused: why the variant did not run, else empty.
        failed: True if nobody could foresee that.
    """

    name: str
    seconds: float = 0.0
    whole: bool = True
    timed_steps: int = 0
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
    failed: bool = False


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
    keep: Callable[[Sequence[Loop]], None] = lambda loops: None,
) -> list[Loop]:
    """Time each variant; those with a quantization come last, since it cannot be undone.

    A variant that cannot run is a row with its reason, whatever the error.

    Args:
        build: makes the transformer on its device, always with the same weights.
        keep: called with all loops so far as soon as there is another.
    """
    turns = _Turns(build, job, budget)
    found: dict[str, Loop] = {}
    for variant in sorted(variants, key=lambda v: QUANTIZATIONS.index(v.acceleration.quantization)):
        progress(variant.name)
        try:
            found[variant.name] = turns.run(variant)
        except Exception as error:
            found[variant.name] = Loop(variant.name, **ended(error))
        free()  # not in the handler: while it has the error, the error holds what filled the memory
        keep(list(found.values()))
    return [found[variant.name] for variant in variants]


class _Turns:
    """The model that the variants share, and what their turns are forecast to take."""

    def __init__(self, build: Callable[[], Any], job: Job, budget: Budget):
        self.build, self.job, self.budget = build, job, budget
        began = budget.now()
        self.model: Any = build()
        self.device = self.model.device
        self.building = budget.now() - began
        self.quantized = "none"
        self.compiling: dict[tuple[str, str], float] = {}  # what the last first step of a graph took
        self.given = random_conditioning(self.model, job)
        self.plain, self.step = self._step()

    def run(self, variant: Variant) -> Loop:
        acceleration = variant.acceleration
        acceleration.check(self.device)
        anew = self.model is None or acceleration.quantization != self.quantized
        self.budget.require(self._least(acceleration, anew))
        try:
            if anew:
                self.model = None
                free()  # two 5B models may not fit beside one another
                self.model, self.quantized = self.build(), acceleration.quantization
                quantize(self.model, self.quantized)
            if acceleration.compile == "off":
                uncompile_blocks(self.model)
            acceleration.apply(self.model)
            return self._measure(variant)
        except Exception:
            self.model = None  # nobody knows what state it is in
            raise

    def _least(self, acceleration: Acceleration, anew: bool) -> float:
        """Seconds until there is any figure: building, compiling, and three steps."""
        compiling = 0.0
        if acceleration.compile == "on":  # torch should find a graph again; what it took says whether it does
            compiling = self.compiling.get(_graph(acceleration), FIRST_COMPILE)
        return self.building * anew + compiling + 3 * self.step

    def _step(self) -> tuple[torch.Tensor, float]:
        """One prediction and its seconds by the budget's clock."""
        made: list[torch.Tensor] = []
        began = self.budget.now()
        timed(lambda: made.append(_one_step(self.model, self.given, self.job)), self.device)
        return made[0], self.budget.now() - began

    def _measure(self, variant: Variant) -> Loop:
        job, model, budget = self.job, self.model, self.budget
        prediction, first = self._step()
        if budget.left <= 0:
            reason = f"the budget was spent in its first step, which took {first:.0f} s"
            return Loop(variant.name, first_step=first, refused=reason)
        if variant.acceleration.compile == "on":
            self.compiling[_graph(variant.acceleration)] = first
        _, warm = self._step()
        error = ((prediction - self.plain).norm() / self.plain.norm()).item()
        schedule = preset(variant.preset).schedule(job.steps)
        full = len(schedule) - schedule.count(REUSED)
        allowed = budget.allows(1.3 * warm * full)
        chosen, steps = (variant.preset, job.steps) if allowed else ("exact", SAMPLE)
        kinds: list[str] = []
        timing = timed(
            lambda: run_loop(model, self.given, replace(job, steps=steps), chosen, budget, kinds), self.device
        )
        whole = allowed and len(kinds) == job.steps
        passes = branch_passes(schedule)
        seconds = timing.seconds if whole else timing.seconds * passes / branch_passes("".join(kinds))
        flops = passes * job.videos * base_flops(model.config, video_tokens(job.size))
        return Loop(
            name=variant.name,
            seconds=seconds,
            whole=whole,
            timed_steps=len(kinds),
            first_step=first,
            steps=job.steps,
            full_passes=full,
            branch_passes=passes * job.videos,
            tflops=flops / seconds / 1e12,
            peak_bytes=timing.peak_bytes,
            weight_bytes=stored_bytes(model),
            kept_bytes=_predictor(model, self.given, job).kept,
            error=error,
            attention=current_attention(model),
        )


def _graph(acceleration: Acceleration) -> tuple[str, str]:
    """What a compiled graph is found again by; presets share it."""
    return acceleration.quantization, acceleration.attention


def run_loop(transformer: Any, given: Conditioning, job: Job, chosen: str, budget: Budget, kinds: list[str]) -> None:
    """The loop itself, through the stage that nodes and pipeline call; it ends at the deadline, after a step at least.

    Args:
        kinds: is filled with the kind of each step that was run.
    """

    def watch(step: DenoisingStep) -> None:
        kinds.append(step.kind)
        budget.require()

    with contextlib.suppress(OutOfTime):
        denoise(
            transformer,
            make_scheduler(),
            given,
            size=job.size,
            scaling_factor=0.7,
            seeds=range(job.videos),
            steps=job.steps,
            preset=chosen,
            guidance_batch=job.guidance_batch,
            keep_modulations=job.keep_modulations,
            on_step=watch,
        )


@torch.no_grad()
def random_conditioning(transformer: Any, job: Job) -> Conditioning:
    """Conditions of the right shapes: text, motion maps from random latents, tokens of the entities."""
    config, device, dtype = transformer.config, transformer.device, transformer.dtype
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    text = [random(1, config.max_text_seq_length, config.text_embed_dim) for _ in range(2)]
    frames, height, width = job.size.latent
    maps = motion = tokens = None
    if transformer.has_motion:
        latents = random(1, frames, config.out_channels or 16, height, width)
        maps = transformer.traj_extractor(latents)
        nothing = torch.zeros(0)
        motion = MotionConditions(nothing, nothing, nothing, (), job.size)
    if transformer.has_personalization and job.entities:
        extractor = config.personalization_config
        tokens = random(1, job.entities * extractor["queries"], extractor["token_width"])
    return Conditioning(text[0], text[1], maps, tokens, job.size, motion)


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
    frames, height, width = job.size.latent
    shape = (job.videos, frames, transformer.config.out_channels or 16, height, width)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(transformer.device)
    timestep = torch.tensor(500, device=transformer.device)
    branches = _predictor(transformer, given, job).both_branches(
        latents, timestep, with_motion=given.motion is not None
    )
    return torch.cat(branches)
