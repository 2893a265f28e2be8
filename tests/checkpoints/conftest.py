"""Small models on disk in every public layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from checkpoint_files import base_state, write_config, write_parts, write_sharded
from safetensors.torch import save_file


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> Path:
    """A folder that holds everything of a model but its transformer."""
    folder = tmp_path_factory.mktemp("parts")
    write_parts(folder)
    return folder


@pytest.fixture
def with_parts(parts):
    """Put the shared parts into a model's folder (as links)."""

    def link(folder: Path, *names: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or ("vae", "text_encoder", "tokenizer", "scheduler"):
            (folder / name).symlink_to(parts / name, target_is_directory=True)
        return folder

    return link


@pytest.fixture
def write_base(with_parts):
    """A diffusers folder of a base, from the base's tensors of a model."""

    def write(folder: Path, model: torch.nn.Module, kind: str = "t2v", shards: int = 2, parts: bool = True) -> Path:
        write_config(folder / "transformer", kind)
        write_sharded(folder / "transformer", base_state(model), shards)
        return with_parts(folder) if parts else folder

    return write


@pytest.fixture
def write_tora():
    """Tora's two files of the ComfyUI conversion."""

    def write(folder: Path, model: torch.nn.Module, kind: str = "t2v") -> tuple[Path, Path]:
        end = "_I2V" if kind == "i2v" else ""
        state = model.state_dict()
        paths = []
        for part, prefix in (("fuser", "fuser."), ("traj_extractor", "traj_extractor.")):
            path = folder / part / f"{part}{end}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            tensors = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            save_file({key: value.contiguous() for key, value in tensors.items()}, str(path))
            paths.append(path)
        return tuple(paths)

    return write
