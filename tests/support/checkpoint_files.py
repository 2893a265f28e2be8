"""Small models on disk in every public layout, written by diffusers and transformers themselves where they can."""

from __future__ import annotations

import json
import math
import re
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

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581a", -1.0), ("\u2581cat", -1.0), ("\u2581", -2.0)]
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


FIXTURES = Path(__file__).resolve().parent.parent / "checkpoints" / "fixtures"
CONFIG_5B = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
CONFIG_5B |= {"sample_width": 90, "sample_height": 60, "sample_frames": 49}


def full_keys(kind: str = "t2v") -> dict[str, tuple[int, ...]]:
    """Names and shapes of the public Tora weights at 5B, from the fixture's `name.{count}.rest` rules."""
    keys = {}
    for rule, shape in json.loads((FIXTURES / "tora_t2v_5b_keys.json").read_text()).items():
        count = re.search(r"\{(\d+)\}", rule)
        for index in range(int(count[1]) if count else 1):
            keys[rule.replace(count[0], str(index)) if count else rule] = tuple(shape)
    if kind == "i2v":
        keys["patch_embed.proj.weight"] = (3072, 32, 2, 2)
        keys["patch_embed.pos_embedding"] = (1, 226 + 17550, 3072)
    return keys


def write_hollow(path: Path, shapes: dict[str, tuple[int, ...]], dtype: str = "BF16", metadata=None) -> Path:
    """A valid safetensors file of any size whose data are one hole: it takes no room on the disk."""
    entries, end = ({"__metadata__": metadata} if metadata else {}), 0
    for name, shape in shapes.items():
        kind = "I64" if name.endswith("num_batches_tracked") else dtype
        size = math.prod(shape) * {"I64": 8, "BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1}[kind]
        entries[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)
    return path


def write_hollow_shards(folder: Path, shapes: dict[str, tuple[int, ...]], shards: int = 2) -> None:
    keys, weight_map = sorted(shapes), {}
    for index in range(shards):
        name = f"diffusion_pytorch_model-{index + 1:05d}-of-{shards:05d}.safetensors"
        part = {key: shapes[key] for key in keys[index::shards]}
        write_hollow(folder / name, part)
        weight_map |= dict.fromkeys(part, name)
    index_file = folder / "diffusion_pytorch_model.safetensors.index.json"
    index_file.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def to_sat(state: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """The names and shapes that Tora's SAT code gives the same weights."""
    sat = {}
    names = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "patch_embed.proj": "mixins.patch_embed.proj",
        "patch_embed.text_proj": "mixins.patch_embed.text_proj",
        "norm_final": "transformer.final_layernorm",
        "norm_out.linear": "mixins.final_layer.adaLN_modulation.1",
        "norm_out.norm": "mixins.final_layer.norm_final",
        "proj_out": "mixins.final_layer.linear",
    }
    for ours, theirs in names.items():
        for kind in ("weight", "bias"):
            sat[f"{theirs}.{kind}"] = state[f"{ours}.{kind}"]
    for layer in range(layers):
        ours, theirs, mixin = f"transformer_blocks.{layer}", f"transformer.layers.{layer}", "mixins.adaln_layer"
        for kind in ("weight", "bias"):
            sat[f"{theirs}.attention.query_key_value.{kind}"] = torch.cat(
                [state[f"{ours}.attn1.{which}.{kind}"] for which in ("to_q", "to_k", "to_v")]
            )
            sat[f"{theirs}.attention.dense.{kind}"] = state[f"{ours}.attn1.to_out.0.{kind}"]
            sat[f"{theirs}.mlp.dense_h_to_4h.{kind}"] = state[f"{ours}.ff.net.0.proj.{kind}"]
            sat[f"{theirs}.mlp.dense_4h_to_h.{kind}"] = state[f"{ours}.ff.net.2.{kind}"]
            sat[f"{theirs}.input_layernorm.{kind}"] = state[f"{ours}.norm1.norm.{kind}"]
            sat[f"{theirs}.post_attention_layernorm.{kind}"] = state[f"{ours}.norm2.norm.{kind}"]
            sat[f"{mixin}.query_layernorm_list.{layer}.{kind}"] = state[f"{ours}.attn1.norm_q.{kind}"]
            sat[f"{mixin}.key_layernorm_list.{layer}.{kind}"] = state[f"{ours}.attn1.norm_k.{kind}"]
            # SAT: (shift, scale, gate) of attention, of feed-forward, then the same for the text. diffusers: one layer
            # for attention (video, text) and one for feed-forward (video, text).
            attention = state[f"{ours}.norm1.linear.{kind}"].chunk(2)
            feed_forward = state[f"{ours}.norm2.linear.{kind}"].chunk(2)
            sat[f"{mixin}.adaLN_modulations.{layer}.1.{kind}"] = torch.cat(
                [attention[0], feed_forward[0], attention[1], feed_forward[1]]
            )
    for key, value in state.items():
        if key.startswith("fuser."):
            sat[f"mixins.adaln_layer.fuser_list.{key.removeprefix('fuser.')}"] = value
        elif key.startswith("traj_extractor."):
            sat[key] = value
        elif key == "patch_embed.pos_embedding":
            sat["mixins.pos_embed.pos_embedding"] = value
    device = value.device
    sat["mixins.pos_embed.freqs_sin"] = torch.empty(4, 64, device=device)
    sat["mixins.pos_embed.freqs_cos"] = torch.empty(4, 64, device=device)
    sat["transformer.position_embeddings.weight"] = torch.empty(64, 8, device=device)
    return {f"model.diffusion_model.{key}": value for key, value in sat.items()}


def comfy_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A base's tensors under the names of ComfyUI's own CogVideoX."""
    parts = {
        "attn1.to_q": "q",
        "attn1.to_k": "k",
        "attn1.to_v": "v",
        "attn1.norm_q": "norm_q",
        "attn1.norm_k": "norm_k",
    }
    parts |= {"attn1.to_out.0": "attn_out", "ff.net.0.proj": "ff_proj", "ff.net.2": "ff_out"}
    renamed = {}
    for key, value in state.items():
        key = key.replace("transformer_blocks.", "blocks.").replace("time_embedding.linear", "time_embedding_linear")
        for theirs, comfy in parts.items():
            key = key.replace(f".{theirs}.", f".{comfy}.")
        renamed[f"model.diffusion_model.{key}"] = value
    return renamed
