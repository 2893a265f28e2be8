"""A diffusers pipeline over the same stage functions that the ComfyUI nodes call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDPMScheduler
from diffusers.loaders import CogVideoXLoraLoaderMixin
from diffusers.pipelines.cogvideo.pipeline_output import CogVideoXPipelineOutput
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.video_processor import VideoProcessor
from einops import rearrange

from .acceleration.presets import Preset
from .checkpoints.bundle import Tora2Bundle
from .conditions import Entity, VideoSize
from .dit import Tora2Transformer3DModel
from .errors import ConditionError
from .personalization.encoders import needed_encoders
from .stages import (
    bind_entities,
    decode,
    denoise,
    encode_first_frame,
    encode_motion,
    encode_text,
    extract_personalization,
    resolve_size,
)
from .stages.denoising import DenoisingStep, check_first_frame
from .trajectories import TrajectoryDocument, parse_document
from .vae import SLICINGS
from .vae.convolution import use_conv3d


@dataclass
class IdentityEncoders:
    """The frozen encoders of the DPE and the side of the reference picture they take."""

    semantic: Any
    reid: Any = None
    face: Any = None
    size: int = 224


class Tora2Pipeline(DiffusionPipeline, CogVideoXLoraLoaderMixin):
    """Text, trajectories and references to video.

    Args:
        tokenizer, text_encoder, vae, transformer, scheduler: as in diffusers' CogVideoXPipeline, with
            :class:`Tora2Transformer3DModel`.
        flow_sigma, flow_window: spread of a track in the motion map, in pixels; 10 and 99 for the public weights.
    """

    model_cpu_offload_seq = "text_encoder->transformer->vae"
    _callback_tensor_inputs = ["latents"]

    def __init__(
        self,
        tokenizer,
        text_encoder,
        vae: AutoencoderKLCogVideoX,
        transformer: Tora2Transformer3DModel,
        scheduler: CogVideoXDPMScheduler,
        flow_sigma: float = 10.0,
        flow_window: int = 99,
    ):
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer, text_encoder=text_encoder, vae=vae, transformer=transformer, scheduler=scheduler
        )
        self.register_to_config(flow_sigma=flow_sigma, flow_window=flow_window)
        use_conv3d(vae)
        self.video_processor = VideoProcessor(vae_scale_factor=8)
        self.identity_encoders: IdentityEncoders | Callable[[Sequence[Entity]], IdentityEncoders] | None = None
        self._interrupt = False

    @classmethod
    def from_bundle(cls, bundle: Tora2Bundle) -> Tora2Pipeline:
        """Of any model that the nodes can load; encoders of references are read when an entity needs them.

        Raises:
            CheckpointError: a file is missing or wrong.
        """
        pipeline = cls(
            bundle.tokenizer,
            bundle.text_encoder,
            bundle.vae,
            bundle.transformer,
            bundle.scheduler,
            flow_sigma=bundle.config.flow_sigma,
            flow_window=bundle.config.flow_window,
        )
        if bundle.has_personalization:

            def encoders(entities: Sequence[Entity]) -> IdentityEncoders:
                reads = bundle.transformer.personalization_extractor.config
                needed = needed_encoders(
                    entities, bundle.component, uses_face=reads.uses_face, uses_reid=reads.uses_reid
                )
                return IdentityEncoders(bundle.encoder("semantic"), size=bundle.config.reference_size, **needed)

            pipeline.identity_encoders = encoders
        return pipeline

    @property
    def interrupt(self) -> bool:
        """Set ``_interrupt`` in a step callback to keep the latents of that step and skip the rest."""
        return self._interrupt

    def __call__(
        self,
        prompt: str,
        negative_prompt: str = "",
        trajectories: TrajectoryDocument | str | None = None,
        entities: Sequence[Entity] = (),
        first_frame: PIL.Image.Image | torch.Tensor | None = None,
        height: int = 0,
        width: int = 0,
        num_frames: int = 0,
        num_inference_steps: int = 50,
        guidance_scale: float = 6.0,
        use_dynamic_cfg: bool = True,
        preset: str | Preset = "exact",
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        num_videos_per_prompt: int = 1,
        eta: float = 0.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        motion_strength: float = 1.0,
        guidance_batch: str = "together",
        keep_modulations: bool | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        attention_kwargs: dict[str, Any] | None = None,
        callback_on_step_end: Callable[[Any, int, int, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> CogVideoXPipelineOutput | tuple:
        """Generate.

        Args:
            trajectories: a document or its JSON text; it fixes the video's size.
            entities: references, phrases and track names; pictures need ``identity_encoders``.
            first_frame: for image-to-video models; a picture or [H, W, 3] in 0..1.
            height, width, num_frames: 0 takes the drawing's size, else the model's own.
            preset, guidance_interval: which steps run the transformer and which are guided, see ``denoise``.
            generator: one, or one per video. A single generator seeds one generator per video.
            latents: [B, T', C, H', W'] initial noise.
            output_type: ``pil``, ``np``, ``pt`` or ``latent`` (unscaled [B, C, T', H', W']).

        Returns:
            CogVideoXPipelineOutput with ``frames``, or a tuple of them.

        Raises:
            Tora2Error: any input that does not fit, in one sentence.
        """
        document = parse_document(trajectories) if isinstance(trajectories, str) else trajectories
        drawn = None if document is None else VideoSize(document.frames, document.height, document.width)
        size = resolve_size(self.transformer, drawn, width, height, num_frames)
        check_first_frame(self.transformer, first_frame is not None)
        text = encode_text(
            self._on(self.text_encoder),
            self.tokenizer,
            prompt,
            negative_prompt,
            self.transformer.config.max_text_seq_length,
        )
        # Each big model is brought once, in this order, and with model offloading none beside another.
        vae = self._on(self.vae) if document is not None or first_frame is not None else self.vae
        motion = None
        if document is not None:
            motion = encode_motion(
                vae,
                document,
                sigma=self.config.flow_sigma,
                window=self.config.flow_window,
                strength=motion_strength,
                slicing=self._slicing(vae),
            )
        image_latents = None
        if first_frame is not None:
            image_latents = encode_first_frame(vae, _to_tensor(first_frame), size, self._slicing(vae))
        transformer = self._on(self.transformer)
        personalization = self._personalize(entities) if entities else None
        conditioning = bind_entities(transformer, text, motion, personalization)

        self._interrupt = False
        result = self._denoise(
            conditioning,
            size=size,
            scaling_factor=self.vae.config.scaling_factor,
            steps=num_inference_steps,
            guidance_scale=guidance_scale,
            dynamic_guidance=use_dynamic_cfg,
            preset=preset,
            guidance_interval=guidance_interval,
            first_frame=image_latents,
            guidance_batch=guidance_batch,
            keep_modulations=keep_modulations,
            latents=latents,
            generators=_generators(generator, num_videos_per_prompt),
            eta=eta,
            attention_kwargs=attention_kwargs,
            callback=callback_on_step_end,
            callback_inputs=callback_on_step_end_tensor_inputs,
        )
        frames = result if output_type == "latent" else self._frames(result, output_type)
        self.maybe_free_model_hooks()
        return CogVideoXPipelineOutput(frames=frames) if return_dict else (frames,)

    def _personalize(self, entities: Sequence[Entity]):
        if self.identity_encoders is None:
            raise ConditionError("References need encoders: set `pipeline.identity_encoders` to IdentityEncoders(...).")
        encoders = self.identity_encoders
        if not isinstance(encoders, IdentityEncoders):
            encoders = encoders(entities)
        return extract_personalization(
            self.transformer,
            entities,
            semantic=encoders.semantic,
            reid=encoders.reid,
            face=encoders.face,
            size=encoders.size,
        )

    def _denoise(
        self, conditioning, *, steps: int, callback, callback_inputs: Sequence[str], **options
    ) -> torch.Tensor:
        unknown = [name for name in callback_inputs if name not in self._callback_tensor_inputs]
        if unknown:
            raise ConditionError(f"The callback asks for {unknown}; it can get {self._callback_tensor_inputs}.")
        with self.progress_bar(total=steps) as progress:

            def on_step(step: DenoisingStep) -> None:
                progress.update()
                if callback is not None:
                    changed = callback(self, step.index, step.timestep, {"latents": step.latents}) or {}
                    step.latents = changed.get("latents", step.latents)
                if self._interrupt:
                    raise _Interrupted(step.latents)

            try:
                return denoise(self.transformer, self.scheduler, conditioning, steps=steps, on_step=on_step, **options)
            except _Interrupted as interrupted:
                return interrupted.latents.transpose(1, 2) / options["scaling_factor"]

    def _frames(self, latents: torch.Tensor, output_type: str):
        vae = self._on(self.vae)
        pixels = decode(vae, latents, self._slicing(vae))
        videos = rearrange(pixels, "(b t) h w c -> b c t h w", b=latents.shape[0])
        return self.video_processor.postprocess_video(videos * 2 - 1, output_type=output_type)

    @staticmethod
    def _slicing(vae: Any) -> str:
        """``vae.enable_tiling()``, as in diffusers, asks for little memory; ours has no seams."""
        return SLICINGS[1] if vae.use_tiling else SLICINGS[0]

    def _on(self, module: Any) -> Any:
        """The module itself; with model offloading its hook moves it, since the stages also call its parts."""
        hook = getattr(module, "_hf_hook", None)
        if hook is not None:
            hook.pre_forward(module)
        return module


class _Interrupted(Exception):
    def __init__(self, latents: torch.Tensor):
        self.latents = latents


def _generators(generator, videos: int) -> list[torch.Generator]:
    if isinstance(generator, Sequence):
        if len(generator) != videos:
            raise ConditionError(f"{len(generator)} generators were given for {videos} videos; give one for each.")
        return list(generator)
    if generator is not None and videos == 1:
        return [generator]
    source = generator or torch.default_generator
    seeds = torch.randint(2**31, (videos,), generator=source, device=source.device).tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def _to_tensor(image: PIL.Image.Image | torch.Tensor) -> torch.Tensor:
    if isinstance(image, torch.Tensor):
        return image
    pixels = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width, 3).float() / 255
