"""Which files make up one model, and what they say about themselves; headers and configs only, no weights."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .config import ADAPTER_ARGUMENTS, METADATA_KEY, NO_ADAPTER, AdapterConfig, BaseDescription, check_fit
from .folders import NO_FOLDERS, ModelFolders
from .headers import Header, read_header, read_json, weight_files
from .identify import (
    ADAPTER,
    COMFY_TRANSFORMER,
    EXTRACTOR,
    FUSER,
    TRANSFORMER,
    count_layers,
    expect,
    identify,
    key_prefix,
    wrong_file,
)
from .quantized import stored_weights

ADAPTER_FILE = "adapter.safetensors"
HEAD_DIM = 64
WIDTH_2B, WIDTH_5B = 1920, 3072
"""The one CogVideoX without rotary positions; its file does not say so by any key."""

BASE_CLASSES = ("CogVideoXTransformer3DModel", "ToraTransformer3DModel", "Tora2Transformer3DModel")


@dataclass(frozen=True)
class ModelSource:
    """The files of one model.

    Attributes:
        name: as the loader shows it.
        base: a diffusers folder (transformer/, vae/ ...), or a single transformer file.
        adapter: nothing, one adapter of ours, or Tora's fuser and trajectory extractor.
        companion: a diffusers folder for what a single transformer file lacks (VAE, tokenizer, text encoder).
        models: folders in which encoders and single files are looked up.
    """

    name: str
    base: Path
    adapter: tuple[Path, ...] = ()
    companion: Path | None = None
    models: ModelFolders = NO_FOLDERS

    def folders(self) -> tuple[Path, ...]:
        """Diffusers folders to take components from, the model's own first."""
        own = (self.base,) if self.base.is_dir() else ()
        return own if self.companion is None else (*own, self.companion)


@dataclass(frozen=True)
class TransformerPlan:
    """How to build a source's transformer.

    Attributes:
        arguments: all constructor arguments of ``Tora2Transformer3DModel``.
        files: the base's files; they hold the adapter as well if ``whole``.
        base: description of the base.
        adapter: config of the adapter (or of no adapter).
        whole: base and adapter are in the same files.
    """

    arguments: dict[str, Any]
    files: list[Path]
    base: BaseDescription
    adapter: AdapterConfig
    whole: bool


def source_at(path: Path | str, models: ModelFolders = NO_FOLDERS) -> ModelSource:
    """The model in a folder, or the base in a single file, named by path (the command line does that).

    Raises:
        CheckpointError: there is no model; the sentence says what is there instead.
    """
    path = Path(path)
    if path.is_file():
        expect(read_header(path), TRANSFORMER, COMFY_TRANSFORMER)
        return ModelSource(path.stem, path, models=models)
    if not path.is_dir():
        raise CheckpointError(f"There is no model at {path}: give a diffusers folder or a transformer's .safetensors.")
    if not (path / "transformer" / "config.json").is_file():
        raise CheckpointError(
            f"{path} is not a diffusers model folder (no transformer/config.json in it): give the folder that holds "
            "transformer/, vae/, text_encoder/, tokenizer/ and scheduler/."
        )
    adapter = path / ADAPTER_FILE
    return ModelSource(path.name, path, (adapter,) if adapter.is_file() else (), models=models)


def plan_transformer(source: ModelSource) -> TransformerPlan:
    """Read headers and configs of a source and check that its parts fit together.

    Raises:
        CheckpointError: a wrong file, an unsupported base, or an adapter that belongs on another base.
    """
    if source.base.is_dir():
        folder = source.base / "transformer"
        config, files = transformer_config(folder), weight_files(folder)
        names = {name for path in files for name, _ in stored_weights(read_header(path))}
        found = identify(names)
        if found is not TRANSFORMER:
            raise wrong_file(folder, found, TRANSFORMER)
    else:
        header = read_header(source.base)
        expect(header, TRANSFORMER, COMFY_TRANSFORMER)
        config, files, names = config_from_shapes(header), [source.base], set(header.tensors)
    base = BaseDescription.from_config(config)
    whole = holds_adapter(names)
    if whole:
        if source.adapter:
            raise CheckpointError(
                f"{source.base} holds an adapter already, so {source.adapter[0]} cannot be put on it: use a plain "
                "CogVideoX-5b."
            )
        adapter = _adapter_within(config, files, base, source.base)
    else:
        adapter = adapter_config(source.adapter) if source.adapter else AdapterConfig()
    if adapter.base is not None:
        check_fit(adapter.base, base, source.adapter[0] if source.adapter else source.base, source.base)
    elif base.is_cogvideox_1_5:
        raise CheckpointError(
            f"{source.base} is CogVideoX 1.5, which is not supported (Tora's weights were trained on CogVideoX 1.0): "
            "use CogVideoX-5b or CogVideoX-5b-I2V."
        )
    if base.kind is None:
        raise CheckpointError(
            f"{source.base} takes {base.in_channels} input channels (CogVideoX-Fun has 33), which no adapter fits: use "
            "CogVideoX-5b (16) or CogVideoX-5b-I2V (32)."
        )
    return TransformerPlan({**config, **adapter.arguments}, files, base, adapter, whole)


