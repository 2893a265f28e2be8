"""What a file's tensor names say it is, and where such a file goes in ComfyUI's models folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from .headers import Header


@dataclass(frozen=True)
class FileKind:
    """A kind of model file.

    Attributes:
        id: short name, for code.
        text: what it is, for a sentence.
        place: where it goes, below ComfyUI's models folder.
    """

    id: str
    text: str
    place: str


TRANSFORMER = FileKind(
    "transformer", "a CogVideoX transformer", "models/diffusion_models (or transformer/ of a folder)"
)
COMFY_TRANSFORMER = FileKind(
    "comfy-transformer", "a CogVideoX transformer as ComfyUI names it", "models/diffusion_models"
)
SAT = FileKind("sat", "a SAT checkpoint", "`python -m tora2 convert sat`")
FUSER = FileKind("fuser", "Tora's motion-guidance fuser", "models/CogVideo/CogVideoX-5b-Tora/fuser")
EXTRACTOR = FileKind(
    "traj_extractor", "Tora's trajectory extractor", "models/CogVideo/CogVideoX-5b-Tora/traj_extractor"
)
ADAPTER = FileKind("adapter", "a Tora2 adapter", "models/tora2/adapters")
LORA = FileKind("lora", "a LoRA", "models/loras")
CONTROLNET = FileKind("controlnet", "a ControlNet", "models/controlnet")
T5 = FileKind("t5", "a T5 text encoder", "models/text_encoders (or text_encoder/ of a folder)")
VAE = FileKind("vae", "CogVideoX's VAE", "models/vae (or vae/ of a folder)")
OTHER_VAE = FileKind("other-vae", "the VAE of another model", "models/vae")
CLIP = FileKind("clip", "a CLIP model", "models/text_encoders or models/clip_vision")
DINO = FileKind("dino", "a DINOv2 encoder", "models/dinov2")
OTHER = FileKind("other-model", "the diffusion model of another family", "models/diffusion_models")
UNKNOWN = FileKind("unknown", "a file of a kind that this pack does not know", "the pack that it was made for")

_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "model.", "")
_SAT_MARK = "mixins.adaln_layer.adaLN_modulations."


def key_prefix(names: Collection[str], marks: tuple[str, ...]) -> str | None:
    """The prefix under which any of ``marks`` stands among the names, or None."""
    for prefix in _PREFIXES:
        if any(prefix + mark in names for mark in marks):
            return prefix
    return None


def identify(names: Collection[str]) -> FileKind:
    """Kind of a file by its tensor names."""

    def has(*marks: str) -> bool:
        return key_prefix(names, marks) is not None

    if any(part in name for name in names for part in (".lora_A.", ".lora_B.", ".lora_up.", ".lora_down.", "lora_te")):
        return LORA
    if any(_SAT_MARK in name for name in names):
        return SAT
    if any(name.startswith(("control_model.", "controlnet_")) for name in names):
        return CONTROLNET
    if has("patch_embed.text_proj.weight") and has("transformer_blocks.0.norm1.linear.weight"):
        return TRANSFORMER
    if has("patch_embed.text_proj.weight") and has("blocks.0.norm1.linear.weight"):
        return COMFY_TRANSFORMER
    if has("0.flow_gamma_spatial.weight", "fuser_list.0.flow_gamma_spatial.weight"):
        return FUSER
    if has("conv_in.weight") and has("body.0.block1.weight"):
        return EXTRACTOR
    if has("fuser.0.flow_gamma_spatial.weight", "personalization_extractor.semantic_projection.weight"):
        return ADAPTER
    if has("encoder.block.0.layer.0.SelfAttention.q.weight"):
        return T5
    if has("decoder.conv_in.conv.weight", "encoder.conv_in.conv.weight"):
        return VAE
    if has("decoder.conv_in.weight", "first_stage_model.decoder.conv_in.weight", "decoder.conv1.weight"):
        return OTHER_VAE
    if has("text_model.embeddings.token_embedding.weight", "vision_model.embeddings.patch_embedding.weight"):
        return CLIP
    if any("embeddings.mask_token" in name or "blocks.0.ls1.gamma" in name for name in names):
        return DINO
    others = ("input_blocks.0.0.weight", "double_blocks.0.img_attn.qkv.weight", "blocks.0.self_attn.q.weight")
    others += ("joint_blocks.0.x_block.attn.qkv.weight", "transformer_blocks.0.attn1.to_q.weight", "conv_in.weight")
    others += ("double_blocks.0.img_attn_qkv.weight", "patch_embedding.weight", "x_embedder.proj.weight")
    return OTHER if has(*others) else UNKNOWN


def expect(header: Header, *kinds: FileKind) -> FileKind:
    """The kind of a file if it is among ``kinds``; CheckpointError says what it is and where it goes otherwise."""
    found = identify(header.tensors)
    if found not in kinds:
        raise wrong_file(header.path, found, kinds[0])
    return found


def wrong_file(path: Path, found: FileKind, wanted: FileKind) -> CheckpointError:
    """One sentence: what the file is, what was expected, where the right one goes."""
    return CheckpointError(
        f"{path} is {found.text}, but {wanted.text} was expected here: the file given goes to {found.place}, and "
        f"{wanted.text} comes from {wanted.place}."
    )


def count_layers(names: Collection[str], prefix: str) -> int:
    """One more than the greatest N in names ``<prefix>N.``; 0 if there is none."""
    numbers = {name[len(prefix) :].split(".", 1)[0] for name in names if name.startswith(prefix)}
    return max((int(number) + 1 for number in numbers if number.isdigit()), default=0)
