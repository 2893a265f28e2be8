import pytest
import torch
from small_models import vae

from tora2.conditions import VideoSize
from tora2.errors import ConditionError
from tora2.stages import decode, decoded_size, encode_first_frame
from tora2.stages.decoding import fit_image


def test_fit_covers_and_crops_the_centre():
    image = torch.zeros(40, 100, 3)
    image[:, 40:60] = 1.0
    fitted = fit_image(image, 20, 20)
    assert fitted.shape == (1, 3, 20, 20)
    assert fitted[0, 0, 10, 10] > 0.99 and fitted[0, 0, 10, 1] < 0.01
    assert torch.equal(fit_image(image[:40, :40], 40, 40)[0].permute(1, 2, 0), image[:40, :40])


def test_first_frame_latents():
    autoencoder = vae()
    image = torch.rand(1, 32, 32, 3)
    latents = encode_first_frame(autoencoder, image, VideoSize(17, 32, 32))
    with torch.no_grad():
        expected = autoencoder.encode(image.permute(0, 3, 1, 2)[:, :, None] * 2 - 1).latent_dist.mode() * 0.7
    torch.testing.assert_close(latents, expected.transpose(1, 2))
    torch.testing.assert_close(encode_first_frame(autoencoder, image, VideoSize(17, 32, 32), "strips"), latents)
    autoencoder.register_to_config(invert_scale_latents=True)
    inverted = encode_first_frame(autoencoder, image, VideoSize(17, 32, 32))
    torch.testing.assert_close(inverted, latents / 0.7**2)


def test_decoding_a_batch_gives_frames_in_order():
    autoencoder = vae()
    latents = torch.randn(2, 16, 3, 4, 4)
    frames = decode(autoencoder, latents)
    assert frames.shape == (18, 32, 32, 3) and 0 <= frames.min() and frames.max() <= 1
    torch.testing.assert_close(frames[9:], decode(autoencoder, latents[1:]))


def test_latents_of_another_model_are_refused():
    assert decoded_size(torch.zeros(1, 16, 5, 4, 6)) == VideoSize(17, 32, 48)
    for foreign in (torch.zeros(1, 4, 16, 16), torch.zeros(1, 128, 5, 4, 4)):
        with pytest.raises(ConditionError, match="`latent`"):
            decoded_size(foreign)
