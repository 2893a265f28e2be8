from __future__ import annotations

import gc
import shutil
import sys
import weakref
from pathlib import Path

import pytest
import torch
from checkpoint_files import PERSONALIZATION, make_transformer, same_state, write_sharded
from safetensors.torch import load_file, save_file

from tora2.checkpoints.bundle import TEXT_LENGTH, Tora2Bundle
from tora2.checkpoints.folders import ModelFolders
from tora2.checkpoints.loading import load
from tora2.checkpoints.saving import describe_adapter, save_adapter, save_bundle
from tora2.conditions import VideoSize
from tora2.errors import CheckpointError, EncoderError


@pytest.fixture
def ours(tmp_path, write_base):
    """A model of our layout, its base written by hand and not by the code under test."""
    model = make_transformer(**PERSONALIZATION)
    folder = write_base(tmp_path / "small", model)
    config = describe_adapter(model.config, flow_sigma=3.0, flow_window=31, reference_size=96)
    save_adapter(folder / "adapter.safetensors", model, config)
    return folder, model


def test_everything_of_our_layout_loads_lazily(ours):
    folder, model = ours
    bundle = load(folder, torch.float32)
    assert bundle.name == "small" and bundle.kind == "t2v"
    assert bundle.has_motion and bundle.has_personalization
    assert (bundle.config.flow_sigma, bundle.config.flow_window, bundle.config.reference_size) == (3.0, 31, 96)
    assert bundle.size == VideoSize(9, 48, 64)
    assert not any(bundle.is_loaded(name) for name in ("transformer", "vae", "text_encoder"))
    assert same_state(bundle.transformer, model)
    assert bundle.is_loaded("transformer") and not bundle.is_loaded("vae")
    assert bundle.transformer is bundle.component("transformer")
    bundle.release("transformer")
    assert not bundle.is_loaded("transformer") and same_state(bundle.transformer, model)


def test_components_equal_those_that_diffusers_and_transformers_load(ours):
    from diffusers import AutoencoderKLCogVideoX
    from transformers import T5EncoderModel

    folder, _ = ours
    bundle = load(folder, torch.float32)
    assert same_state(bundle.vae, AutoencoderKLCogVideoX.from_pretrained(folder / "vae"))
    assert bundle.vae.config.scaling_factor == 0.7
    theirs = T5EncoderModel.from_pretrained(folder / "text_encoder").eval()
    tokens = bundle.tokenizer("a cat", return_tensors="pt", return_offsets_mapping=True)
    assert tokens["offset_mapping"][0].tolist()[0] == [0, 1]
    expected, found = (encoder(tokens["input_ids"])[0] for encoder in (theirs, bundle.text_encoder))
    torch.testing.assert_close(found, expected)  # a file's tensors lie at other addresses, so the last bit may differ
    encoder = bundle.text_encoder
    assert same_state(encoder, theirs)
    assert encoder.shared.weight is encoder.encoder.embed_tokens.weight


def test_the_scheduler_keeps_the_models_noise_and_takes_trailing_steps(ours):
    scheduler = load(ours[0]).scheduler
    config = scheduler.config
    assert type(scheduler).__name__ == "CogVideoXDPMScheduler"
    assert (config.timestep_spacing, config.prediction_type) == ("trailing", "v_prediction")
    assert config.rescale_betas_zero_snr and config.snr_shift_scale == 1.5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_are_cast_except_what_t5_needs_in_float32(ours, dtype):
    bundle = load(ours[0], dtype)
    assert {value.dtype for value in bundle.transformer.parameters()} == {dtype}
    assert bundle.transformer.traj_extractor.body[0].bn1.num_batches_tracked.dtype == torch.long
    assert {value.dtype for value in bundle.vae.parameters()} == {dtype}
    kept = {name for name, value in bundle.text_encoder.named_parameters() if value.dtype == torch.float32}
    assert all(".wo." in name for name in kept) and bool(kept) == (dtype == torch.float16)


