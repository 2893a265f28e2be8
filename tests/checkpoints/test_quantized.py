"""Weights that are quantized on disk stay so, or become plain ones, by choice; what cannot be read is refused."""

import json

import pytest
import torch
from checkpoint_files import base_state, make_transformer, write_config
from safetensors.torch import load_file, save_file

from tora2.acceleration.quantization import is_quantized, quantize, stored_bytes
from tora2.checkpoints.loading import load
from tora2.checkpoints.quantized import fp8_weight, save_quantized
from tora2.errors import AccelerationError, CheckpointError

ao = pytest.importorskip("torchao.quantization")
QUERY = "transformer_blocks.0.attn1.to_q"


@pytest.fixture
def folder(tmp_path):
    """A CogVideoX folder without adapter; its weights file is not written yet."""
    write_config(tmp_path / "m" / "transformer")
    write_config(tmp_path / "m" / "vae", name="AutoencoderKLCogVideoX")
    (tmp_path / "m" / "model_index.json").write_text(json.dumps({"_class_name": "CogVideoXPipeline"}))
    return tmp_path / "m"


ROWS = -1.0
"""A scale for each row, as a vector, instead of one number."""


def weights(folder):
    return folder / "transformer" / "diffusion_pytorch_model.safetensors"


def in_fp8(state, scale):
    """Matrices as e4m3fn, with ComfyUI's scales beside them if there is a scale."""
    stored = {}
    for key, value in state.items():
        if value.ndim != 2:
            stored[key] = value.to(torch.bfloat16)
            continue
        factor = torch.tensor(1.0 if scale is None else scale)
        if scale is not None:
            factor = value.abs().amax(1) / 448 if scale == ROWS else factor * (1 + len(stored) % 3)
            stored[key.removesuffix("weight") + "scale_weight"] = factor
        stored[key] = (value / factor.reshape(-1, 1)).to(torch.float8_e4m3fn)
    return stored


@pytest.mark.parametrize("scale", [None, 0.01, ROWS])
def test_fp8_files_are_kept_as_they_are_stored_or_made_plain(folder, scale):
    plain = base_state(make_transformer(motion_channels=None))
    save_file(in_fp8(plain, scale), weights(folder))
    stored = load_file(weights(folder))
    usual = load(folder, torch.float32).transformer
    assert not is_quantized(usual)
    if scale is not None:
        assert (usual.state_dict()[QUERY + ".weight"] - plain[QUERY + ".weight"]).norm() < 0.05 * plain[
            QUERY + ".weight"
        ].norm()
    kept = load(folder, torch.float32, quantization="fp8_weights").transformer
    assert is_quantized(kept) and stored_bytes(kept) < 0.5 * stored_bytes(usual)
    found = kept.get_submodule(QUERY).weight
    assert torch.equal(found.qdata.view(torch.uint8), stored[QUERY + ".weight"].view(torch.uint8)), "not a bit changed"
    torch.testing.assert_close(found.dequantize(), usual.get_submodule(QUERY).weight)
    call = (torch.randn(1, 3, 16, 6, 8), torch.randn(1, 12, 24), torch.tensor([3]))
    rotary = tuple(torch.randn(3 * 3 * 4, 32) for _ in range(2))
    with torch.no_grad():
        one, other = (model(*call, image_rotary_emb=rotary, return_dict=False)[0] for model in (usual, kept))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("choice", ["int8_weights", "fp8_weights"])
def test_what_torchao_quantized_loads_as_it_was_saved(folder, choice):
    model = make_transformer(motion_channels=None)
    quantize(model, choice)
    save_quantized(model, weights(folder))
    loaded = load(folder, torch.float32).transformer
    assert is_quantized(loaded)
    for key, value in model.state_dict().items():
        found = loaded.state_dict()[key]
        if hasattr(value, "dequantize") and hasattr(value, "qdata"):
            found, value = found.dequantize(), value.dequantize()
        assert torch.equal(found, value), key
    with pytest.raises(AccelerationError, match="quantized already"):
        load(folder, torch.float32, quantization="int8").component("transformer")


def test_diffusers_own_quantized_folder_loads(folder):
    """What diffusers writes for a model that it quantized itself."""
    diffusers = pytest.importorskip("diffusers", minversion="0.41")
    state = base_state(make_transformer(motion_channels=None))
    save_file(state, weights(folder))
    config = diffusers.TorchAoConfig(ao.Int8WeightOnlyConfig(), modules_to_not_convert=["patch_embed", "proj_out"])
    quantized = diffusers.CogVideoXTransformer3DModel.from_pretrained(
        folder / "transformer", quantization_config=config, torch_dtype=torch.float32
    )
    quantized.save_pretrained(folder / "transformer")
    loaded = load(folder, torch.float32).transformer
    assert is_quantized(loaded)
    expected = quantized.get_submodule(QUERY).weight.dequantize()
    assert torch.equal(loaded.get_submodule(QUERY).weight.dequantize(), expected)


def test_damaged_descriptions_are_refused(folder):
    model = make_transformer(motion_channels=None)
    quantize(model, "int8_weights")
    save_quantized(model, weights(folder))
    state = load_file(weights(folder))
    from safetensors import safe_open

    with safe_open(weights(folder), "pt") as file:
        metadata = file.metadata()
    save_file({k: v for k, v in state.items() if k != f"{QUERY}._weight_scale"}, weights(folder), metadata=metadata)
    with pytest.raises(CheckpointError, match="its description is damaged"):
        load(folder, torch.float32).component("transformer")
    other = json.loads(metadata[f"{QUERY}.weight"]) | {"_type": "Int2Tensor"}
    save_file(state, weights(folder), metadata=metadata | {f"{QUERY}.weight": json.dumps(other)})
    with pytest.raises(CheckpointError, match="The installed torchao cannot read transformer_blocks.0.attn1.to_q"):
        load(folder, torch.float32).component("transformer")


def test_without_torchao_it_says_what_is_needed(folder, monkeypatch):
    model = make_transformer(motion_channels=None)
    quantize(model, "int8_weights")
    save_quantized(model, weights(folder))
    monkeypatch.setattr("tora2.acceleration.quantization.importlib.util.find_spec", lambda name: None)
    with pytest.raises(AccelerationError, match="which torchao quantized, needs the package torchao"):
        load(folder, torch.float32).component("transformer")


def test_scales_of_rows_are_kept_too():
    stored = torch.randn(4, 16).to(torch.float8_e4m3fn)
    rows = torch.tensor([1.0, 2.0, 3.0, 4.0])
    found = fp8_weight(stored, rows, torch.float32)
    torch.testing.assert_close(found.dequantize(), stored.float() * rows[:, None])
