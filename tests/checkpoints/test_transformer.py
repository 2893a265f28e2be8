"""Every layout through the files themselves, at reduced shapes."""

from __future__ import annotations

import pytest
import torch
from checkpoint_files import (
    PERSONALIZATION,
    base_state,
    comfy_names,
    make_transformer,
    same_state,
    write_config,
    write_sharded,
)
from safetensors.torch import load_file, save_file

from tora2.checkpoints.loading import load
from tora2.checkpoints.sources import ModelSource
from tora2.checkpoints.transformer import load_transformer
from tora2.errors import CheckpointError

KINDS = pytest.mark.parametrize("kind", ["t2v", "i2v"])


def write_whole(folder, model, kind="t2v"):
    write_config(folder / "transformer", kind, "ToraTransformer3DModel")
    write_sharded(folder / "transformer", model.state_dict())
    return folder


def refused(source, *words):
    with pytest.raises(CheckpointError) as caught:
        load_transformer(source, None) if isinstance(source, ModelSource) else load(source).transformer
    message = str(caught.value)
    assert "\n" not in message and message.rstrip()[-1] == ".", message
    for word in words:
        assert word in message, message
    return message


@KINDS
def test_tora_diffusers(tmp_path, kind):
    model = make_transformer(kind)
    bundle = load(write_whole(tmp_path / "Tora_T2V_diffusers", model, kind), torch.float32)
    assert same_state(bundle.transformer, model)
    assert bundle.kind == kind and bundle.has_motion and not bundle.has_personalization
    assert (bundle.config.flow_sigma, bundle.config.flow_window) == (10.0, 99)


@KINDS
def test_comfyui_conversion(tmp_path, write_base, write_tora, kind):
    model = make_transformer(kind)
    base = write_base(tmp_path / "CogVideoX-5b", model, kind, parts=False)
    files = write_tora(tmp_path / "CogVideoX-5b-Tora", model, kind)
    assert same_state(load_transformer(ModelSource("x", base, files), torch.float32), model)


@KINDS
@pytest.mark.parametrize("names", ["diffusers", "prefixed", "comfyui"])
def test_single_file_base(tmp_path, write_tora, kind, names):
    """A transformer in models/diffusion_models, in any of its three spellings; sizes come from its shapes."""
    model = make_transformer(kind, max_text_seq_length=226, sample_width=90, sample_height=60, sample_frames=49)
    state = base_state(model)
    if names == "prefixed":
        state = {f"model.diffusion_model.{key}": value for key, value in state.items()}
    elif names == "comfyui":
        state = comfy_names(state)
    path = tmp_path / "cogvideox.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, str(path))
    loaded = load_transformer(ModelSource("x", path, write_tora(tmp_path / "t", model, kind)), torch.float32)
    assert same_state(loaded, model)
    wanted = (
        "num_attention_heads",
        "attention_head_dim",
        "num_layers",
        "in_channels",
        "out_channels",
        "text_embed_dim",
    )
    for name in (*wanted, "time_embed_dim", "use_learned_positional_embeddings", "sample_frames"):
        assert loaded.config[name] == model.config[name], name


def test_fp8_is_cast_on_the_way_in(tmp_path, write_tora):
    model = make_transformer()
    state = {
        key: value.to(torch.float8_e4m3fn) if value.dim() == 2 else value.half()
        for key, value in base_state(model).items()
    }
    path = tmp_path / "fp8_e4m3fn.safetensors"
    save_file(state, str(path))
    source = ModelSource("x", path, write_tora(tmp_path / "t", model))
    loaded = load_transformer(source, torch.bfloat16)
    assert {value.dtype for value in loaded.parameters()} == {torch.bfloat16}
    key = "transformer_blocks.0.attn1.to_q.weight"
    assert torch.equal(loaded.state_dict()[key], state[key].to(torch.bfloat16))
    assert load_transformer(source, None).state_dict()[key].dtype == torch.bfloat16


def test_batch_norm_counters_may_be_missing(tmp_path):
    model = make_transformer()
    folder = write_whole(tmp_path / "m", model)
    for path in (folder / "transformer").glob("*.safetensors"):
        save_file({k: v for k, v in load_file(path).items() if "num_batches" not in k}, str(path))
    assert load(folder).transformer.traj_extractor.body[0].bn1.num_batches_tracked == 0


@pytest.mark.parametrize(
    "part", ["patch_embed.proj.bias", "fuser.1.flow_cond_norm.weight", "traj_extractor.conv_in.bias"]
)
def test_a_missing_weight_is_named(tmp_path, part):
    model = make_transformer()
    folder = tmp_path / "m"
    write_config(folder / "transformer", name="ToraTransformer3DModel")
    state = model.state_dict()
    state.pop(part)
    write_sharded(folder / "transformer", state)
    refused(folder, "lacks 1 of", part)


def test_an_unexpected_weight_is_named(tmp_path):
    model = make_transformer()
    folder = tmp_path / "m"
    write_config(folder / "transformer", name="ToraTransformer3DModel")
    write_sharded(folder / "transformer", {**model.state_dict(), "controlnet.weight": torch.zeros(2)})
    refused(folder, "1 that nothing uses", "controlnet.weight")


