"""LoRA files: the same model as diffusers and peft make of them, whatever their names; anything else is refused."""

import json

import pytest
import torch
from checkpoint_files import base_state, make_transformer, write_config
from safetensors.torch import save_file

from tora2.checkpoints.loading import load
from tora2.checkpoints.lora import Lora, find_loras
from tora2.errors import CheckpointError

QUERY = "transformer_blocks.0.attn1.to_q"
OUT = "transformer_blocks.1.attn1.to_out.0"
FEED = "transformer_blocks.1.ff.net.0.proj"
RANKS = {QUERY: 4, OUT: 4, FEED: 2}


@pytest.fixture
def model():
    return make_transformer(motion_channels=None)


@pytest.fixture
def folder(tmp_path, model):
    """A CogVideoX folder."""
    write_config(tmp_path / "m" / "transformer")
    write_config(tmp_path / "m" / "vae", name="AutoencoderKLCogVideoX")
    (tmp_path / "m" / "model_index.json").write_text(json.dumps({"_class_name": "CogVideoXPipeline"}))
    save_file(base_state(model), tmp_path / "m" / "transformer" / "diffusion_pytorch_model.safetensors")
    return tmp_path / "m"


@pytest.fixture
def matrices(model):
    """Module -> (down, up) of a random LoRA."""
    torch.manual_seed(3)
    found = {}
    for name, rank in RANKS.items():
        rows, columns = model.get_submodule(name).weight.shape
        found[name] = torch.randn(rank, columns) * 0.1, torch.randn(rows, rank) * 0.1
    return found


def peft_names(matrices, prefix="transformer."):
    return {
        f"{prefix}{name}.{half}.weight": tensor
        for name, pair in matrices.items()
        for half, tensor in zip(("lora_A", "lora_B"), pair, strict=True)
    }


def kohya_names(matrices, alpha=None):
    state = {}
    for name, (down, up) in matrices.items():
        flat = "lora_unet__" + name.replace(".", "_")
        state |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up}
        if alpha is not None:
            state[f"{flat}.alpha"] = torch.tensor(alpha)
    return state


def comfy_names(matrices):
    parts = {"attn1.to_q": "q", "attn1.to_out.0": "attn_out", "ff.net.0.proj": "ff_proj"}
    renamed = {}
    for name, pair in matrices.items():
        _, layer, part = name.split(".", 2)
        renamed[f"blocks.{layer}.{parts[part]}"] = pair
    return peft_names(renamed, "diffusion_model.")


def write(path, state, metadata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.clone() for name, tensor in state.items()}, path, metadata=metadata)
    return path


def expect_change(loaded, model, matrices, factor):
    """Every weight is the model's, and those of the LoRA are changed by ``factor * up @ down``."""
    plain = base_state(model)
    for key, value in loaded.state_dict().items():
        module = key.removesuffix(".weight")
        wanted = plain[key].clone()
        if key.endswith(".weight") and module in matrices:
            down, up = matrices[module]
            wanted += (factor[module] if isinstance(factor, dict) else factor) * up @ down
        torch.testing.assert_close(value, wanted, msg=key)


@pytest.mark.parametrize("prefix", ["transformer.", "", "diffusion_model.", "base_model.model.transformer."])
def test_a_lora_without_alpha_is_added_as_it_is(folder, model, matrices, tmp_path, prefix):
    file = write(tmp_path / "a.safetensors", peft_names(matrices, prefix))
    expect_change(load(folder, loras=[Lora(file)]).transformer, model, matrices, 1.0)
    expect_change(load(folder, loras=[Lora(file, -0.5)]).transformer, model, matrices, -0.5)
    expect_change(load(folder).transformer, model, matrices, 0.0)


def test_the_names_of_comfyui_and_of_peft_with_an_adapters_name(folder, model, matrices, tmp_path):
    file = write(tmp_path / "a.safetensors", comfy_names(matrices))
    expect_change(load(folder, loras=[Lora(file)]).transformer, model, matrices, 1.0)
    named = {name.replace(".weight", ".default.weight"): tensor for name, tensor in peft_names(matrices).items()}
    file = write(tmp_path / "b.safetensors", named)
    expect_change(load(folder, loras=[Lora(file)]).transformer, model, matrices, 1.0)


def test_kohyas_names_and_alpha(folder, model, matrices, tmp_path):
    file = write(tmp_path / "a.safetensors", kohya_names(matrices, alpha=3.0))
    factors = {name: 3.0 / rank for name, rank in RANKS.items()}
    expect_change(load(folder, loras=[Lora(file)]).transformer, model, matrices, factors)


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_metadata_that_diffusers_writes(folder, model, matrices, tmp_path, prefix):
    settings = {"lora_alpha": 8, "alpha_pattern": {f"^{FEED}": 5}, "use_rslora": False}
    described = {"lora_adapter_metadata": json.dumps({f"{prefix}{key}": value for key, value in settings.items()})}
    file = write(tmp_path / "a.safetensors", peft_names(matrices, ""), described)
    expect_change(
        load(folder, loras=[Lora(file)]).transformer, model, matrices, {QUERY: 8 / 4, OUT: 8 / 4, FEED: 5 / 2}
    )
    settings["use_rslora"] = True
    described = {"lora_adapter_metadata": json.dumps({f"{prefix}{key}": value for key, value in settings.items()})}
    file = write(tmp_path / "b.safetensors", peft_names(matrices, ""), described)
    expect_change(
        load(folder, loras=[Lora(file)]).transformer, model, matrices, {QUERY: 8 / 2, OUT: 8 / 2, FEED: 5 / 2**0.5}
    )


