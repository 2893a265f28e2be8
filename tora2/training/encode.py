"""`train --encode`: samples of the open format -> shards of latents and frozen features, once before the training."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from einops import rearrange

from ..checkpoints.components import find_face, find_reid
from ..checkpoints.saving import write_safetensors
from ..conditions import VideoSize
from ..errors import Tora2Error, TrainingError
from ..personalization.encoders import encode_identities, needed_encoders
from ..personalization.extractor import ExtractorConfig
from ..phrases import find_phrase, tokenize_prompt
from ..stages.decoding import encode_first_frame
from ..stages.motion import check_size, encode_colors, motion_colors, to_latent_frames
from ..stages.text import encode_text
from . import labels
from .config import TrainingConfig
from .models import open_source, preparation, sizes_of
from .samples import ENTITIES, Sample, parse_sample, sample_files
from .shards import collate


class SampleEncoder:
    """The frozen networks of a model, as its generations use them.

    Args:
        bundle: with VAE, tokenizer, text encoder and the identity encoders.
        transformer_config: of the model to be trained, for the widths that it expects.
        prepared: how its motion and references are prepared, see ``models.preparation``.
        keep_ids: store token ids instead of text states, for a text encoder that is trained.
    """

    def __init__(
        self,
        bundle: Any,
        transformer_config: Any,
        prepared: Mapping[str, Any],
        *,
        keep_ids: bool,
        device: str | torch.device = "cpu",
    ):
        self.bundle, self.config, self.prepared, self.keep_ids = bundle, transformer_config, prepared, keep_ids
        self.extractor = ExtractorConfig(**(transformer_config["personalization_config"] or {}))
        self.vae = on_device(bundle.vae, device)
        self.text_encoder = None if keep_ids else on_device(bundle.text_encoder, device)
        self.null_text = None if keep_ids else self._states("")

    @torch.no_grad()
    def __call__(self, sample: Sample) -> dict[str, torch.Tensor]:
        """One clip of a shard, its tensors without the leading dimension of clips.

        Raises:
            Tora2Error: a phrase that is not in the caption, a reference that an encoder cannot read, ...
        """
        frames, _, height, width = sample.clip.shape
        size = VideoSize(frames, height, width)
        pixels = rearrange(sample.clip, "t c h w -> 1 c t h w").to(self.vae.device, self.vae.dtype)
        latents = self.vae.encode(pixels).latent_dist.mode() * self.vae.config.scaling_factor
        latents = rearrange(latents, "1 c t h w -> t c h w")
        ids, words = tokens_and_words(sample, self.bundle.tokenizer, self.config["max_text_seq_length"])
        if self.keep_ids:
            more = {"ids": ids}
        else:
            more = {"text": self._states(sample.caption)[0], "null_text": self.null_text}
        if self._takes_first_frame:
            more["first_frame"] = self.first_frame(sample, size)
        return {
            "latents": latents,
            "motion_latents": self.motion_latents(sample, size)[0],
            "weights": torch.ones_like(latents[:, :1]),
            "word_index": _padded(words),
            "identity": torch.tensor([identity_number(name) for name in sample.identities], dtype=torch.int64),
            **more,
            **self._tracks(sample, frames),
            **self._features(sample),
        }

    def settings(self) -> dict[str, Any]:
        """What decides the features of a sample beside its size, by the names under which a user sets it."""
        said: dict[str, Any] = {f"model.{name}": value for name, value in self.prepared.items()}
        said |= {
            "model.train_text_encoder": self.keep_ids,
            "model.transformer.max_text_seq_length": self.config["max_text_seq_length"],
            labels.VARIANT: self.extractor.variant,
            labels.VAE: labels.sketch(self.vae),
            "weights of the semantic encoder": labels.sketch(self.bundle.encoder("semantic")),
        }
        if self.text_encoder is not None:
            said["weights of the text encoder"] = labels.sketch(self.text_encoder)
        if self._takes_first_frame:
            said["the first frame"] = "by itself, with noise"
        source = self.bundle.source
        for name, path, package in (
            ("re-identification", find_reid(source), "onnxruntime"),
            ("face", find_face(source), "insightface"),
        ):
            there = path is not None and importlib.util.find_spec(package) is not None
            said[f"weights of the {name} encoder"] = labels.files_sketch(path) if there else None
        return said

    @property
    def _takes_first_frame(self) -> bool:
        return self.config["in_channels"] == 2 * self.config["out_channels"]

    def first_frame(self, sample: Sample, size: VideoSize) -> torch.Tensor:
        """[1, C, H', W']: the clip's first frame as generations encode it, with noise on its pixels.

        The noise, of deviation exp(N(-3, 0.5)), is that of CogVideoX's own image-to-video training (SAT's
        ``add_noise_to_first_frame``): it keeps a model from copying the picture. It follows from the sample's name.
        """
        chance = torch.Generator().manual_seed(identity_number(sample.name))
        picture = (sample.clip[:1] + 1) / 2
        deviation = torch.exp(torch.randn((), generator=chance) * 0.5 - 3) / 2  # in -1..1 there, in 0..1 here
        noisy = picture + torch.randn(picture.shape, generator=chance) * deviation
        image = rearrange(noisy, "1 c h w -> 1 h w c").to(self.vae.device, self.vae.dtype)
        return encode_first_frame(self.vae, image, size)[0]

    def motion_latents(self, sample: Sample, size: VideoSize) -> torch.Tensor:
        """[1, T', C, H', W'] of all tracks of the sample."""
        points = torch.cat([*sample.points, torch.zeros(0, size.frames, 2)])
        visible = torch.cat([*sample.visible, torch.zeros(0, size.frames, dtype=torch.bool)])
        if not len(points):  # no track: a map without motion
            points, visible = torch.zeros(1, size.frames, 2), torch.zeros(1, size.frames, dtype=torch.bool)
        colors = motion_colors(
            points.to(self.vae.device),
            visible.to(self.vae.device),
            size,
            self.prepared["flow_sigma"],
            self.prepared["flow_window"],
        )
        return encode_colors(self.vae, colors[None])

    def _states(self, prompt: str) -> torch.Tensor:
        length = self.config["max_text_seq_length"]
        return encode_text(self.text_encoder, self.bundle.tokenizer, prompt, max_length=length).embeds

    def _tracks(self, sample: Sample, frames: int) -> dict[str, torch.Tensor]:
        most = max([1, *(len(track) for track in sample.points)])
        points = torch.full((len(sample.points), most, frames, 2), 0.5)
        visible = torch.zeros(len(sample.points), most, frames, dtype=torch.bool)
        for index, (places, seen) in enumerate(zip(sample.points, sample.visible, strict=True)):
            points[index, : len(places)], visible[index, : len(places)] = places, seen
        points, visible = to_latent_frames(points, visible)
        return {"points": points, "visible": visible}

    def _features(self, sample: Sample) -> dict[str, torch.Tensor]:
        extractor = self.extractor
        reads = {"uses_face": extractor.uses_face, "uses_reid": extractor.uses_reid}
        features = encode_identities(
            sample.entities,
            semantic=self.bundle.encoder("semantic"),
            **needed_encoders(sample.entities, self.bundle.component, **reads),
            size=self.prepared["reference_size"],
            **reads,
            semantic_width=extractor.semantic_width,
            face_width=extractor.face_width,
            reid_width=extractor.reid_width,
        )
        names = ("semantic", "reid", "face", "is_human", "has_reference")
        return {name: getattr(features, name) for name in names}


def on_device(module: Any, device: str | torch.device) -> Any:
    """A frozen network where it runs; processors compute in half precision slowly and badly, so in float32 there."""
    module = module.to(device).eval()
    return module.float() if torch.device(device).type == "cpu" else module


def tokens_and_words(sample: Sample, tokenizer: Any, length: int) -> tuple[torch.Tensor, list[list[int]]]:
    """The caption's tokens [S] and each entity's own among them; PhraseError for a phrase that the caption lacks."""
    ids, offsets, truncated = tokenize_prompt(tokenizer, sample.caption, length)
    found = (find_phrase(sample.caption, one.phrase, offsets, truncated_from=truncated) for one in sample.entities)
    return ids[0], list(found)


def identity_number(name: str) -> int:
    """The same 62-bit number for the same name, in every process and on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 2


def _padded(rows: list[list[int]]) -> torch.Tensor:
    most = max([1, *map(len, rows)])
    return torch.tensor([row + [-1] * (most - len(row)) for row in rows], dtype=torch.int64).reshape(-1, most)


def encode_samples(
    config: TrainingConfig, *, device: str | torch.device = "cpu", say: Callable[[str], None] = print
) -> int:
    """Write ``data.samples`` as shards into ``data.path``; it can be broken off, and samples may be added or changed
    later: shards of the very samples that they should hold are kept.

    A sample that cannot be used is named in one sentence and left out.

    Returns:
        the number of clips that this call encoded.

    Raises:
        TrainingError: nothing could be encoded, a setting is missing, or the shards there were made with others.
    """
    data = config.data
    if not data.samples or not data.path:
        raise TrainingError("`train --encode` needs `data.samples`, what it reads, and `data.path`, what it writes.")
    out = Path(data.path)
    bundle = open_source(config.model)
    if bundle is None:
        raise TrainingError("`train --encode` needs `model.source`, the model whose VAE and encoders it uses.")
    size = check_size(VideoSize(data.frames, data.height, data.width))
    encoder = SampleEncoder(
        bundle,
        sizes_of(config.model, bundle),
        preparation(config.model, bundle),
        keep_ids=config.model.train_text_encoder,
        device=device,
    )
    settings = encoder.settings() | {
        "data.clips_per_shard": data.clips_per_shard,
        "data.fps": data.fps,
        "data.frames": size.frames,
        "data.height": size.height,
        "data.width": size.width,
    }
    labels.check_folder(out, settings)
    samples = sample_files(data.samples, lambda name: say(f"left out: {name}.mp4 has no {ENTITIES[1:]} beside it"))
    encoded, wanted = 0, set()
    count = 0
    while group := list(itertools.islice(samples, data.clips_per_shard)):
        path = out / f"{count:08d}.safetensors"
        count += len(group)
        wanted.add(path)
        label = labels.label(group, settings)
        if labels.stored_label(path) == label:
            for sentence in labels.left_out(path):
                say(sentence)
            continue
        clips, left_out = [], []
        for name, files in group:
            try:
                clips.append(encoder(parse_sample(name, files, size, data.fps, need_clip=True)))
            except Tora2Error as error:
                named = str(error).startswith(f"Sample {name} ")
                left_out.append(f"left out: {error}" if named else f"left out: Sample {name}: {error}")
                say(left_out[-1])
        if clips:
            shard = {name: tensor.cpu() for name, tensor in collate([_on_cpu(clip) for clip in clips]).items()}
            label |= {labels.LEFT_OUT: json.dumps(left_out)}
            say(f"wrote {write_safetensors(path, shard, torch.float16, label)} ({len(clips)} clips)")
        else:
            path.unlink(missing_ok=True)
        encoded += len(clips)
    there = set(out.glob("*.safetensors"))
    if not there & wanted:
        raise TrainingError(f"Of the {count} samples in {data.samples} none could be encoded.")
    for path in sorted(there - wanted):
        say(f"{path} holds clips of samples that are gone and would be trained on all the same: remove it.")
    return encoded


def _on_cpu(clip: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in clip.items()}
