import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tora2.errors import Tora2Error
from tora2.tiny import breadth
from tora2.tiny.assets import PACKAGES, SPLITS, Atlas, build_atlas, to_square

INPUTS = Path(__file__).parents[2] / "workflows" / "inputs"


def test_splits_share_nothing(atlas):
    parts = {split: set(atlas.split(split)) for split in SPLITS}
    assert all(parts.values())
    assert not parts["train"] & parts["heldout_names"] and not parts["train"] & parts["heldout_style"]
    trained = {atlas.names[i] for i in parts["train"]}
    assert not trained & {atlas.names[i] for i in parts["heldout_names"]}
    assert {atlas.styles[i] for i in parts["train"]} == {"google", "fluent"}
    assert {atlas.styles[i] for i in parts["heldout_style"]} == {"twitter"}


def test_unknown_split_is_refused(atlas):
    with pytest.raises(Tora2Error, match="no split 'test'"):
        atlas.split("test")


def test_round_trip(atlas, atlas_folder):
    back = Atlas.load(atlas_folder)
    assert torch.equal(back.pictures, atlas.pictures)
    assert (back.names, back.styles, back.human) == (atlas.names, atlas.styles, atlas.human)


@pytest.mark.parametrize(("bits", "far"), [(8, 0), (6, 2), (5, 4)])
def test_a_compact_atlas_holds_the_same_pictures(atlas, tmp_path, bits, far):
    atlas.save(tmp_path, bits)
    back = Atlas.load(tmp_path)
    assert (back.names, back.styles) == (atlas.names, atlas.styles)
    assert torch.equal(back.pictures[:, 3], atlas.pictures[:, 3]), "alpha"
    seen = (atlas.pictures[:, 3:] > 0).expand(-1, 3, -1, -1)
    assert (back.pictures[:, :3].int() - atlas.pictures[:, :3].int()).abs()[seen].max() <= far
    size = (tmp_path / "pictures.webp.safetensors").stat().st_size
    assert size < atlas.pictures.numel() / 3 and not (tmp_path / "pictures.safetensors").exists()


def test_pictures_for_breadth_are_trained_on_and_never_evaluated(tmp_path):
    from PIL import Image

    folder = packages(tmp_path)
    stamps = folder / breadth.STAMPS / "animals"
    stamps.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 4)).astype(np.uint8)
    noise[..., 3] = 255
    for name in ("A lion.", "A pigeon."):  # a lion is held out
        Image.fromarray(noise).save(stamps / f"{name[2]}.png")
        (stamps / f"{name[2]}.txt").write_text(f"{name}\nfr.utf8=Non.\n")
    photograph = folder / breadth.PHOTOGRAPHS[0]
    photograph.parent.mkdir(parents=True)
    Image.fromarray(noise).convert("RGB").resize((200, 120)).save(photograph)
    atlas = build_atlas(folder, size=32, shapes=3)
    assert atlas.styles[3:] == ["photo"] * 2 + ["cutout"] * 3 + ["texture"] * 3
    assert atlas.names[3:5] == ["lion", "pigeon"]
    trained = {i for i in atlas.split("train") if atlas.styles[i] in breadth.STYLES}
    assert trained == {4, *range(5, 11)}
    held_out = {i for split in SPLITS[1:] for i in atlas.split(split)}
    assert not held_out & {i for i, style in enumerate(atlas.styles) if style in breadth.STYLES}


def test_no_atlas_says_how_to_make_one(tmp_path):
    with pytest.raises(Tora2Error, match="tora2.tiny.assets"):
        Atlas.load(tmp_path)


def packages(folder, styles=tuple(PACKAGES)):
    from PIL import Image

    entries = [("FOX FACE", "animal-mammal", "Animals & Nature"), ("Germany Flag", "country-flag", "Flags")]
    listing = [
        {"name": n, "short_name": "x", "subcategory": g, "category": c, "image": f"{i}.png", "sort_order": i}
        for i, (n, g, c) in enumerate(entries)
    ]
    for style in styles:
        package, pattern = PACKAGES[style]
        for i in range(len(entries)):
            path = folder / package / pattern.format(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGBA", (20, 12), (200, 100, 50, 255)).save(path)
    (folder / PACKAGES["google"][0] / "emoji.json").write_text(json.dumps(listing))
    return folder


def test_builds_from_unpacked_packages(tmp_path):
    atlas = build_atlas(packages(tmp_path), size=32, shapes=0)
    assert atlas.names == ["fox"] * 3 and atlas.styles == list(PACKAGES)
    assert atlas.pictures.shape == (3, 4, 32, 32)


def test_missing_package_is_named(tmp_path):
    with pytest.raises(Tora2Error, match="twitter"):
        build_atlas(packages(tmp_path, ("google", "fluent")))
    with pytest.raises(Tora2Error, match=r"emoji\.json is missing"):
        build_atlas(tmp_path / "nothing")


def test_square_keeps_the_shape_and_fills_the_frame():
    from PIL import Image

    square = torch.from_numpy(to_square(Image.new("RGBA", (60, 30), (255, 0, 0, 255)), 32))
    assert square.shape == (4, 32, 32)
    rows = (square[3] > 128).any(1)
    assert 14 <= int(rows.sum()) <= 16 and int((square[3] > 128).any(0).sum()) >= 29
    assert to_square(Image.new("RGBA", (60, 30)), 32) is None


@pytest.mark.parametrize("path", sorted(p for p in INPUTS.glob("*.png") if "frame" not in p.stem), ids=lambda p: p.stem)
def test_shipped_pictures_are_cut_out_and_held_out(path):
    from PIL import Image

    from tora2.tiny.names import is_held_out

    picture = Image.open(path)
    assert picture.mode == "RGBA" and picture.getpixel((0, 0))[3] == 0
    assert is_held_out(path.stem.removeprefix("tora2_").replace("_", " ")) or path.stem.endswith("_twitter")
