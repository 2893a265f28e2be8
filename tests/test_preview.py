from __future__ import annotations

import types

import small_models
import torch

from tora2.conditions import MotionConditions, VideoSize
from tora2.preview import FormingVideo, LatentColors, fit_latent_colors


class BlockVae:
    """Each latent cell is a fixed mixture of its 8x8 pixels' mean colour: what a fit must find exactly."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.mixture, self.shift = torch.randn(16, 3, generator=generator), torch.randn(16, generator=generator)

    def encode(self, pixels):
        means = torch.nn.functional.avg_pool2d(pixels[:, :, 0], 8)
        latents = torch.einsum("lc,bchw->blhw", self.mixture, means) + self.shift[:, None, None]
        return types.SimpleNamespace(latent_dist=types.SimpleNamespace(mode=lambda: latents[:, :, None]))


def test_colours_of_a_linear_vae_are_found():
    vae = BlockVae()
    colors = fit_latent_colors(vae)
    picture = torch.rand(1, 3, 4, 6)
    latents = vae.encode(picture.repeat_interleave(8, 2).repeat_interleave(8, 3)[:, :, None] * 2 - 1).latent_dist.mode()
    shown = colors.picture(latents).float() / 255
    torch.testing.assert_close(shown, picture[0].movedim(0, -1), rtol=0, atol=0.02)


def test_a_real_vae_and_the_global_random_state():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    colors = fit_latent_colors(small_models.vae(seed=4))
    torch.manual_seed(3)
    assert torch.equal(torch.rand(3), expected)
    assert colors.weight.shape == (16, 3) and colors.weight.isfinite().all()
    assert torch.equal(colors.weight, fit_latent_colors(small_models.vae(seed=4)).weight)


def test_frames_go_round_and_values_are_clamped():
    colors = LatentColors(torch.eye(16, 3) * 100, torch.zeros(3))
    latents = torch.zeros(2, 16, 3, 2, 2)
    latents[0, 0, 1] = 1
    assert colors.picture(latents, 4).tolist() == colors.picture(latents, 1).tolist() == [[[255, 0, 0]] * 2] * 2
    assert colors.picture(latents, 0).max() == 0
    assert colors.picture(latents).dtype == torch.uint8


def test_the_forming_video_has_the_asked_path_over_it():
    colors = LatentColors(torch.zeros(16, 3), torch.full((3,), 0.5))
    places = torch.tensor([[[0.25, 0.5], [0.5, 0.5], [0.75, 0.5]]])
    visible, size = torch.ones(1, 3, dtype=torch.bool), VideoSize(9, 128, 128)
    motion = MotionConditions(torch.zeros(1), places, visible, ("fox",), size, colors=("#ff0000",))
    latents = torch.zeros(2, 16, 3, 16, 16)
    for frame, picture in enumerate(FormingVideo(colors, motion).pictures(latents)):
        assert picture.size == (128, 128)
        red, green, blue = picture.getpixel((32 * (frame + 1), 64))
        assert red > 240 and green < 20 and blue < 20
        assert picture.getpixel((64, 20)) == (128, 128, 128)
    assert FormingVideo(colors).pictures(latents)[0].getpixel((32, 64)) == (128, 128, 128)


def test_pictures_of_large_videos_are_small():
    colors = LatentColors(torch.zeros(16, 3), torch.zeros(3))
    assert [p.size for p in FormingVideo(colors, side=512).pictures(torch.zeros(1, 16, 2, 60, 90))] == [(512, 341)] * 2
