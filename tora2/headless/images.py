"""Finds and reads the pictures that a workflow names, and refuses names that lead out of the folders meant for them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import torch

from ..errors import WorkflowError

_ANNOTATION = re.compile(r"\s*\[(input|output|temp)\]$")


def find_image(name: str, folders: list[Path], trusted: set[str] = frozenset()) -> Path:
    """The file that a LoadImage node means, looked for in `folders` in order.

    A workflow may come from anywhere, so absolute names, `..` and links out of the folder are refused; only names in
    `trusted` (typed on the command line) may lie anywhere. Raises WorkflowError.
    """
    if name in trusted:
        return Path(name)
    plain = _ANNOTATION.sub("", name)
    parts = PurePosixPath(plain.replace("\\", "/")).parts
    if not parts or plain.startswith(("/", "\\")) or PureWindowsPath(plain).drive or ".." in parts:
        raise WorkflowError(
            f"The image name '{name}' leads out of the input folder; put the file there and name it without a path."
        )
    for folder in folders:
        path = folder.joinpath(*parts)
        if path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise WorkflowError(f"The image '{name}' in '{folder}' is a link to a file outside that folder.")
            return path
    places = " or ".join(f"'{folder}'" for folder in folders)
    raise WorkflowError(f"The image '{name}' was not found in {places}; put it there or name its folder with --input.")


def read_image(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Image [1,H,W,3] in 0..1 and mask [1,H,W] = 1 - alpha, as ComfyUI's Load Image gives them ([1,64,64] zeros without
    alpha).

    Of an animation, the first picture. Raises WorkflowError for a file that is no picture.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):  # 16 and 32 bit grey: only the upper byte is kept
                image = image.point(lambda value: value / 256 if image.mode.startswith("I;16") else value * (1 / 255))
            if image.mode == "P" and "transparency" in image.info:
                image = image.convert("RGBA")
            pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255.0
            alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255.0 if "A" in image.getbands() else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise WorkflowError(f"'{path}' is not a picture that can be read: {error}.") from None
    mask = torch.zeros(64, 64) if alpha is None else 1.0 - torch.from_numpy(alpha)
    return torch.from_numpy(pixels)[None], mask[None]


def write_png(path: Path, image: torch.Tensor, metadata: dict[str, str] | None = None) -> None:
    """Writes one image [H,W,C] in 0..1 with text chunks."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_text(key, value)
    pixels = (image.float() * 255).clamp(0, 255).byte().cpu().numpy()
    Image.fromarray(pixels).save(path, pnginfo=info)
