"""Videos of fixed scenes while a model is trained, made by the same stage functions as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..conditions import MotionConditions, TextConditions
from ..errors import Tora2Error, TrainingError
from ..headless.video import Video, write_mp4
from ..personalization.encoders import needed_encoders
from ..stages import bind_entities, decode, denoise, encode_first_frame, encode_text, extract_personalization
from ..stages.motion import check_size, encode_colors, motion_colors, to_latent_frames
from .config import ValidationConfig
from .encode import on_device, tokens_and_words
from .models import Built, scheduler
from .samples import Sample, parse_sample, sample_files


class Validator:
    """Makes one video a scene.

    Args:
        built: the model that is trained, with its source's VAE and encoders.

    Raises:
        TrainingError: a setting is missing, or a scene cannot be used.
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
            scene = parse_sample(name, files, self.size, config.fps, need_clip=needs_clip)
            try:
                tokens_and_words(scene, built.bundle.tokenizer, built.module.transformer.config.max_text_seq_length)
            except Tora2Error as error:
                raise TrainingError(f"Validation scene {name}: {error}") from error
            self.scenes.append(scene)

    def __call__(self, folder: Path | None, say: Callable[[str], None]) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield ``validation/00``, ``01`` ... and the frames [T, H, W, 3] in 0..1 of every scene, and write
        ``folder/00.mp4`` and so on if there is a folder.

        A scene that cannot be made, for want of an encoder or of a face, is said and left out: training goes on.
        """
        for index, scene in enumerate(self.scenes):
            try:
                frames = self.generate(scene, seed=index)
            except Tora2Error as error:
                say(f"Validation scene {scene.name} was not made: {error}")
                continue
            name = f"{index:02d}"
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                write_mp4(folder / f"{name}.mp4", Video(frames, self.config.fps), {"prompt": scene.caption})
            yield f"validation/{name}", frames

    @torch.no_grad()
    def generate(self, scene: Sample, seed: int) -> torch.Tensor:
        bundle, transformer = self.built.bundle, self.built.module.transformer
        text = self._text(scene)
        personalization = None
        if scene.entities:
            reads = transformer.personalization_extractor.config
            personalization = extract_personalization(
                transformer,
                scene.entities,
                semantic=bundle.encoder("semantic"),
                **needed_encoders(
                    scene.entities, bundle.component, uses_face=reads.uses_face, uses_reid=reads.uses_reid
                ),
                size=self.built.adapter.reference_size,
            )
        with self._beside_training(bundle.vae) as vae:
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
            return decode(vae, latents, "strips" if transformer.device.type == "cuda" else "off")

    def _text(self, scene: Sample) -> TextConditions:
        trained, bundle = self.built.module.text_encoder, self.built.bundle
        length = self.built.module.transformer.config.max_text_seq_length
        if trained is not None:
            return encode_text(trained, bundle.tokenizer, scene.caption, "", length)
        with self._beside_training(bundle.text_encoder) as encoder:
            return encode_text(encoder, bundle.tokenizer, scene.caption, "", length)

    @contextmanager
    def _beside_training(self, part: Any) -> Iterator[Any]:
        """A frozen network on the transformer's device, and back on the CPU afterwards: training needs the memory."""
        try:
            yield on_device(part, self.built.module.transformer.device)
        finally:
            part.to("cpu")

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
        return MotionConditions(encode_colors(vae, colors[None]), latent_points, latent_visible, names, self.size)
