import os
from pathlib import Path

import pytest

from tora2.checkpoints import folders
from tora2.checkpoints.discovery import find_models
from tora2.checkpoints.folders import ModelFolders, default_models_folder, subfolders


def test_models_folder_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    assert default_models_folder(tmp_path / "pack") == tmp_path / "pack" / "models"
    assert default_models_folder(tmp_path / "custom_nodes" / "pack") == tmp_path / "models"
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "ComfyUI"))
    assert default_models_folder(tmp_path / "pack") == tmp_path / "ComfyUI" / "models"


def test_folders_that_may_not_be_entered_hide_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk mounted as models/diffusers holds lost+found, which belongs to root: every node was gone for that."""
    for name in ("diffusers/lost+found", "diffusers/good", "diffusers/.hidden", "CogVideo", "tora2"):
        (tmp_path / name).mkdir(parents=True)
    listed, refused = os.scandir, {str(tmp_path / "diffusers" / "lost+found"), str(tmp_path / "CogVideo")}

    def scandir(path):
        if str(path) in refused:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    assert subfolders(tmp_path / "diffusers") == [tmp_path / "diffusers" / "good"]
    assert list(ModelFolders.of([tmp_path]).named("CogVideo", "diffusers")) == [tmp_path / "diffusers"]
    assert list(find_models([tmp_path])) == ["tora2-tiny"]
