"""Conditioning -> latents: the denoising loop of CogVideoX with everything constant over its steps taken out."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler
from diffusers.utils.torch_utils import randn_tensor

from ..acceleration.presets import PROMPT, REUSED, Preset, check_interval, in_interval, with_guidance_interval
from ..acceleration.presets import preset as preset_of
from ..acceleration.reuse import Reuse
from ..conditions import Conditioning, VideoSize
from ..errors import ConditionError
from ..memory.placement import compute_device
from .motion import check_size
from .prediction import Predictor

logger = logging.getLogger(__name__)

FAR_FROM_TRAINING = 2.0  # times the trained number of pixels

GUIDANCE_BATCHES = ("together", "in sequence")


@dataclass
class DenoisingStep:
    """State after one step, handed to the step callback, which may replace ``latents`` and may raise to stop.

    Attributes:
        index, total: the step's index from 0 and the number of steps.
        timestep: of the diffusion.
        latents: [B, T', C, H', W'] scaled latents that the next step starts from.
        clean: [B, C, T', H', W'] unscaled prediction of the finished latents, for previews.
        kind: what ran, a letter of ``acceleration.presets``.
    """

    index: int
    total: int
    timestep: int
    latents: torch.Tensor
    clean: torch.Tensor
    kind: str = "F"


StepCallback = Callable[[DenoisingStep], None]


def resolve_size(
    transformer: Any, drawn: VideoSize | None, width: int = 0, height: int = 0, frames: int = 0
) -> VideoSize:
    """The video's size: what is asked for, else what the trajectories were drawn for, else the model's own.

    Args:
        drawn: what the trajectories were drawn for, None without any.
        width, height, frames: 0 means not asked for.

    Raises:
        ConditionError: asked for one size, drawn for another, or a size that the model cannot make.
    """
    config = transformer.config
    own = VideoSize.trained(config)
    base = drawn or own
    size = VideoSize(frames or base.frames, height or base.height, width or base.width)
    if drawn is not None and size != drawn:
        raise ConditionError(
            f"The trajectories were drawn for {drawn.width}x{drawn.height} and {drawn.frames} frames, but the "
            f"sampler is set to {size.width}x{size.height} and {size.frames} frames; set the sampler's size to 0 to "
            "follow them."
        )
    check_size(size, own if config.use_learned_positional_embeddings else None)
    if (sentence := size_doubt(transformer, size)) is not None:
        logger.warning(sentence)
    return size


def size_doubt(transformer: Any, size: VideoSize) -> str | None:
    """A sentence if pictures are far larger or smaller than those that the model was trained on."""
    trained = VideoSize.trained(transformer.config)
    ratio = size.height * size.width / (trained.height * trained.width)
    if 1 / FAR_FROM_TRAINING <= ratio <= FAR_FROM_TRAINING:
        return None
    return f"This model was trained at {trained.width}x{trained.height}; {size.width}x{size.height} will look worse."


@torch.no_grad()
def denoise(
    transformer: Any,
    scheduler: Any,
    conditioning: Conditioning,
    *,
    size: VideoSize,
    scaling_factor: float,
    seeds: Sequence[int] = (0,),
    steps: int = 50,
    guidance_scale: float = 6.0,
    dynamic_guidance: bool = True,
    preset: str | Preset = "exact",
    guidance_interval: tuple[float, float] = (0.0, 1.0),
    first_frame: torch.Tensor | None = None,
    guidance_batch: str = "together",
    keep_modulations: bool | None = None,
    latents: torch.Tensor | None = None,
    generators: Sequence[torch.Generator] | None = None,
    eta: float = 0.0,
    attention_kwargs: dict[str, Any] | None = None,
    on_step: StepCallback | None = None,
) -> torch.Tensor:
    """Run the sampler.

    Each video depends on its own seed only, never on the others of its batch.

    Args:
        transformer: Tora2Transformer3DModel, on its device.
        scheduler: CogVideoXDPMScheduler (or DDIM); it is not changed.
        conditioning: from :func:`bind_entities`.
        size: from :func:`resolve_size`.
        scaling_factor: the VAE's.
        seeds: one video each.
        guidance_scale: 1 or less runs the prompt's branch alone.
        dynamic_guidance: CogVideoX's cosine schedule of the guidance.
        preset: which steps run the transformer, see ``acceleration.presets``.
        guidance_interval: part of the steps, 0..1, that is guided; outside of it the prompt's branch runs alone.
        first_frame: [1, 1, C, H', W'] from :func:`encode_first_frame`, for models that take one.
        guidance_batch: both guidance branches ``together`` in one batch, or ``in sequence`` for less memory.
        keep_modulations: keep the scale and shift of every layer over the steps (about 9 GB at 5B) instead of computing
            them anew in each step; None keeps them if they fit into half of the device's free memory.
        latents: [B, T', C, H', W'] initial noise instead of the seeds' own.
        generators: one per video, instead of the seeds.
        eta: the scheduler's.
        on_step: called after each step with a :class:`DenoisingStep`.

    Returns:
        [B, C, T', H', W'] unscaled VAE latents, as ComfyUI's CogVideoX keeps them, float32.

    Raises:
        ConditionError: a first frame is missing or unwanted, or an option does not exist.
        AccelerationError: a preset does not exist or does not suit the scheduler.
    """
    if guidance_batch not in GUIDANCE_BATCHES:
        raise ConditionError(f"guidance_batch is {guidance_batch!r}; use one of {', '.join(GUIDANCE_BATCHES)}.")
    chosen = preset_of(preset)
    schedule = with_guidance_interval(chosen.schedule(steps), check_interval(guidance_interval))
    device = compute_device(transformer)
    scheduler = scheduler.__class__.from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=device)
    generators = list(generators or (torch.Generator().manual_seed(seed) for seed in seeds))
    shape = _latent_shape(transformer, size, len(generators))
    if latents is None:
        latents = randn_tensor(shape, generator=generators, device=device, dtype=torch.float32)
    latents = latents.to(device, torch.float32) * scheduler.init_noise_sigma

    predict = Predictor(
        transformer,
        conditioning,
        size=size,
        guided=guidance_scale > 1,
        together=guidance_batch == "together",
        first_frame=_first_frame(transformer, first_frame, shape),
        keep_modulations=keep_modulations,
        attention_kwargs=attention_kwargs,
    )
    reuse = Reuse(predict, scheduler, chosen.slope) if REUSED in schedule else None
    motion = conditioning.motion
    advance = _Advance(scheduler, generators, eta)
    for index, timestep in enumerate(scheduler.timesteps):
        guided_by_motion = motion is not None and motion.start <= index / steps < motion.end
        scaled = scheduler.scale_model_input(latents, timestep)
        scale = dynamic_guidance_scale(guidance_scale, steps, timestep.item()) if dynamic_guidance else guidance_scale
        if not in_interval(index, steps, guidance_interval):
            scale = 1.0
        if reuse is not None:
            prediction = reuse(schedule[index], scaled, timestep, scale, with_motion=guided_by_motion)
        elif schedule[index] == PROMPT:
            prediction = predict.prompt_branch(scaled, timestep, with_motion=guided_by_motion)
        else:
            prediction = predict(scaled, timestep, scale, with_motion=guided_by_motion)
        latents, clean = advance(prediction, index, latents)
        if on_step is not None:
            preview = clean.transpose(1, 2) / scaling_factor
            step = DenoisingStep(index, steps, int(timestep), latents, preview, schedule[index])
            on_step(step)
            latents = step.latents
    return latents.transpose(1, 2) / scaling_factor


class _Advance:
    """One step of CogVideoX's DPM scheduler, which wants the clean prediction of the step before, or of DDIM's."""

    def __init__(self, scheduler: Any, generators: Sequence[torch.Generator], eta: float):
        self.scheduler, self.multistep = scheduler, isinstance(scheduler, CogVideoXDPMScheduler)
        accepted = inspect.signature(scheduler.step).parameters
        given = {"generator": generators, "eta": eta}
        self.options = {name: value for name, value in given.items() if name in accepted}
        self.clean: torch.Tensor | None = None

    def __call__(
        self, prediction: torch.Tensor, index: int, latents: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents after step ``index``, and the clean ones that the step predicts."""
        timesteps, options = self.scheduler.timesteps, self.options | {"return_dict": False}
        timestep = timesteps[index]
        if self.multistep:
            back = timesteps[index - 1] if index > 0 else None
            latents, self.clean = self.scheduler.step(prediction, self.clean, timestep, back, latents, **options)
            return latents, self.clean
        clean = self.scheduler.get_velocity(prediction, latents, timestep.expand(latents.shape[0]))
        return self.scheduler.step(prediction, timestep, latents, **options)[0], clean


def dynamic_guidance_scale(guidance_scale: float, steps: int, timestep: float) -> float:
    """CogVideoX's cosine schedule, as diffusers' pipelines compute it."""
    return 1 + guidance_scale * (1 - math.cos(math.pi * ((steps - timestep) / steps) ** 5.0)) / 2


def _latent_shape(transformer: Any, size: VideoSize, videos: int) -> tuple[int, ...]:
    frames, height, width = size.latent
    return videos, frames, transformer.config.out_channels or transformer.config.in_channels, height, width


def check_first_frame(transformer: Any, given: bool) -> None:
    """ConditionError if a first frame is given to a model that takes none, or none to one that needs it."""
    if given and not transformer.takes_first_frame:
        raise ConditionError(
            "This is a text-to-video model and takes no first frame; disconnect it, or load an image-to-video model."
        )
    if not given and transformer.takes_first_frame and not transformer.config.first_frame_optional:
        raise ConditionError(
            "This is an image-to-video model and needs a first frame; connect an image to `first_frame`."
        )


def _first_frame(transformer: Any, first_frame: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Image latents [1, T', C, H', W'], zero after the first frame; None for text-to-video models."""
    check_first_frame(transformer, first_frame is not None)
    if not transformer.takes_first_frame:
        return None
    padded = torch.zeros(1, *shape[1:])
    if first_frame is not None:
        padded[:, :1] = first_frame.float().cpu()
    return padded
