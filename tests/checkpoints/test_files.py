"""What a host watches: a model's own files, and those that stand in for what its folder lacks."""

import shutil

import pytest

from tora2.checkpoints.discovery import TINY_FOLDER, find_models
from tora2.checkpoints.files import model_files
from tora2.checkpoints.loading import load


@pytest.fixture
def models(tmp_path):
    """tora2-tiny as somebody's own model, without the encoders of its references."""
    encoders = shutil.ignore_patterns("semantic_encoder", "reid_encoder", "face_encoder")
    shutil.copytree(TINY_FOLDER, tmp_path / "tora2" / "mine", ignore=encoders)
    return tmp_path


def test_encoders_that_come_later_are_noticed_and_found(models):
    source = find_models([models])["mine"]
    before, bundle = set(model_files(source)), load(source)
    assert models / "tora2" / "mine" / "adapter.safetensors" in before
    assert bundle.component("semantic") is None and bundle.component("reid") is None
    (models / "tora2" / "reid").mkdir()
    shutil.copy(TINY_FOLDER / "reid_encoder" / "model.onnx", models / "tora2" / "reid" / "mine.onnx")
    shutil.copytree(TINY_FOLDER / "semantic_encoder", models / "dinov2" / "mine")
    pack = models / "insightface" / "models" / "antelopev2"
    shutil.copytree(TINY_FOLDER / "face_encoder", pack)
    new = set(model_files(source)) - before
    assert models / "tora2" / "reid" / "mine.onnx" in new and models / "dinov2" / "mine" / "config.json" in new
    assert any(pack in path.parents for path in new)
    assert bundle.component("semantic") is not None, "asked for again it is looked for again"


def test_what_the_folder_has_is_not_looked_for_elsewhere(models):
    source = find_models([models])["mine"]
    before = model_files(source)
    (models / "vae").mkdir()
    shutil.copy(TINY_FOLDER / "vae" / "diffusion_pytorch_model.safetensors", models / "vae" / "other.safetensors")
    assert model_files(source) == before
    shutil.rmtree(models / "tora2" / "mine" / "vae")
    assert models / "vae" / "other.safetensors" in model_files(source)
    (models / "tora2" / "mine" / "adapter.safetensors").write_bytes(b"broken")
    assert models / "tora2" / "mine" / "adapter.safetensors" in model_files(source), "loading will say what is wrong"
