"""What stands in for conv3d where torch has its fault; cuDNN is played by the CPU."""

import pytest
import torch
import torch.nn.functional as F
from small_models import vae

from tora2.vae import SLICINGS, convolution, decode_frames, encode_frames
from tora2.vae.convolution import is_faulty, use_conv3d


@pytest.mark.parametrize(
    "version, cudnn, faulty",
    [
        ("2.9.1+cu128", 91002, True),
        ("2.10.0", 91400, True),
        ("2.10.0", 91500, False),
        ("2.9.0", 90900, False),
        ("2.8.0", 91002, False),
        ("2.11.0+cu130", 91002, False),
        ("2.9.0", None, False),
    ],
)
def test_which_versions(version, cudnn, faulty):
    assert is_faulty(version, cudnn) is faulty


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def cudnn(x, weight, padding, stride, dilation, groups, **options):
        calls.append(x.shape)
        assert set(options) == {"benchmark", "deterministic", "allow_tf32"}
        return F.conv3d(x, weight, None, stride, padding, dilation, groups)

    monkeypatch.setattr(convolution, "has_fault", lambda: True)
    monkeypatch.setattr(convolution, "_by_name", lambda x: True)
    monkeypatch.setattr(torch, "cudnn_convolution", cudnn)
    return calls


@pytest.mark.parametrize("slicing", SLICINGS)
@torch.no_grad()
def test_every_convolution_asks_cudnn_and_gives_the_same(asked, slicing):
    plain, model = vae(), vae()
    frames, latents = torch.rand(1, 3, 9, 32, 32) * 2 - 1, torch.randn(1, 16, 3, 4, 4)
    use_conv3d(model)
    expected = encode_frames(plain, frames), decode_frames(plain, latents)
    asked.clear()
    ran = []
    for part in model.modules():
        if isinstance(part, torch.nn.Conv3d):
            part.register_forward_hook(lambda *_: ran.append(1))
    found = encode_frames(model, frames, slicing), decode_frames(model, latents, slicing)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert len(asked) > 50 and len(asked) >= len(ran)


def test_nothing_is_touched_where_there_is_no_fault(monkeypatch):
    monkeypatch.setattr(convolution, "has_fault", lambda: False)
    model = vae()
    use_conv3d(model)
    assert not any("_conv_forward" in vars(part) for part in model.modules())
