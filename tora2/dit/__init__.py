"""The diffusion transformer: diffusers' CogVideoX with Tora's motion guidance and Tora2's personalization attention."""

from .transformer import Tora2Transformer3DModel

__all__ = ["Tora2Transformer3DModel"]
