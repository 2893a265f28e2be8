"""From a source (``discovery.find_models``) or a path to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from .bundle import Tora2Bundle
from .lora import Lora
from .sources import ModelSource, source_at


def load(
    source: ModelSource | Path | str,
    dtype: torch.dtype | None = None,
    *,
    tokenizer: Path | None = None,
    quantization: str = "none",
    loras: Sequence[Lora] = (),
) -> Tora2Bundle:
    """Open a model. Files are checked now; each component's weights are read when it is first used.

    Args:
        source: of ``find_models``, or a path (never one that comes out of a workflow).
        dtype: of all weights; None keeps what is stored (fp8 becomes bfloat16).
        tokenizer: folder of a T5 tokenizer, for single-file models that come without one.
        quantization: of the transformer's blocks, one of ``acceleration.settings.QUANTIZATIONS``.
        loras: to merge into the transformer's weights when they are read.

    Raises:
        CheckpointError: one sentence that says what is wrong with the files and how to mend it.
    """
    if not isinstance(source, ModelSource):
        source = source_at(source)
    return Tora2Bundle.open(source, dtype, tokenizer=tokenizer, quantization=quantization, loras=loras)
