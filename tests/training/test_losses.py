import pytest
import torch
import torch.nn.functional as F
from diffusers import CogVideoXDPMScheduler

from tora2.training.losses import add_noise, contrastive_loss, diffusion_loss


def test_velocity_loss_equals_diffusers_weighted_clean_loss():
    scheduler = CogVideoXDPMScheduler(prediction_type="v_prediction")
    clean, noise = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 3, 4, 4, 4)
    timesteps = torch.tensor([100, 700])
    alphas = scheduler.alphas_cumprod[timesteps].float()
    noisy, velocity = add_noise(clean, noise, alphas)
    torch.testing.assert_close(noisy, scheduler.add_noise(clean, noise, timesteps))
    prediction = torch.randn_like(clean)
    predicted_clean = scheduler.get_velocity(prediction, noisy, timesteps)
    weights = 1 / (1 - alphas).view(-1, 1, 1, 1, 1)
    expected = (weights * (predicted_clean - clean).square()).mean()
    torch.testing.assert_close(diffusion_loss(prediction, velocity), expected)


def entities(count=5):
    generator = torch.Generator().manual_seed(0)
    return tuple(F.normalize(torch.randn(count, 8, generator=generator), dim=-1) for _ in range(2))


def test_the_contrast_is_in_float32_under_autocast():
    appearance, motion = entities()
    given = appearance, motion, torch.ones(5, dtype=torch.bool), torch.arange(5), torch.arange(5)
    with torch.autocast("cpu", torch.bfloat16):
        assert (appearance @ motion.T).dtype == torch.bfloat16
        assert torch.equal(contrastive_loss(*given), autocast_off(contrastive_loss, *given))


def autocast_off(function, *arguments):
    with torch.autocast("cpu", enabled=False):
        return function(*arguments)


def test_contrastive_loss_is_equation_6():
    appearance, motion = entities()
    loss = contrastive_loss(appearance, motion, torch.ones(5, dtype=torch.bool), torch.arange(5), torch.arange(5), 0.1)
    total = torch.zeros(())
    for left, right in ((appearance, motion), (motion, appearance)):
        similarity = (left @ right.T / 0.1).exp()
        total = total - (similarity.diag() / similarity.sum(1)).log().mean()
    torch.testing.assert_close(loss, total)


def test_dropped_entities_take_no_part():
    appearance, motion = entities()
    complete = torch.tensor([True, False, True, True, False])
    loss = contrastive_loss(appearance, motion, complete, torch.arange(5), torch.zeros(5))
    rest = contrastive_loss(
        appearance[complete], motion[complete], torch.ones(3, dtype=torch.bool), torch.arange(3), torch.zeros(3)
    )
    torch.testing.assert_close(loss, rest)


def test_the_same_identity_is_no_negative_in_another_clip():
    appearance, motion = entities(3)
    motion[1] = motion[0] = appearance[0]
    everyone, clips = torch.ones(3, dtype=torch.bool), torch.tensor([0, 1, 1])
    twins = contrastive_loss(appearance[:2], motion[:2], everyone[:2], torch.tensor([4, 4]), clips[:2])
    assert twins == pytest.approx(0.0, abs=1e-6), "nothing is left to tell apart"
    assert contrastive_loss(appearance, motion, everyone, torch.tensor([4, 4, 5]), clips) < contrastive_loss(
        appearance, motion, everyone, torch.arange(3), clips
    )


def test_two_of_one_name_in_one_clip_are_told_apart():
    """"a man#1" and "a man#2": the one pair that a binding must not confuse."""
    appearance = torch.eye(2)
    bound, swapped = (
        contrastive_loss(appearance, motion, torch.ones(2, dtype=torch.bool), torch.tensor([4, 4]), torch.zeros(2))
        for motion in (appearance, appearance.flip(0))
    )
    assert bound < 0.01 and swapped > 10


def test_fewer_than_two_entities_give_zero_with_a_gradient():
    appearance, motion = (tensor.requires_grad_() for tensor in entities(1))
    loss = contrastive_loss(appearance, motion, torch.ones(1, dtype=torch.bool), torch.zeros(1), torch.zeros(1))
    loss.backward()
    assert loss == 0 and appearance.grad is not None
