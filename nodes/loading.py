"""The model and its place in memory."""

from __future__ import annotations

from comfy_api.latest import io

from ..tora2.acceleration.settings import ATTENTIONS, COMPILES, QUANTIZATIONS, Acceleration
from ..tora2.memory.text_encoder import TEXT_ENCODERS
from . import host, sockets
from .validation import message_of


class Tora2LoadModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2LoadModel",
            display_name="Tora2 Load Model",
            category="Tora2/loaders",
            description=(
                "Loads a video model with its motion and personalization parts. tora2-tiny comes with the pack and "
                "runs on any machine; full-size models are found in models/CogVideo and models/tora2. Nothing is "
                "downloaded."
            ),
            search_aliases=["tora", "cogvideox", "checkpoint", "video model", "motion model"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=host.model_names(),
                    tooltip=(
                        "The models that were found: CogVideoX and Tora in ComfyUI/models/CogVideo, adapters and whole "
                        "models of Tora2 in ComfyUI/models/tora2. README, Full size, says which file goes where; "
                        "refresh the page after adding one."
                    ),
                ),
                io.Combo.Input(
                    "precision",
                    options=list(host.PRECISIONS),
                    default="auto",
                    tooltip=(
                        "Number format of the weights. auto: bfloat16 where the device computes it well, else float16 "
                        "where ComfyUI trusts the device with it, else float32. CogVideoX-5B was trained in bfloat16."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "offload",
                    options=list(host.OFFLOADS),
                    default="auto",
                    tooltip=(
                        "auto: ComfyUI moves whole models to the GPU and back, and one that does not fit beside its "
                        "work goes block by block, the next brought while one computes; the log says what was picked. "
                        "blocks: transformer and text encoder always do; leaves the most memory free."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "attention",
                    options=list(ATTENTIONS),
                    default="auto",
                    optional=True,
                    tooltip=(
                        "Kernel of the attention. auto: cuDNN's on Hopper GPUs and newer, else what PyTorch takes. "
                        "sage and flash_attn need their packages. Each is checked against plain attention at the first "
                        "use: a wrong one is refused, and auto takes PyTorch's own instead and says so in the log."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "compile",
                    options=list(COMPILES),
                    default="off",
                    optional=True,
                    tooltip=(
                        "Compile the transformer's block with torch.compile. The first step takes a minute or two, all "
                        "later ones are faster, also in later runs of the same size. Needs Triton on a GPU."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "quantization",
                    options=list(QUANTIZATIONS),
                    default="none",
                    optional=True,
                    tooltip=(
                        "8-bit numbers for the transformer, by the package torchao. int8_weights and fp8_weights halve "
                        "its memory on any GPU; int8 and fp8 multiply in 8 bits too, which is faster, and fp8 needs an "
                        "Ada or Hopper GPU. Pictures change a little. Files that hold fp8 keep it with fp8_weights."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "text_encoder",
                    options=list(TEXT_ENCODERS),
                    default="auto",
                    optional=True,
                    tooltip=(
                        "Where the model's own T5 computes; it runs once a prompt. auto: on the GPU, block by block if "
                        "it does not fit. gpu_int8 and gpu_fp8 halve its memory by the package torchao and change its "
                        "output a little. cpu leaves the GPU's memory alone and takes longer."
                    ),
                    advanced=True,
                ),
                sockets.Loras.Input(
                    "lora",
                    optional=True,
                    tooltip="Optional: from Tora2 Load LoRA, added to the weights of the transformer as they are read.",
                ),
            ],
            outputs=[sockets.Model.Output(display_name="model", tooltip="The model, for every other Tora2 node.")],
        )

    @classmethod
    def validate_inputs(cls, model: str | None = None) -> bool | str:
        return message_of(host.find_model, model)

    @classmethod
    def fingerprint_inputs(cls, model: str, **_) -> str:
        return host.model_fingerprint(model)

    @classmethod
    def execute(
        cls,
        model: str,
        precision: str,
        offload: str,
        attention: str = "auto",
        compile: str = "off",
        quantization: str = "none",
        text_encoder: str = "auto",
        lora=(),
    ) -> io.NodeOutput:
        acceleration = Acceleration(attention, compile, quantization)
        return io.NodeOutput(host.load_model(model, precision, offload, acceleration, text_encoder, lora))
