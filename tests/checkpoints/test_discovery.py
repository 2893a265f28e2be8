from __future__ import annotations

import json

import pytest
import torch
from checkpoint_files import (
    PERSONALIZATION,
    base_state,
    make_transformer,
    same_state,
    write_config,
    write_sharded,
)
from safetensors.torch import save_file

from tora2.checkpoints import discovery
from tora2.checkpoints.discovery import find_models
from tora2.checkpoints.folders import ModelFolders
from tora2.checkpoints.headers import read_header
from tora2.checkpoints.loading import load
from tora2.checkpoints.missing import why_missing
from tora2.checkpoints.saving import describe_adapter, save_adapter
from tora2.dit.transformer import is_adapter_key


@pytest.fixture(autouse=True)
def no_tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(discovery, "TINY_FOLDER", tmp_path / "nowhere")


@pytest.fixture
def models(tmp_path, write_base, write_tora):
    """ComfyUI's models folder with everything in its place, and things beside them that are not for us."""
    root = tmp_path / "models"
    cog = root / "CogVideo"
    t2v, i2v = make_transformer("t2v"), make_transformer("i2v")
    write_base(cog / "CogVideoX-5b", t2v)
    write_base(cog / "CogVideoX-5b-I2V", i2v, "i2v", parts=False)
    write_tora(cog / "CogVideoX-5b-Tora", t2v)
    write_tora(cog / "CogVideoX-5b-Tora", i2v, "i2v")
    write_config(cog / "Tora_T2V_diffusers" / "transformer", name="ToraTransformer3DModel")
    write_sharded(cog / "Tora_T2V_diffusers" / "transformer", t2v.state_dict())
    single = root / "diffusion_models" / "video"
    single.mkdir(parents=True)
    save_file(base_state(t2v), str(single / "cog_fp16.safetensors"))
    save_file({"blocks.0.self_attn.q.weight": torch.zeros(1)}, str(single / "wan.safetensors"))
    (single / "broken.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    write_config(root / "diffusers" / "other" / "transformer", name="FluxTransformer2DModel")
    (root / "diffusers" / "broken" / "transformer").mkdir(parents=True)
    (root / "diffusers" / "broken" / "transformer" / "config.json").write_text("{")
    return root


def test_names_of_all_layouts(models):
    assert list(find_models([models])) == [
        "Tora_T2V_diffusers",
        "CogVideoX-5b + Tora",
        "CogVideoX-5b-I2V + Tora (I2V)",
        "cog_fp16 + Tora",
        "CogVideoX-5b",
        "CogVideoX-5b-I2V",
        "cog_fp16",
    ]


def test_everything_that_is_found_loads(models):
    found = find_models([models])
    for name, kind in (("CogVideoX-5b + Tora", "t2v"), ("CogVideoX-5b-I2V + Tora (I2V)", "i2v")):
        assert same_state(load(found[name], torch.float32).transformer, make_transformer(kind))
    for name, source in found.items():
        bundle = load(source)
        assert bundle.name == name and bundle.has_motion == ("Tora" in name)
        assert bundle.transformer is not None
        assert bundle.vae is not None and bundle.tokenizer is not None  # lent by the one folder that has them


def test_own_models_and_adapters(models, write_base):
    model = make_transformer(**PERSONALIZATION)
    config = describe_adapter(model.config)
    folder = write_base(models / "tora2" / "mine", model, parts=False)
    save_adapter(folder / "adapter.safetensors", model, config)
    save_adapter(models / "tora2" / "adapters" / "fox.safetensors", model, config)
    save_adapter(models / "tora2" / "lone" / "adapter.safetensors", model, config)
    found = find_models([models])
    assert "mine" in found and "CogVideoX-5b + fox" in found and "CogVideoX-5b + lone" in found
    assert not any(name.startswith("CogVideoX-5b-I2V + fox") for name in found)
    loaded = load(found["CogVideoX-5b + fox"], torch.float32).transformer.state_dict()
    base = load(found["CogVideoX-5b"], torch.float32).transformer.state_dict()
    assert set(loaded) == set(model.state_dict())
    for key, value in loaded.items():
        assert torch.equal(value, model.state_dict()[key] if is_adapter_key(key) else base[key]), key


def test_tiny_comes_first(models, monkeypatch, write_base, tmp_path):
    tiny = write_base(tmp_path / "weights", make_transformer())
    monkeypatch.setattr(discovery, "TINY_FOLDER", tiny)
    found = find_models([models])
    assert next(iter(found)) == "tora2-tiny" and found["tora2-tiny"].folders() == (tiny,)
    assert list(find_models()) == ["tora2-tiny"]


def test_a_root_may_be_the_folder_itself(models):
    assert "CogVideoX-5b + Tora" in find_models([models / "CogVideo"])
    assert "cog_fp16" in find_models([models / "diffusion_models"])


def test_folders_of_any_name_may_stand_for_a_kind(models, tmp_path):
    """extra_model_paths.yaml may say ``CogVideo: D:/weights/cog``."""
    (models / "CogVideo").rename(tmp_path / "cog")
    (models / "diffusion_models").rename(tmp_path / "unets")
    assert "CogVideoX-5b + Tora" not in find_models([models])
    folders = ModelFolders.of([models], {"CogVideo": [tmp_path / "cog"], "diffusion_models": [tmp_path / "unets"]})
    found = find_models(folders)
    assert {"CogVideoX-5b + Tora", "cog_fp16 + Tora"} <= set(found)
    assert found["cog_fp16"].companion == tmp_path / "cog" / "CogVideoX-5b"


def test_missing_roots_and_repeated_roots(models, tmp_path):
    assert find_models([tmp_path / "none"]) == {}
    assert list(find_models([models, models])) == list(find_models([models]))


def test_same_names_in_two_roots_are_numbered(models, tmp_path, write_base):
    write_base(tmp_path / "more" / "CogVideo" / "CogVideoX-5b", make_transformer())
    found = find_models([models, tmp_path / "more"])
    assert found["CogVideoX-5b"].base != found["CogVideoX-5b (2)"].base
    assert found["CogVideoX-5b (2)"].name == "CogVideoX-5b (2)"


def test_a_models_folder_that_is_a_link(models, tmp_path):
    root = tmp_path / "linked"
    (root / "CogVideo").mkdir(parents=True)
    (root / "CogVideo" / "CogVideoX-5b").symlink_to(models / "CogVideo" / "CogVideoX-5b", target_is_directory=True)
    (root / "diffusion_models").mkdir()
    (root / "diffusion_models" / "loop").symlink_to(root / "diffusion_models", target_is_directory=True)
    assert list(find_models([root])) == ["CogVideoX-5b"]


def test_names_are_keys_and_never_paths(models):
    found = find_models([models])
    for name in ("../CogVideo/CogVideoX-5b", str(models / "CogVideo" / "CogVideoX-5b"), "..", ""):
        assert name not in found


def test_weights_are_not_read(models, monkeypatch):
    import safetensors

    def fail(*args, **kwargs):
        raise AssertionError("weights were opened")

    monkeypatch.setattr(safetensors, "safe_open", fail)
    monkeypatch.setattr("tora2.checkpoints.weights.safe_open", fail)
    assert len(find_models([models])) == 7


def test_headers_are_read_once(models):
    find_models([models])
    before = read_header.__globals__["_read_header"].cache_info().misses
    find_models([models])
    broken = 1  # a file that cannot be read is looked at again: it may have been mended
    assert read_header.__globals__["_read_header"].cache_info().misses - before == broken


def test_1_5_and_fun_are_not_offered(tmp_path):
    cog = tmp_path / "CogVideo"
    write_config(cog / "CogVideoX1.5-5B" / "transformer", patch_size_t=2)
    write_config(cog / "CogVideoX-Fun" / "transformer", in_channels=33)
    assert find_models([tmp_path]) == {}


DEEP = "[" * 100_000 + "]" * 100_000


def safetensors_with(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + bytes(64)


def entry(shape) -> str:
    return json.dumps({"dtype": "F32", "shape": shape, "data_offsets": [0, 4]})


NAMES = ("patch_embed.text_proj.weight", "transformer_blocks.0.norm1.linear.weight")
BASE = {"in_channels": None, "out_channels": [], "num_layers": "x", "inner_dim": {}}
ADAPTER = json.dumps({"format": 1, "base": BASE})
HOSTILE = {
    "a deep config": ("CogVideo/x/transformer/config.json", DEEP.encode()),
    "an endless number": (
        "CogVideo/x/transformer/config.json",
        b'{"_class_name": "CogVideoXTransformer3DModel", "num_layers": 1e400}',
    ),
    "a deep header": ("diffusion_models/x.safetensors", safetensors_with('{"a": ' + DEEP + "}")),
    "metadata that are a list": ("diffusion_models/x.safetensors", safetensors_with('{"__metadata__": [1]}')),
    "metadata that are numbers": ("tora2/adapters/x.safetensors", safetensors_with('{"__metadata__": {"tora2": 1}}')),
    "shapes that are words": (
        "diffusion_models/x.safetensors",
        safetensors_with("{" + ", ".join(f'"{name}": {entry(["a", "b"])}' for name in NAMES) + "}"),
    ),
    "shapes below nothing": (
        "diffusion_models/x.safetensors",
        safetensors_with("{" + ", ".join(f'"{name}": {entry([-1, -1])}' for name in NAMES) + "}"),
    ),
    "an adapter's deep config": (
        "tora2/adapters/x.safetensors",
        safetensors_with(json.dumps({"__metadata__": {"tora2": DEEP}})),
    ),
    "an adapter for nothing": (
        "tora2/adapters/x.safetensors",
        safetensors_with(json.dumps({"__metadata__": {"tora2": ADAPTER}})),
    ),
    "a deep index": ("CogVideo/x/transformer/diffusion_pytorch_model.safetensors.index.json", DEEP.encode()),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_one_bad_file_hides_no_model(models, case):
    """ComfyUI asks for the models when it builds the node's schema: what escapes here makes the node vanish."""
    before = list(find_models([models]))
    name, content = HOSTILE[case]
    path = models / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.name.endswith(".index.json"):
        (path.parent / "config.json").write_text(json.dumps({"_class_name": "CogVideoXTransformer3DModel"}))
    assert set(before) <= set(find_models([models]))
    why_missing("x", [models])
