"""Videos of fixed scenes while a model is trained, made by the same stage functions as any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ..conditions import MotionConditions, VideoSize
from ..errors import TrainingError
from ..headless.video import Video, write_mp4
from ..stages import bind_entities, decode, denoise, encode_first_frame, encode_text, extract_personalization
from ..stages.motion import check_size, encode_colors, motion_colors, to_latent_frames
from .config import ValidationConfig
from .encode import on_device
from .models import Built, scheduler
from .samples import Sample, parse_sample, sample_files


class Validator:
    """Makes one video a scene.

    Args:
        built: the model that is trained, with its source's VAE and encoders.
    """

    def __init__(self, config: ValidationConfig, built: Built):
        if not config.samples:
            raise TrainingError(
                "`validation.every` is set, but `validation.samples`, the scenes, is not: set it to a folder, or "
                "`validation.every` to 0."
            )
        if built.bundle is None:
            raise TrainingError(
                "Validation videos need `model.source`, whose VAE and encoders make them: set it, or "
                "`validation.every` to 0."
            )
        self.config, self.built = config, built
        self.size = check_size(built.bundle.size)
        needs_clip = built.module.transformer.takes_first_frame
        needs_clip = needs_clip and not built.module.transformer.config.first_frame_optional
        self.scenes: list[Sample] = []
        for name, files in sample_files(config.samples):
            if len(self.scenes) == config.most:
                break
            self.scenes.append(parse_sample(name, files, self.size, config.fps, need_clip=needs_clip))

    def __call__(self, folder: Path | None) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield every scene's name and frames [T, H, W, 3] in 0..1, and write ``folder/NAME.mp4`` if there is one."""
        for index, scene in enumerate(self.scenes):
            frames = self.generate(scene, seed=index)
            name = f"{index:02d}"
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                write_mp4(folder / f"{name}.mp4", Video(frames, self.config.fps), {"prompt": scene.caption})
            yield f"validation/{name}", frames

    @torch.no_grad()
    def generate(self, scene: Sample, seed: int) -> torch.Tensor:
        module, bundle = self.built.module, self.built.bundle
        transformer, device = module.transformer, module.transformer.device
        text_encoder = module.text_encoder or bundle.text_encoder
        vae = bundle.vae
        for part in (text_encoder, vae):
            on_device(part, device)
        text = encode_text(text_encoder, bundle.tokenizer, scene.caption, "", transformer.config.max_text_seq_length)
        personalization = None
        if scene.entities:
            personalization = extract_personalization(
                transformer,
                scene.entities,
                semantic=bundle.encoder("semantic"),
                reid=bundle.reid,
                face=bundle.face,
                size=self.built.adapter.reference_size,
            )
        conditioning = bind_entities(transformer, text, self._motion(scene, vae), personalization)
        first = None
        if scene.clip is not None:
            first = encode_first_frame(vae, scene.clip[0].movedim(0, -1) / 2 + 0.5, self.size)
        latents = denoise(
            transformer,
            scheduler(bundle),
            conditioning,
            size=self.size,
            scaling_factor=vae.config.scaling_factor,
            seeds=(seed,),
            steps=self.config.steps,
            guidance_scale=self.config.guidance,
            first_frame=first,
            guidance_batch="in sequence",
        )
        frames = decode(vae, latents, "strips" if device.type == "cuda" else "off")
        if device.type != "cpu":  # training needs the memory
            vae.to("cpu")
            if module.text_encoder is None:
                text_encoder.to("cpu")
        return frames

    def _motion(self, scene: Sample, vae) -> MotionConditions | None:
        names = tuple(
            entity.track_name for entity, tracks in zip(scene.entities, scene.points, strict=True) for _ in tracks
        )
        if not names:
            return None
        points, visible = torch.cat(scene.points).to(vae.device), torch.cat(scene.visible).to(vae.device)
        adapter = self.built.adapter
        colors = motion_colors(points, visible, self.size, adapter.flow_sigma, adapter.flow_window)
        latent_points, latent_visible = to_latent_frames(points, visible)
        size = VideoSize(self.size.frames, self.size.height, self.size.width)
        return MotionConditions(encode_colors(vae, colors[None]), latent_points, latent_visible, names, size)