def test_a_t5_stored_in_half_precision_keeps_what_it_needs_in_float32(ours, tmp_path):
    shutil.copytree(ours[0], tmp_path / "half")
    path = next((tmp_path / "half" / "text_encoder").glob("*.safetensors"))
    save_file({name: value.half() for name, value in load_file(path).items()}, path)
    encoder = load(tmp_path / "half").text_encoder
    assert {".wo." in name: value.dtype for name, value in encoder.named_parameters()} == {
        True: torch.float32,
        False: torch.float16,
    }


def test_everything_is_frozen_and_in_eval_mode(ours):
    bundle = load(ours[0])
    for module in (bundle.transformer, bundle.vae, bundle.text_encoder):
        assert not module.training and not any(value.requires_grad for value in module.parameters())


def test_same_precision_is_not_copied(ours):
    """A tensor that needs no cast stays in the file's mapping: a 5B model must not need its memory twice."""
    if not sys.platform.startswith("linux"):
        pytest.skip("run it on Linux, which alone tells what is mapped")
    model = load(ours[0], torch.float32).transformer
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if "safetensors" in line]
    ranges = [tuple(int(end, 16) for end in line[0].split("-")) for line in lines]
    for name, value in model.named_parameters():
        assert any(first <= value.data_ptr() < last for first, last in ranges), name


def test_the_loaded_model_computes(ours):
    folder, model = ours
    loaded = load(folder, torch.float32).transformer
    motion = torch.randn(1, 3, 16, 6, 8)
    with torch.no_grad():
        for one, other in zip(loaded.traj_extractor(motion), model.traj_extractor(motion), strict=True):
            assert torch.equal(one, other)


def test_weights_go_with_the_bundles_last_user(ours):
    """ComfyUI frees what nothing refers to; a bundle that refers to itself would hold the device's memory on."""
    bundle = load(ours[0])
    weights = weakref.ref(bundle.transformer), weakref.ref(bundle.vae)
    gc.disable()
    try:
        del bundle
        assert [reference() for reference in weights] == [None, None]
    finally:
        gc.enable()


def test_the_length_of_a_text_is_known_without_the_transformers_weights(ours):
    bundle = load(ours[0])
    length = bundle.max_text_length
    assert not bundle.is_loaded("transformer")
    assert length == bundle.transformer.config.max_text_seq_length != TEXT_LENGTH


def test_missing_encoders_are_none_and_say_where_they_go(ours):
    bundle = load(ours[0])
    assert bundle.semantic is None and bundle.reid is None and bundle.face is None
    for name, place in (("semantic", "models/dinov2"), ("reid", "models/tora2/reid"), ("face", "insightface")):
        with pytest.raises(EncoderError, match=place):
            bundle.encoder(name)


def test_semantic_encoder_is_found_in_the_folder_and_among_the_models(ours, tmp_path):
    from transformers import Dinov2Config, Dinov2Model

    folder, _ = ours
    dino = Dinov2Model(Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28))
    dino.save_pretrained(tmp_path / "models" / "dinov2" / "small")
    wide = Dinov2Model(Dinov2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28))
    wide.save_pretrained(tmp_path / "models" / "dinov2" / "large")
    from tora2.checkpoints.sources import source_at

    found = load(source_at(folder, ModelFolders.of([tmp_path / "models"]))).semantic
    assert found.width == 16 and found.tokens == 4
    dino.save_pretrained(folder / "semantic_encoder")
    assert load(folder).semantic.width == 16


def test_unknown_component_is_a_bug_not_a_users_error(ours):
    with pytest.raises(KeyError):
        load(ours[0]).component("upscaler")


