"""Which models there are, and which pictures."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tora2.errors import ConditionError


def test_an_unknown_model_is_named(host, monkeypatch):
    monkeypatch.setattr(host.folders, "_sources", lambda: {"tora2-tiny": None})
    with pytest.raises(ConditionError, match="no model 'gone': no folder or file is called 'gone'.* one of tora2-tiny"):
        host.load_model("gone")
    assert host.model_fingerprint("gone") == ""


def test_a_replaced_file_is_loaded_anew(host, monkeypatch, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"1")
    source = SimpleNamespace(base=tmp_path, adapter=(), companion=None)
    monkeypatch.setattr(host.folders, "_sources", lambda: {"m": source})
    before = host.model_fingerprint("m")
    assert before == host.model_fingerprint("m") != ""
    (tmp_path / "a.safetensors").write_bytes(b"22")
    assert host.model_fingerprint("m") != before


def test_models_are_found_where_comfyui_keeps_them(host, monkeypatch, tmp_path):
    import folder_paths

    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path / "models"))
    named = {"tora2": ([str(tmp_path / "disk" / "tora2")], set()), "vae": ([str(tmp_path / "my vaes")], {".pt"})}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", named)
    host.register_model_folder()
    for folder in ("models/vae", "disk/tora2", "disk/dinov2", "my vaes", "my dinos"):
        (tmp_path / folder).mkdir(parents=True)
    found = host.folders.model_folders()
    assert list(found.named("vae")) == [tmp_path / "models" / "vae", tmp_path / "my vaes"]
    assert list(found.named("tora2", "dinov2")) == [tmp_path / "disk" / "tora2", tmp_path / "disk" / "dinov2"]
    assert ".safetensors" in folder_paths.folder_names_and_paths["tora2"][1]


def test_example_pictures_never_replace_the_users_own(host, monkeypatch, tmp_path):
    import folder_paths

    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    host.provide_example_pictures()
    assert not list(tmp_path.iterdir()), "outside ComfyUI nothing is copied"
    monkeypatch.setattr(host.folders, "INSIDE_COMFYUI", True)
    names = sorted(path.name for path in host.folders.EXAMPLES.glob("*.png"))
    (tmp_path / names[0]).write_bytes(b"mine")
    host.provide_example_pictures()
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert (tmp_path / names[0]).read_bytes() == b"mine"


def test_the_pack_knows_its_pictures(host):
    assert host.folders.EXAMPLES.is_dir()
