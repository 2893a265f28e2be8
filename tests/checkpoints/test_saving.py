from __future__ import annotations

import json

import pytest
import torch
from checkpoint_files import PERSONALIZATION, make_transformer, same_state
from safetensors.torch import load_file

from tora2.checkpoints.config import METADATA_KEY, AdapterConfig
from tora2.checkpoints.headers import read_header
from tora2.checkpoints.loading import load
from tora2.checkpoints.saving import describe_adapter, save_adapter, save_bundle, write_safetensors
from tora2.errors import CheckpointError


@pytest.fixture
def bundle(tmp_path, write_base):
    model = make_transformer(**PERSONALIZATION)
    folder = write_base(tmp_path / "small", model)
    save_adapter(folder / "adapter.safetensors", model, describe_adapter(model.config, flow_sigma=2.0, flow_window=21))
    return load(folder, torch.float32)


def test_a_saved_bundle_is_the_same_model(bundle, tmp_path):
    again = load(save_bundle(bundle, tmp_path / "again"), torch.float32)
    assert same_state(again.transformer, bundle.transformer)
    assert same_state(again.vae, bundle.vae) and same_state(again.text_encoder, bundle.text_encoder)
    assert again.config == bundle.config and again.size == bundle.size and again.kind == bundle.kind
    assert again.tokenizer("a cat")["input_ids"] == bundle.tokenizer("a cat")["input_ids"]
    assert again.scheduler.config.snr_shift_scale == 1.5


def test_plain_diffusers_and_transformers_load_the_base(bundle, tmp_path):
    from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel

    folder = save_bundle(bundle, tmp_path / "again")
    plain = CogVideoXTransformer3DModel.from_pretrained(folder / "transformer")
    ours = bundle.transformer.state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in plain.state_dict().items())
    pipeline = CogVideoXPipeline.from_pretrained(folder)
    assert torch.equal(pipeline.text_encoder.shared.weight, bundle.text_encoder.shared.weight)


def test_identity_encoders_travel_along(bundle, tmp_path):
    from transformers import Dinov2Config, Dinov2Model

    from tora2.personalization.semantic import SemanticEncoder

    class Held:
        """Stands for an encoder that is a file: what is copied is the file, whoever opened it."""

        def __init__(self, path):
            self.path, self.folder = path, path.parent

    onnx = tmp_path / "pack" / "embed.onnx"
    onnx.parent.mkdir()
    onnx.write_bytes(b"onnx")
    dino = Dinov2Model(Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28))
    bundle._loaded |= {"semantic": SemanticEncoder(dino), "reid": Held(onnx), "face": Held(onnx)}
    folder = save_bundle(bundle, tmp_path / "again")
    assert load(folder).semantic.tokens == 4
    assert (folder / "reid_encoder" / "model.onnx").read_bytes() == b"onnx"
    assert (folder / "face_encoder" / "embed.onnx").read_bytes() == b"onnx"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(bundle, tmp_path, dtype):
    folder = save_bundle(bundle, tmp_path / "half", dtype)
    for path in folder.rglob("*.safetensors"):
        kinds = {value.dtype for value in load_file(path).values()} - {torch.long}
        assert kinds == {dtype}, path
    key = "fuser.0.flow_gamma_temporal.weight"
    stored = load_file(folder / "adapter.safetensors")[key]
    assert torch.equal(stored, bundle.transformer.state_dict()[key].to(dtype))


def test_what_float16_cannot_hold_stays(tmp_path):
    path = write_safetensors(tmp_path / "x.safetensors", {"a": torch.tensor([1e6]), "b": torch.ones(1)}, torch.float16)
    stored = load_file(path)
    assert stored["a"].dtype == torch.float32 and stored["b"].dtype == torch.float16


def test_adapter_alone(tmp_path):
    model = make_transformer("i2v", **PERSONALIZATION)
    path = save_adapter(tmp_path / "new" / "a.safetensors", model, describe_adapter(model.config))
    header = read_header(path)
    config = AdapterConfig.from_json(header.metadata[METADATA_KEY])
    assert config.kind == "i2v" and config.base.text_embed_dim == 24  # the binding reads the text
    assert config.arguments["personalization_config"] == PERSONALIZATION["personalization_config"]
    assert not any(key.startswith("patch_embed") for key in header.tensors)
    motion = describe_adapter(make_transformer().config)
    assert motion.base.text_embed_dim is None
    with pytest.raises(CheckpointError, match="no adapter to save"):
        save_adapter(tmp_path / "b.safetensors", make_transformer(motion_channels=None), motion)


def test_a_plain_base_saves_without_an_adapter(tmp_path, write_base):
    bundle = load(write_base(tmp_path / "plain", make_transformer(motion_channels=None)), torch.float32)
    folder = save_bundle(bundle, tmp_path / "again")
    assert not (folder / "adapter.safetensors").exists()
    assert "motion_channels" not in json.loads((folder / "transformer" / "config.json").read_text())
    assert same_state(load(folder, torch.float32).transformer, bundle.transformer)


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_safetensors(tmp_path / "x.safetensors", {"a": torch.ones(1)}, None)

    def fail(state, name, metadata):
        open(name, "w").write("half")
        raise OSError("disk full")

    monkeypatch.setattr("tora2.checkpoints.saving.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        write_safetensors(path, {"a": torch.zeros(1)}, None)
    assert load_file(path)["a"] == 1 and not leftovers(tmp_path)


def test_a_failed_bundle_leaves_the_old_folder(bundle, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(CheckpointError, match="exists already"):
        save_bundle(bundle, tmp_path / "out")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("tora2.checkpoints.saving._save_parts", fail)
    with pytest.raises(OSError, match="disk full"):
        save_bundle(bundle, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept" and not leftovers(tmp_path)
    monkeypatch.undo()
    save_bundle(bundle, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "adapter.safetensors").is_file() and not (tmp_path / "out" / "mine.txt").exists()
    assert not leftovers(tmp_path)
