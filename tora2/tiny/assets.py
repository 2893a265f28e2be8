"""Pictures of the world's entities: emoji of three art styles and pictures for breadth, packed into one atlas.

Nothing is downloaded here. Fetch and unpack the packages once, into one folder, under their own names::

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 @lobehub/fluent-emoji-3d@1.1.0
    for f in *.tgz; do mkdir -p "packages/${f%-*}" && tar xzf "$f" -C "packages/${f%-*}" --strip-components=1; done
    apt-get download tuxpaint-stamps-default mate-backgrounds; for f in *.deb; do dpkg -x "$f" "packages/${f%%_*}"; done
    pip download --no-deps scikit-image==0.26.0; unzip -q scikit_image-*.whl -d packages/scikit-image
    python -m tora2.tiny.assets packages atlas
    python -m tora2.tiny.assets --compact atlas small-atlas     # to travel: WebP instead of plain pixels

What the last two lines fetch (see ``breadth``) may be missing. Licences and attribution: ATTRIBUTION.md here.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import Tora2Error
from . import breadth
from .names import HELD_OUT_STYLE, EmojiName, describe, is_held_out, with_article
from .squares import to_square

PACKAGES = {
    "google": ("emoji-datasource-google", "img/google/64/{}.png"),
    "fluent": ("lobehub-fluent-emoji-3d", "assets/{}.webp"),
    "twitter": ("emoji-datasource-twitter", "img/twitter/64/{}.png"),
}
SHAPES = 600  # of either kind, cut out of photographs and of textures
PLAIN, COMPACT = "pictures.safetensors", "pictures.webp.safetensors"
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
        """Indices of a split: no name of ``heldout_names`` and no picture of ``heldout_style`` is ever in ``train``.

        Held-out splits are emoji alone; a photograph of a held-out thing is in no split.
        """
        if split not in SPLITS:
            raise Tora2Error(f"There is no split {split!r} of the tiny world; choose one of {', '.join(SPLITS)}.")
        return [i for i in range(len(self)) if self._split_of(i) == split]

    def _split_of(self, index: int) -> str | None:
        name, style = self.names[index], self.styles[index]
        if style in (breadth.CUT_OUT, breadth.TEXTURE):
            return "train"  # they have no name that could be held out
        if style == HELD_OUT_STYLE:
            return "heldout_style"
        if is_held_out(name):
            return None if style == breadth.PHOTO else "heldout_names"
        return "train"

    def premultiplied(self, index: int) -> torch.Tensor:
        """[4, S, S] float 0..1 with colours multiplied by alpha, the form in which pictures may be resampled."""
        picture = self.pictures[index].float() / 255
        return torch.cat([picture[:3] * picture[3:], picture[3:]])

    def save(self, folder: str | Path, bits: int | None = None) -> None:
        """Write plain pixels, or lossless WebP of colours that keep so many bits (8 are all; alpha keeps all)."""
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if bits is None:
            save_file({"pictures": self.pictures}, folder / PLAIN)
        else:
            files = [_to_webp(picture, bits) for picture in self.pictures]
            ends = torch.tensor([len(file) for file in files]).cumsum(0)
            content = torch.frombuffer(bytearray(b"".join(files)), dtype=torch.uint8)
            save_file({"content": content, "ends": ends}, folder / COMPACT)
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
        if (folder / PLAIN).is_file():
            return cls(load_file(folder / PLAIN)["pictures"], **meta)
        stored = load_file(folder / COMPACT)
        content, ends = stored["content"].numpy().tobytes(), [0, *stored["ends"].tolist()]
        pictures = [_from_webp(content[begin:end]) for begin, end in zip(ends, ends[1:], strict=False)]
        return cls(torch.stack(pictures), **meta)


def _to_webp(picture: torch.Tensor, bits: int) -> bytes:
    """A picture [4, S, S] whose colours keep their highest bits, and are black where nothing is seen."""
    from PIL import Image

    lost, content = 8 - bits, io.BytesIO()
    middle = (1 << lost) >> 1
    colours = torch.where(picture[3:] > 0, (picture[:3] >> lost << lost) + middle, 0)
    image = torch.cat([colours, picture[3:]]).permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(image).save(content, "WEBP", lossless=True, quality=60, method=2)
    return content.getvalue()


def _from_webp(content: bytes) -> torch.Tensor:
    from PIL import Image

    image = np.array(Image.open(io.BytesIO(content)).convert("RGBA"))
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def build_atlas(
    packages: str | Path, size: int = ATLAS_SIZE, styles: Sequence[str] = tuple(PACKAGES), shapes: int = SHAPES
) -> Atlas:
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
    extras = extra_pictures(packages, size, shapes)
    return Atlas(
        torch.from_numpy(np.stack([*pictures, *(extra.picture for extra in extras)])),
        [n.name for n, _ in described] + [extra.name for extra in extras],
        [s for _, s in described] + [extra.style for extra in extras],
        [n.group for n, _ in described] + [extra.style for extra in extras],
        [n.is_human for n, _ in described] + [False] * len(extras),
    )


def extra_pictures(packages: Path, size: int, shapes: int) -> list[breadth.Extra]:
    """Pictures for breadth: of the photographs that are there, and as many textures."""
    found = breadth.stamps(packages / breadth.STAMPS, size) if (packages / breadth.STAMPS).is_dir() else []
    photographs = breadth.photographs(packages / name for name in breadth.PHOTOGRAPHS)
    if photographs:
        found += breadth.cut_outs(photographs, shapes, size)
    return found + breadth.textures(shapes, size)


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
    parser.add_argument("packages", type=Path, help="folder of unpacked packages, or with --compact of an atlas")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=ATLAS_SIZE)
    parser.add_argument("--compact", action="store_true", help="only write an atlas again, as WebP")
    parser.add_argument(
        "--bits", type=int, default=6, help="that a compact atlas keeps of each colour; 8 loses nothing"
    )
    args = parser.parse_args(argv)
    if args.compact:
        Atlas.load(args.packages).save(args.out, args.bits)
        return
    atlas = build_atlas(args.packages, args.size)
    atlas.save(args.out)
    counts = {split: len(atlas.split(split)) for split in SPLITS}
    print(f"{len(atlas)} pictures of {len(set(atlas.names))} names, {sum(atlas.human)} with a face: {counts}")


if __name__ == "__main__":
    main()
