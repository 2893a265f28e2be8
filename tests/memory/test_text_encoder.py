"""T5 in 8 bits: real layer shapes, random weights."""

import pytest
import torch

from tora2.acceleration.quantization import stored_bytes
from tora2.checkpoints.components import T5_CONFIG
from tora2.memory.text_encoder import TEXT_ENCODERS, quantize_text_encoder

torchao = pytest.importorskip("torchao")


def t5(layers=1):
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    return T5EncoderModel(T5Config(**T5_CONFIG | {"num_layers": layers, "vocab_size": 100})).eval()


@torch.no_grad()
def test_int8_weights_of_xxl_layers():
    model = t5()
    ids = torch.randint(0, 100, (1, 8))
    exact, whole = model(ids)[0], stored_bytes(model)
    assert quantize_text_encoder(model, "gpu_int8") == 7
    assert quantize_text_encoder(model, "gpu_int8") == 0, "once is enough"
    assert stored_bytes(model) < 0.27 * whole, "a quarter of float32"
    error = (model(ids)[0] - exact).norm() / exact.norm()
    assert 1e-4 < error < 0.02


def test_other_choices_change_nothing():
    model = torch.nn.Linear(16, 16)
    for choice in ("auto", "gpu", "cpu"):
        assert choice in TEXT_ENCODERS and quantize_text_encoder(model, choice) == 0
