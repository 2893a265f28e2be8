"""The diffusion transformer: diffusers' CogVideoX with Tora's motion guidance and Tora2's personalization attention."""

from diffusers import ModelMixin

from .transformer import Tora2Transformer3DModel

# A saved pipeline names each component's module. diffusers takes a module in any folder called `dit` for its own
# pipeline of that name, so the class says that it lives in the package; and diffusers looks there for the base class.
Tora2Transformer3DModel.__module__ = __name__

__all__ = ["ModelMixin", "Tora2Transformer3DModel"]
