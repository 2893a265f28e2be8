"""Small models on disk in every public layout, written by diffusers and transformers themselves where they can."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from tora2.dit import Tora2Transformer3DModel
from tora2.dit.transformer import is_adapter_key

BASE = {
    "num_attention_heads": 2,
    "attention_head_dim": 32,
    "num_layers": 2,
    "in_channels": 16,
    "out_channels": 16,
    "text_embed_dim": 24,
    "time_embed_dim": 16,
    "sample_width": 8,
    "sample_height": 6,
    "sample_frames": 9,
    "max_text_seq_length": 12,
    "use_rotary_positional_embeddings": True,
}
I2V = {"in_channels": 32, "use_learned_positional_embeddings": True}
PERSONALIZATION = {
    "personalization_config": {
        "token_width": 16,
        "queries": 4,
        "layers": 1,
        "heads": 2,
        "semantic_width": 16,
        "face_width": 8,
        "reid_width": 8,
    },
    "binding_config": {"width": 16, "layers": 1, "heads": 2},
    "attention_width": 32,
    "attention_heads": 2,
}


def randomise(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Every parameter and buffer random, zero-initialised ones too, so that a lost tensor shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.05 + ("var" in name))
    return module


def make_transformer(kind: str = "t2v", **options) -> Tora2Transformer3DModel:
    config = {**BASE, **(I2V if kind == "i2v" else {}), "motion_channels": 8, **options}
    return randomise(Tora2Transformer3DModel(**config)).eval()


def base_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value for key, value in model.state_dict().items() if not is_adapter_key(key)}


def write_config(folder: Path, kind: str = "t2v", name: str = "CogVideoXTransformer3DModel", **options) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"_class_name": name, "_diffusers_version": "0.31.0", **BASE, **(I2V if kind == "i2v" else {}), **options}
    (folder / "config.json").write_text(json.dumps(config))


def write_sharded(folder: Path, state: dict[str, torch.Tensor], shards: int = 3) -> None:
    keys = sorted(state)
    weight_map = {}
    for index in range(shards):
        name = f"diffusion_pytorch_model-{index + 1:05d}-of-{shards:05d}.safetensors"
        part = {key: state[key].contiguous() for key in keys[index::shards]}
        save_file(part, str(folder / name), metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, name)
    index_file = folder / "diffusion_pytorch_model.safetensors.index.json"
    index_file.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def write_parts(folder: Path) -> None:
    """vae/, text_encoder/, tokenizer/ and scheduler/ as CogVideoX-5b has them."""
    from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler
    from transformers import T5Config, T5EncoderModel

    vae = AutoencoderKLCogVideoX(
        block_out_channels=(4, 4, 4, 4), layers_per_block=1, norm_num_groups=2, latent_channels=16, scaling_factor=0.7
    )
    randomise(vae, 1).save_pretrained(folder / "vae")
    t5 = T5EncoderModel(
        T5Config(d_model=24, d_ff=16, d_kv=8, num_heads=2, num_layers=1, vocab_size=40, feed_forward_proj="gated-gelu")
    )
    randomise(t5, 2).save_pretrained(folder / "text_encoder")
    write_tokenizer(folder / "tokenizer")
    CogVideoXDDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="leading", snr_shift_scale=1.5
    ).save_pretrained(folder / "scheduler")


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from tokenizers.pre_tokenizers import Metaspace
    from tokenizers.processors import TemplateProcessing

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -1.0), ("▁cat", -1.0), ("▁", -2.0)]
    tokenizer = Tokenizer(Unigram([*pieces, *((letter, -4.0) for letter in "abcdefghijklmnopqrstuvwxyz")], unk_id=2))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "model_max_length": 12, "extra_ids": 0})
    )


def same_state(one: torch.nn.Module, other: torch.nn.Module | dict) -> bool:
    other = other if isinstance(other, dict) else other.state_dict()
    state = one.state_dict()
    return set(state) == set(other) and all(torch.equal(state[key], other[key]) for key in state)
