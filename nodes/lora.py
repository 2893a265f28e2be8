"""LoRAs for the model that is about to be loaded."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, sockets
from .validation import message_of


class Tora2LoadLora(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2LoadLora",
            display_name="Tora2 Load LoRA",
            category="Tora2/loaders",
            description=(
                "Chooses a LoRA of CogVideoX-5B for Tora2 Load Model, which adds it to the weights as it reads them. "
                "The steps take no longer for it, and every other setting goes with it. Chain several to use them "
                "together."
            ),
            search_aliases=["lora", "style", "lycoris", "cogvideox lora", "fine-tune"],
            inputs=[
                io.Combo.Input(
                    "lora",
                    options=[host.NO_LORA, *host.lora_names()],
                    default=host.NO_LORA,
                    tooltip=(
                        "Files in ComfyUI/models/loras and ComfyUI/models/CogVideo/loras; refresh the page after "
                        "adding one. All are listed, and one of another model is refused when the model is loaded. "
                        "none: no LoRA."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-10.0,
                    max=10.0,
                    step=0.01,
                    tooltip=(
                        "How much of its change is added: 1 is as trained, 0 leaves the model as it is. A file that "
                        "does not hold its alpha counts as alpha = rank, as in diffusers."
                    ),
                ),
                sockets.Loras.Input("previous", optional=True, tooltip="From another Tora2 Load LoRA: both are added."),
            ],
            outputs=[sockets.Loras.Output(display_name="lora", tooltip="For Tora2 Load Model.")],
        )

    @classmethod
    def validate_inputs(cls, lora: str | None = None) -> bool | str:
        return message_of(host.find_lora, lora)

    @classmethod
    def fingerprint_inputs(cls, lora: str, **_) -> str:
        return host.lora_fingerprint(lora)

    @classmethod
    def execute(cls, lora: str, strength: float, previous=()) -> io.NodeOutput:
        path = host.find_lora(lora)
        if path is None or strength == 0:
            return io.NodeOutput(tuple(previous))
        from ..tora2.checkpoints.lora import Lora

        return io.NodeOutput((*previous, Lora(path, strength)))
