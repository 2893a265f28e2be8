import pytest
import torch
from small_models import trained, transformer

from tora2.acceleration import quantization
from tora2.acceleration.quantization import (
    check_quantization,
    is_quantized,
    quantizable,
    quantize,
    stored_bytes,
)
from tora2.acceleration.settings import QUANTIZATIONS
from tora2.conditions import VideoSize
from tora2.errors import AccelerationError
from tora2.stages.prediction import rotary_tables

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@torch.no_grad()
def predict(model):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 5, 16, 16, 16, generator=generator)
    text = torch.randn(2, 12, 24, generator=generator)
    tokens = torch.randn(1, 8, 32, generator=generator)
    maps = model.traj_extractor(torch.randn(1, 5, 16, 16, 16, generator=generator))
    rotary = rotary_tables(model, VideoSize(17, 128, 128), CPU)
    return model(
        latents, text, torch.tensor([500, 500]), image_rotary_emb=rotary, motion_maps=maps,
        personalization=model.personalization_keys_values(tokens), return_dict=False,
    )[0]  # fmt: skip


def gpu(monkeypatch, capability):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "NVIDIA Test")


@pytest.mark.parametrize("choice, limit", [("int8_weights", 0.01), ("int8", 0.02), ("fp8_weights", 0.04)])
def test_quantized_models_compute_nearly_the_same_in_less_memory(choice, limit):
    pytest.importorskip("torchao")
    model = trained(transformer())
    expected, before = predict(model), stored_bytes(model)
    layers = quantize(model, choice)
    # Six of the transformer and two of the personalization attention in each of three blocks.
    assert layers == len(quantizable(model)) == 3 * 8
    assert is_quantized(model) and stored_bytes(model) < 0.8 * before
    error = ((predict(model) - expected).norm() / expected.norm()).item()
    assert 0 < error < limit, f"{choice}: {error}"
    with pytest.raises(AccelerationError, match="quantized already"):
        quantize(model, choice)


def test_what_sees_every_token_is_quantized_and_nothing_else():
    names = quantizable(transformer(time_embed_dim=16))  # the adaptive norms' sides are multiples of 16 too
    assert "transformer_blocks.0.attn1.to_q" in names and "transformer_blocks.2.ff.net.2" in names
    assert "transformer_blocks.1.personalization_attention.to_out" in names
    assert not [name for name in names if "norm" in name or not name.startswith("transformer_blocks.")]


def test_none_changes_nothing():
    model = trained(transformer())
    expected = predict(model)
    assert quantize(model, "none") == 0 and not is_quantized(model)
    assert torch.equal(predict(model), expected)


def test_stored_bytes_are_those_of_plain_tensors_too():
    module = torch.nn.Linear(8, 4)
    assert stored_bytes(module) == 4 * (32 + 4)


def test_products_in_eight_bits_need_the_gpu_for_it(monkeypatch):
    pytest.importorskip("torchao")
    with pytest.raises(AccelerationError, match="8.9 or newer, and this is a CPU; use fp8_weights") as refusal:
        quantize(trained(transformer()), "fp8")
    assert str(refusal.value).count(". ") == 0, "one sentence"
    gpu(monkeypatch, (8, 6))
    with pytest.raises(AccelerationError, match="this is NVIDIA Test with 8.6"):
        check_quantization("fp8", CUDA)
    check_quantization("int8", CUDA)
    gpu(monkeypatch, (7, 5))
    with pytest.raises(AccelerationError, match="8.0 or newer"):
        check_quantization("int8", CUDA)
    gpu(monkeypatch, (9, 0))
    for choice in QUANTIZATIONS:
        check_quantization(choice, CUDA, torch.bfloat16)
    with pytest.raises(AccelerationError, match="precision is float16; set the precision to bfloat16"):
        check_quantization("fp8", CUDA, torch.float16)


def test_unknown_or_missing_is_refused(monkeypatch):
    with pytest.raises(AccelerationError, match="use one of none, int8_weights"):
        check_quantization("int4", CPU)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.9.1+cu124")
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(AccelerationError, match="needs torchao 0.15 or newer and 0.9.1"):
        check_quantization("int8_weights", CPU)
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AccelerationError, match="needs the package torchao, which is not installed"):
        check_quantization("int8_weights", CPU)
