"""From a configuration to the module that is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.bundle import Tora2Bundle
from ..checkpoints.components import make_scheduler
from ..checkpoints.config import ADAPTER_ARGUMENTS, AdapterConfig
from ..checkpoints.discovery import find_models
from ..checkpoints.folders import ModelFolders, default_models_folder
from ..checkpoints.loading import load
from ..checkpoints.saving import describe_adapter
from ..checkpoints.sources import plan_transformer, source_at
from ..dit import Tora2Transformer3DModel
from ..dit.transformer import is_adapter_key
from ..errors import CheckpointError, TrainingError
from ..phrases import tokenize_prompt
from .config import ModelConfig, TrainingConfig
from .module import TrainingModule
from .shards import Shards

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Built:
    """A module ready for training, and where its other parts come from.

    Attributes:
        bundle: the source with VAE, tokenizer and encoders; None for a model without a source.
        adapter: config of the adapter that will be written.
    """

    module: TrainingModule
    bundle: Tora2Bundle | None
    adapter: AdapterConfig


def open_source(config: ModelConfig) -> Tora2Bundle | None:
    """The model that the training starts from; its weights are read when they are first used.

    Raises:
        CheckpointError: the source is neither a path nor the name of a model, or cannot be used.
    """
    if not config.source:
        return None
    folder = default_models_folder()
    if Path(config.source).exists():
        source = source_at(config.source, ModelFolders.of([folder]))
    else:
        named = find_models([folder])
        if config.source not in named:
            raise CheckpointError(
                f"`model.source` is {config.source!r}, which is no path, and no model below {folder} has that name "
                f"(COMFYUI_PATH names another ComfyUI); there are: {', '.join(named)}."
            )
        source = named[config.source]
    if config.adapter:
        source = replace(source, adapter=(Path(config.adapter),))
    bundle = load(source)
    if not bundle.has_personalization and config.transformer.get("personalization_config"):
        bundle.expect_personalization(config.transformer["personalization_config"])
    return bundle


def open_data(config: TrainingConfig, device: torch.device) -> Any:
    """The run's clips: encoded shards, or the tiny world, drawn on the fly."""
    data, run = config.data, config.run
    if not data.atlas:
        return Shards(data.path, run.seed, data.pool)
    from ..tiny.source import WorldSource

    return WorldSource(
        data.atlas,
        open_source(config.model).source.base,
        seed=run.seed,
        stills=data.stills * run.batch,
        workers=data.workers,
        device=device,
    )


def build(config: TrainingConfig, *, has_text: bool) -> Built:
    """Load or make the model, with trained parts in float32 and frozen ones in their own precision.

    Args:
        has_text: the data bring text states, so no text encoder is needed.

    Raises:
        TrainingError: the model lacks parts that Tora2 trains, or the options contradict each other.
        CheckpointError: a file of the source cannot be used.
    """
    model = config.model
    if has_text and model.train_text_encoder:
        raise TrainingError(
            "`model.train_text_encoder` is true, but the data hold text states: encode them anew with that option on."
        )
    bundle = open_source(model)
    transformer = make_transformer(model, bundle)
    _check_parts(transformer)
    text_encoder = null_ids = None
    if not has_text:
        if bundle is None or bundle.text_encoder is None:
            raise TrainingError("The data hold token ids, which need `model.source` with a text encoder and tokenizer.")
        text_encoder = bundle.text_encoder
        null_ids = tokenize_prompt(bundle.tokenizer, "", transformer.config.max_text_seq_length)[0]
    module = TrainingModule(
        transformer,
        text_encoder,
        null_ids,
        scheduler(bundle).alphas_cumprod,
        config.recipe,
        train_base=model.train_base,
        train_text_encoder=model.train_text_encoder,
    )
    set_precision(module, DTYPES[model.frozen_dtype])
    if model.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
        if model.train_text_encoder:
            text_encoder.gradient_checkpointing_enable()
    return Built(module, bundle, adapter_config(model, transformer, bundle))


def make_transformer(config: ModelConfig, bundle: Tora2Bundle | None) -> Tora2Transformer3DModel:
    """The source's transformer, with the adapter parts that the configuration asks for; or one of random weights."""
    if config.scratch or bundle is None:
        try:
            return Tora2Transformer3DModel(**config.transformer)
        except TypeError as error:
            raise TrainingError(f"`model.transformer` cannot be built: {error}.") from error
    foreign = sorted(set(config.transformer) - set(ADAPTER_ARGUMENTS))
    if foreign:
        raise TrainingError(
            f"`model.transformer.{foreign[0]}` belongs to the base, whose sizes come from `model.source`; of a loaded "
            f"model only {', '.join(ADAPTER_ARGUMENTS)} can be set."
        )
    loaded = bundle.transformer
    arguments = {key: value for key, value in loaded.config.items() if not key.startswith("_")}
    if all(arguments[key] == value for key, value in config.transformer.items()):
        return loaded
    bundle.release("transformer")
    transformer = Tora2Transformer3DModel(**(arguments | config.transformer))
    try:
        missing, unexpected = transformer.load_state_dict(loaded.state_dict(), strict=False)
    except RuntimeError as error:
        raise TrainingError(
            "`model.transformer` gives parts other sizes than the trained ones of `model.source`: leave those keys "
            f"out, or start from a base without them ({str(error).splitlines()[-1].strip()})."
        ) from error
    assert all(is_adapter_key(key) for key in (*missing, *unexpected)), "the base's own weights are all there"
    return transformer


def sizes_of(config: ModelConfig, bundle: Tora2Bundle | None) -> dict[str, Any]:
    """Config of the transformer that :func:`make_transformer` makes, without reading any weights."""
    arguments = {} if config.scratch or bundle is None else plan_transformer(bundle.source).arguments
    with torch.device("meta"):
        return dict(Tora2Transformer3DModel(**(arguments | config.transformer)).config)


def _check_parts(transformer: Tora2Transformer3DModel) -> None:
    for part, argument in (
        ("traj_extractor", "motion_channels"),
        ("personalization_extractor", "personalization_config"),
        ("binding", "binding_config"),
    ):
        if getattr(transformer, part) is None:
            raise TrainingError(
                f"The model has no {part}, which Tora2 trains: set `model.transformer.{argument}` to add one."
            )


def set_precision(module: TrainingModule, frozen: torch.dtype) -> None:
    """Trained parameters and all buffers in float32, frozen parameters in ``frozen``."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to(torch.float32 if parameter.requires_grad else frozen)
    for owner in module.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if buffer.is_floating_point():
                owner._buffers[name] = buffer.float()


def scheduler(bundle: Tora2Bundle | None) -> Any:
    if bundle is not None and bundle.scheduler is not None:
        return bundle.scheduler
    return make_scheduler()


def adapter_config(config: ModelConfig, transformer: Any, bundle: Tora2Bundle | None) -> AdapterConfig:
    """What the written adapter will say of itself."""
    return describe_adapter(transformer.config, **preparation(config, bundle))


def preparation(config: ModelConfig, bundle: Tora2Bundle | None) -> dict[str, Any]:
    """``flow_sigma``, ``flow_window``, ``reference_size``: the configuration's, or the source's where it has none."""
    before = bundle.config if bundle is not None else AdapterConfig()
    names = ("flow_sigma", "flow_window", "reference_size")
    return {name: getattr(config, name) or getattr(before, name) for name in names}
