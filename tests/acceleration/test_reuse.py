from types import SimpleNamespace

import pytest
import torch
from small_models import scheduler

from tora2.acceleration.presets import FULL, PROMPT, REUSED
from tora2.acceleration.reuse import Reuse
from tora2.errors import AccelerationError


class KnownVideo:
    """A predictor that knows the clean video and says the v-prediction of it."""

    guided = True

    def __init__(self, cumulated):
        self.cumulated, self.calls = cumulated, []
        self.positive, self.negative = torch.randn(1, 2, 3, 4, 4), torch.randn(1, 2, 3, 4, 4)

    def v(self, clean, latents, timestep):
        alpha = self.cumulated[int(timestep)] ** 0.5
        return (alpha * latents - clean) / (1 - alpha**2) ** 0.5

    def both_branches(self, latents, timestep, *, with_motion):
        self.calls.append("both")
        return self.v(self.negative, latents, timestep), self.v(self.positive, latents, timestep)

    def prompt_branch(self, latents, timestep, *, with_motion):
        self.calls.append("prompt")
        return self.v(self.positive, latents, timestep)


@pytest.fixture
def noise():
    made = scheduler()
    made.set_timesteps(50)
    return made


@pytest.mark.parametrize("slope", [0, 0.5, 1])
def test_what_does_not_change_is_carried_on_exactly(noise, slope):
    predictor = KnownVideo(noise.alphas_cumprod)
    reuse = Reuse(predictor, noise, slope)
    for kind, timestep in zip((FULL, FULL, REUSED, PROMPT, REUSED, FULL), noise.timesteps[::8], strict=False):
        latents = torch.randn(1, 2, 3, 4, 4)  # new noise at every step
        found = reuse(kind, latents, timestep, 4.0, with_motion=True)
        clean = predictor.negative + 4.0 * (predictor.positive - predictor.negative)
        torch.testing.assert_close(found, predictor.v(clean, latents, timestep), rtol=1e-3, atol=1e-3)
    assert predictor.calls == ["both", "both", "prompt", "both"]


def test_slope_one_follows_a_line_and_slope_zero_does_not(noise):
    predictor = KnownVideo(noise.alphas_cumprod)
    direction, start = torch.randn(1, 2, 3, 4, 4), predictor.positive
    steps = noise.timesteps[[10, 13, 15]]
    for slope, exact in ((0, False), (1, True)):
        reuse = Reuse(predictor, noise, slope)
        latents = torch.randn(1, 2, 3, 4, 4)
        for kind, timestep in zip((FULL, FULL, REUSED), steps, strict=True):
            predictor.positive = start + direction * float(timestep) / 500
            found = reuse(kind, latents, timestep, 1.0, with_motion=True)
        expected = predictor.v(predictor.positive, latents, steps[-1])
        assert ((found - expected).abs().max() < 1e-3) == exact


def test_without_guidance_nothing_of_the_negative_branch_is_used(noise):
    predictor = KnownVideo(noise.alphas_cumprod)
    reuse = Reuse(predictor, noise, 0)
    latents = torch.randn(1, 2, 3, 4, 4)
    reuse(FULL, latents, noise.timesteps[5], 6.0, with_motion=True)
    found = reuse(REUSED, latents, noise.timesteps[6], 1.0, with_motion=True)
    torch.testing.assert_close(found, predictor.v(predictor.positive, latents, noise.timesteps[6]))


def test_other_predictions_are_refused():
    with pytest.raises(AccelerationError, match="predicts epsilon; use the preset exact"):
        Reuse(None, SimpleNamespace(config=SimpleNamespace(prediction_type="epsilon")), 0)
