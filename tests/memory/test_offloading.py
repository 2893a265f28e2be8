"""Layers that come while others compute: the order in which diffusers brings them, with a stream that is none."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from small_models import document, scheduler, text_encoder, tokenizer, trained, transformer, vae

from tora2.acceleration.quantization import quantize
from tora2.conditions import VideoSize
from tora2.memory import offloading
from tora2.memory.estimates import IN_FLIGHT
from tora2.memory.offloading import bring_in_blocks, bring_whole, largest_layer, pinned_bytes, prefetching
from tora2.memory.ram import KEPT_FREE, fits_pinned
from tora2.stages import bind_entities, denoise, encode_motion, encode_text
from tora2.trajectories import parse_document

CPU = torch.device("cpu")


def run_small(model, steps):
    text = encode_text(text_encoder(), tokenizer(), "a red fox", "", 12)
    motion = encode_motion(vae(), parse_document(document()), sigma=3.0, window=25)
    conditioning = bind_entities(model, text, motion)
    size = VideoSize(17, 128, 128)
    return denoise(model, scheduler(), conditioning, size=size, scaling_factor=0.7, steps=steps, keep_modulations=True)


@pytest.fixture
def streamed(monkeypatch):
    """Prefetching on the CPU: every onload, offload and forward is written down, and nothing waits for a stream."""
    from diffusers.hooks import group_offloading as hooks

    events = []
    stream = SimpleNamespace(synchronize=lambda: None)
    backend = SimpleNamespace(Stream=lambda: stream, stream=lambda _: nullcontext(), current_stream=lambda: stream)
    monkeypatch.setattr(hooks, "TorchDeviceBackend", lambda device: backend)
    monkeypatch.setattr(hooks.ModuleGroup, "_to_cpu", staticmethod(lambda tensor, low: tensor.data.clone()))
    monkeypatch.setattr(hooks.ModuleGroup, "_pinned_memory_tensors", lambda self: nullcontext(self.cpu_param_dict))
    for name in ("onload_", "offload_"):
        plain = getattr(hooks.ModuleGroup, name)

        def recorded(self, name=name, plain=plain):
            events.append((name, self))
            plain(self)

        monkeypatch.setattr(hooks.ModuleGroup, name, recorded)

    def apply(module, device):
        config = hooks.GroupOffloadingConfig(
            onload_device=CPU,
            offload_device=CPU,
            offload_type=hooks.GroupOffloadingType.LEAF_LEVEL,
            non_blocking=False,
            record_stream=False,
            low_cpu_mem_usage=True,
            stream=stream,
        )
        hooks._apply_group_offloading(module, config)
        for leaf in module.modules():
            if not any(leaf.children()) and list(leaf.parameters(recurse=False)):
                leaf.register_forward_hook(lambda module, *_: events.append(("forward", module)))

    return apply, events


@torch.no_grad()
def test_the_next_layer_comes_before_this_one_is_done(streamed):
    apply, events = streamed
    expected = run_small(trained(transformer()), steps=3)
    model = trained(transformer())
    apply(model, CPU)
    events.clear()
    assert torch.equal(run_small(model, steps=3), expected)
    kinds = [kind for kind, _ in events]
    last = events[len(events) * 2 // 3 :]  # the last step: orders are known since the first
    ahead = present = most = 0
    coming = set()
    for kind, what in last:
        if kind == "onload_":
            coming.add(id(what))
            most = max(most, len(coming))
        elif kind == "offload_":
            coming.discard(id(what))
        else:
            present += 1
            ahead += len(coming) >= 2
    assert "onload_" in kinds and ahead > 0.8 * present, "while one computes, the next is there or coming"
    assert most <= IN_FLIGHT, "and no more than that"


def test_overlap_needs_cuda_and_a_diffusers_that_can(monkeypatch):
    cuda, model = torch.device("cuda"), transformer()
    assert prefetching(model, CPU) == {}
    options = prefetching(model, cuda)
    assert options["use_stream"] and not options["record_stream"], "or memory would fill with layers"
    monkeypatch.setattr(offloading, "_fits_pinned", lambda module: False)
    assert prefetching(model, cuda)["low_cpu_mem_usage"]
    monkeypatch.setattr("diffusers.__version__", "0.37.1")
    assert prefetching(model, cuda) == {}


@torch.no_grad()
def test_without_overlap_the_video_is_the_same():
    expected = run_small(trained(transformer()), steps=2)
    model = trained(transformer())
    bring_in_blocks(model, CPU)
    assert torch.equal(run_small(model, steps=2), expected)


@torch.no_grad()
def test_a_model_can_be_made_whole_again():
    expected = run_small(trained(transformer()), steps=2)
    model = trained(transformer())
    plain = {name: part.forward for name, part in model.named_modules()}
    bring_in_blocks(model, CPU)
    assert any(part.forward != plain[name] for name, part in model.named_modules())
    run_small(model, steps=1)
    bring_whole(model)
    assert all(part.forward == plain[name] for name, part in model.named_modules()), "no hook is left"
    assert torch.equal(run_small(model, steps=2), expected)
    bring_in_blocks(model, CPU)
    assert torch.equal(run_small(model, steps=2), expected), "and come in blocks once more"


@torch.no_grad()
def test_it_works_without_accelerate_which_comfyui_does_not_bring(monkeypatch):
    from diffusers.hooks import group_offloading

    expected = run_small(trained(transformer()), steps=2)
    monkeypatch.delattr(group_offloading, "send_to_device")  # as where accelerate is not installed
    model = trained(transformer())
    bring_in_blocks(model, CPU)
    assert torch.equal(run_small(model, steps=2), expected)
    nested = ({"a": [torch.zeros(2)], "b": None}, "text", 3)
    moved = group_offloading.send_to_device(nested, torch.device("meta"), non_blocking=True)
    assert moved[0]["a"][0].is_meta and moved[0]["b"] is None and moved[1:] == ("text", 3)


def test_weights_are_pinned_where_they_leave_enough(monkeypatch, caplog):
    psutil, model = pytest.importorskip("psutil"), transformer()
    free = SimpleNamespace(available=KEPT_FREE + 2**40)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    caplog.set_level("INFO", offloading.logger.name)
    assert not prefetching(model, torch.device("cuda"))["low_cpu_mem_usage"] and not caplog.text
    free.available = KEPT_FREE
    assert prefetching(model, torch.device("cuda"))["low_cpu_mem_usage"]
    assert "cannot be pinned" in caplog.text


def test_pinned_memory_is_counted_as_torch_takes_it(monkeypatch):
    psutil = pytest.importorskip("psutil")
    model = torch.nn.Sequential(torch.nn.Linear(24, 4), torch.nn.BatchNorm1d(4))  # 384 and 16 bytes; 4 x 16 and 8
    assert pinned_bytes(model) == 512 + 16 + 4 * 16 + 8
    free = SimpleNamespace(available=KEPT_FREE + pinned_bytes(model) + 1, total=2 * pinned_bytes(model))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert fits_pinned(pinned_bytes(model))
    monkeypatch.setattr("sys.platform", "win32")
    assert not fits_pinned(pinned_bytes(model)), "Windows pins 40 % at most"


def test_eight_bits_come_without_a_stream():
    pytest.importorskip("torchao")
    model = trained(transformer())
    quantize(model, "int8_weights")
    assert prefetching(model, torch.device("cuda")) == {}


def test_the_largest_layer():
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Sequential(torch.nn.Linear(8, 100, bias=False)))
    assert largest_layer(model) == 3200
