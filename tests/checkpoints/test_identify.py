"""Wrong files: what it is, what was expected, where the right one goes."""

from __future__ import annotations

import pytest
import torch
from checkpoint_files import base_state, comfy_names, make_transformer, to_sat, write_config
from safetensors.torch import load_file, save_file

from tora2.checkpoints.config import METADATA_KEY
from tora2.checkpoints.identify import identify
from tora2.checkpoints.loading import load
from tora2.checkpoints.sources import ModelSource
from tora2.checkpoints.transformer import load_transformer
from tora2.errors import CheckpointError


def names(*keys):
    return {key: torch.zeros(1) for key in keys}


OTHERS = {
    "a LoRA": (names("transformer.transformer_blocks.0.attn1.to_q.lora_A.weight"), "models/loras"),
    "a ControlNet": (names("controlnet_x_embedder.weight"), "models/controlnet"),
    "a T5 text encoder": (names("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"), "text_encoders"),
    "CogVideoX's VAE": (names("encoder.conv_in.conv.weight", "decoder.conv_in.conv.weight"), "models/vae"),
    "the VAE of another model": (names("decoder.conv_in.weight", "encoder.conv_in.weight"), "models/vae"),
    "a CLIP model": (names("text_model.embeddings.token_embedding.weight"), "text_encoders"),
    "a DINOv2 encoder": (names("embeddings.mask_token", "encoder.layer.0.norm1.weight"), "models/dinov2"),
    "of another family": (names("blocks.0.self_attn.q.weight", "patch_embedding.weight"), "models/diffusion_models"),
    "does not know": (names("something.else"), "the pack that it was made for"),
}


@pytest.mark.parametrize("text", OTHERS)
def test_a_wrong_file_as_transformer(tmp_path, text):
    keys, place = OTHERS[text]
    path = tmp_path / "cogvideox.safetensors"
    save_file(keys, str(path))
    write_config(tmp_path / "m" / "transformer")
    save_file(keys, str(tmp_path / "m" / "transformer" / "diffusion_pytorch_model.safetensors"))
    for model in (path, tmp_path / "m"):
        with pytest.raises(CheckpointError) as caught:
            load(model)
        message = str(caught.value)
        assert text in message and place in message and "a CogVideoX transformer was expected" in message
        assert "\n" not in message


def test_real_files_are_recognised(parts):
    model = make_transformer()
    state = model.state_dict()

    def stripped(prefix):
        return {key.removeprefix(prefix) for key in state if key.startswith(prefix)}

    assert identify(base_state(model)).id == "transformer"
    assert identify(state).id == "transformer"
    assert identify(comfy_names(base_state(model))).id == "comfy-transformer"
    assert identify(to_sat(state, 2)).id == "sat"
    assert identify(stripped("fuser.")).id == "fuser"
    assert identify(stripped("traj_extractor.")).id == "traj_extractor"
    assert identify(set(state) - set(base_state(model))).id == "adapter"
    assert identify(load_file(parts / "vae" / "diffusion_pytorch_model.safetensors")).id == "vae"
    assert identify(load_file(parts / "text_encoder" / "model.safetensors")).id == "t5"


def test_a_real_dinov2_is_recognised():
    from transformers import Dinov2Config, Dinov2Model

    model = Dinov2Model(Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    assert identify(model.state_dict()).id == "dino"


def test_wrong_files_in_other_places(tmp_path, write_base):
    model = make_transformer(motion_channels=None)
    base = write_base(tmp_path / "base", model, parts=False)
    path = tmp_path / "x.safetensors"
    save_file(names("shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"), str(path))
    with pytest.raises(CheckpointError, match="a T5 text encoder, but a Tora2 adapter was expected"):
        load_transformer(ModelSource("x", base, (path,)), None)
    save_file({key: v for key, v in make_transformer().state_dict().items() if key.startswith("traj")}, str(path))
    for name, words in (("vae", "VAE was expected"), ("text_encoder", "T5 text encoder was expected")):
        (base / name).mkdir()
        (base / name / "config.json").write_text("{}")
        save_file(names("shared.w"), str(base / name / "model.safetensors"))
        with pytest.raises(CheckpointError, match=words):
            load(base).component(name)


def test_an_adapter_without_its_config(tmp_path, write_base):
    model = make_transformer()
    base = write_base(tmp_path / "base", model, parts=False)
    adapter = {key: value for key, value in model.state_dict().items() if key not in base_state(model)}
    path = tmp_path / "x.safetensors"
    save_file(adapter, str(path))
    with pytest.raises(CheckpointError, match="without their config"):
        load(ModelSource("x", base, (path,)))
    save_file(adapter, str(path), metadata={METADATA_KEY: "{"})
    with pytest.raises(CheckpointError, match="cannot be used"):
        load(ModelSource("x", base, (path,)))


def test_a_folder_that_is_no_model(tmp_path):
    for path, words in ((tmp_path, "not a diffusers model folder"), (tmp_path / "none", "no model at")):
        with pytest.raises(CheckpointError, match=words):
            load(path)
    write_config(tmp_path / "transformer", name="WanTransformer3DModel")
    with pytest.raises(CheckpointError, match="no weights|WanTransformer3DModel"):
        load(tmp_path)


def test_another_familys_vae_in_the_folder(tmp_path, write_base):
    base = write_base(tmp_path / "base", make_transformer(motion_channels=None), parts=False)
    (base / "vae").mkdir()
    (base / "vae" / "config.json").write_text('{"_class_name": "AutoencoderKLWan"}')
    save_file(names("decoder.conv_in.weight"), str(base / "vae" / "diffusion_pytorch_model.safetensors"))
    with pytest.raises(CheckpointError, match="AutoencoderKLWan, but CogVideoX's VAE"):
        _ = load(base).vae
