"""A small atlas of drawn shapes, so that tests need neither packages nor network."""

from __future__ import annotations

import pytest
import torch

from tora2.tiny.assets import Atlas

TRAINED = [
    "cat",
    "dog",
    "fox",
    "tiger",
    "zebra",
    "banana",
    "pear",
    "rocket",
    "bus",
    "trumpet",
    "grinning face",
    "judge",
]
HELD_OUT = ["lion", "penguin", "duck", "truck", "teddy bear", "clown face"]


def draw(number: int, size: int = 48) -> torch.Tensor:
    """[4, size, size] uint8: a coloured blob with holes and stripes, different for every number."""
    generator = torch.Generator().manual_seed(number)
    ramp = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    angle, lobes = torch.atan2(y, x), int(torch.randint(2, 6, (1,), generator=generator))
    radius = 0.72 + 0.2 * torch.cos(lobes * angle + number)
    alpha = ((radius - (x**2 + y**2).sqrt()) * 12).clamp(0, 1)
    colours = torch.rand(2, 3, generator=generator)
    stripes = (torch.sin(6 * (x * torch.cos(torch.tensor(float(number))) + y)) > 0).float()
    rgb = colours[0][:, None, None] * stripes + colours[1][:, None, None] * (1 - stripes)
    return (torch.cat([rgb, alpha[None]]) * 255).round().byte()


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    """Twelve trained and six held-out names in all three styles."""
    names = TRAINED + HELD_OUT
    entries = [(name, style) for style in ("google", "fluent", "twitter") for name in names]
    human = [name in ("grinning face", "judge", "clown face") for name, _ in entries]
    pictures = torch.stack([draw(i) for i in range(len(entries))])
    return Atlas(pictures, [n for n, _ in entries], [s for _, s in entries], ["" for _ in entries], human)


@pytest.fixture
def atlas_folder(atlas, tmp_path):
    atlas.save(tmp_path / "atlas")
    return tmp_path / "atlas"
