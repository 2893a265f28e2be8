"""Where models go, and with what precision."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tora2.conditions import VideoSize
from tora2.memory.estimates import GIB, RESERVE


def test_components_that_work_together_are_loaded_together(host, model, monkeypatch):
    calls = []
    monkeypatch.setattr(host.models.management, "load_models_gpu", lambda models, **_: calls.append(models))
    assert model.components("transformer", "tokenizer", "semantic")[1] is model.bundle.component("tokenizer")
    assert calls == [[model.bundle.component("transformer"), model.bundle.component("semantic")]]
    model.component("scheduler")
    assert len(calls) == 1


def test_precision(host, monkeypatch):
    assert host.models.resolve_precision("float16") is torch.float16
    monkeypatch.setattr(host.models.management, "get_torch_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(host.models.management, "should_use_bf16", lambda device: False)
    assert host.models.resolve_precision("auto") is torch.float32
    monkeypatch.setattr(host.models.management, "should_use_fp16", lambda device: True)
    assert host.models.resolve_precision("auto") is torch.float16
    monkeypatch.setattr(host.models.management, "should_use_bf16", lambda device: True)
    assert host.models.resolve_precision("auto") is torch.bfloat16


def test_the_plan_is_made_from_what_would_be_free_and_told_once(host, model, monkeypatch, caplog):
    assert model.plan().together and model.plan().resident and not caplog.text, "a CPU is not asked"
    monkeypatch.setattr(host.models.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.models.management, "get_free_memory", lambda device: 2.0 * 2**30)
    size = VideoSize(49, 480, 720)
    caplog.set_level("INFO")
    small = model.plan(size, 1)
    evictable = SimpleNamespace(
        device=host.models.management.get_torch_device(), model=object(), model_loaded_memory=lambda: 80 * 2**30
    )
    monkeypatch.setattr(host.models.management, "get_total_memory", lambda device: 96 * 2**30)
    monkeypatch.setattr(host.models.management, "current_loaded_models", [evictable])
    assert model.plan(size, 1).free == 82 * 2**30
    model.plan(size, 1)
    lines = [record for record in caplog.records if record.message.startswith("Memory:")]
    assert len(lines) == 1 + (small.settings != model.plan(size, 1).settings)


def test_a_plan_for_the_text_loads_no_other_model(host, model):
    loaded = []
    bundle = SimpleNamespace(
        size=VideoSize(17, 128, 128), dtype=None, is_loaded=lambda name: False, component=loaded.append
    )
    type(model)(bundle).plan()
    assert not loaded


def test_the_text_encoder_stays_on_the_cpu_if_asked(host, model, monkeypatch):
    moved = []
    monkeypatch.setattr(host.models.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.models.management, "get_free_memory", lambda device: 1e12)
    monkeypatch.setattr(host.models.management, "get_total_memory", lambda device: 1e12)
    monkeypatch.setattr(host.models.management, "load_models_gpu", lambda models, **_: moved.extend(models))
    model.component("text_encoder")
    model.text_encoder = "cpu"
    model.component("text_encoder")
    assert len(moved) == 1


def test_a_model_in_blocks_is_made_whole_for_a_smaller_video(host, model, monkeypatch):
    management, moved = host.models.management, []
    monkeypatch.setattr(management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(management, "get_free_memory", lambda device: 1e6)
    monkeypatch.setattr(management, "load_models_gpu", lambda models, **_: moved.extend(models))
    transformer = model.component("transformer")
    assert not moved and hasattr(transformer.proj_out, "_diffusers_hook")
    monkeypatch.setattr(management, "get_free_memory", lambda device: 1e12)
    monkeypatch.setattr(management, "get_total_memory", lambda device: 1e12)
    assert model.component("transformer") is transformer and moved == [transformer]
    assert not transformer.proj_out._diffusers_hook.hooks


def test_novram_keeps_no_model_on_the_device(host, model, monkeypatch):
    management, moved = host.models.management, []
    monkeypatch.setattr(management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(management, "get_free_memory", lambda device: 1e12)
    monkeypatch.setattr(management, "get_total_memory", lambda device: 1e12)
    monkeypatch.setattr(management, "load_models_gpu", lambda models, **_: moved.extend(models))
    monkeypatch.setattr(management, "vram_state", management.VRAMState.NO_VRAM)
    assert hasattr(model.component("transformer").proj_out, "_diffusers_hook") and not moved


def test_no_more_is_free_than_the_device_has(host, model, monkeypatch):
    management = host.models.management
    monkeypatch.setattr(management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(management, "get_free_memory", lambda device: 3 * 2**30)
    monkeypatch.setattr(management, "get_total_memory", lambda device: 16 * 2**30)
    here = management.get_torch_device()
    gone = SimpleNamespace(device=here, model=None)
    large = SimpleNamespace(device=here, model=object(), model_loaded_memory=lambda: 40 * 2**30)
    monkeypatch.setattr(management, "current_loaded_models", [gone, large])
    assert model.plan(VideoSize(49, 480, 720), 1).free == 16 * 2**30


def test_the_host_is_asked_for_what_the_plan_reckons_with(host, model, monkeypatch):
    asked = []
    monkeypatch.setattr(host.models, "weight_bytes", lambda module: 0)
    monkeypatch.setattr(
        host.models.management, "load_models_gpu", lambda models, memory_required, **_: asked.append(memory_required)
    )
    model.component("vae", memory=5 * GIB)
    assert asked == [5 * GIB + RESERVE]


@pytest.mark.parametrize("enough, kept", [(True, True), (None, True), (False, False)])
def test_the_text_encoder_is_forgotten_where_ram_is_short(host, model, monkeypatch, enough, kept):
    needed = []
    monkeypatch.setattr(host.models, "fits_in_ram", lambda bytes_: needed.append(bytes_) or enough)
    text_encoder = model.bundle.text_encoder
    model.bundle._loaders = {"text_encoder": lambda: text_encoder}
    model.components("text_encoder", "tokenizer")
    assert not needed, "its own turn"
    model.component("transformer")
    assert model.bundle.is_loaded("text_encoder") is kept
    assert needed == [0], "it is on the CPU, and the transformer is there"
    assert model.component("text_encoder") is text_encoder
    model.bundle._loaders = {}
    model.component("transformer")
    assert model.bundle.is_loaded("text_encoder"), "what was made in memory is not forgotten"
