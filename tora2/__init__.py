"""Tora2: motion and appearance customised video diffusion for several entities (arXiv 2507.05963).

The library is plain PyTorch on top of diffusers and imports nothing of ComfyUI. Importing this package is cheap: heavy
libraries load with the submodule that needs them.
"""

__version__ = "0.1.0"
