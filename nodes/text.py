"""The prompt."""

from __future__ import annotations

from comfy_api.latest import io

from . import host, sockets
from .core_clip import ClipTextEncoder


class Tora2TextEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2TextEncode",
            display_name="Tora2 Text Encode",
            category="Tora2/conditioning",
            description=(
                "Encodes the prompt and remembers which token stands where, so that an entity's phrase can be tied to "
                "its words. Weights such as (word:1.2) are not read: the text is taken as it is."
            ),
            search_aliases=["prompt", "clip text encode", "t5", "tora prompt"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model."),
                io.String.Input(
                    "prompt",
                    multiline=True,
                    default="a fox and a balloon on a beach",
                    tooltip=(
                        "Describes the video. Name every entity in it once, in the words that its Tora2 Entity node "
                        "gives as the phrase."
                    ),
                ),
                io.String.Input(
                    "negative_prompt",
                    multiline=True,
                    default="",
                    tooltip="What the video is led away from; usually empty.",
                ),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip=(
                        "Optional: T5-XXL from ComfyUI's Load CLIP (type cogvideox), used instead of the model's own "
                        "text encoder. Only for CogVideoX-5B; tora2-tiny has a text encoder of its own."
                    ),
                ),
            ],
            outputs=[sockets.Text.Output(display_name="text", tooltip="For Tora2 Bind Entities.")],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(cls, model: host.HostedModel, prompt: str, negative_prompt: str, clip=None) -> io.NodeOutput:
        from ..tora2.stages import encode_text

        encoder = model.component("text_encoder") if clip is None else ClipTextEncoder(clip)
        text = encode_text(encoder, model.component("tokenizer"), prompt, negative_prompt, model.max_text_length)
        return io.NodeOutput(host.to_intermediate(text))
