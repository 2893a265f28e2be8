"""Models that go to the device block by block."""

from __future__ import annotations

import gc
from collections import defaultdict

import pytest
import small_models
import torch
from torch.overrides import TorchFunctionMode

from tora2.conditions import Entity
from tora2.stages import bind_entities, denoise, encode_motion, encode_text, extract_personalization, resolve_size
from tora2.trajectories import parse_document


class OnlyOnloaded(TorchFunctionMode):
    """Fails where a parameter is computed with while its group is offloaded: on a GPU that would be two devices."""

    def __init__(self, groups: dict[int, list]):
        super().__init__()
        self.groups = groups

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in (torch.Tensor.device.__get__, torch.Tensor.dtype.__get__, torch.Tensor.data.__get__):
            for value in (*args, *(kwargs or {}).values()):
                owners = self.groups.get(id(value))  # several for a tied weight
                if owners and not any(group.onloaded for group in owners) and function.__name__ in COMPUTING:
                    raise AssertionError(
                        f"{function.__name__} reads a weight of {tuple(value.shape)} that is offloaded"
                    )
        return function(*args, **(kwargs or {}))


COMPUTING = {
    "linear",
    "conv2d",
    "conv3d",
    "layer_norm",
    "group_norm",
    "batch_norm",
    "embedding",
    "add",
    "mul",
    "expand",
}
COMPUTING |= {"__add__", "__mul__", "__radd__", "__rmul__", "tanh", "to", "cat", "type_as", "__getitem__"}


@pytest.fixture
def in_blocks(host, model, monkeypatch):
    """A model that goes block by block, with a record of which weights are on the device."""
    from diffusers.hooks import group_offloading

    groups: dict[int, list] = defaultdict(list)
    make = group_offloading.ModuleGroup.__init__

    def init(self, *args, **kwargs):
        make(self, *args, **kwargs)
        self.onloaded = False
        parameters = [parameter for module in self.modules for parameter in module.parameters()]
        for parameter in (*parameters, *(self.parameters or ())):
            groups[id(parameter)].append(self)

    monkeypatch.setattr(group_offloading.ModuleGroup, "__init__", init)
    monkeypatch.setattr(group_offloading.ModuleGroup, "onload_", lambda self: setattr(self, "onloaded", True))
    monkeypatch.setattr(group_offloading.ModuleGroup, "offload_", lambda self: setattr(self, "onloaded", False))
    monkeypatch.setattr(host.models.management, "is_device_cpu", lambda device: False)
    model.offload = "blocks"
    return model, groups


def everything(model, keep, references=True):
    """All stages but decoding, through the modules that the model hands out."""
    text = encode_text(
        model.component("text_encoder"), model.component("tokenizer"), "a red fox", "", model.max_text_length
    )
    motion = encode_motion(model.component("vae"), parse_document(small_models.document()), sigma=3.0, window=25)
    transformer = model.component("transformer")
    personalization = None
    if references:
        fox = Entity("a red fox", torch.full((20, 20, 3), 0.8), kind="object")
        encoders = {name: model.component(name) for name in ("semantic", "reid")}
        personalization = extract_personalization(transformer, [fox], **encoders, face=None, size=8)
    conditioning = bind_entities(transformer, text, motion, personalization)
    return denoise(
        transformer,
        model.component("scheduler"),
        conditioning,
        size=resolve_size(transformer, conditioning.size),
        scaling_factor=0.7,
        steps=2,
        keep_modulations=keep,
    )


@pytest.mark.parametrize("references", [False, True])
@pytest.mark.parametrize("keep", [True, False])
def test_block_by_block_every_weight_is_there_when_it_is_read(model, in_blocks, keep, references):
    expected = everything(type(model)(model.bundle), keep, references)
    split, groups = in_blocks
    for name in ("text_encoder", "transformer"):
        split.component(name)
    assert len(groups) > 100
    with OnlyOnloaded(groups):
        torch.testing.assert_close(everything(split, keep, references), expected)


def test_the_check_above_finds_an_offloaded_weight(in_blocks):
    model, groups = in_blocks
    transformer = model.component("transformer")
    weight = transformer.patch_embed.text_proj.weight
    with OnlyOnloaded(groups), pytest.raises(AssertionError, match="offloaded"):
        torch.nn.functional.linear(torch.zeros(1, weight.shape[1]), weight)


def test_a_model_larger_than_the_device_goes_in_blocks_and_stays_away_from_the_host(host, model, monkeypatch):
    loaded = []
    monkeypatch.setattr(host.models.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.models.management, "get_free_memory", lambda device: 1000)
    model.text_encoder = "gpu"
    monkeypatch.setattr(host.models.management, "load_models_gpu", lambda models, **_: loaded.extend(models))
    components = model.components("text_encoder", "transformer", "vae", "semantic")
    assert loaded == components[2:]
    assert all(any(hasattr(part, "_diffusers_hook") for part in component.modules()) for component in components[:2])


def test_a_model_that_nobody_holds_any_more_gives_its_memory_back_at_once(in_blocks, host):
    """Hooks know one another: by itself the memory, pinned where there is a GPU, would stay for who knows how long."""
    kept, _ = in_blocks
    replaced = host.models.HostedModel(kept.bundle, offload="blocks")
    transformer = replaced.component("transformer")
    assert any(hasattr(part, "_diffusers_hook") for part in transformer.modules())
    gc.disable()
    try:
        del replaced
        assert transformer.patch_embed.text_proj.weight.is_meta
    finally:
        gc.enable()


def test_what_was_replaced_goes_before_another_model_is_read(model, host, monkeypatch):
    order = []
    monkeypatch.setattr(model.bundle, "_loaded", {})
    monkeypatch.setitem(model.bundle._loaders, "vae", lambda: order.append("read") or small_models.vae())
    monkeypatch.setattr(host.models, "give_back_pinned", lambda: order.append("given back"))
    model.component("vae")
    model.component("vae")
    assert order == ["given back", "read"]
