"""A training run as a TOML file: typed, checked, with unknown keys refused by name."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..binding import BindingConfig
from ..errors import TrainingError
from ..personalization.extractor import ExtractorConfig
from .step import Recipe

PRECISIONS = ("fp32", "bf16", "fp16")
DECAYS = ("constant", "cosine", "linear")


@dataclass(frozen=True)
class ModelConfig:
    """What is trained.

    Attributes:
        source: model to start from (frozen encoders too): a path, or a name as Tora2 Load Model shows it
            (``tora2-tiny``, ``CogVideoX-5b + Tora``); empty only with ``scratch``.
        adapter: adapter .safetensors to start from instead of the one in ``source``.
        scratch: build the transformer with random weights of the sizes in ``transformer``.
        transformer: constructor arguments; of a loaded model only those of the adapter's parts, which are then added.
        train_base, train_text_encoder: train the CogVideoX base, and the text encoder, too.
        frozen_dtype: fp32, bf16 or fp16, of the weights that stay as they are.
        gradient_checkpointing: recompute each layer in the backward pass.
        compile: torch.compile of the repeated block, once for all layers; the first step takes longer.
        flow_sigma, flow_window, reference_size: of a new adapter; 0 takes those of ``source``.
    """

    source: str = ""
    adapter: str = ""
    scratch: bool = False
    transformer: dict[str, Any] = field(default_factory=dict)
    train_base: bool = False
    train_text_encoder: bool = False
    frozen_dtype: str = "fp32"
    gradient_checkpointing: bool = False
    compile: bool = False
    flow_sigma: float = 0.0
    flow_window: int = 0
    reference_size: int = 0


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        path: folder of encoded shards (``*.safetensors``).
        samples: folder of samples or of .tar shards in the open format (see README.md beside this file); it is encoded
            into ``path`` by ``train --encode``.
        frames, height, width, fps: of the encoded clips; frames 8k+1, sides multiples of 16, fps 0 keeps every frame.
        pool: shards that are mixed with each other, and kept in memory.
        clips_per_shard: of the encoding.
        atlas: folder of the tiny world's pictures: clips of it are drawn and encoded while training, instead of read
            from ``path``. stills: so many steps from the beginning see stills. workers: processes that plan clips.
    """

    path: str = ""
    samples: str = ""
    frames: int = 49
    height: int = 480
    width: int = 720
    fps: float = 8.0
    pool: int = 2
    clips_per_shard: int = 64
    atlas: str = ""
    stills: int = 0
    workers: int = 0


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW and its learning rate.

    Attributes:
        rate: of the adapter; ``base_rate`` and ``text_rate`` of the base and the text encoder, 0 takes ``rate``.
        warm_up: steps of linear rise. decay: constant, cosine or linear fall to ``floor`` * rate at the last step,
            from step ``decay_begin`` on (or from the end of the rise, if that is later).
        betas, epsilon, weight_decay: AdamW's.
        clip: largest norm of the gradient; 0 does not clip.
        ema: decay of the averaged weights; 0 keeps no average.
    """

    rate: float = 3e-6
    base_rate: float = 0.0
    text_rate: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    warm_up: int = 0
    decay: str = "constant"
    decay_begin: int = 0
    floor: float = 0.0
    clip: float = 1.0
    ema: float = 0.999


@dataclass(frozen=True)
class RunConfig:
    """Length, size and place of the run.

    Attributes:
        out: the run's folder.
        steps: optimizer steps. batch: clips in one step, over all processes. micro_batch: clips that one process takes
            through the network at once; the rest is accumulated.
        precision: fp32, bf16 or fp16.
        seed: of all random draws.
        save_every, keep: steps between checkpoints, and how many are kept. save_minutes: also save so often; 0 does
            not.
        log_every: steps between lines of metrics.
        patience: steps in a row without a finite gradient after which the run stops.
        export_dtype: fp32, bf16 or fp16, of the files that are written at the end.
    """

    out: str = ""
    steps: int = 15_000
    batch: int = 32
    micro_batch: int = 1
    precision: str = "bf16"
    seed: int = 0
    save_every: int = 500
    save_minutes: float = 0.0
    keep: int = 3
    log_every: int = 10
    patience: int = 20
    export_dtype: str = "fp16"


@dataclass(frozen=True)
class ValidationConfig:
    """Videos made during the training.

    Attributes:
        every: steps between them; 0 makes none.
        samples: folder of scenes in the open format (clips are not needed); empty makes none.
        steps, guidance: of the sampler. most: scenes that are used. fps: of the videos.
    """

    every: int = 0
    samples: str = ""
    steps: int = 50
    guidance: float = 6.0
    most: int = 4
    fps: float = 8.0


@dataclass(frozen=True)
class TrainingConfig:
    """A whole training configuration; one table of the TOML file for each attribute."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Read a TOML file and replace single values of it.

    Args:
        overrides: ``table.key=value``, the value as TOML writes it (a bare word is taken as a string).

    Raises:
        TrainingError: the file is not there or not TOML, or a key or value is wrong.
    """
    path = Path(path)
    toml = _toml()
    try:
        data = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"The configuration {path} cannot be read: {error.strerror or error}.") from error
    except (toml.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not a TOML file: {error}.") from error
    for override in overrides:
        _override(data, override, toml)
    return config_from(data, str(path))


def config_from(data: Mapping[str, Any], where: str = "the configuration") -> TrainingConfig:
    """Build and check a configuration from nested mappings, as TOML gives them."""
    config = _build(TrainingConfig, data, "", where)
    _check(config, where)
    return config


def _toml() -> Any:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        try:
            import tomli as tomllib
        except ImportError:
            raise TrainingError("Python 3.10 reads no TOML files by itself: install tomli, or use 3.11.") from None
    return tomllib


def _override(data: dict[str, Any], text: str, toml: Any) -> None:
    name, equals, value = text.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise TrainingError(f"--set {text} is not of the form table.key=value.")
    try:
        parsed = toml.loads(f"value = {value.strip()}")["value"]
    except toml.TOMLDecodeError:
        parsed = value.strip()
    for key in keys[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise TrainingError(f"--set {text}: {key} is a value, not a table.")
    data[keys[-1]] = parsed


def _build(kind: type, data: Any, prefix: str, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise TrainingError(f"{where}: `{prefix.rstrip('.')}` must be a table.")
    known = {item.name for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in data.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise TrainingError(f"{where}: `{prefix}{key}` does not exist; the closest name is `{prefix}{near[0]}`.")
        if dataclasses.is_dataclass(hints[key]):
            values[key] = _build(hints[key], value, f"{prefix}{key}.", where)
        else:
            values[key] = _value(hints[key], value, prefix + key, where)
    return kind(**values)


def _value(hint: Any, value: Any, name: str, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        parts = typing.get_args(hint)
        if isinstance(value, (list, tuple)) and len(value) == len(parts):
            return tuple(_value(part, item, name, where) for part, item in zip(parts, value, strict=True))
    elif origin is dict or hint is dict:
        if isinstance(value, Mapping):
            return dict(value)
    elif origin is types.UnionType:
        return value
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    wanted = getattr(hint, "__name__", str(hint)) if origin is None else str(hint).replace("typing.", "")
    raise TrainingError(f"{where}: `{name}` is {value!r}, but it must be of type {wanted}.")


def _check(config: TrainingConfig, where: str) -> None:
    def refuse(name: str, value: Any, rule: str) -> None:
        raise TrainingError(f"{where}: `{name}` is {value!r}, but it must be {rule}.")

    for table, names in (
        ("run", ("steps", "batch", "micro_batch", "save_every", "keep", "log_every", "patience")),
        ("data", ("frames", "height", "width", "pool", "clips_per_shard")),
        ("validation", ("steps", "most")),
    ):
        for name in names:
            if (value := getattr(getattr(config, table), name)) < 1:
                refuse(f"{table}.{name}", value, "at least 1")
    for name in ("drop_caption", "drop_references", "drop_trajectories", "drop_entities", "keep_first_frame"):
        if not 0 <= (value := getattr(config.recipe, name)) <= 1:
            refuse(f"recipe.{name}", value, "a probability, 0 to 1")
    optimizer = config.optimizer
    for name in ("base_rate", "text_rate", "weight_decay", "clip", "warm_up", "decay_begin"):
        if not (value := getattr(optimizer, name)) >= 0:
            refuse(f"optimizer.{name}", value, "0 or more")
    if not (value := config.run.save_minutes) >= 0:
        refuse("run.save_minutes", value, "0 or more")
    for name in ("stills", "workers"):
        if (value := getattr(config.data, name)) < 0:
            refuse(f"data.{name}", value, "0 or more")
    if config.data.atlas and not config.model.source:
        refuse("model.source", config.model.source, "the folder of the tiny world's encoders, with `data.atlas`")
    if len(optimizer.betas) != 2 or not all(0 <= beta < 1 for beta in optimizer.betas):
        refuse("optimizer.betas", list(optimizer.betas), "two numbers from 0 to less than 1")
    if not optimizer.epsilon >= 0:
        refuse("optimizer.epsilon", optimizer.epsilon, "0 or more")
    for name, kind in (("personalization_config", ExtractorConfig), ("binding_config", BindingConfig)):
        try:
            kind(**(config.model.transformer.get(name) or {}))
        except TypeError as error:
            known = ", ".join(item.name for item in dataclasses.fields(kind))
            raise TrainingError(f"{where}: `model.transformer.{name}` ({error}) has {known}.") from error
    if not optimizer.rate > 0:
        refuse("optimizer.rate", optimizer.rate, "greater than 0")
    for name in ("ema", "floor"):
        if not 0 <= (value := getattr(optimizer, name)) <= 1:
            refuse(f"optimizer.{name}", value, "0 to 1")
    for name in ("temperature", "timestep_shift"):
        if not 0 < (value := getattr(config.recipe, name)) < math.inf:
            refuse(f"recipe.{name}", value, "greater than 0")
    for name, value, choices in (
        ("run.precision", config.run.precision, PRECISIONS),
        ("run.export_dtype", config.run.export_dtype, PRECISIONS),
        ("model.frozen_dtype", config.model.frozen_dtype, PRECISIONS),
        ("optimizer.decay", optimizer.decay, DECAYS),
    ):
        if value not in choices:
            refuse(name, value, f"one of {', '.join(choices)}")
    if config.run.precision == "fp32" and config.model.frozen_dtype != "fp32":
        refuse("model.frozen_dtype", config.model.frozen_dtype, "fp32 when `run.precision` is fp32")
    if not config.model.source and not config.model.scratch:
        refuse("model.source", config.model.source, "a model folder (or set `model.scratch` and `model.transformer`)")


def learning_rate(
    config: OptimizerConfig, step: int, steps: int, rise_from: int = 0, passed: float | None = None
) -> float:
    """Factor on the learning rates at a step from 0; a function of the step alone, so that a run can go on anywhere.

    Args:
        rise_from: step at which the optimizer began without a memory.
        passed: part of the fall that is over, 0 to 1, where time and not the step decides.
    """
    rise = min(1.0, (step - rise_from + 1) / (config.warm_up + 1))
    if config.decay == "constant":
        return rise
    begin = max(config.warm_up, config.decay_begin)
    done = min(1.0, max(0, step - begin) / max(1, steps - begin)) if passed is None else passed
    left = 0.5 + 0.5 * math.cos(math.pi * done) if config.decay == "cosine" else 1 - done
    return rise * (config.floor + (1 - config.floor) * left)
