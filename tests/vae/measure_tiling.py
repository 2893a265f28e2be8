"""How far strips and diffusers' own tiles are from the untiled VAE, in levels of 8 bits.

    python tests/vae/measure_tiling.py

The VAE of tora2-tiny at 240x320 px with its real weights, and one of CogVideoX's full width with random weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLCogVideoX

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tora2.checkpoints.components import VAE_CONFIG  # noqa: E402
from tora2.memory.counting import PeakBytes  # noqa: E402
from tora2.vae import coding, decode_frames, encode_frames  # noqa: E402
from tora2.vae.slices import Slices  # noqa: E402


@torch.no_grad()
def compare(vae, frames: int, height: int, width: int, name: str, tiles: list[tuple[int, int]], strip: int) -> None:
    coding._slices = lambda slicing: Slices(strip)
    torch.manual_seed(0)
    video = F.avg_pool3d(torch.rand(1, 3, frames, height, width) * 4 - 2, (1, 5, 5), 1, (0, 2, 2))
    video[..., width // 4 : width * 5 // 8] += 0.7
    video.clamp_(-1, 1)
    latents = vae.encode(video).latent_dist.mode()
    with PeakBytes() as whole:
        expected = decode_frames(vae, latents)
    with PeakBytes() as strips:
        found = decode_frames(vae, latents, "strips")
    print(f"{name}, {frames} frames of {width}x{height}")
    print(f"  strips: decoding {_levels(found, expected)}, peak {strips.peak / whole.peak:.2f} of the whole")
    print(f"  strips: encoding {_relative(encode_frames(vae, video, 'slices'), latents)}")
    for size in tiles:
        vae.enable_tiling(*size)
        for work, run, wanted, error in (
            ("decoding", lambda: vae.decode(latents).sample.add(1).div(2).clamp(0, 1), expected, _levels),
            ("encoding", lambda: vae.encode(video).latent_dist.mode(), latents, _relative),
        ):
            try:
                print(f"  diffusers' tiles of {size[1]}x{size[0]}: {work} {error(run(), wanted)}")
            except RuntimeError as failure:
                print(f"  diffusers' tiles of {size[1]}x{size[0]}: {work} fails: {failure}")
        vae.disable_tiling()


def _levels(found: torch.Tensor, expected: torch.Tensor) -> str:
    if found.shape != expected.shape:
        return f"gives {tuple(found.shape[-2:])} px instead of {tuple(expected.shape[-2:])}"
    error = 255 * (found - expected).abs()
    return f"max {error.max():.4f}, mean {error.mean():.6f} levels"


def _relative(found: torch.Tensor, expected: torch.Tensor) -> str:
    if found.shape != expected.shape:
        return f"gives {tuple(found.shape[-2:])} latents instead of {tuple(expected.shape[-2:])}"
    return f"relative error {(found - expected).norm() / expected.norm():.1e}"


if __name__ == "__main__":
    tiny = AutoencoderKLCogVideoX.from_pretrained(ROOT / "tora2" / "tiny" / "weights" / "vae").eval()
    compare(tiny, 9, 240, 320, "tora2-tiny", [(240, 160), (120, 160)], 40_000)
    torch.manual_seed(0)
    kinds = {"down_block_types": ("CogVideoXDownBlock3D",) * 4, "up_block_types": ("CogVideoXUpBlock3D",) * 4}
    full = AutoencoderKLCogVideoX(**VAE_CONFIG, **kinds).eval()
    compare(full, 9, 64, 96, "full width, random weights", [], 900_000)
