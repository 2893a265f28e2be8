"""Where a training finds the model it starts from."""

import shutil

import pytest

from tora2.checkpoints.discovery import TINY_FOLDER
from tora2.errors import CheckpointError
from tora2.training.config import ModelConfig
from tora2.training.models import open_source


@pytest.fixture
def comfyui(tmp_path, monkeypatch):
    """A ComfyUI with a whole model, and the identity encoders of another where its own folders keep them."""
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    shutil.copytree(TINY_FOLDER, tmp_path / "models" / "tora2" / "mine")
    return tmp_path / "models"


def test_a_source_by_path_or_by_the_name_that_the_loader_shows(comfyui):
    assert open_source(ModelConfig()) is None
    by_name = open_source(ModelConfig(source="mine"))
    by_path = open_source(ModelConfig(source=str(comfyui / "tora2" / "mine")))
    assert by_name.source.base == by_path.source.base == comfyui / "tora2" / "mine"
    assert by_path.source.models.roots == (comfyui,), "encoders are looked for in ComfyUI's folders too"
    assert open_source(ModelConfig(source="tora2-tiny")).name == "tora2-tiny"
    with pytest.raises(CheckpointError, match="'min', which is no path.*there are: tora2-tiny, mine"):
        open_source(ModelConfig(source="min"))
