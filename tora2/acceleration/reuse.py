"""Steps without the transformer: what it last said is carried on in terms of the clean video.

A v-prediction mixes the clean video with the noise of its own step, and CogVideoX's sampler adds new noise at every
step. Carrying on v (or a block's output, as first-block caches do) therefore repeats old noise; the clean part is what
changes slowly. It is turned back into a v-prediction with the step's own latents, so that the sampler, its seeds and
its noise stay as they are.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ..errors import AccelerationError
from .presets import FULL, PROMPT

Known = list[tuple[int, torch.Tensor]]
"""Timestep and value, the last two."""


class Reuse:
    """A predictor that runs the transformer at some steps only.

    Clean videos of the prompt's branch and their difference to the negative branch's are kept apart, because the
    guidance scale changes from step to step. Nothing is kept in the model.

    Args:
        predictor: stages.prediction.Predictor.
        scheduler: of the run; only v-prediction.
        slope: 0 holds the last clean video, 1 follows the line through the last two, between them is in between.
    """

    def __init__(self, predictor: Any, scheduler: Any, slope: float):
        if scheduler.config.prediction_type != "v_prediction":
            raise AccelerationError(
                f"Skipping steps needs a v-prediction model and this one predicts {scheduler.config.prediction_type}; "
                "use the preset exact."
            )
        self.predictor = predictor
        self.cumulated = scheduler.alphas_cumprod
        self.slope = slope
        self.clean: Known = []
        self.guidance: Known = []

    def __call__(
        self, kind: str, latents: torch.Tensor, timestep: torch.Tensor, scale: float, *, with_motion: bool
    ) -> torch.Tensor:
        """v-prediction [B, T', C, H', W'], float32.

        Args:
            kind: a letter of the schedule.
            latents: [B, T', C, H', W'] of this step, float32.
            scale: of the guidance; 1 is none.
        """
        now = int(timestep)
        cumulated = self.cumulated[now].item()
        alpha, sigma = math.sqrt(cumulated), math.sqrt(1 - cumulated)
        if kind == FULL and self.predictor.guided:
            negative, positive = self.predictor.both_branches(latents, timestep, with_motion=with_motion)
            self._learn(self.clean, now, alpha * latents - sigma * positive)
            self._learn(self.guidance, now, sigma * (negative - positive))
        elif kind in (FULL, PROMPT):
            positive = self.predictor.prompt_branch(latents, timestep, with_motion=with_motion)
            self._learn(self.clean, now, alpha * latents - sigma * positive)
        clean = self._at(self.clean, now)
        if scale != 1 and self.guidance:
            clean = clean + (scale - 1) * self._at(self.guidance, now)
        return (alpha * latents - clean) / sigma

    @staticmethod
    def _learn(known: Known, place: int, value: torch.Tensor) -> None:
        known.append((place, value))
        del known[:-2]

    def _at(self, known: Known, place: int) -> torch.Tensor:
        (last, value) = known[-1]
        if self.slope == 0 or len(known) < 2 or place == last:
            return value
        before, old = known[0]
        return value + (value - old) * (self.slope * (place - last) / (last - before))
