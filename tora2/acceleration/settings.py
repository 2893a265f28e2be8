"""The switches of a loaded transformer in one value: attention kernel, compile, 8 bits. Light: nodes import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AccelerationError

if TYPE_CHECKING:
    import torch

ATTENTIONS = ("auto", "sdpa", "cudnn", "flash", "efficient", "math", "flash_attn", "flash_attn_3", "sage")
COMPILES = ("off", "on")
QUANTIZATIONS = ("none", "int8_weights", "int8", "fp8_weights", "fp8")


@dataclass(frozen=True)
class Acceleration:
    """How a transformer computes. What is skipped is the sampler's: see ``presets``.

    Attributes:
        attention: one of ``ATTENTIONS``, see ``attention``.
        compile: ``on`` compiles the repeated block, see ``compiling``.
        quantization: one of ``QUANTIZATIONS``; done where the weights are read (``checkpoints.loading.load``).
    """

    attention: str = "auto"
    compile: str = "off"
    quantization: str = "none"

    def check(self, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """Refuse before anything is loaded what ``device`` cannot do, or not with weights of ``dtype``, where given.

        Raises:
            AccelerationError: one sentence.
        """
        from .quantization import check_quantization

        if self.attention not in ATTENTIONS:
            raise AccelerationError(
                f"There is no attention backend {self.attention!r}; use one of {', '.join(ATTENTIONS)}."
            )
        if self.compile not in COMPILES:
            raise AccelerationError(f"compile is {self.compile!r}; use one of {', '.join(COMPILES)}.")
        check_quantization(self.quantization, device, dtype)
        if self.compile == "on":
            from .compiling import check_compiler

            check_compiler(device)

    def apply(self, transformer: Any, device: torch.device | None = None, in_blocks: bool = False) -> str:
        """Set attention and compile; a second call changes nothing. Returns the attention kernel's name.

        Args:
            device: where the blocks compute; None means where they are.
            in_blocks: the weights come to the device layer by layer, by hooks.

        Raises:
            AccelerationError: the device cannot do it, or two switches exclude one another.
        """
        from .attention import use_attention
        from .compiling import compile_blocks

        if in_blocks and self.compile == "on":
            raise AccelerationError(
                "compile is on, but this model comes to the GPU layer by layer (offload), where every layer would be "
                "compiled anew; switch compile off, or make the model fit by a quantization."
            )
        name = use_attention(transformer, self.attention, device)
        if self.compile == "on":
            compile_blocks(transformer)
        return name
