"""ComfyUI's own text encoder in place of the model's."""

from __future__ import annotations

from typing import Any

import torch

from ..tora2.errors import ConditionError


class ClipTextEncoder:
    """ComfyUI's own T5-XXL (the CLIP socket) with the call of transformers' T5EncoderModel: ids [B, S] -> (states,)."""

    device = torch.device("cpu")  # ids are handed over as numbers

    def __init__(self, clip: Any):
        names = set(clip.tokenize(""))
        if len(names) != 1 or not next(iter(names)).startswith("t5"):
            raise ConditionError(
                f"The connected CLIP holds {', '.join(sorted(names))}, but T5-XXL alone is needed: load it with Load "
                "CLIP, type cogvideox, or disconnect it."
            )
        if _masks_padding(clip):
            raise ConditionError(
                "The connected CLIP hides the padding behind the prompt, which CogVideoX was trained to see (Load CLIP "
                "with its type at stable_diffusion does that): choose the type cogvideox there."
            )
        self.clip, self.name = clip, next(iter(names))

    def __call__(self, ids: torch.Tensor) -> tuple[torch.Tensor]:
        rows = [[[(token, 1.0) for token in row]] for row in ids.tolist()]
        return (torch.cat([self.clip.encode_from_tokens({self.name: row}) for row in rows]),)


def _masks_padding(clip: Any) -> bool:
    """Whether core's model masks the pad tokens; the same T5 file does so under the types of Mochi and others."""
    model = getattr(clip, "cond_stage_model", None)
    inner = getattr(model, getattr(model, "clip", ""), None)
    return any(getattr(inner, name, False) is True for name in ("enable_attention_masks", "zero_out_masked"))
