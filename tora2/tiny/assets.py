"""Pictures of the world's entities: emoji of three art styles, packed into one atlas.

Nothing is downloaded here. Fetch and unpack the packages once, into one folder, under their own names::

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 @lobehub/fluent-emoji-3d@1.1.0
    for f in *.tgz; do mkdir -p "packages/${f%-*}" && tar xzf "$f" -C "packages/${f%-*}" --strip-components=1; done
    python -m tora2.tiny.assets packages atlas

Licences and attribution: ATTRIBUTION.md beside this file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import Tora2Error
from .names import HELD_OUT_STYLE, EmojiName, describe, is_held_out, with_article

PACKAGES = {
    "google": ("emoji-datasource-google", "img/google/64/{}.png"),
    "fluent": ("lobehub-fluent-emoji-3d", "assets/{}.webp"),
    "twitter": ("emoji-datasource-twitter", "img/twitter/64/{}.png"),
}
SPLITS = ("train", "heldout_names", "heldout_style")
ATLAS_SIZE = 72


@dataclass
class Atlas:
    """``pictures`` [N, 4, S, S] uint8 RGBA (straight alpha), each filling its square; the rest one entry a picture."""

    pictures: torch.Tensor
    names: list[str]
    styles: list[str]
    groups: list[str]
    human: list[bool]

    def __len__(self) -> int:
        return len(self.names)

    def phrase(self, index: int) -> str:
        return with_article(self.names[index])

    def split(self, split: str) -> list[int]:
        """Indices of a split: no name of ``heldout_names`` and no picture of ``heldout_style`` is ever in ``train``."""
        if split not in SPLITS:
            raise Tora2Error(f"There is no split {split!r} of the tiny world; choose one of {', '.join(SPLITS)}.")
        if split == "heldout_style":
            return [i for i, style in enumerate(self.styles) if style == HELD_OUT_STYLE]
        wanted = split == "heldout_names"
        return [
            i
            for i, (name, style) in enumerate(zip(self.names, self.styles, strict=True))
            if style != HELD_OUT_STYLE and is_held_out(name) == wanted
        ]

    def premultiplied(self, index: int) -> torch.Tensor:
        """[4, S, S] float 0..1 with colours multiplied by alpha, the form in which pictures may be resampled."""
        picture = self.pictures[index].float() / 255
        return torch.cat([picture[:3] * picture[3:], picture[3:]])

    def save(self, folder: str | Path) -> None:
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"pictures": self.pictures}, folder / "pictures.safetensors")
        meta = {"names": self.names, "styles": self.styles, "groups": self.groups, "human": self.human}
        (folder / "names.json").write_text(json.dumps(meta), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Atlas:
        from safetensors.torch import load_file

        folder = Path(folder)
        if not (folder / "names.json").is_file():
            raise Tora2Error(
                f"{folder} holds no atlas; build one with `python -m tora2.tiny.assets PACKAGES {folder}`."
            )
        meta = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        return cls(load_file(folder / "pictures.safetensors")["pictures"], **meta)


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


def build_atlas(packages: str | Path, size: int = ATLAS_SIZE, styles: Sequence[str] = tuple(PACKAGES)) -> Atlas:
    """Folder of unpacked packages -> atlas. A style whose package is missing is an error, a missing picture is
    skipped."""
    from PIL import Image

    packages = Path(packages)
    listing = packages / PACKAGES["google"][0] / "emoji.json"
    if not listing.is_file():
        raise Tora2Error(f"{listing} is missing; unpack the packages as the head of tora2/tiny/assets.py says.")
    pictures, described = [], []
    named = _distinct(json.loads(listing.read_text(encoding="utf-8")))
    for style in styles:
        package, pattern = PACKAGES[style]
        if not (packages / package).is_dir():
            raise Tora2Error(f"{packages / package} is missing; the art style {style!r} needs it.")
        for name, codes in named:
            path = next((p for code in codes if (p := packages / package / pattern.format(code)).is_file()), None)
            square = path and to_square(Image.open(path), size)
            if square is not None:
                pictures.append(square)
                described.append((name, style))
    return Atlas(
        torch.from_numpy(np.stack(pictures)),
        [n.name for n, _ in described],
        [s for _, s in described],
        [n.group for n, _ in described],
        [n.is_human for n, _ in described],
    )


def _distinct(entries: list[dict]) -> list[tuple[EmojiName, list[str]]]:
    """Nameable entries in the listing's order, the first of every name, with the file names it may have."""
    seen, kept = set(), []
    for entry in sorted(entries, key=lambda e: e["sort_order"]):
        name = describe(entry)
        if name is None or name.name in seen:
            continue
        seen.add(name.name)
        code = entry["image"].rsplit(".", 1)[0]
        kept.append((name, [code, code.replace("-fe0f", "")]))
    return kept


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the tiny world's atlas from unpacked npm packages.")
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=ATLAS_SIZE)
    args = parser.parse_args(argv)
    atlas = build_atlas(args.packages, args.size)
    atlas.save(args.out)
    counts = {split: len(atlas.split(split)) for split in SPLITS}
    print(f"{len(atlas)} pictures of {len(set(atlas.names))} names, {sum(atlas.human)} with a face: {counts}")


if __name__ == "__main__":
    main()
