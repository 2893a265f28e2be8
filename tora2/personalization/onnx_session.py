"""Opening ONNX files: one place for the optional dependency, and what a broken file is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import EncoderError

if TYPE_CHECKING:
    import onnxruntime


def import_onnxruntime() -> Any:
    """Import onnxruntime, or say in one sentence how to get it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderError(
            "The identity encoders need onnxruntime, which is not installed: run `pip install onnxruntime` (or "
            "`onnxruntime-gpu`) in ComfyUI's Python."
        ) from error
    return onnxruntime


PROVIDERS = ["CPUExecutionProvider"]
"""The identity encoders run once per reference, which the CPU is good enough for."""


def open_session(path: Path | str, what: str) -> onnxruntime.InferenceSession:
    """Open one ONNX file.

    Args:
        path: the file.
        what: its name in messages, such as ``re-identification encoder``.

    Raises:
        EncoderError: onnxruntime is missing, or the file is missing, not ONNX, or cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise EncoderError(f"The {what} is not at {path}: put its .onnx file there.")
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # torch already keeps one thread a core; a second pool of the same size would only contend with it.
    options.intra_op_num_threads = min(torch.get_num_threads(), os.cpu_count() or 1)
    try:
        return runtime.InferenceSession(str(path), sess_options=options, providers=PROVIDERS)
    except Exception as error:  # onnxruntime's exception classes are private and differ between versions
        raise EncoderError(
            f"The {what} at {path} cannot be read as an ONNX model ({path.stat().st_size} bytes; it may be another "
            f"format, or an incomplete download): replace it with the right .onnx file ({first_line(error)})."
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, at most 160 characters."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160].rstrip(" .")
