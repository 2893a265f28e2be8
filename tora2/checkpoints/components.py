"""Everything of a model but its transformer: VAE, text encoder, tokenizer, scheduler and the identity encoders.

Each is taken from the model's own diffusers folder, else from where ComfyUI users keep such a file. Nothing downloads.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError
from ..vae.convolution import use_conv3d
from .headers import Header, read_header, read_json, weight_files
from .identify import T5, VAE, expect, identify
from .sources import ModelSource
from .weights import StoredTensors, build, check_no_meta, fill

VAE_CONFIG = {
    "block_out_channels": [128, 256, 256, 512],
    "latent_channels": 16,
    "layers_per_block": 3,
    "sample_height": 480,
    "sample_width": 720,
    "scaling_factor": 0.7,
    "temporal_compression_ratio": 4,
}
"""CogVideoX-5B's, for a VAE that comes as a single file."""

SCHEDULER_CONFIG = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "snr_shift_scale": 1.0,
    "steps_offset": 0,
}
"""CogVideoX-5B's noise schedule, for a model that comes without one; tora2-tiny uses it too."""

T5_CONFIG = {
    "d_ff": 10240,
    "d_kv": 64,
    "d_model": 4096,
    "num_heads": 64,
    "num_layers": 24,
    "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "is_encoder_decoder": False,
    "use_cache": False,
}
"""t5-v1_1-xxl's encoder, CogVideoX's (and Flux's and SD3's) text encoder."""

T5_TIED = ("shared.weight", "encoder.embed_tokens.weight")
TEXT_FOLDERS = ("text_encoders", "clip")
FACE_PACKS = ("antelopev2", "buffalo_l")
REID_PLACE = "models/tora2/reid/<name>.onnx (make it with `python -m tora2 convert reid`)"
DINO_PLACE = "models/dinov2/<name>/ (config.json, preprocessor_config.json, model.safetensors)"
FACE_PLACE = "models/insightface/models/antelopev2 (or buffalo_l)"


def load_vae(source: ModelSource, dtype: torch.dtype | None) -> nn.Module:
    """``AutoencoderKLCogVideoX`` of the model's vae/ folder, or a single file in models/vae."""
    from diffusers import AutoencoderKLCogVideoX

    folder = component_folder(source, "vae", "config.json")
    if folder is not None:
        config, files = read_json(folder / "config.json"), weight_files(folder)
        if config.get("_class_name", "AutoencoderKLCogVideoX") != "AutoencoderKLCogVideoX":
            raise CheckpointError(
                f"{folder} holds a {config['_class_name']}, but CogVideoX's VAE (AutoencoderKLCogVideoX) belongs there."
            )
    else:
        found = find_vae(source)
        if found is None:
            raise CheckpointError(
                f"{source.name} has no VAE: put the folder vae/ of CogVideoX-5b into models/CogVideo/CogVideoX-5b, or "
                "its single file into models/vae."
            )
        config, files = VAE_CONFIG, [found.path]
    expect(read_header(files[0]), VAE)
    vae = build(lambda: AutoencoderKLCogVideoX(**_arguments(AutoencoderKLCogVideoX, config)))
    fill(vae, StoredTensors(files), dtype, "CogVideoX's VAE")
    check_no_meta(vae, "VAE")
    use_conv3d(vae)
    return vae


def vae_config(source: ModelSource) -> dict[str, Any]:
    """Config of the VAE, without loading it."""
    folder = component_folder(source, "vae", "config.json")
    return read_json(folder / "config.json") if folder is not None else VAE_CONFIG


def text_encoder_config(source: ModelSource) -> dict:
    """Config of the text encoder, without loading it."""
    folder = component_folder(source, "text_encoder", "config.json")
    return _without_meta(read_json(folder / "config.json")) if folder is not None else T5_CONFIG


def load_text_encoder(source: ModelSource, dtype: torch.dtype | None, width: int) -> nn.Module:
    """T5 encoder of the model's text_encoder/ folder, or a single t5xxl file as ComfyUI keeps it.

    Args:
        width: of the states that the transformer reads.
    """
    from transformers import T5Config, T5EncoderModel

    folder = component_folder(source, "text_encoder", "config.json")
    config = T5Config(**text_encoder_config(source))
    if folder is not None:
        files = weight_files(folder)
        kind_header = _joined_names(files)
    else:
        found = find_t5(source, width)
        if found is None:
            raise CheckpointError(
                f"{source.name} has no text encoder: put t5xxl_fp16.safetensors (or its fp8 version) into "
                "models/text_encoders, or text_encoder/ of CogVideoX-5b into the model's folder."
            )
        files, kind_header = [found.path], found
    expect(kind_header, T5)
    if config.d_model != width:
        raise CheckpointError(
            f"{files[0]} makes text states of width {config.d_model}, but {source.name} reads {width}: CogVideoX takes "
            "the encoder of t5-v1_1-xxl."
        )
    model = build(lambda: T5EncoderModel(config))
    half = tuple(getattr(T5EncoderModel, "_keep_in_fp32_modules", None) or ("wo",))
    fill(model, StoredTensors(files, t5_name), dtype, "the T5 text encoder", float32=half, optional=T5_TIED)
    _tie_embedding(model)
    check_no_meta(model, "text encoder")
    return model


def t5_name(name: str) -> str | None:
    """Name in a T5 file -> transformers' encoder; the decoder of a whole T5 is left out."""
    for prefix in ("text_encoders.t5xxl.transformer.", "transformer."):
        name = name.removeprefix(prefix)
    return None if name.startswith(("decoder.", "lm_head.")) or name in ("logit_scale", "spiece_model") else name


