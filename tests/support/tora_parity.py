"""The case that both sides compute: small models, every parameter and buffer random, the same on any machine.

Run beside a checkout of alibaba/Tora to renew the expected numbers (its output, none of its code, is kept here):

    python tests/support/tora_parity.py PATH/TO/Tora
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import torch

FIXTURE = Path(__file__).resolve().parent.parent / "dit" / "fixtures" / "tora_parity.npz"
FRAMES, HEIGHT, WIDTH = 17, 32, 48
STEPS, GUIDANCE, SCALING = 4, 6.0, 0.7
CONFIGS = {
    "t2v": {"in_channels": 16},
    "i2v": {"in_channels": 32, "use_learned_positional_embeddings": True},
}
BASE = {
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "out_channels": 16,
    "time_embed_dim": 32,
    "text_embed_dim": 24,
    "num_layers": 4,
    "sample_width": WIDTH // 8,
    "sample_height": HEIGHT // 8,
    "sample_frames": FRAMES,
    "max_text_seq_length": 10,
    "use_rotary_positional_embeddings": True,
}
SCHEDULER = {
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 1.0,
    "timestep_spacing": "trailing",
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
}


def numbers(name: str, *shape: int) -> torch.Tensor:
    """Normal numbers that depend on the name alone."""
    generator = np.random.Generator(np.random.PCG64(list(name.encode())))
    return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """Every parameter and buffer random, zero-initialised ones and BatchNorm statistics included."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = numbers(name, *tensor.shape)
            if name.endswith("running_var"):
                noise = noise.abs() + 0.5
            elif tensor.dim() < 2:
                noise = 0.3 * noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
            elif name.startswith("fuser"):
                noise = noise / tensor[0].numel() ** 0.5 * 0.5
            else:
                noise = noise / tensor[0].numel() ** 0.5
            tensor.copy_(noise)
    return model.eval()


def case(kind: str) -> dict[str, torch.Tensor]:
    """Inputs of one kind; the flow latents and the noise are identical on both sides."""
    latent = (1, 5, 16, HEIGHT // 8, WIDTH // 8)
    return {
        "hidden_states": numbers("hidden", 2, 5, CONFIGS[kind]["in_channels"], *latent[-2:]),
        "text": numbers("text", 2, 10, 24),
        "flow": numbers("flow", *latent),
        "noise": numbers("noise", *latent),
        "first_frame": numbers("first frame", 1, 1, *latent[2:]),
        "timestep": torch.tensor([300, 300]),
    }


def rotary():
    from tora2.conditions import VideoSize
    from tora2.stages.prediction import rotary_tables

    config = types.SimpleNamespace(**BASE, patch_size=2, patch_size_t=None)
    size = VideoSize(FRAMES, HEIGHT, WIDTH)
    return rotary_tables(types.SimpleNamespace(config=config), size, torch.device("cpu"))


def main(checkout: Path) -> None:
    sys.path[:0] = [str(checkout / "diffusers-version"), str(Path(__file__).resolve().parents[2])]
    from diffusers import AutoencoderKLCogVideoX, CogVideoXDPMScheduler
    from tora.i2v_pipeline import ToraImageToVideoPipeline
    from tora.t2v_pipeline import ToraPipeline
    from tora.transformer_3d import ToraTransformer3DModel

    expected = {}
    for kind, options in CONFIGS.items():
        model = fill(ToraTransformer3DModel(**BASE, **options))
        inputs = case(kind)
        call = (inputs["hidden_states"], inputs["text"], inputs["timestep"])
        flow = torch.cat([inputs["flow"]] * 2)
        with torch.no_grad():
            expected[f"{kind}_plain"] = model(*call, image_rotary_emb=rotary()).sample
            expected[f"{kind}_flow"] = model(*call, image_rotary_emb=rotary(), video_flow=flow).sample

        vae = AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(8,) * 4,
            latent_channels=16,
            layers_per_block=1,
            norm_num_groups=2,
            scaling_factor=SCALING,
        )
        pipeline = (ToraPipeline if kind == "t2v" else ToraImageToVideoPipeline)(
            tokenizer=None,
            text_encoder=None,
            vae=vae,
            transformer=model,
            scheduler=CogVideoXDPMScheduler(**SCHEDULER),
        )
        pipeline.set_progress_bar_config(disable=True)

        def prepare(self, *_, kind=kind, inputs=inputs, **__):
            if kind == "t2v":
                return inputs["noise"].clone(), inputs["flow"].clone()
            padding = torch.zeros(1, 4, *inputs["first_frame"].shape[2:])
            return inputs["noise"].clone(), torch.cat([inputs["first_frame"], padding], 1), inputs["flow"].clone()

        pipeline.prepare_latents = types.MethodType(prepare, pipeline)
        if kind == "i2v":  # its loop doubles the flow batch again at every guided step
            forward = model.forward
            model.forward = lambda *a, video_flow=None, _f=forward, **k: _f(*a, video_flow=video_flow[:2], **k)
        for dynamic in (True, False):
            arguments = {
                "prompt_embeds": inputs["text"][1:],
                "negative_prompt_embeds": inputs["text"][:1],
                "num_inference_steps": STEPS,
                "guidance_scale": GUIDANCE,
                "use_dynamic_cfg": dynamic,
                "height": HEIGHT,
                "width": WIDTH,
                "num_frames": FRAMES,
                "output_type": "latent",
                "generator": torch.Generator().manual_seed(5),
                "video_flow": torch.zeros(1, FRAMES, 3, HEIGHT, WIDTH),
                "max_sequence_length": 10,
            }
            if kind == "i2v":
                arguments["image"] = torch.zeros(1, 3, HEIGHT, WIDTH)
            with torch.no_grad():
                expected[f"{kind}_pipeline_{'dynamic' if dynamic else 'constant'}"] = pipeline(**arguments).frames
    FIXTURE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FIXTURE, **{name: value.numpy() for name, value in expected.items()})
    print(f"{FIXTURE}: {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