def holds_adapter(names: Collection[str]) -> bool:
    """Whether a transformer's own files hold Tora's or Tora2's parts too (``Tora_T2V_diffusers``)."""
    return any(name.startswith(("traj_extractor.", "fuser.", "personalization_extractor.")) for name in names)


def transformer_config(folder: Path) -> dict[str, Any]:
    """Constructor arguments in transformer/config.json, those of other classes' own left out."""
    from ..dit import Tora2Transformer3DModel  # diffusers loads with it, which a list of models must not wait for

    config = read_json(folder / "config.json")
    name = config.get("_class_name")
    if name is not None and name not in BASE_CLASSES:
        raise CheckpointError(
            f"{folder} holds a {name}, but a CogVideoX transformer was expected there: use the folder of CogVideoX-5b."
        )
    known = inspect.signature(Tora2Transformer3DModel.__init__).parameters
    return NO_ADAPTER | {key: value for key, value in config.items() if key in known}


def config_from_shapes(header: Header) -> dict[str, Any]:
    """Constructor arguments of a single-file CogVideoX 1.0 transformer, from its shapes."""
    prefix = key_prefix(header.tensors, ("patch_embed.text_proj.weight",)) or ""
    shape = {name[len(prefix) :]: info.shape for name, info in header.tensors.items() if name.startswith(prefix)}
    blocks = "transformer_blocks." if "transformer_blocks.0.norm1.linear.weight" in shape else "blocks."
    time, norm_q, to_q = "time_embedding.linear_1", "attn1.norm_q", "attn1.to_q"
    if blocks == "blocks.":
        time, norm_q, to_q = "time_embedding_linear_1", "norm_q", "q"
    try:
        inner, text = shape["patch_embed.text_proj.weight"]
        patch = shape["patch_embed.proj.weight"]
        arguments: dict[str, Any] = {
            "num_layers": count_layers(shape, blocks),
            "attention_head_dim": shape.get(f"{blocks}0.{norm_q}.weight", (HEAD_DIM,))[0],
            "text_embed_dim": text,
            "time_embed_dim": shape[f"{time}.weight"][0],
            "attention_bias": f"{blocks}0.{to_q}.bias" in shape,
            "use_rotary_positional_embeddings": inner != WIDTH_2B,
            "use_learned_positional_embeddings": "patch_embed.pos_embedding" in shape,
        }
        if len(patch) == 2:  # CogVideoX 1.5 folds two latent frames and 2x2 pixels into a linear layer
            arguments |= {"in_channels": patch[1] // 8, "out_channels": 16, "patch_size_t": 2, "patch_bias": False}
        else:
            side = patch[2]
            arguments |= {"in_channels": patch[1], "patch_size": side}
            arguments["out_channels"] = shape["proj_out.weight"][0] // side**2
        arguments["num_attention_heads"] = inner // arguments["attention_head_dim"]
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"{header.path} is an incomplete CogVideoX transformer ({error!r}): get it anew."
        ) from error
    return arguments | NO_ADAPTER


