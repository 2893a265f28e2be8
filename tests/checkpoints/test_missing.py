from __future__ import annotations

import logging
import shutil

import pytest
import torch
from checkpoint_files import PERSONALIZATION, make_transformer, write_config
from safetensors.torch import save_file

from tora2.checkpoints import discovery
from tora2.checkpoints.config import BaseDescription
from tora2.checkpoints.discovery import find_models
from tora2.checkpoints.missing import why_missing
from tora2.checkpoints.saving import describe_adapter, save_adapter

NAME = "CogVideoX-5b + Tora"


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(discovery, "_told", set())


@pytest.fixture
def models(tmp_path, write_base, write_tora):
    """CogVideoX-5b and Tora as README has them."""
    cog = tmp_path / "models" / "CogVideo"
    model = make_transformer()
    write_base(cog / "CogVideoX-5b", model)
    write_tora(cog / "CogVideoX-5b-Tora", model)
    assert NAME in find_models([tmp_path / "models"])
    return tmp_path / "models"


def missing(models, name: str = NAME) -> str:
    assert name not in find_models([models])
    return why_missing(name, [models])


def test_nothing_there(tmp_path):
    both = missing(tmp_path)
    assert "no folder or file is called 'CogVideoX-5b'" in both
    assert "Tora needs fuser/fuser.safetensors and traj_extractor/traj_extractor.safetensors" in both


def test_half_of_tora(models):
    (models / "CogVideo" / "CogVideoX-5b-Tora" / "traj_extractor" / "traj_extractor.safetensors").unlink()
    reason = missing(models)
    assert reason.endswith("traj_extractor.safetensors is missing; Tora needs it beside fuser.safetensors")
    assert "CogVideoX-5b'" not in reason, "the base is there"


def test_the_file_of_the_other_tora(models):
    """fuser and traj_extractor of image-to-video where text-to-video is named."""
    assert "fuser_I2V.safetensors" in missing(models, "CogVideoX-5b + Tora (I2V)")


def test_a_pointer_instead_of_weights(models, caplog):
    file = models / "CogVideo" / "CogVideoX-5b-Tora" / "fuser" / "fuser.safetensors"
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with caplog.at_level(logging.WARNING):
        reason = missing(models)
        find_models([models])
    assert "fuser.safetensors" in reason and "lfs" in reason
    assert len([record for record in caplog.records if "lfs" in record.message]) == 1, "said once"


def test_a_folder_without_its_transformer(models):
    shutil.rmtree(models / "CogVideo" / "CogVideoX-5b" / "transformer")
    assert "has no transformer/config.json" in missing(models)


def test_a_folder_of_another_model(models):
    write_config(models / "CogVideo" / "CogVideoX-5b" / "transformer", name="FluxTransformer2DModel")
    assert "FluxTransformer2DModel" in missing(models)


def test_a_single_file_that_cannot_be_used(models):
    file = models / "diffusion_models" / "cog.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"<!DOCTYPE html><html>not found</html>")
    assert "cog.safetensors is a web page" in missing(models, "cog + Tora")
    save_file({"blocks.0.self_attn.q.weight": torch.zeros(1)}, str(file))
    assert "cog.safetensors is the diffusion model of another family" in missing(models, "cog")


def test_an_adapter_that_is_none(models, caplog):
    (models / "tora2" / "adapters").mkdir(parents=True)
    save_file({"a.lora_A.weight": torch.zeros(1)}, str(models / "tora2" / "adapters" / "fox.safetensors"))
    with caplog.at_level(logging.WARNING):
        reason = missing(models, "CogVideoX-5b + fox")
    assert "fox.safetensors is a LoRA" in reason and not reason.endswith(".")
    assert "fox.safetensors is a LoRA" in caplog.text
    assert "no adapter in tora2/adapters is called 'wolf'" in missing(models, "CogVideoX-5b + wolf")


def test_an_adapter_of_another_base(models):
    model = make_transformer(**PERSONALIZATION, num_layers=3)
    save_adapter(models / "tora2" / "adapters" / "fox.safetensors", model, describe_adapter(model.config))
    assert "3 layers" in missing(models, "CogVideoX-5b + fox")


def test_a_numbered_name(models):
    """Two of the same name are numbered; one of them may be gone."""
    assert "'CogVideoX-2b'" in missing(models, "CogVideoX-2b + Tora (2)")
    assert "any more" in missing(models, NAME + " (2)")


def test_names_are_never_paths(models):
    for name in ("../CogVideo/CogVideoX-5b", str(models / "CogVideo" / "CogVideoX-5b"), "..", "", " + ", "a + ../b"):
        assert "is called" in missing(models, name) or "Tora needs" in missing(models, name)


def test_an_adapter_without_the_base_it_goes_on_is_told(models, caplog):
    """A training began from a whole Tora folder: its adapter goes on plain CogVideoX, which may not be there."""
    adapters = models / "tora2" / "adapters"
    adapters.mkdir(parents=True)
    model = make_transformer(**PERSONALIZATION)
    save_adapter(adapters / "mine.safetensors", model, describe_adapter(model.config))
    assert "CogVideoX-5b + mine" in find_models([models]) and "mine" not in caplog.text
    (models / "CogVideo" / "CogVideoX-5b").rename(models.parent / "elsewhere")
    with caplog.at_level(logging.WARNING):
        assert not any("mine" in name for name in find_models([models]))
        find_models([models])
    told = [record.getMessage() for record in caplog.records if "mine" in record.getMessage()]
    assert len(told) == 1 and "goes on a plain" in told[0] and "put its base there" in told[0], "it is no 5B adapter"
    assert discovery._base_for(BaseDescription(16, 16, 42, 3072)) == "put CogVideoX-5b there"
    assert discovery._base_for(BaseDescription(32, 16, 42, 3072)) == "put CogVideoX-5b-I2V there"
    assert "fuser" not in caplog.text, "Tora's files come for both bases together"
