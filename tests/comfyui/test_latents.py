"""Our LATENT is core's: unscaled, as its CogVideoX keeps them."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.comfyui


def test_unscaled_means_in_core_what_it_means_here(real_comfyui):
    """Core's sampler ends with process_out, which divides by the VAE's scaling factor; its VAE decodes that as it is.

    `tests/nodes/test_graph.py` proves the same division of ours.
    """
    code = (
        "import sys; sys.argv = ['x', '--cpu']\n"
        "import torch\n"
        "from comfy.latent_formats import CogVideoX, CogVideoX1_5\n"
        "x = torch.randn(1, 16, 2, 3, 4)\n"
        "assert torch.equal(CogVideoX1_5().process_out(x), x / 0.7)\n"
        "assert torch.equal(CogVideoX().process_out(x), x / 1.15258426)\n"
        "assert CogVideoX1_5().latent_channels == 16 and CogVideoX1_5().temporal_downscale_ratio == 4\n"
        "print('equal')"
    )
    result = subprocess.run(
        [str(real_comfyui.python), "-c", code], cwd=real_comfyui.folder, capture_output=True, text=True
    )
    assert result.stdout.strip().endswith("equal"), result.stderr