def adapter_config(files: tuple[Path, ...]) -> AdapterConfig:
    """Config of an adapter given by its file(s)."""
    if len(files) == 1:
        header = read_header(files[0])
        if METADATA_KEY not in header.metadata:
            found = identify(header.tensors)
            if found in (FUSER, EXTRACTOR):
                other = EXTRACTOR if found is FUSER else FUSER
                raise CheckpointError(
                    f"{files[0]} is {found.text}, which works only with {other.text} in {other.place}."
                )
            if found is ADAPTER:
                raise CheckpointError(
                    f"{files[0]} holds an adapter's weights without their config (metadata `{METADATA_KEY}`): "
                    "get it anew."
                )
            raise wrong_file(files[0], found, ADAPTER)
        return AdapterConfig.from_json(header.metadata[METADATA_KEY], files[0])
    return tora_adapter_config(*files)


def tora_adapter_config(fuser_path: Path, extractor_path: Path) -> AdapterConfig:
    """Config of Tora's two files of the ComfyUI conversion; text-to-video or image-to-video is told by their names."""
    fuser, extractor = read_header(fuser_path), read_header(extractor_path)
    expect(fuser, FUSER)
    expect(extractor, EXTRACTOR)
    is_i2v = "i2v" in fuser_path.stem.lower()
    if is_i2v != ("i2v" in extractor_path.stem.lower()):
        raise CheckpointError(
            f"{fuser_path.name} and {extractor_path.name} belong to different models: both names end in _I2V, or "
            "neither does."
        )
    shapes = {fuser_name(name): info.shape for name, info in fuser.tensors.items()}
    shapes |= {extractor_name(name): info.shape for name, info in extractor.tensors.items()}
    return _tora_config(shapes, is_i2v, fuser_path)


def fuser_name(name: str) -> str:
    """Name in a fuser file -> name in the transformer."""
    for prefix in (*_SAT_FUSERS, "fuser_list.", "fuser."):
        name = name.removeprefix(prefix)
    return f"fuser.{name}"


def extractor_name(name: str) -> str:
    """Name in a trajectory extractor's file -> name in the transformer."""
    for prefix in ("model.diffusion_model.", "traj_extractor."):
        name = name.removeprefix(prefix)
    return f"traj_extractor.{name}"


_SAT_FUSERS = ("model.diffusion_model.mixins.adaln_layer.fuser_list.", "mixins.adaln_layer.fuser_list.")


def tora_description(
    shapes: dict[str, tuple[int, ...]], in_channels: int | None, where: object
) -> tuple[int, BaseDescription]:
    """Motion channels and base of Tora weights under the transformer's names."""
    try:
        channels, patches = shapes["traj_extractor.conv_in.weight"][:2]
        latents = patches // 4
        inner = shapes["fuser.0.flow_gamma_temporal.weight"][0]
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{where} is not a whole Tora adapter ({error!r} is missing): get it anew.") from error
    layers = count_layers(shapes, "fuser.")
    return channels, BaseDescription(in_channels or latents, latents, layers, inner)


def _tora_config(shapes: dict[str, tuple[int, ...]], is_i2v: bool, where: object) -> AdapterConfig:
    channels, base = tora_description(shapes, None, where)
    if is_i2v:
        base = BaseDescription(2 * base.out_channels, base.out_channels, base.num_layers, base.inner_dim)
    return AdapterConfig(arguments={**NO_ADAPTER, "motion_channels": channels}, base=base)


def _adapter_within(config: dict[str, Any], files: list[Path], base: BaseDescription, where: Path) -> AdapterConfig:
    """Adapter config of a transformer that holds all keys: Tora's by shape, Tora2's by its own config."""
    arguments = {**NO_ADAPTER, **_own_arguments(config)}
    if arguments["motion_channels"] is None:
        shapes = {name: info.shape for path in files for name, info in read_header(path).tensors.items()}
        if "traj_extractor.conv_in.weight" in shapes:
            arguments["motion_channels"] = shapes["traj_extractor.conv_in.weight"][0]
    flow = _pipeline_settings(where)
    return AdapterConfig(arguments=arguments, base=base, **flow)


def _pipeline_settings(folder: Path) -> dict[str, Any]:
    """What our pipeline's ``save_pretrained`` keeps in model_index.json."""
    index = folder / "model_index.json"
    if not index.is_file():
        return {}
    data = read_json(index)
    names = ("flow_sigma", "flow_window", "reference_size")
    return {name: data[name] for name in names if isinstance(data.get(name), int | float)}


def _own_arguments(config: dict[str, Any]) -> dict[str, Any]:
    return {name: config[name] for name in ADAPTER_ARGUMENTS if name in config}
