"""Pictures as cameras, cut-out tools and segmentation tools write them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tora2.conditions import VideoSize
from tora2.training.media import chosen_frames, cover, mask_picture, reference_picture


def written(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def cut_out() -> np.ndarray:
    """A red square in the middle of a transparent picture."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[2:6, 2:6] = (255, 0, 0, 255)
    return pixels


def test_transparency_is_kept():
    picture = reference_picture(written(Image.fromarray(cut_out())))
    assert picture.shape == (8, 8, 4) and picture[0, 0, 3] == 0 and picture[3, 3].tolist() == [1, 0, 0, 1]
    palette = Image.fromarray(cut_out()).convert("P")
    assert reference_picture(written(palette, transparency=0)).shape == (8, 8, 4)
    assert reference_picture(written(Image.fromarray(cut_out()).convert("RGB"))).shape == (8, 8, 3)


def test_a_camera_that_was_held_upright():
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 0] = 255  # the left column: the top row, turned by orientation 6
    exif = Image.Exif()
    exif[274] = 6
    picture = reference_picture(written(Image.fromarray(wide), exif=exif))
    assert picture.shape == (8, 4, 3) and picture[0].mean() == 1 and picture[1:].mean() == 0


def test_sixteen_bits_of_grey_are_not_clipped():
    grey = np.full((4, 4), 256 * 100, np.uint16)
    assert reference_picture(written(Image.fromarray(grey)))[0, 0].tolist() == pytest.approx([100 / 255] * 3, abs=0.01)


MARKED = np.zeros((8, 8), np.uint8)
MARKED[2:6, 2:6] = 1


def palette() -> Image.Image:
    """Dark red for entity 1, as VOC and DAVIS have it."""
    image = Image.fromarray(MARKED).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0])
    image.putdata(MARKED.reshape(-1).tolist())
    return image


@pytest.mark.parametrize(
    "content",
    [
        written(Image.fromarray(MARKED * 255)),
        written(Image.fromarray(MARKED)),
        written(Image.fromarray(MARKED.astype(np.uint16) * 65535)),
        written(palette()),
        written(Image.fromarray(cut_out())),
        written(Image.fromarray(MARKED * 255).convert("1")),
    ],
    ids=["255", "ones", "16 bits", "palette", "alpha", "1 bit"],
)
def test_masks_of_every_kind_mark_the_same(content):
    assert torch.equal(mask_picture(content), torch.from_numpy(MARKED).float())


def test_soft_edges_stay_soft_and_empty_masks_are_refused():
    soft = Image.fromarray(MARKED * 128)
    assert mask_picture(written(soft)).max() == pytest.approx(128 / 255)
    with pytest.raises(ValueError, match="marks nothing"):
        mask_picture(written(Image.fromarray(MARKED * 0)))


def test_a_picture_too_large_to_open_is_a_value_error(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="exceeds limit"):
        reference_picture(written(Image.fromarray(cut_out())))


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 64), (43, 64, 5, 0)), ((48, 32), (48, 72, 0, 20)), ((64, 96), (64, 96, 0, 0))]
)
def test_a_picture_covers_the_video_and_keeps_its_proportions(size, expected):
    assert cover(VideoSize(1, 64, 96), VideoSize(1, *size)) == expected


def test_a_rate_of_zero_takes_every_frame():
    assert chosen_frames(9, 16.0, 9, fps=0).tolist() == list(range(9))
    assert chosen_frames(9, 16.0, 5, fps=8.0).tolist() == [0, 2, 4, 6, 8]