def test_missing_parts_each_get_one_sentence(tmp_path, write_base):
    folder = write_base(tmp_path / "bare", make_transformer(motion_channels=None), parts=False)
    bundle = load(folder)
    for name, words in (("vae", "has no VAE"), ("text_encoder", "t5xxl_fp16"), ("tokenizer", "has no tokenizer")):
        with pytest.raises(CheckpointError, match=words) as caught:
            bundle.component(name)
        assert "\n" not in str(caught.value)
    assert bundle.scheduler.config.snr_shift_scale == 1.0


def test_single_file_text_encoder_and_host_tokenizer(tmp_path, write_base, parts, monkeypatch):
    """A transformer folder without text encoder: a t5xxl file, fp8 with scales as ComfyUI stores it, serves."""
    from safetensors.torch import load_file, save_file

    from tora2.checkpoints import components
    from tora2.checkpoints.sources import source_at

    small = {"d_model": 24, "d_ff": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1, "vocab_size": 40}
    monkeypatch.setattr(components, "T5_CONFIG", {**components.T5_CONFIG, **small})
    state = load_file(parts / "text_encoder" / "model.safetensors")
    key = "encoder.block.0.layer.0.SelfAttention.q.weight"
    scaled = dict(state)
    scaled[key] = (state[key] / 0.5).to(torch.float8_e4m3fn)
    scaled[key.replace(".weight", ".scale_weight")] = torch.tensor(0.5)
    scaled["scaled_fp8"] = torch.zeros(2, dtype=torch.float8_e4m3fn)
    folder = tmp_path / "models" / "text_encoders"
    folder.mkdir(parents=True)
    save_file(scaled, str(folder / "t5xxl_fp8.safetensors"))
    (folder / "broken.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    base = write_base(tmp_path / "base", make_transformer(motion_channels=None), parts=False)
    source = source_at(base, ModelFolders.of([tmp_path / "models"]))
    encoder = load(source, torch.float32).text_encoder
    loaded = encoder.state_dict()
    assert torch.equal(loaded[key], scaled[key].float() * 0.5)
    assert all(torch.equal(loaded[name], state[name]) for name in state if name != key)
    save_file(state, str(folder / "t5xxl_fp16.safetensors"))  # a more precise one is preferred
    assert torch.equal(load(source, torch.float32).text_encoder.state_dict()[key], state[key])
    assert load(source, tokenizer=parts / "tokenizer").tokenizer("a cat")["input_ids"][-1] == 1


def test_text_encoder_of_another_width_is_refused(tmp_path, write_base):
    folder = write_base(tmp_path / "base", make_transformer(motion_channels=None, text_embed_dim=32))
    config = folder / "transformer" / "config.json"
    config.write_text(config.read_text().replace('"text_embed_dim": 24', '"text_embed_dim": 32'))
    with pytest.raises(CheckpointError, match="width 24, but base reads 32"):
        _ = load(folder).text_encoder


def test_sine_positions_are_computed(tmp_path, with_parts):
    """CogVideoX-2B stores no positions; on meta they would be lost."""
    from checkpoint_files import base_state, write_config

    model = make_transformer(motion_channels=None, use_rotary_positional_embeddings=False)
    folder = tmp_path / "2b"
    write_config(folder / "transformer", use_rotary_positional_embeddings=False)
    write_sharded(folder / "transformer", base_state(model), 1)
    loaded = load(folder, torch.float32).transformer
    fresh = type(model)(**dict(model.config.items()))
    assert torch.equal(loaded.patch_embed.pos_embedding, fresh.patch_embed.pos_embedding.float())


def test_a_bundle_in_memory_saves_and_loads(ours, tmp_path):
    folder, model = ours
    disk = load(folder, torch.float32)
    config = describe_adapter(model.config)
    memory = Tora2Bundle.of("memory", config, size=VideoSize(9, 48, 64), transformer=model, vae=disk.vae)
    assert memory.vae is disk.vae and memory.text_encoder is None and memory.kind == "t2v"
    saved = save_bundle(memory, tmp_path / "saved")
    assert same_state(load(saved, torch.float32).transformer, model)