@pytest.mark.parametrize("stabilized", [False, True])
def test_what_peft_trains_and_diffusers_saves_is_the_model_that_was_trained(folder, tmp_path, stabilized):
    """A LoRA of several ranks and alphas, random instead of trained, saved by diffusers' own function."""
    peft = pytest.importorskip("peft")
    from diffusers import CogVideoXTransformer3DModel

    theirs = CogVideoXTransformer3DModel.from_pretrained(folder / "transformer")
    config = peft.LoraConfig(
        r=4,
        lora_alpha=6,
        target_modules=["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj"],
        rank_pattern={"ff.net.0.proj": 2},
        alpha_pattern={"ff.net.0.proj": 5},
        use_rslora=stabilized,
        init_lora_weights=False,
    )
    torch.manual_seed(4)
    theirs.add_adapter(config, adapter_name="style")
    theirs.save_lora_adapter(tmp_path / "lora", adapter_name="style", weight_name="style.safetensors")
    theirs.fuse_lora()
    theirs.unload_lora()
    ours = load(folder, loras=[Lora(tmp_path / "lora" / "style.safetensors")]).transformer
    plain = load(folder).transformer.state_dict()
    fused = theirs.state_dict()
    changed = [key for key, value in ours.state_dict().items() if not torch.equal(value, plain[key])]
    assert len(changed) == 5 * len(ours.transformer_blocks)
    for key, value in ours.state_dict().items():
        torch.testing.assert_close(value, fused[key], rtol=1e-5, atol=1e-6, msg=key)


def test_loras_add_up_in_any_order(folder, model, matrices, tmp_path):
    first = write(tmp_path / "a.safetensors", peft_names(matrices))
    other = {QUERY: tuple(2 * tensor for tensor in matrices[QUERY])}
    second = write(tmp_path / "b.safetensors", peft_names(other))
    factors = {QUERY: 0.5 + 4 * 0.25, OUT: 0.5, FEED: 0.5}
    for loras in ([Lora(first, 0.5), Lora(second, 0.25)], [Lora(second, 0.25), Lora(first, 0.5)]):
        expect_change(load(folder, loras=loras).transformer, model, matrices, factors)


def test_the_sum_is_rounded_once(folder, matrices, tmp_path):
    file = write(tmp_path / "a.safetensors", peft_names(matrices))
    exact = load(folder, torch.float32, loras=[Lora(file)]).transformer.get_submodule(QUERY).weight
    half = load(folder, torch.bfloat16, loras=[Lora(file)]).transformer.get_submodule(QUERY).weight
    assert torch.equal(half, exact.to(torch.bfloat16))


