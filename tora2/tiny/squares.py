"""Pictures of things as the atlas keeps them."""

from __future__ import annotations

import numpy as np


def to_square(picture, size: int) -> np.ndarray | None:
    """PIL picture -> [4, size, size] uint8: cropped to what is opaque, centred on a transparent square, one pixel
    free."""
    from PIL import Image

    picture = picture.convert("RGBA")
    box = picture.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 6:
        return None
    picture = picture.crop(box)
    side = max(picture.size)
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    out = Image.new("RGBA", (size, size))
    out.paste(square.resize((size - 2, size - 2), Image.Resampling.LANCZOS), (1, 1))
    return np.asarray(out).transpose(2, 0, 1).copy()
