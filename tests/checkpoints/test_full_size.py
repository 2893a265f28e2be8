"""The public layouts at 5B with every name and shape, loaded whole: the files are hollow, so no memory is needed."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest
import torch
from checkpoint_files import CONFIG_5B, I2V, full_keys, to_sat, write_hollow, write_hollow_shards

from tora2.checkpoints.discovery import find_models
from tora2.checkpoints.loading import load
from tora2.checkpoints.sat import convert_sat, sat_arguments
from tora2.checkpoints.sources import plan_transformer
from tora2.checkpoints.transformer import stored_transformer
from tora2.checkpoints.weights import build
from tora2.dit import Tora2Transformer3DModel
from tora2.dit.transformer import is_adapter_key

FACTS_SHA256 = "0055a0fdb5517956e87bef1fc3db8c0fc34d126e44f9353a6906769c287946f0"
"""Of the published list, one `name [shape]` a line, sorted."""

KINDS = pytest.mark.parametrize("kind", ["t2v", "i2v"])


def base_keys(kind):
    return {key: shape for key, shape in full_keys(kind).items() if not is_adapter_key(key)}


def part(kind, prefix):
    return {key.removeprefix(prefix): shape for key, shape in full_keys(kind).items() if key.startswith(prefix)}


def write_config(folder, kind, name="CogVideoXTransformer3DModel"):
    folder.mkdir(parents=True)
    config = {"_class_name": name, **CONFIG_5B, **(I2V if kind == "i2v" else {})}
    (folder / "config.json").write_text(json.dumps(config))


def check(source, kind):
    """What ``load_transformer`` does before it reads: names, shapes and the files' fit, both ways."""
    plan = plan_transformer(source)
    expected = build(lambda: Tora2Transformer3DModel(**plan.arguments)).state_dict()
    assert {key: tuple(value.shape) for key, value in expected.items()} == full_keys(kind)
    stored = stored_transformer(source, plan, expected)
    assert {key: info.shape for key, info in stored.items()} == full_keys(kind)
    assert plan.base.kind == plan.adapter.kind == kind


def anonymous_memory():
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


def test_the_fixture_is_the_published_list():
    keys = full_keys()
    assert len(keys) == 2622
    text = "\n".join(f"{key} {list(shape)}" for key, shape in sorted(keys.items()))
    assert hashlib.sha256(text.encode()).hexdigest() == FACTS_SHA256


@KINDS
def test_tora_diffusers(tmp_path, kind):
    folder = tmp_path / "CogVideo" / "Tora_T2V_diffusers"
    write_config(folder / "transformer", kind, "ToraTransformer3DModel")
    write_hollow_shards(folder / "transformer", full_keys(kind), 3)
    check(find_models([tmp_path])["Tora_T2V_diffusers"], kind)


@pytest.mark.slow
def test_5b_loads_whole_without_a_copy(tmp_path):
    write_config(tmp_path / "transformer", "t2v", "ToraTransformer3DModel")
    write_hollow_shards(tmp_path / "transformer", full_keys(), 3)
    before = anonymous_memory()
    transformer = load(tmp_path).transformer
    assert {key: tuple(value.shape) for key, value in transformer.state_dict().items()} == full_keys()
    assert not any(value.is_meta for value in [*transformer.parameters(), *transformer.buffers()])
    assert {value.dtype for value in transformer.parameters()} == {torch.bfloat16}
    assert sum(value.numel() for value in transformer.parameters()) > 6e9
    assert anonymous_memory() - before < 1e9, "weights were copied instead of mapped"


@KINDS
@pytest.mark.parametrize("single_file", [False, True])
def test_comfyui_conversion(tmp_path, kind, single_file):
    end, tora = ("_I2V", "Tora (I2V)") if kind == "i2v" else ("", "Tora")
    folder = tmp_path / "CogVideo" / "CogVideoX-5b-Tora"
    for name, prefix in (("fuser", "fuser."), ("traj_extractor", "traj_extractor.")):
        write_hollow(folder / name / f"{name}{end}.safetensors", part(kind, prefix))
    if single_file:
        write_hollow(tmp_path / "diffusion_models" / "CogVideoX_5b.safetensors", base_keys(kind), "F16")
        check(find_models([tmp_path])[f"CogVideoX_5b + {tora}"], kind)
        return
    write_config(tmp_path / "CogVideo" / "CogVideoX-5b" / "transformer", kind)
    write_hollow_shards(tmp_path / "CogVideo" / "CogVideoX-5b" / "transformer", base_keys(kind))
    check(find_models([tmp_path])[f"CogVideoX-5b + {tora}"], kind)


@KINDS
def test_ours(tmp_path, kind):
    from tora2.checkpoints.config import AdapterConfig, BaseDescription

    base = BaseDescription(32 if kind == "i2v" else 16, 16, 42, 3072)
    config = AdapterConfig(arguments={"motion_channels": 128}, base=base)
    folder = tmp_path / "tora2" / "mine"
    write_config(folder / "transformer", kind)
    write_hollow_shards(folder / "transformer", base_keys(kind))
    adapter = {key: shape for key, shape in full_keys(kind).items() if is_adapter_key(key)}
    write_hollow(folder / "adapter.safetensors", adapter, metadata={"tora2": config.to_json()})
    check(find_models([tmp_path])["mine"], kind)


@KINDS
def test_sat_names_cover_the_list_both_ways(kind):
    with torch.device("meta"):
        state = {key: torch.empty(shape, dtype=torch.bfloat16) for key, shape in full_keys(kind).items()}
    sat = to_sat(state, 42)
    converted = convert_sat({key.removeprefix("model.diffusion_model."): value for key, value in sat.items()})
    assert {key: tuple(value.shape) for key, value in converted.items()} == full_keys(kind)
    arguments, config = sat_arguments(converted, "here")
    assert config.kind == kind and config.arguments["motion_channels"] == 128
    expected = {**CONFIG_5B, **(I2V if kind == "i2v" else {})}
    assert {key: arguments[key] for key in expected if not key.startswith("sample")} == {
        key: value for key, value in expected.items() if not key.startswith("sample")
    }
