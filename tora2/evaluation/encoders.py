"""The paper suite's networks from folders in transformers' layout, as the callables that ``metrics.py`` takes.

Nothing is ever downloaded, and weights are read from safetensors only. Pictures are resized and normalised here:
transformers' own processors may need torchvision.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ..errors import EncoderError
from ..personalization.onnx_session import first_line
from ..personalization.preparation import resize
from ..personalization.semantic import MODEL_TYPES, PREPROCESSOR, Preprocessing

Detector = Callable[[torch.Tensor, str], "torch.Tensor | None"]
"""Picture [3, H, W] in 0..1 and a phrase -> box [4] left, top, right, bottom in pixels, or None."""

THRESHOLD = 0.4  # least confidence of a box, as MSRVTT-Personalization has it
FIRST_DINO = "vit"  # its kind in transformers' config.json
AT_ONCE = 16  # pictures that a network takes through at once


@dataclass(frozen=True)
class Pixels:
    """How a picture becomes a network's input: scaled to a shorter side, the middle cut out, normalised.

    Attributes:
        shortest: side in pixels. longest: limit of the other side, which then decides; None is no limit.
        crop: side of the square that is cut out of the middle; None keeps all.
        mean, std: of pixels in 0..1, RGB.
    """

    shortest: int
    longest: int | None
    crop: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def read(self, path: Path) -> Pixels:
        """These values, but for what a transformers ``preprocessor_config.json`` says otherwise; it may be missing."""
        if not path.is_file():
            return self
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            size, cut = data.get("size", self.shortest), data.get("crop_size", self.crop)
            longest = size.get("longest_edge") if isinstance(size, dict) else self.longest
            found = replace(
                self,
                shortest=_side(size),
                longest=None if longest is None else int(longest),
                crop=_side(cut) if cut is not None and data.get("do_center_crop", True) else None,
                mean=tuple(float(value) for value in data.get("image_mean", self.mean)),
                std=tuple(float(value) for value in data.get("image_std", self.std)),
            )
            if found.shortest < 1 or len(found.mean) != 3 or len(found.std) != 3 or min(found.std) <= 0:
                raise ValueError("size, image_mean or image_std out of range")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise EncoderError(f"{path} is not a preprocessor config that can be used ({error}).") from error
        return found

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """[N, 3, H, W] in 0..1 -> the network's input [N, 3, h, w]."""
        height, width = pictures.shape[-2:]
        scale = self.shortest / min(height, width)
        if self.longest is not None:
            scale = min(scale, self.longest / max(height, width))
        # The longer side is cut off to whole pixels, as transformers does.
        size = tuple(max(1, int(side * scale + 1e-6)) for side in (height, width))
        pixels = F.interpolate(pictures.float(), size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        if self.crop is not None:
            missing = [max(0, self.crop - side) for side in size]
            pixels = F.pad(pixels, [missing[1] // 2, (missing[1] + 1) // 2, missing[0] // 2, (missing[0] + 1) // 2])
            top, left = ((side - self.crop) // 2 for side in pixels.shape[-2:])
            pixels = pixels[..., top : top + self.crop, left : left + self.crop]
        return normalise(pixels, self.mean, self.std)


CLIP_PIXELS = Pixels(224, None, 224, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
DETECTOR_PIXELS = Pixels(800, 1333, None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def normalise(pixels: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    """[N, 3, H, W] in 0..1 -> zero mean and unit deviation by channel."""
    mean, std = (torch.tensor(values, device=pixels.device).view(1, 3, 1, 1) for values in (mean, std))
    return (pixels - mean) / std


class ClipEncoder:
    """A CLIPModel: pictures and texts to vectors of one space.

    Raises:
        EncoderError: the folder is missing, holds another model, or lacks weights.
    """

    def __init__(self, folder: Path | str, device: torch.device | str = "cpu") -> None:
        from transformers import CLIPModel

        folder, what = Path(folder), "a CLIPModel such as openai/clip-vit-large-patch14"
        self.model = _model(CLIPModel, ("clip",), folder, what, device)
        self.tokenizer = _tokenizer(folder, what)
        self.pixels = CLIP_PIXELS.read(folder / PREPROCESSOR)

    @torch.no_grad()
    def images(self, pictures: torch.Tensor) -> torch.Tensor:
        """[N, 3, H, W] in 0..1 -> [N, D] on the CPU."""
        return torch.cat(
            [
                self.model.visual_projection(
                    self.model.vision_model(pixel_values=self.pixels(part.to(self.model.device))).pooler_output
                ).cpu()
                for part in pictures.split(AT_ONCE)
            ]
        )

    @torch.no_grad()
    def text(self, prompt: str) -> torch.Tensor:
        """[1, D] on the CPU; what is longer than CLIP reads (77 tokens) is cut."""
        most = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(prompt, truncation=True, max_length=most, return_tensors="pt").to(self.model.device)
        found = self.model.text_model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        return self.model.text_projection(found.pooler_output).cpu()


class DinoEncoder:
    """DINO's vector (CLS after the last norm) of pictures, of the first DINO or of DINOv2.

    The first is what MSRVTT-Personalization compares subjects with. DINOv2 conditions Tora2, and flatters it.

    Raises:
        EncoderError: the folder is missing, holds another model, or lacks weights.
    """

    def __init__(self, folder: Path | str, device: torch.device | str = "cpu") -> None:
        from transformers import AutoModel

        folder, what = Path(folder), "a DINO such as facebook/dino-vitb16, or a DINOv2"
        # A pooling layer is none of DINO's: its weights would be random.
        more = {"add_pooling_layer": False} if _kind(folder, (FIRST_DINO, *MODEL_TYPES), what) == FIRST_DINO else {}
        self.model = _model(AutoModel, (FIRST_DINO, *MODEL_TYPES), folder, what, device, **more)
        self.values = Preprocessing.from_file(folder / PREPROCESSOR, 224)

    @torch.no_grad()
    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """[N, 3, h, w] in 0..1, stretched to the network's square -> [N, D] on the CPU."""
        values = self.values
        pixels = normalise(resize(pictures.to(self.model.device), values.size), values.mean, values.std)
        return self.model(pixel_values=pixels).last_hidden_state[:, 0].cpu()


class GroundingDetector:
    """Grounding DINO: the box that it is surest to be what a phrase says.

    A box's confidence is the mean of the highest and the average of its confidences in the phrase's words, as
    MSRVTT-Personalization reckons it.

    Args:
        threshold: least confidence, 0..1.

    Raises:
        EncoderError: the folder is missing, holds another model, or lacks weights.
    """

    def __init__(self, folder: Path | str, device: torch.device | str = "cpu", threshold: float = THRESHOLD) -> None:
        from transformers import AutoModelForZeroShotObjectDetection

        folder, what = Path(folder), "a Grounding DINO such as IDEA-Research/grounding-dino-tiny"
        kinds = ("grounding-dino", "mm-grounding-dino")
        self.model = _model(AutoModelForZeroShotObjectDetection, kinds, folder, what, device)
        self.tokenizer = _tokenizer(folder, what)
        self.pixels, self.threshold = DETECTOR_PIXELS.read(folder / PREPROCESSOR), threshold

    @torch.no_grad()
    def __call__(self, picture: torch.Tensor, phrase: str) -> torch.Tensor | None:
        """Box [4] left, top, right, bottom in pixels of the picture [3, H, W] in 0..1; None below the threshold."""
        # The network was taught small letters and a full stop after every phrase.
        text = phrase.strip().rstrip(".").lower() + "."
        most = self.model.config.max_text_len
        device = self.model.device
        tokens = self.tokenizer(text, truncation=True, max_length=most, return_tensors="pt").to(device)
        found = self.model(pixel_values=self.pixels(picture[None].to(device)), **tokens)
        words = self._words(tokens["input_ids"][0])
        confidences = found.logits[0, :, : len(words)].sigmoid()[:, words]
        scores = (confidences.amax(-1) + confidences.mean(-1)) / 2
        best = int(scores.argmax())
        if not float(scores[best]) > self.threshold:
            return None
        x, y, width, height = found.pred_boxes[0, best].float().cpu().tolist()
        box = torch.tensor([x - width / 2, y - height / 2, x + width / 2, y + height / 2]).clamp(0, 1)
        return box * torch.tensor([picture.shape[2], picture.shape[1]]).repeat(2)

    def _words(self, ids: torch.Tensor) -> torch.Tensor:
        """[S] bool: tokens of the phrase itself, neither the full stop nor those that begin and end a text."""
        stop = self.tokenizer.convert_tokens_to_ids(".")
        others = [*self.tokenizer.all_special_ids, stop]
        return ~torch.isin(ids, torch.tensor(others, device=ids.device))


def _model(
    loader: Any, kinds: tuple[str, ...], folder: Path, what: str, device: torch.device | str, **more: Any
) -> Any:
    _kind(folder, kinds, what)
    options = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True} | more
    try:
        model, report = loader.from_pretrained(str(folder), **options)
    except Exception as error:  # transformers and safetensors raise many kinds for a broken file
        raise EncoderError(
            f"The model in {folder} cannot be loaded ({first_line(error)}): give the whole folder of {what}, with "
            "weights as safetensors."
        ) from error
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(("position_ids", "mask_token")))
    if missing or report.get("mismatched_keys"):
        raise EncoderError(
            f"The weights in {folder} do not fill the model that its config.json describes ({len(missing)} missing, "
            f"the first {missing[:1]}): get the whole folder of {what} anew."
        )
    return model.float().to(device).eval().requires_grad_(False)


def _kind(folder: Path, kinds: tuple[str, ...], what: str) -> str:
    """A folder's kind of model; EncoderError unless it is one of those."""
    config = folder / "config.json"
    if not config.is_file():
        raise EncoderError(f"There is no {config}: give a folder that holds {what}.")
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise EncoderError(f"{config} is not a model config that can be read ({error}).") from error
    if kind not in kinds:
        raise EncoderError(f"The folder {folder} holds {kind!r}: give one that holds {what}.")
    return kind


def _tokenizer(folder: Path, what: str) -> Any:
    from transformers import AutoTokenizer

    # Without its files transformers 5 makes up an empty vocabulary, and every text would be the same.
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json", "vocab.txt")):
        raise EncoderError(f"The folder {folder} holds no tokenizer: put tokenizer.json of {what} there.")
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # transformers raises many kinds for a broken file
        raise EncoderError(
            f"The tokenizer in {folder} cannot be loaded ({first_line(error)}): get the whole folder of {what} anew."
        ) from error


def _side(size: Any) -> int:
    """The side out of transformers' ways of giving a size: an int, {height, width}, or {shortest_edge}."""
    if isinstance(size, dict):
        size = size["shortest_edge"] if "shortest_edge" in size else size["height"]
    return int(size)
