"""Tiny random models that the tests of transformer, binding, stages and pipeline share."""

from __future__ import annotations

import types

import torch

from tora2.dit import Tora2Transformer3DModel

BASE = {
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 8,
    "text_embed_dim": 24,
    "num_layers": 3,
    "sample_width": 16,
    "sample_height": 16,
    "sample_frames": 17,
    "max_text_seq_length": 12,
    "use_rotary_positional_embeddings": True,
}
TORA2 = {
    "motion_channels": 32,
    "personalization_config": {
        "token_width": 32,
        "queries": 4,
        "layers": 2,
        "heads": 2,
        "adapter_tokens": 2,
        "semantic_width": 16,
        "face_width": 8,
        "reid_width": 8,
    },
    "binding_config": {"width": 32, "heads": 2, "layers": 1, "footprint": 1.0},
    "attention_width": 32,
    "attention_heads": 2,
}


def transformer(seed: int = 0, **options) -> Tora2Transformer3DModel:
    """A small model with all Tora2 parts, as constructed: gates and output projections are zero."""
    torch.manual_seed(seed)
    return Tora2Transformer3DModel(**(BASE | TORA2 | options)).eval()


def trained(model: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """The same model with every parameter and BatchNorm buffer random, zero-initialised ones included."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point() or not tensor.numel():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(noise.abs() + 0.5)
            elif tensor.dim() < 2:
                tensor.copy_(noise * 0.3 + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
            else:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)
    return model


def inputs(batch: int = 2, channels: int = 16, seed: int = 2) -> dict[str, torch.Tensor]:
    """Arguments of one forward pass: latents [B, 5, C, 16, 16], text [B, 12, 24], timestep."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "hidden_states": torch.randn(batch, 5, channels, 16, 16, generator=generator),
        "encoder_hidden_states": torch.randn(batch, 12, 24, generator=generator),
        "timestep": torch.full((batch,), 300),
    }


def vae(seed: int = 4):
    """AutoencoderKLCogVideoX with a handful of channels."""
    from diffusers import AutoencoderKLCogVideoX

    torch.manual_seed(seed)
    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8,) * 4,
        latent_channels=16,
        layers_per_block=1,
        norm_num_groups=2,
        scaling_factor=0.7,
    ).eval()


def scheduler():
    """The 5B model's scheduler."""
    from diffusers import CogVideoXDPMScheduler

    return CogVideoXDPMScheduler(
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=1.0,
        timestep_spacing="trailing",
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
    )


def tokenizer():
    """A fast word-level tokenizer with T5's special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = "a red fox and blue bird on the beach with balloon".split()
    vocabulary = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *words])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def text_encoder(seed: int = 5):
    """T5 encoder of the width that ``BASE`` takes."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(seed)
    config = T5Config(vocab_size=32, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    return T5EncoderModel(config).eval()


def document(frames: int = 17, names: tuple[str, ...] = ("a red fox", "bird")) -> str:
    """Trajectory document text: one straight track a name, each on its own height."""
    import json

    tracks = [
        {"name": name, "points": [{"x": 0.2, "y": (row + 1) / (len(names) + 1)}, {"x": 0.8, "y": 0.5}]}
        for row, name in enumerate(names)
    ]
    return json.dumps({"version": 1, "width": 128, "height": 128, "frames": frames, "fps": 8, "tracks": tracks})


class FakeSemantic(torch.nn.Module):
    """Patch tokens that are simply the picture's patches: [E, 3, 8, 8] -> [E, 4, 16]."""

    size, width, tokens = 8, 16, 4
    device, dtype = torch.device("cpu"), torch.float32

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.unfold(images.mean(1, keepdim=True), 4, stride=4).transpose(1, 2)


class FakeReid:
    """Mean colour in the first places of an 8-vector."""

    width = dimension = 8
    contract = types.SimpleNamespace(size=8, dimension=8)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean((2, 3))
        return torch.nn.functional.normalize(torch.nn.functional.pad(means, (0, 5)) + 0.01, dim=-1)
