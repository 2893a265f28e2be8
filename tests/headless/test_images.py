from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tora2.errors import WorkflowError
from tora2.headless.images import find_image, read_image, write_png


def test_rgba_gives_image_and_inverted_alpha(tmp_path: Path) -> None:
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[0, 1] = (255, 51, 0, 102)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    image, mask = read_image(tmp_path / "a.png")
    assert image.shape == (1, 3, 4, 3) and mask.shape == (1, 3, 4)
    assert torch.allclose(image[0, 0, 1], torch.tensor([1.0, 0.2, 0.0]))
    assert mask[0, 0, 1] == pytest.approx(0.6) and mask[0, 2, 2] == 1.0


def test_without_alpha_the_mask_is_64_zeros(tmp_path: Path) -> None:
    Image.new("L", (5, 7), 128).save(tmp_path / "a.png")
    image, mask = read_image(tmp_path / "a.png")
    assert image.shape == (1, 7, 5, 3) and torch.allclose(image, torch.tensor(128 / 255))
    assert mask.shape == (1, 64, 64) and not mask.any()


def test_turned_photographs_stand_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 2)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg")[0].shape == (1, 8, 2, 3)


def test_palette_with_transparency_and_16_bit(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png")[1].min() == 1.0
    Image.fromarray(np.full((2, 2), 65535, dtype=np.uint16)).save(tmp_path / "w.png")
    assert read_image(tmp_path / "w.png")[0].min() > 0.99


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(WorkflowError, match="not a picture"):
        read_image(tmp_path / "a.png")


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "b.png").touch()
    (two / "a.png").touch()
    assert find_image("a.png", [one, two]) == two / "a.png"
    assert find_image("sub/b.png [input]", [one, two]) == one / "sub" / "b.png"
    assert find_image("sub\\b.png", [two]) == two / "sub" / "b.png"
    with pytest.raises(WorkflowError, match="was not found in .*one.* or .*two"):
        find_image("c.png", [one, two])


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\secret.png", "C:\\x.png", "C:x.png", "\\x", ""]
)
def test_ways_out_are_closed(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").touch()
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(WorkflowError, match="leads out of the input folder"):
        find_image(name, [folder])


def test_links_out_are_closed_unless_typed_by_the_user(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret.png", tmp_path / "in"
    secret.touch()
    folder.mkdir()
    (folder / "a.png").symlink_to(secret)
    with pytest.raises(WorkflowError, match="a link to a file outside"):
        find_image("a.png", [folder])
    assert find_image(str(secret), [folder], {str(secret)}) == secret


def test_png_keeps_its_text(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", torch.full((2, 3, 3), 0.5), {"prompt": "{}"})
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (3, 2) and image.text == {"prompt": "{}"} and image.getpixel((0, 0)) == (127, 127, 127)
