import json
from pathlib import Path

import pytest
import torch

from tora2.errors import Tora2Error
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
    atlas = build_atlas(packages(tmp_path), size=32)
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
    assert is_held_out(path.stem.replace("_", " ")) or path.stem.endswith("_twitter")