def test_base_and_adapter_are_told_apart(tmp_path, write_base, write_tora):
    model = make_transformer()
    base, files = write_base(tmp_path / "base", model, parts=False), write_tora(tmp_path / "t", model)
    state = load_file(files[0])
    state.pop("1.flow_gamma_spatial.bias")
    save_file(state, str(files[0]))
    message = refused(ModelSource("x", base, files), "fuser.1.flow_gamma_spatial.bias", str(files[0]))
    assert str(base) not in message


def test_another_shape_is_named(tmp_path):
    model = make_transformer(text_embed_dim=32)
    folder = write_whole(tmp_path / "m", model)  # whose config says 24
    refused(folder, "patch_embed.text_proj.weight", "[64, 32] instead of [64, 24]")


def test_t2v_weights_under_an_i2v_config(tmp_path):
    model = make_transformer("t2v")
    write_config(tmp_path / "m" / "transformer", "i2v", "ToraTransformer3DModel")
    write_sharded(tmp_path / "m" / "transformer", model.state_dict())
    refused(tmp_path / "m", "patch_embed.pos_embedding")


@pytest.mark.parametrize(("adapter", "base"), [("t2v", "i2v"), ("i2v", "t2v")])
def test_t2v_and_i2v_do_not_mix(tmp_path, write_base, write_tora, adapter, base):
    folder = write_base(tmp_path / "base", make_transformer(base), base, parts=False)
    files = write_tora(tmp_path / "t", make_transformer(adapter), adapter)
    text = {"t2v": "text-to-video", "i2v": "image-to-video"}
    right = {"t2v": "pair it with CogVideoX-5b,", "i2v": "pair it with CogVideoX-5b-I2V"}
    refused(ModelSource("x", folder, files), f"is for {text[adapter]}", f"is {text[base]}", right[adapter])


def test_the_two_tora_files_belong_together(tmp_path, write_base, write_tora):
    model = make_transformer()
    base = write_base(tmp_path / "base", model, parts=False)
    fuser, _ = write_tora(tmp_path / "t", model)
    _, extractor = write_tora(tmp_path / "t", model, "i2v")
    refused(ModelSource("x", base, (fuser, extractor)), "different models")
    refused(ModelSource("x", base, (extractor, fuser)), "Tora's trajectory extractor", "fuser was expected")
    refused(ModelSource("x", base, (fuser,)), "works only with Tora's trajectory extractor")


def test_an_adapter_of_another_depth(tmp_path, write_base, write_tora):
    base = write_base(tmp_path / "2b", make_transformer(), parts=False)
    files = write_tora(tmp_path / "t", make_transformer(num_layers=3))
    refused(ModelSource("x", base, files), "3 layers", "2 layers")


def test_an_adapter_on_a_model_that_has_one(tmp_path, write_tora):
    model = make_transformer()
    folder = write_whole(tmp_path / "m", model)
    refused(ModelSource("x", folder, write_tora(tmp_path / "t", model)), "holds an adapter already")


def test_cogvideox_1_5_is_refused(tmp_path, write_tora):
    model = make_transformer(motion_channels=None, patch_size_t=2, patch_bias=False)
    folder = tmp_path / "CogVideoX1.5-5B"
    write_config(folder / "transformer", patch_size_t=2, patch_bias=False)
    write_sharded(folder / "transformer", base_state(model))
    refused(folder, "CogVideoX 1.5", "not supported")
    files = write_tora(tmp_path / "t", make_transformer())
    refused(ModelSource("x", folder, files), "CogVideoX 1.5", "trained anew")
    path = tmp_path / "single.safetensors"
    save_file(base_state(model), str(path))
    refused(path, "CogVideoX 1.5")


def test_cogvideox_fun_is_refused(tmp_path):
    model = make_transformer(motion_channels=None, in_channels=33)
    write_config(tmp_path / "m" / "transformer", in_channels=33)
    write_sharded(tmp_path / "m" / "transformer", base_state(model))
    refused(tmp_path / "m", "33", "CogVideoX-Fun")


def test_an_incomplete_single_file(tmp_path):
    state = base_state(make_transformer(motion_channels=None))
    state.pop("time_embedding.linear_1.weight")
    save_file(state, str(tmp_path / "x.safetensors"))
    refused(tmp_path / "x.safetensors", "incomplete CogVideoX")


def test_a_saved_pipelines_folder(tmp_path):
    """Our own class with all keys and its config, as ``save_pretrained`` writes it."""
    model = make_transformer(**PERSONALIZATION, injection_order="personalization_first")
    model.save_pretrained(tmp_path / "m" / "transformer", max_shard_size="100KB")
    (tmp_path / "m" / "model_index.json").write_text('{"flow_sigma": 3.0, "flow_window": 31}')
    bundle = load(tmp_path / "m", torch.float32)
    assert bundle.has_personalization and (bundle.config.flow_sigma, bundle.config.flow_window) == (3.0, 31)
    assert same_state(bundle.transformer, model)
    assert bundle.transformer.config.injection_order == "personalization_first"
    assert len(list((tmp_path / "m" / "transformer").glob("*.safetensors"))) > 1
