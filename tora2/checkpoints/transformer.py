"""A source's files -> ``Tora2Transformer3DModel`` with every weight in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from ..acceleration.quantization import is_quantized, quantize
from ..dit import Tora2Transformer3DModel
from ..dit.transformer import is_adapter_key
from .headers import TensorInfo, read_header
from .identify import key_prefix
from .sources import ModelSource, TransformerPlan, extractor_name, fuser_name, plan_transformer
from .weights import StoredTensors, build, check_coverage, check_no_meta, fill

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


def load_transformer(
    source: ModelSource,
    dtype: torch.dtype | None,
    plan: TransformerPlan | None = None,
    quantization: str = "none",
) -> Tora2Transformer3DModel:
    """Build a source's transformer and fill it, each tensor in memory once; frozen, in eval mode, on the CPU.

    Args:
        source: the files.
        dtype: of the weights; None keeps what is stored.
        plan: of ``plan_transformer``, if it is there already.
        quantization: one of ``acceleration.settings.QUANTIZATIONS``; ``fp8_weights`` keeps a file's own fp8 as it is.

    Raises:
        CheckpointError: a file is wrong or broken, or its names or shapes are not exactly those of the model.
        AccelerationError: the quantization cannot be done here.
    """
    plan = plan or plan_transformer(source)
    model = build(lambda: Tora2Transformer3DModel(**plan.arguments))
    keep_fp8 = (dtype or torch.bfloat16) if quantization == "fp8_weights" else None
    stored = stored_transformer(source, plan, model.state_dict(), keep_fp8)
    fill(model, stored, dtype, "the transformer")
    _fill_positions(model, dtype)
    check_no_meta(model, source.name)
    if not (keep_fp8 and is_quantized(model)):
        quantize(model, quantization)
    return model


def stored_transformer(
    source: ModelSource,
    plan: TransformerPlan,
    expected: Mapping[str, torch.Tensor],
    keep_fp8: torch.dtype | None = None,
) -> StoredTensors | JoinedTensors:
    """The source's tensors under the model's names; base and adapter are checked apart, so errors name a file."""
    base = StoredTensors(plan.files, _base_rename(source, plan), keep_fp8)
    if plan.whole:
        check_coverage(expected, base, "the transformer with its adapter that its config describes")
        return base
    check_coverage(
        {key: value for key, value in expected.items() if not is_adapter_key(key)},
        base,
        "the CogVideoX transformer that its config describes",
    )
    if not source.adapter:
        return base
    adapter = stored_adapter(source)
    check_coverage(
        {key: value for key, value in expected.items() if is_adapter_key(key)}, adapter, "the adapter of this model"
    )
    return JoinedTensors(base, adapter)


def stored_adapter(source: ModelSource) -> StoredTensors | JoinedTensors:
    """An adapter's tensors under the model's names."""
    if len(source.adapter) == 1:
        return StoredTensors(source.adapter[0])
    fuser, extractor = source.adapter
    return JoinedTensors(StoredTensors(fuser, fuser_name), StoredTensors(extractor, extractor_name))


class JoinedTensors(Mapping[str, TensorInfo]):
    """Two sets of stored tensors, read one after the other."""

    def __init__(self, *parts: StoredTensors):
        self._parts = parts
        self._infos = {key: info for part in parts for key, info in part.items()}

    def __getitem__(self, key: str) -> TensorInfo:
        return self._infos[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __repr__(self) -> str:
        return " + ".join(map(repr, self._parts))

    def read(self) -> Iterator[tuple[str, torch.Tensor]]:
        for part in self._parts:
            yield from part.read()


def comfy_name(name: str) -> str:
    """Name in a transformer file of ComfyUI's own CogVideoX -> diffusers' name."""
    name = name.replace("time_embedding_linear_", "time_embedding.linear_")
    name = name.replace("ofs_embedding_linear_", "ofs_embedding.linear_")
    first, _, rest = name.partition(".")
    if first != "blocks":
        return name
    layer, part, tail = rest.split(".", 2)
    return f"transformer_blocks.{layer}.{_COMFY_PARTS.get(part, part)}.{tail}"


def _base_rename(source: ModelSource, plan: TransformerPlan):
    if source.base.is_dir():
        return None
    names = read_header(plan.files[0]).tensors
    prefix = key_prefix(names, ("patch_embed.text_proj.weight",)) or ""
    is_comfy = prefix + "blocks.0.norm1.linear.weight" in names

    def rename(name: str) -> str:
        name = name.removeprefix(prefix)
        return comfy_name(name) if is_comfy else name

    return rename


def _fill_positions(model: Tora2Transformer3DModel, dtype: torch.dtype | None) -> None:
    """Sine positions (CogVideoX without rotary ones) are computed, not stored, so the meta device left them empty."""
    embed = model.patch_embed
    positions = getattr(embed, "pos_embedding", None)
    if positions is not None and positions.is_meta:
        computed = embed._get_positional_embeddings(embed.sample_height, embed.sample_width, embed.sample_frames)
        embed.register_buffer("pos_embedding", computed.to(dtype or model.dtype), persistent=False)
