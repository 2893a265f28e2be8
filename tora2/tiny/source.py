"""Clips of the world as a training's data, drawn, rendered and encoded while it runs: nothing on disk, nothing twice.

Which clip stands at a place of the run follows from the seed and the place alone, as with shards, so a resumed run sees
what an unbroken one would have seen. Worker processes plan clips and tokenize captions; pixels, latents and features
are made on the training's device by the frozen networks of a model folder (see ``twins``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..conditions import VideoSize
from ..errors import TrainingError
from ..phrases import find_phrase, tokenize_prompt
from ..stages.motion import encode_colors, motion_colors, to_latent_frames
from . import config, loop
from .assets import Atlas
from .encode_clips import MOST_WORDS, encode_video, latent_weights
from .twins import Twins, onnx_files
from .world import Plans, World, WorldBatch


@dataclass
class Planned:
    """Plans and their captions' tokens: ``ids`` [B, S], ``word_index`` [N, l_c]."""

    places: tuple[int, ...]
    plans: Plans
    ids: torch.Tensor
    word_index: torch.Tensor


class Planner:
    """Plans the clips at places of the run; runs in worker processes.

    Args:
        worlds: of stills, and of clips. stills: places before this one are stills.
    """

    def __init__(self, worlds: tuple[World, World], stills: int, seed: int, tokenizer: Any):
        self.worlds, self.stills, self.seed, self.tokenizer = worlds, stills, seed, tokenizer

    def __call__(self, places: Sequence[int]) -> Planned:
        world = self.worlds[int(places[0] >= self.stills)]
        plans = Plans.of([world.plan((self.seed << 40) + place) for place in places])
        ids, words = [], []
        for caption, phrases in zip(plans.captions, plans.phrases, strict=True):
            tokens, offsets, truncated = tokenize_prompt(self.tokenizer, caption, config.TEXT_LENGTH)
            ids.append(tokens[0])
            for phrase in phrases:
                found = find_phrase(caption, phrase, offsets, truncated_from=truncated)[:MOST_WORDS]
                words.append(found + [-1] * (MOST_WORDS - len(found)))
        return Planned(tuple(places), plans, torch.stack(ids), torch.tensor(words))

    def bytes(self, places: Sequence[int]) -> int:
        return len(places) * self.worlds[1].plan_bytes


class WorldSource:
    """The world in place of a folder of shards; see :class:`tora2.training.shards.Shards`.

    Args:
        atlas: pictures, or their folder. model: folder of frozen encoders.
        stills: places of the run that are stills, from its beginning; they must be whole steps.
        workers: processes that plan; 0 plans in this one.
        at_once: clips that go through the VAE together.
    """

    has_text = False

    def __init__(
        self,
        atlas: Atlas | Path | str,
        model: Path | str,
        *,
        seed: int = 0,
        stills: int = 0,
        workers: int = 0,
        device: str | torch.device = "cpu",
        at_once: int = 64,
    ):
        from diffusers import AutoencoderKLCogVideoX
        from transformers import AutoTokenizer

        from ..personalization.semantic import SemanticEncoder

        model = Path(model)
        if not (model / "vae").is_dir():
            raise TrainingError(
                f"{model} is no folder of the tiny world's encoders (no vae/ in it): set `model.source`."
            )
        self.folder, self.workers, self.device, self.at_once = atlas, workers, torch.device(device), at_once
        tokenizer = AutoTokenizer.from_pretrained(model / "tokenizer", local_files_only=True)
        options = {"entity_weights": config.ENTITY_ODDS, "tokenizer": tokenizer}
        clips = World(atlas, "train", config.FRAMES, config.SIZE, **options)
        still = World(clips.atlas, "train", 1, config.SIZE, **options)
        self.planner = Planner((still, clips), stills, seed, tokenizer)
        vae = AutoencoderKLCogVideoX.from_pretrained(model / "vae", torch_dtype=torch.float32)
        self.vae = vae.to(self.device).eval().requires_grad_(False)
        semantic = SemanticEncoder.from_pretrained(model / "semantic_encoder")
        self.twins = Twins(semantic, *onnx_files(model)).to(self.device).eval().requires_grad_(False)
        frames, height, width = VideoSize(config.FRAMES, config.SIZE, config.SIZE).latent
        self.shape = (frames, vae.config.latent_channels, height, width)
        self._ahead: Iterator[Planned] = iter(())

    def __len__(self) -> int:
        """Of an epoch: there is none."""
        return 1 << 40

    def expect(self, batches: Iterable[Sequence[int]]) -> None:
        """The places of all batches to come, so that workers can plan them ahead."""
        self._ahead = iter(loop.plan_ahead(self.planner, batches, self.workers))

    def batch(self, places: Sequence[int]) -> dict[str, torch.Tensor]:
        """The clips at these places of the run, on the device, float32."""
        planned = next(self._ahead, None)
        if planned is None or planned.places != tuple(places):
            planned = self.planner(places)
        return self.encode(planned)

    @torch.no_grad()
    def encode(self, planned: Planned) -> dict[str, torch.Tensor]:
        world = self.planner.worlds[int(planned.places[0] >= self.planner.stills)]
        drawn = world.render(planned.plans, self.device)
        points, visible = to_latent_frames(drawn.tracks, drawn.visible)
        present = drawn.present
        features = self.twins(drawn.references[present], drawn.reference_masks[present])
        return {
            "latents": self._in_parts(lambda part: encode_video(self.vae, drawn.video[part]), len(present)),
            "motion_latents": self._in_parts(lambda part: self._motion(drawn, part), len(present)),
            "weights": latent_weights(drawn.masks, each=True),
            "ids": planned.ids.to(self.device),
            "word_index": planned.word_index.to(self.device),
            "video": planned.plans.rows.to(self.device),
            "identity": drawn.indices[present],
            "points": points[present][:, None],
            "visible": visible[present][:, None],
            "semantic": features.semantic,
            "reid": features.reid,
            "face": features.face,
            "is_human": features.is_human,
        }

    def _motion(self, drawn: WorldBatch, part: slice) -> torch.Tensor:
        frames, _, height, width = drawn.video.shape[1:]
        size = VideoSize(frames, height, width)
        colors = motion_colors(drawn.tracks[part], drawn.visible[part], size, config.FLOW_SIGMA, config.FLOW_WINDOW)
        return encode_colors(self.vae, colors)

    def _in_parts(self, encode, count: int) -> torch.Tensor:
        return torch.cat([encode(slice(begin, begin + self.at_once)) for begin in range(0, count, self.at_once)])
