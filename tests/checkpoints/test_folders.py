from pathlib import Path

import pytest

from tora2.checkpoints.folders import default_models_folder


def test_models_folder_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    assert default_models_folder(tmp_path / "pack") == tmp_path / "pack" / "models"
    assert default_models_folder(tmp_path / "custom_nodes" / "pack") == tmp_path / "models"
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "ComfyUI"))
    assert default_models_folder(tmp_path / "pack") == tmp_path / "ComfyUI" / "models"