def test_8_bits_come_after_the_merge(folder, model, matrices, tmp_path):
    pytest.importorskip("torchao")
    from tora2.acceleration.quantization import quantize
    from tora2.checkpoints.quantized import save_quantized

    file = write(tmp_path / "a.safetensors", peft_names(matrices))
    merged = load(folder, torch.float32, loras=[Lora(file)]).transformer
    found = load(folder, torch.float32, quantization="int8_weights", loras=[Lora(file)]).transformer
    quantize(merged, "int8_weights")
    for name in RANKS:
        one, other = (some.get_submodule(name).weight.dequantize() for some in (found, merged))
        assert torch.equal(one, other)
    save_quantized(found, folder / "transformer" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(CheckpointError, match="which torchao quantized: load the model's file in half precision"):
        load(folder, loras=[Lora(file)]).component("transformer")


def test_fp8_files_are_made_plain_for_it_and_quantized_anew(folder, model, matrices, tmp_path):
    pytest.importorskip("torchao")
    from tora2.acceleration.quantization import is_quantized

    state = {
        key: value.to(torch.float8_e4m3fn) if value.ndim == 2 else value for key, value in base_state(model).items()
    }
    save_file(state, folder / "transformer" / "diffusion_pytorch_model.safetensors")
    file = write(tmp_path / "a.safetensors", peft_names(matrices))
    down, up = matrices[QUERY]
    wanted = state[f"{QUERY}.weight"].float() + up @ down
    plain = load(folder, torch.float32, loras=[Lora(file)]).transformer.get_submodule(QUERY).weight
    torch.testing.assert_close(plain, wanted)
    assert load(folder, loras=[Lora(file)]).transformer.get_submodule(QUERY).weight.dtype is torch.bfloat16
    eight = load(folder, torch.float32, quantization="fp8_weights", loras=[Lora(file)]).transformer
    assert is_quantized(eight)
    assert (eight.get_submodule(QUERY).weight.dequantize() - wanted).norm() < 0.05 * wanted.norm()


def test_a_text_encoders_part_is_left_out_and_told(folder, model, matrices, tmp_path, caplog):
    extra = {"lora_te_encoder_layer_0.lora_down.weight": torch.ones(2, 8)}
    file = write(tmp_path / "a.safetensors", kohya_names(matrices) | extra)
    expect_change(load(folder, loras=[Lora(file)]).transformer, model, matrices, 1.0)
    assert "also changes a text encoder, which is left out" in caplog.text


WRONG = {
    "of another model": (
        lambda m: {"lora_unet_down_blocks_0.lora_down.weight": torch.ones(2, 8), **_up("lora_unet_down_blocks_0")},
        "changes 1 of 1 layers that this model does not have .the first is lora_unet_down_blocks_0.: it was made for",
    ),
    "of more layers": (
        lambda m: peft_names({**m, "transformer_blocks.9.attn1.to_q": m[QUERY]}),
        "changes 1 of 4 layers that this model does not have .the first is transformer.transformer_blocks.9.attn1.to_q",
    ),
    "of another width": (
        lambda m: peft_names({QUERY: (torch.ones(4, 999), m[QUERY][1])}),
        "does not fit this model: it changes transformer_blocks.0.attn1.to_q.weight by",
    ),
    "half of a pair": (
        lambda m: {name: tensor for name, tensor in peft_names(m).items() if FEED not in name or "lora_A" in name},
        "holds transformer.transformer_blocks.1.ff.net.0.proj.lora_A.weight, which is no part of one",
    ),
    "with something else": (lambda m: peft_names(m) | {"extra": torch.ones(1)}, "holds extra, which is no part of one"),
    "of a text encoder alone": (
        lambda m: {"lora_te_x.lora_down.weight": torch.ones(2, 8)},
        "has none for the transformer",
    ),
    "LoHa": (lambda m: {"lora_unet__x.hada_w1_a": torch.ones(2, 2)}, "is a LoHa, and only plain LoRAs can be merged"),
    "LoKr": (lambda m: {"lora_unet__x.lokr_w1": torch.ones(2, 2)}, "is a LoKr, and only plain LoRAs"),
    "DoRA": (
        lambda m: peft_names(m) | {f"{QUERY}.lora_magnitude_vector": torch.ones(2)},
        "is a DoRA, and only plain LoRAs",
    ),
    "biases": (lambda m: peft_names(m) | {f"{QUERY}.lora_B.bias": torch.ones(2)}, "is a LoRA with biases"),
    "whole model": (
        lambda m: {
            "patch_embed.text_proj.weight": torch.ones(1),
            "transformer_blocks.0.norm1.linear.weight": m[QUERY][0],
        },
        "is a CogVideoX transformer, but a LoRA was expected here: the file given goes to models/diffusion_models",
    ),
    "alpha of several numbers": (
        lambda m: kohya_names(m) | {"lora_unet__" + QUERY.replace(".", "_") + ".alpha": torch.ones(2)},
        "an alpha that is no number",
    ),
}


def _up(name):
    return {f"{name}.lora_up.weight": torch.ones(8, 2)}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_before_any_weight_is_read(folder, matrices, tmp_path, case):
    make, message = WRONG[case]
    file = write(tmp_path / "wrong.safetensors", make(matrices))
    with pytest.raises(CheckpointError, match=message):
        load(folder, loras=[Lora(file)])


@pytest.mark.parametrize("metadata", ["[1]", "{", '{"lora_alpha": "x"}', '{"alpha_pattern": 3}'])
def test_damaged_metadata_is_refused(folder, matrices, tmp_path, metadata):
    file = write(tmp_path / "a.safetensors", peft_names(matrices), {"lora_adapter_metadata": metadata})
    with pytest.raises(CheckpointError, match="The metadata of .* is damaged"):
        load(folder, loras=[Lora(file)])


def test_loras_are_found_below_their_folders_under_their_paths_there(tmp_path, matrices):
    for place in ("loras/one.safetensors", "loras/styles/two.safetensors", "CogVideo/loras/three.safetensors"):
        write(tmp_path / place, peft_names(matrices))
    write(tmp_path / "CogVideo" / "loras" / "one.safetensors", peft_names(matrices))
    (tmp_path / "loras" / "notes.txt").write_text("x")
    found = find_loras([tmp_path])
    assert found == {
        "one.safetensors": tmp_path / "loras" / "one.safetensors",
        "styles/two.safetensors": tmp_path / "loras" / "styles" / "two.safetensors",
        "three.safetensors": tmp_path / "CogVideo" / "loras" / "three.safetensors",
    }
