from __future__ import annotations

import pytest
import torch
from checkpoint_files import PERSONALIZATION, make_transformer, same_state, to_sat, write_config, write_sharded
from safetensors.torch import load_file

from tora2.checkpoints.conversion import adapter_to_tora, export_adapter, sat_to_ours, tora_to_adapter
from tora2.checkpoints.loading import load
from tora2.checkpoints.saving import describe_adapter, save_adapter
from tora2.checkpoints.sources import ModelSource
from tora2.errors import CheckpointError

KINDS = pytest.mark.parametrize("kind", ["t2v", "i2v"])


def write_sat(path, model):
    torch.save({"module": to_sat(model.state_dict(), model.config.num_layers)}, path)
    return path


@KINDS
def test_sat_becomes_a_whole_model(tmp_path, parts, kind):
    # 49 frames of 90x60 latents would give 51 million position weights; the sample size is not in the file.
    model = make_transformer(kind, use_learned_positional_embeddings=False)
    out = sat_to_ours(write_sat(tmp_path / "x.pt", model), tmp_path / "ours", base=parts)
    bundle = load(out, torch.float32)
    assert same_state(bundle.transformer, model)
    assert bundle.kind == kind and bundle.has_motion
    assert bundle.vae is not None and bundle.text_encoder is not None and bundle.tokenizer is not None


def test_sat_without_a_base(tmp_path):
    out = sat_to_ours(write_sat(tmp_path / "x.pt", make_transformer()), tmp_path / "ours", dtype=torch.bfloat16)
    assert {value.dtype for value in load(out).transformer.parameters()} == {torch.bfloat16}
    assert sorted(path.name for path in out.iterdir()) == ["adapter.safetensors", "model_index.json", "transformer"]


def test_plain_sat_has_no_adapter(tmp_path):
    out = sat_to_ours(write_sat(tmp_path / "x.pt", make_transformer(motion_channels=None)), tmp_path / "ours")
    assert not (out / "adapter.safetensors").exists() and not load(out).has_motion


def test_an_incomplete_sat_writes_nothing(tmp_path):
    model = make_transformer()
    state = to_sat(model.state_dict(), 2)
    state.pop("model.diffusion_model.mixins.adaln_layer.fuser_list.1.flow_cond_norm.bias")
    torch.save({"module": state}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="fuser.1.flow_cond_norm.bias"):
        sat_to_ours(tmp_path / "x.pt", tmp_path / "ours")
    with pytest.raises(CheckpointError, match="no vae/"):
        sat_to_ours(tmp_path / "x.pt", tmp_path / "ours", base=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]


@KINDS
def test_tora_files_to_one_adapter_and_back(tmp_path, write_base, write_tora, kind):
    model = make_transformer(kind)
    files = write_tora(tmp_path / "tora", model, kind)
    adapter = tora_to_adapter(*files, tmp_path / "adapter.safetensors")
    base = write_base(tmp_path / "base", model, kind, parts=False)
    bundle = load(ModelSource("x", base, (adapter,)), torch.float32)
    assert bundle.kind == kind and same_state(bundle.transformer, model)
    back = adapter_to_tora(adapter, tmp_path / "back")
    for one, other in zip(files, back, strict=True):
        assert one.name == other.name
        first, second = load_file(one), load_file(other)
        assert set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)


def test_incomplete_tora_files(tmp_path, write_tora):
    from safetensors.torch import save_file

    fuser, extractor = write_tora(tmp_path, make_transformer())
    state = load_file(extractor)
    state.pop("body.3.bn1.weight")
    save_file(state, str(extractor))
    with pytest.raises(CheckpointError, match="traj_extractor.body.3.bn1.weight"):
        tora_to_adapter(fuser, extractor, tmp_path / "out.safetensors")


def test_the_motion_part_of_a_tora2_adapter_goes_to_tora(tmp_path):
    model = make_transformer(**PERSONALIZATION)
    adapter = save_adapter(tmp_path / "a.safetensors", model, describe_adapter(model.config))
    fuser, _ = adapter_to_tora(adapter, tmp_path / "tora", torch.float16)
    assert set(load_file(fuser)) == {key[6:] for key in model.state_dict() if key.startswith("fuser.")}
    alone = make_transformer(motion_channels=None, personalization_config=PERSONALIZATION["personalization_config"])
    adapter = save_adapter(tmp_path / "b.safetensors", alone, describe_adapter(alone.config))
    with pytest.raises(CheckpointError, match="no motion parts"):
        adapter_to_tora(adapter, tmp_path / "tora2")


def test_export_of_every_layout_gives_the_same_adapter(tmp_path, write_base):
    model = make_transformer()
    write_config(tmp_path / "whole" / "transformer", name="ToraTransformer3DModel")
    write_sharded(tmp_path / "whole" / "transformer", model.state_dict())
    ours = write_base(tmp_path / "ours", model, parts=False)
    save_adapter(ours / "adapter.safetensors", model, describe_adapter(model.config))
    one, other = (
        load_file(export_adapter(tmp_path / name, tmp_path / f"{name}.safetensors")) for name in ("whole", "ours")
    )
    assert set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)
    plain = write_base(tmp_path / "plain", model, parts=False)
    with pytest.raises(CheckpointError, match="holds no adapter"):
        export_adapter(plain, tmp_path / "x.safetensors")
