"""Where models are looked for: ComfyUI's models folders, and single folders that stand for one of their parts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPTH = 3
"""Folders deep that single files are looked for."""


def default_models_folder(root: Path = ROOT) -> Path:
    """ComfyUI's `models` if the pack lies in its custom_nodes or COMFYUI_PATH names it, else `models` in the pack."""
    if root.parent.name == "custom_nodes":
        return root.parent.parent / "models"
    if os.environ.get("COMFYUI_PATH"):
        return Path(os.environ["COMFYUI_PATH"]) / "models"
    return root / "models"


@dataclass(frozen=True)
class ModelFolders:
    """Folders by kind (``CogVideo``, ``vae``, ``tora2`` ...), wherever they lie and whatever they are called.

    Attributes:
        roots: models folders, in which a kind's folder has the kind's name. A root that itself has that name stands for
            the kind's folder.
        single: (kind, folder) of others; ``extra_model_paths.yaml`` may call a kind's folder anything.
    """

    roots: tuple[Path, ...] = ()
    single: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(
        cls,
        roots: Iterable[Path | str] | ModelFolders = (),
        single: Mapping[str, Iterable[Path | str]] | None = None,
    ) -> ModelFolders:
        if isinstance(roots, ModelFolders):
            return roots
        pairs = ((kind, Path(path).expanduser()) for kind, paths in (single or {}).items() for path in paths)
        return cls(tuple(dict.fromkeys(Path(root).expanduser() for root in roots)), tuple(dict.fromkeys(pairs)))

    def named(self, *kinds: str) -> Iterator[Path]:
        """Existing folders of these kinds that can be read, each once, models folders first."""
        seen = set()
        for folder in (*self._in_roots(kinds), *(path for kind, path in self.single if kind in kinds)):
            if is_readable(folder) and folder.resolve() not in seen:
                seen.add(folder.resolve())
                yield folder

    def _in_roots(self, kinds: tuple[str, ...]) -> Iterator[Path]:
        for root in self.roots:
            yield from (root / kind for kind in kinds)
            if root.name in kinds:
                yield root


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder that can be read, by name; what is hidden is left out.

    Whole disks are mounted as models folders, and hold such as ``lost+found``, which belong to the system alone.
    """
    names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in names if is_readable(path)]


def is_readable(folder: Path) -> bool:
    """Whether it is a folder whose files can be listed and opened."""
    try:
        os.scandir(folder).close()
    except OSError:
        return False
    return os.access(folder, os.X_OK)


def safetensors_below(tops: Iterable[Path]) -> Iterator[Path]:
    """Every .safetensors file in these folders and a few folders deep below them, by name."""
    for top in tops:
        for folder, below, names in os.walk(top, followlinks=True):
            if len(Path(folder).relative_to(top).parts) >= DEPTH:
                below.clear()  # a circle of links must end somewhere
            below.sort()
            yield from (Path(folder) / name for name in sorted(names) if name.endswith(".safetensors"))


NO_FOLDERS = ModelFolders()
