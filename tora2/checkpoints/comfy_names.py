"""Names in a transformer file of ComfyUI's own CogVideoX, which are not diffusers'."""

from __future__ import annotations

_COMFY_PARTS = {
    "q": "attn1.to_q",
    "k": "attn1.to_k",
    "v": "attn1.to_v",
    "norm_q": "attn1.norm_q",
    "norm_k": "attn1.norm_k",
    "attn_out": "attn1.to_out.0",
    "ff_proj": "ff.net.0.proj",
    "ff_out": "ff.net.2",
}
"""ComfyUI's names of a block's parts -> diffusers'."""


def diffusers_name(name: str) -> str:
    """Name in a transformer file of ComfyUI's own CogVideoX -> diffusers' name."""
    name = name.replace("time_embedding_linear_", "time_embedding.linear_")
    name = name.replace("ofs_embedding_linear_", "ofs_embedding.linear_")
    parts = name.split(".", 3)
    if parts[0] != "blocks" or len(parts) < 4:
        return name
    _, layer, part, tail = parts
    return f"transformer_blocks.{layer}.{_COMFY_PARTS.get(part, part)}.{tail}"
