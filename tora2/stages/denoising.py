"""Conditioning -> latents: the denoising loop of CogVideoX with everything constant over its steps taken out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid
from diffusers.utils.torch_utils import randn_tensor

from ..conditions import Conditioning, VideoSize
from ..errors import ConditionError
from .motion import TEMPORAL_COMPRESSION, check_size

SPATIAL_COMPRESSION = 8
GUIDANCE_BATCHES = ("together", "in sequence")


@dataclass
class DenoisingStep:
    """State after one step, handed to the step callback, which may replace ``latents`` and may raise to stop.

    Attributes:
        index, total: the step's index from 0 and the number of steps.
        timestep: of the diffusion.
        latents: [B, T', C, H', W'] scaled latents that the next step starts from.
        clean: [B, C, T', H', W'] unscaled prediction of the finished latents, for previews.
    """

    index: int
    total: int
    timestep: int
    latents: torch.Tensor
    clean: torch.Tensor


StepCallback = Callable[[DenoisingStep], None]


def resolve_size(
    transformer: Any, conditioning: Conditioning, width: int = 0, height: int = 0, frames: int = 0
) -> VideoSize:
    """The video's size: what is asked for, else what the trajectories were drawn for, else the model's own.

    Args:
        width, height, frames: 0 means not asked for.

    Raises:
        ConditionError: asked for one size, drawn for another, or a size that the model cannot make.
    """
    config = transformer.config
    drawn = conditioning.size
    own = VideoSize(
        config.sample_frames, config.sample_height * SPATIAL_COMPRESSION, config.sample_width * SPATIAL_COMPRESSION
    )
    base = drawn or own
    size = VideoSize(frames or base.frames, height or base.height, width or base.width)
    if drawn is not None and size != drawn:
        raise ConditionError(
            f"The trajectories were drawn for {drawn.width}x{drawn.height} and {drawn.frames} frames, but the "
            f"sampler is set to {size.width}x{size.height} and {size.frames} frames; set the sampler's size to 0 to "
            "follow them."
        )
    return check_size(size)


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
    """
    if guidance_batch not in GUIDANCE_BATCHES:
        raise ConditionError(f"guidance_batch is {guidance_batch!r}; use one of {', '.join(GUIDANCE_BATCHES)}.")
    device, dtype = transformer.device, transformer.dtype
    scheduler = scheduler.__class__.from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=device)
    generators = list(generators or (torch.Generator().manual_seed(seed) for seed in seeds))
    shape = _latent_shape(transformer, size, len(generators))
    if latents is None:
        latents = randn_tensor(shape, generator=generators, device=device, dtype=torch.float32)
    latents = latents.to(device, torch.float32) * scheduler.init_noise_sigma

    predict = _Predictor(
        transformer,
        conditioning,
        size=size,
        guided=guidance_scale > 1,
        together=guidance_batch == "together",
        first_frame=_first_frame(transformer, first_frame, shape),
        keep_modulations=keep_modulations,
        attention_kwargs=attention_kwargs,
    )
    motion = conditioning.motion
    multistep = isinstance(scheduler, CogVideoXDPMScheduler)
    accepted = inspect.signature(scheduler.step).parameters
    options = {"generator": generators} if "generator" in accepted else {}
    if "eta" in accepted:
        options["eta"] = eta

    previous_clean = None
    timesteps = scheduler.timesteps
    for index, timestep in enumerate(timesteps):
        guided_by_motion = motion is not None and motion.start <= index / steps < motion.end
        scaled = scheduler.scale_model_input(latents, timestep)
        scale = dynamic_guidance_scale(guidance_scale, steps, timestep.item()) if dynamic_guidance else guidance_scale
        prediction = predict(scaled.to(dtype), timestep, scale, with_motion=guided_by_motion)
        before = latents
        if multistep:
            back = timesteps[index - 1] if index > 0 else None
            latents, previous_clean = scheduler.step(
                prediction, previous_clean, timestep, back, latents, **options, return_dict=False
            )
        else:
            latents = scheduler.step(prediction, timestep, latents, **options, return_dict=False)[0]
        if on_step is not None:
            clean = previous_clean if multistep else _clean(scheduler, prediction, timestep, before)
            preview = clean.transpose(1, 2) / scaling_factor
            step = DenoisingStep(index, len(timesteps), int(timestep), latents, preview)
            on_step(step)
            latents = step.latents
    return latents.transpose(1, 2) / scaling_factor


def dynamic_guidance_scale(guidance_scale: float, steps: int, timestep: float) -> float:
    """CogVideoX's cosine schedule, as diffusers' pipelines compute it."""
    return 1 + guidance_scale * (1 - math.cos(math.pi * ((steps - timestep) / steps) ** 5.0)) / 2


def rotary_tables(transformer: Any, size: VideoSize, device: torch.device) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Cosine and sine tables [T'*h*w, head_dim] as diffusers' CogVideoX pipelines prepare them; None without rotary."""
    config = transformer.config
    if not config.use_rotary_positional_embeddings:
        return None
    patch = config.patch_size
    grid = (size.height // (SPATIAL_COMPRESSION * patch), size.width // (SPATIAL_COMPRESSION * patch))
    base = (config.sample_height // patch, config.sample_width // patch)
    latent_frames = (size.frames - 1) // TEMPORAL_COMPRESSION + 1
    if config.patch_size_t is None:
        return get_3d_rotary_pos_embed(
            embed_dim=config.attention_head_dim,
            crops_coords=get_resize_crop_region_for_grid(grid, base[1], base[0]),
            grid_size=grid,
            temporal_size=latent_frames,
            device=device,
        )
    return get_3d_rotary_pos_embed(
        embed_dim=config.attention_head_dim,
        crops_coords=None,
        grid_size=grid,
        temporal_size=-(-latent_frames // config.patch_size_t),
        grid_type="slice",
        max_size=base,
        device=device,
    )


class _Predictor:
    """The guided v-prediction of one step, with all constants of the video held."""

    def __init__(
        self,
        transformer: Any,
        conditioning: Conditioning,
        *,
        size: VideoSize,
        guided: bool,
        together: bool,
        first_frame: torch.Tensor | None,
        keep_modulations: bool | None,
        attention_kwargs: dict[str, Any] | None,
    ):
        device, dtype = transformer.device, transformer.dtype
        self.transformer = transformer
        self.first_frame = None if first_frame is None else first_frame.to(device, dtype)
        self.guided = guided
        self.together = together
        self.attention_kwargs = attention_kwargs
        embeds = [conditioning.negative_embeds, conditioning.embeds] if guided else [conditioning.embeds]
        self.text = [transformer.patch_embed.text_proj(states.to(device, dtype)) for states in embeds]
        self.rotary = rotary_tables(transformer, size, device)
        self.personalization = None
        if conditioning.tokens is not None:
            self.personalization = transformer.personalization_keys_values(conditioning.tokens.to(device, dtype))
        self.motion: dict[str, Any] = {}
        if conditioning.motion_maps is not None:
            self.motion = self._motion(conditioning, keep_modulations, device, dtype)

    def _motion(self, conditioning: Conditioning, keep: bool | None, device, dtype) -> dict[str, Any]:
        maps = tuple(motion_map.to(device, dtype) for motion_map in conditioning.motion_maps)
        strength = conditioning.motion.strength
        frames = maps[0].shape[0]
        if keep is None:
            keep = modulation_bytes(self.transformer, maps) <= _free_memory(device) / 2
        if keep:
            return {"motion_modulations": self.transformer.motion_modulations(maps, frames, strength)}
        return {"motion_maps": maps, "motion_strength": strength}

    def __call__(
        self, latents: torch.Tensor, timestep: torch.Tensor, scale: float, *, with_motion: bool
    ) -> torch.Tensor:
        """[B, T', C, H', W'] -> guided prediction of the same shape, float32."""
        if self.first_frame is not None:
            latents = torch.cat([latents, self.first_frame.expand(latents.shape[0], -1, -1, -1, -1)], dim=2)
        videos = latents.shape[0]
        texts = (
            [torch.cat([text.expand(videos, -1, -1) for text in self.text])]
            if self.together
            else [text.expand(videos, -1, -1) for text in self.text]
        )
        predictions = []
        for text in texts:
            batch = text.shape[0]
            predictions.append(
                self.transformer(
                    hidden_states=latents if batch == videos else torch.cat([latents] * (batch // videos)),
                    encoder_hidden_states=text,
                    timestep=timestep.expand(batch),
                    ofs=self._ofs(latents),
                    image_rotary_emb=self.rotary,
                    attention_kwargs=self.attention_kwargs,
                    return_dict=False,
                    text_is_projected=True,
                    personalization=self.personalization,
                    **(self.motion if with_motion else {}),
                )[0].float()
            )
        prediction = torch.cat(predictions)
        if not self.guided:
            return prediction
        negative, positive = prediction.chunk(2)
        return negative + scale * (positive - negative)

    def _ofs(self, latents: torch.Tensor) -> torch.Tensor | None:
        return None if self.transformer.config.ofs_embed_dim is None else latents.new_full((1,), 2.0)


def modulation_bytes(transformer: Any, maps: Sequence[torch.Tensor]) -> int:
    """Memory of the scale and shift of every layer for one video."""
    frames, _, height, width = maps[0].shape
    dim = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    return 2 * len(maps) * frames * height * width * dim * maps[0].element_size()


def _free_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return math.inf


def _latent_shape(transformer: Any, size: VideoSize, videos: int) -> tuple[int, ...]:
    return (
        videos,
        (size.frames - 1) // TEMPORAL_COMPRESSION + 1,
        transformer.config.out_channels or transformer.config.in_channels,
        size.height // SPATIAL_COMPRESSION,
        size.width // SPATIAL_COMPRESSION,
    )


def _first_frame(transformer: Any, first_frame: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Image latents [1, T', C, H', W'], zero after the first frame; None for text-to-video models."""
    if not transformer.takes_first_frame:
        if first_frame is not None:
            raise ConditionError(
                "This is a text-to-video model and takes no first frame; disconnect it, or load an "
                "image-to-video model."
            )
        return None
    if first_frame is None and not transformer.config.first_frame_optional:
        raise ConditionError(
            "This is an image-to-video model and needs a first frame; connect an image to `first_frame`."
        )
    padded = torch.zeros(1, *shape[1:])
    if first_frame is not None:
        padded[:, :1] = first_frame.float().cpu()
    return padded


def _clean(scheduler: Any, prediction: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    return scheduler.get_velocity(prediction, latents, timestep.expand(latents.shape[0]))
