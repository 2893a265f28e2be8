"""A source's files -> ``Tora2Transformer3DModel`` with every weight in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from ..acceleration.quantization import is_quantized, quantize
from ..dit import Tora2Transformer3DModel
from ..dit.transformer import is_adapter_key
from .comfy_names import diffusers_name
from .headers import read_header
from .identify import key_prefix
from .lora import Lora
from .merging import merge
from .sources import ModelSource, TransformerPlan, extractor_name, fuser_name, plan_transformer
from .weights import JoinedTensors, StoredTensors, build, check_coverage, check_no_meta, fill


def load_transformer(
    source: ModelSource,
    dtype: torch.dtype | None,
    plan: TransformerPlan | None = None,
    quantization: str = "none",
    loras: Sequence[Lora] = (),
) -> Tora2Transformer3DModel:
    """Build a source's transformer and fill it, each tensor in memory once; frozen, in eval mode, on the CPU.

    Args:
        source: the files.
        dtype: of the weights; None keeps what is stored.
        plan: of ``plan_transformer``, if it is there already.
        quantization: one of ``acceleration.settings.QUANTIZATIONS``; ``fp8_weights`` keeps a file's own fp8 as it is
            where no LoRA changes it.
        loras: to merge into the weights.

    Raises:
        CheckpointError: a file is wrong or broken, or its names or shapes are not exactly those of the model.
        AccelerationError: the quantization cannot be done here.
    """
    plan = plan or plan_transformer(source)
    model = build(lambda: Tora2Transformer3DModel(**plan.arguments))
    keep_fp8 = (dtype or torch.bfloat16) if quantization == "fp8_weights" and not loras else None
    expected = model.state_dict()
    stored = stored_transformer(source, plan, expected, keep_fp8)
    if loras:
        stored = merge(stored, loras, expected, dtype)
    fill(model, stored, dtype, "the transformer")
    _fill_positions(model, dtype)
    check_no_meta(model, source.name)
    if not (keep_fp8 and is_quantized(model)):
        quantize(model, quantization)
    return model


def expected_weights(plan: TransformerPlan) -> Mapping[str, torch.Tensor]:
    """Names and shapes that a source's files must fill, on meta."""
    return build(lambda: Tora2Transformer3DModel(**plan.arguments)).state_dict()


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


def _base_rename(source: ModelSource, plan: TransformerPlan):
    if source.base.is_dir():
        return None
    names = read_header(plan.files[0]).tensors
    prefix = key_prefix(names, ("patch_embed.text_proj.weight",)) or ""
    is_comfy = prefix + "blocks.0.norm1.linear.weight" in names

    def rename(name: str) -> str:
        name = name.removeprefix(prefix)
        return diffusers_name(name) if is_comfy else name

    return rename


def _fill_positions(model: Tora2Transformer3DModel, dtype: torch.dtype | None) -> None:
    """Sine positions (CogVideoX without rotary ones) are computed, not stored, so the meta device left them empty."""
    embed = model.patch_embed
    positions = getattr(embed, "pos_embedding", None)
    if positions is not None and positions.is_meta:
        computed = embed._get_positional_embeddings(embed.sample_height, embed.sample_width, embed.sample_frames)
        embed.register_buffer("pos_embedding", computed.to(dtype or model.dtype), persistent=False)