def load_tokenizer(source: ModelSource, fallback: Path | None = None) -> Any:
    """A fast T5 tokenizer (it must give character offsets) of the model's tokenizer/ folder.

    Args:
        fallback: a folder that the host knows, tried last.
    """
    from transformers import T5TokenizerFast

    folder = None
    for candidate in (*(path / "tokenizer" for path in source.folders()), *([fallback] if fallback else ())):
        if any((candidate / name).is_file() for name in ("tokenizer.json", "spiece.model")):
            folder = candidate
            break
    if folder is None:
        raise CheckpointError(
            f"{source.name} has no tokenizer: put the folder tokenizer/ of CogVideoX-5b (a few small files) into "
            f"{(source.folders() or (Path('models/CogVideo/CogVideoX-5b'),))[0]}."
        )
    try:
        return T5TokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # tokenizers, sentencepiece and protobuf raise many kinds for a broken file
        raise CheckpointError(
            f"The tokenizer in {folder} cannot be read ({str(error).strip().splitlines()[0][:160]}): get that folder "
            "of CogVideoX-5b anew."
        ) from error


def load_scheduler(source: ModelSource) -> Any:
    """``CogVideoXDPMScheduler`` with the model's own noise schedule and trailing steps, as CogVideoX samples with."""
    folder = component_folder(source, "scheduler", "scheduler_config.json")
    return make_scheduler(read_json(folder / "scheduler_config.json") if folder is not None else SCHEDULER_CONFIG)


def make_scheduler(config: dict[str, Any] = SCHEDULER_CONFIG) -> Any:
    """``CogVideoXDPMScheduler`` of a noise schedule, with trailing steps whatever the config says."""
    from diffusers import CogVideoXDPMScheduler

    arguments = _arguments(CogVideoXDPMScheduler, config)
    return CogVideoXDPMScheduler(**{**arguments, "timestep_spacing": "trailing"})


def find_semantic(source: ModelSource, width: int) -> Path | None:
    """Folder of a DINOv2 whose tokens have the width that the adapter was trained with."""
    folder = component_folder(source, "semantic_encoder", "config.json")
    if folder is not None:
        return folder
    for folder in source.models.named("dinov2"):
        for config in sorted(folder.glob("*/config.json")):
            try:
                if read_json(config).get("hidden_size") == width:
                    return config.parent
            except CheckpointError:
                continue
    return None


def find_reid(source: ModelSource) -> Path | None:
    """The re-identification encoder's ONNX file."""
    own = [folder / "reid_encoder" / "model.onnx" for folder in source.folders()]
    shared = [path for folder in source.models.named("tora2") for path in sorted((folder / "reid").glob("*.onnx"))]
    return next((path for path in (*own, *shared) if path.is_file()), None)


def find_face(source: ModelSource) -> Path | None:
    """Folder of an insightface pack."""
    own = [folder / "face_encoder" for folder in source.folders()]
    shared = [folder / "models" / pack for folder in source.models.named("insightface") for pack in FACE_PACKS]
    return next(
        (path for path in (*own, *shared) if any(path.glob("*.onnx")) or any(path.glob("*/*.onnx"))),
        None,
    )


def component_folder(source: ModelSource, name: str, config: str = "config.json") -> Path | None:
    """Where the model's own folder, or its companion's, has a component."""
    return next((folder / name for folder in source.folders() if (folder / name / config).is_file()), None)


def _files_of_kind(folders: Iterable[Path], kind: Any) -> Iterator[Header]:
    for folder in folders:
        for path in sorted(folder.rglob("*.safetensors")):
            try:
                header = read_header(path)
            except CheckpointError:
                continue  # one broken file must not hide a good one beside it
            if identify(header.tensors) is kind:
                yield header


def find_vae(source: ModelSource) -> Header | None:
    """A VAE in one file, where ComfyUI and ComfyUI-CogVideoXWrapper keep it."""
    folders = (*source.models.named("vae"), *(folder / "VAE" for folder in source.models.named("CogVideo")))
    return next(_files_of_kind(folders, VAE), None)


def find_t5(source: ModelSource, width: int) -> Header | None:
    """A T5 of the wanted width and t5-v1_1-xxl's vocabulary; half precision first, then float32, then 8 bits."""
    precision = {"F32": 1, "BF16": 0, "F16": 0}
    fitting = []
    for header in _files_of_kind(source.models.named(*TEXT_FOLDERS), T5):
        table = next((info for name, info in header.tensors.items() if name.endswith("shared.weight")), None)
        if table is not None and table.shape == (T5_CONFIG["vocab_size"], width):
            weight = header.tensors.get("encoder.block.0.layer.0.SelfAttention.q.weight", table)
            fitting.append((precision.get(weight.dtype, 2), str(header.path), header))
    return min(fitting, key=lambda item: item[:2])[2] if fitting else None


def _joined_names(files: list[Path]) -> Header:
    headers = [read_header(path) for path in files]
    return Header(files[0].parent, {k: v for header in headers for k, v in header.tensors.items()}, {})


def _tie_embedding(model: nn.Module) -> None:
    """Files hold the token table under one or both of its names; in memory it is one."""
    shared, embedded = model.shared, model.encoder.embed_tokens
    weight = embedded.weight if shared.weight.is_meta else shared.weight
    shared.weight = embedded.weight = weight


def _arguments(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(cls.__init__).parameters
    return {key: value for key, value in config.items() if key in known and key != "self"}


def _without_meta(config: dict[str, Any]) -> dict[str, Any]:
    """A transformers config without what only concerns its making."""
    dropped = ("architectures", "model_type", "transformers_version", "torch_dtype", "dtype", "_name_or_path")
    return {key: value for key, value in json.loads(json.dumps(config)).items() if key not in dropped}
