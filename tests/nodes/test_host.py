"""Where models go, what the host says while they work, and what it refuses."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import small_models
import torch
from torch.overrides import TorchFunctionMode

from tora2.conditions import Conditioning, Entity, VideoSize
from tora2.errors import ConditionError
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
    monkeypatch.setattr(host.management, "is_device_cpu", lambda device: False)
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
        size=resolve_size(transformer, conditioning),
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
    monkeypatch.setattr(host.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.management, "get_free_memory", lambda device: 1000)
    model.text_encoder = "gpu"
    monkeypatch.setattr(host.management, "load_models_gpu", lambda models, **_: loaded.extend(models))
    components = model.components("text_encoder", "transformer", "vae", "semantic")
    assert loaded == components[2:]
    assert all(any(hasattr(part, "_diffusers_hook") for part in component.modules()) for component in components[:2])


def test_components_that_work_together_are_loaded_together(host, model, monkeypatch):
    calls = []
    monkeypatch.setattr(host.management, "load_models_gpu", lambda models, **_: calls.append(models))
    assert model.components("transformer", "tokenizer", "semantic")[1] is model.bundle.component("tokenizer")
    assert calls == [[model.bundle.component("transformer"), model.bundle.component("semantic")]]
    model.component("scheduler")
    assert len(calls) == 1


def test_an_interrupt_ends_sampling_at_the_next_step(host, monkeypatch):
    steps = []

    class Bar:
        def __init__(self, total):
            self.total = total

        def update_absolute(self, value, total):
            steps.append((value, total))
            if value == 2:
                host.management.interrupt_current_processing(True)

    monkeypatch.setattr(host.comfy.utils, "ProgressBar", Bar)
    with pytest.raises(host.management.InterruptProcessingException), host.SamplingProgress(9) as progress:
        for index in range(9):
            progress(SimpleNamespace(index=index, total=9, clean=torch.zeros(1, 16, 5, 16, 16)))
    assert steps == [(1, 9), (2, 9)]


def test_previews_follow_the_users_setting(host, model, monkeypatch):
    from comfy.cli_args import LatentPreviewMethod, args

    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.NoPreviews)
    assert model.forming_video() is None
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    assert model.forming_video().colors is model.forming_video().colors, "fitted once"


def test_the_preview_moves_while_a_step_takes_its_time(host, model, monkeypatch):
    from comfy.cli_args import LatentPreviewMethod, args

    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    seen = queue.Queue()
    monkeypatch.setattr(host, "_preview_sender", lambda bar: seen.put)
    monkeypatch.setattr(host, "PREVIEW_PACE", 200.0)
    latents = torch.randn(1, 16, 5, 16, 12)
    with host.SamplingProgress(4, model.forming_video()) as progress:
        progress(SimpleNamespace(index=0, total=4, clean=latents))
        shown = [seen.get(timeout=30) for _ in range(7)]  # no further step comes
    expected = model.forming_video().pictures(latents)
    assert [picture.tobytes() for picture in shown] == [expected[place % 5].tobytes() for place in range(7)]
    assert not [thread for thread in threading.enumerate() if thread.name == "Tora2 preview"]


def test_a_preview_that_fails_does_not_take_the_video_with_it(host, monkeypatch, caplog):
    def fail(picture):
        raise RuntimeError("the browser has gone")

    monkeypatch.setattr(host, "_preview_sender", lambda bar: fail)
    monkeypatch.setattr(host, "PREVIEW_PACE", 200.0)
    forming = SimpleNamespace(pictures=lambda latents: ["picture"])
    with host.SamplingProgress(4, forming) as progress:
        progress(SimpleNamespace(index=0, total=4, clean=torch.zeros(1, 16, 5, 2, 2)))
        progress.preview._thread.join(30)
    assert "the browser has gone" in caplog.text


def test_precision(host, monkeypatch):
    assert host.resolve_precision("float16") is torch.float16
    monkeypatch.setattr(host.management, "get_torch_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(host.management, "should_use_bf16", lambda device: False)
    assert host.resolve_precision("auto") is torch.float32
    monkeypatch.setattr(host.management, "is_device_cpu", lambda device: False)
    assert host.resolve_precision("auto") is torch.float16
    monkeypatch.setattr(host.management, "should_use_bf16", lambda device: True)
    assert host.resolve_precision("auto") is torch.bfloat16


def test_the_plan_is_made_from_what_would_be_free_and_told_once(host, model, monkeypatch, caplog):
    assert model.plan().together and model.plan().resident and not caplog.text, "a CPU is not asked"
    monkeypatch.setattr(host.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.management, "get_free_memory", lambda device: 2.0 * 2**30)
    size = VideoSize(49, 480, 720)
    caplog.set_level("INFO")
    small = model.plan(size, 1)
    evictable = SimpleNamespace(device=host.management.get_torch_device(), model_loaded_memory=lambda: 80 * 2**30)
    monkeypatch.setattr(host.management, "current_loaded_models", [evictable])
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
    monkeypatch.setattr(host.management, "is_device_cpu", lambda device: False)
    monkeypatch.setattr(host.management, "get_free_memory", lambda device: 1e12)
    monkeypatch.setattr(host.management, "load_models_gpu", lambda models, **_: moved.extend(models))
    model.component("text_encoder")
    model.text_encoder = "cpu"
    model.component("text_encoder")
    assert len(moved) == 1


def test_everything_that_nodes_pass_on_is_moved(host, monkeypatch):
    monkeypatch.setattr(host.management, "intermediate_device", lambda: torch.device("meta"))
    tensor = torch.zeros(1)
    value = Conditioning(embeds=tensor, negative_embeds=tensor, motion_maps=(tensor, tensor))
    moved = host.to_intermediate({"a": [value]})["a"][0]
    assert moved.embeds.is_meta and all(part.is_meta for part in moved.motion_maps)
    assert dataclasses.is_dataclass(moved) and moved.tokens is None


def test_an_unknown_model_is_named(host, monkeypatch):
    monkeypatch.setattr(host, "_sources", lambda: {"tora2-tiny": None})
    with pytest.raises(ConditionError, match="'gone' is not in .*tora2-tiny"):
        host.load_model("gone")
    assert host.model_fingerprint("gone") == ""


def test_a_replaced_file_is_loaded_anew(host, monkeypatch, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"1")
    source = SimpleNamespace(base=tmp_path, adapter=(), companion=None)
    monkeypatch.setattr(host, "_sources", lambda: {"m": source})
    before = host.model_fingerprint("m")
    assert before == host.model_fingerprint("m") != ""
    (tmp_path / "a.safetensors").write_bytes(b"22")
    assert host.model_fingerprint("m") != before


def test_models_are_found_where_comfyui_keeps_them(host, monkeypatch, tmp_path):
    import folder_paths

    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path / "models"))
    named = {"tora2": ([str(tmp_path / "disk" / "tora2")], set()), "vae": ([str(tmp_path / "my vaes")], {".pt"})}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", named)
    host.register_model_folder()
    for folder in ("models/vae", "disk/tora2", "disk/dinov2", "my vaes", "my dinos"):
        (tmp_path / folder).mkdir(parents=True)
    found = host.model_folders()
    assert list(found.named("vae")) == [tmp_path / "models" / "vae", tmp_path / "my vaes"]
    assert list(found.named("tora2", "dinov2")) == [tmp_path / "disk" / "tora2", tmp_path / "disk" / "dinov2"]
    assert ".safetensors" in folder_paths.folder_names_and_paths["tora2"][1]


def test_example_pictures_never_replace_the_users_own(host, monkeypatch, tmp_path):
    import folder_paths

    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    host.provide_example_pictures()
    assert not list(tmp_path.iterdir()), "outside ComfyUI nothing is copied"
    monkeypatch.setattr(host, "INSIDE_COMFYUI", True)
    names = sorted(path.name for path in host.EXAMPLES.glob("*.png"))
    (tmp_path / names[0]).write_bytes(b"mine")
    host.provide_example_pictures()
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / names[0]).read_bytes() == b"mine"


def test_the_pack_knows_its_pictures(host):
    assert Path(host.EXAMPLES).is_dir()
