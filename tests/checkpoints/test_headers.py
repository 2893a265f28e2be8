from __future__ import annotations

import json
import pickle

import pytest
import torch
from checkpoint_files import base_state, make_transformer, write_config, write_sharded
from safetensors.torch import save_file

from tora2.checkpoints.headers import read_header, read_json, weight_files
from tora2.checkpoints.loading import load
from tora2.errors import CheckpointError


def refused(action, *words):
    with pytest.raises(CheckpointError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and message[-1] == ".", message
    for word in words:
        assert word in message, message


def test_header_tells_what_safetensors_tells(tmp_path):
    path = tmp_path / "x.safetensors"
    state = {"a": torch.zeros(2, 3), "b": torch.zeros((), dtype=torch.long), "c": torch.zeros(0, dtype=torch.bfloat16)}
    save_file(state, str(path), metadata={"k": "v"})
    header = read_header(path)
    assert {key: info.shape for key, info in header.tensors.items()} == {"a": (2, 3), "b": (), "c": (0,)}
    assert header.tensors["c"].dtype == "BF16" and header.metadata == {"k": "v"}
    assert read_header(path) is header  # read once
    save_file({"d": torch.zeros(5)}, str(path))
    assert set(read_header(path).tensors) == {"d"}  # but not when the file changes


@pytest.mark.parametrize("length", [0x0280, 0x0580, 0x3C20, 0x203C])
def test_a_header_whose_length_looks_like_another_format(tmp_path, length):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(length)
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header + bytes(4))
    assert set(read_header(path).tensors) == {"a"}


def test_gguf_blocks_in_a_safetensors_file(tmp_path):
    """As ComfyUI-CogVideoXWrapper's CogVideoX_5b_GGUF_Q4_0.safetensors has them."""
    path = tmp_path / "x.safetensors"
    save_file({"transformer_blocks.0.attn1.to_q.Q4_0_qweight": torch.zeros(2, 18, dtype=torch.uint8)}, str(path))
    refused(lambda: read_header(path), "GGUF", str(path))


class Bomb:
    def __reduce__(self):
        return (open, (Bomb.path, "w"))


OTHERS = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 11\n", "git-lfs pointer"),
    "page": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
    "gguf": (b"GGUF\x03\x00\x00\x00" + bytes(64), "GGUF"),
    "zip": (b"PK\x03\x04" + bytes(64), "pickle"),
    "pickle": (b"\x80\x02}q\x00." + bytes(64), "pickle"),
    "empty": (b"", "is empty"),
    "short": (b"abc", "too short"),
    "noise": (bytes(range(200, 256)) * 8, "not a safetensors file"),
    "cut-header": ((10_000).to_bytes(8, "little") + b'{"a": ', "incomplete"),
    "bad-header": ((8).to_bytes(8, "little") + b"{ nope }", "damaged"),
    "bad-entry": ((12).to_bytes(8, "little") + b'{"a": [1,2]}', "damaged"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_under_the_name_of_a_model(tmp_path, name):
    content, words = OTHERS[name]
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    path.write_bytes(content)
    refused(lambda: read_header(path), words, str(path))
    write_config(tmp_path / "m" / "transformer")
    path.replace(tmp_path / "m" / "transformer" / path.name)
    refused(lambda: load(tmp_path / "m"), words)


def test_missing_and_folder(tmp_path):
    refused(lambda: read_header(tmp_path / "none.safetensors"), "no file at")
    refused(lambda: read_header(tmp_path), "is a folder")


@pytest.mark.parametrize("keep", [0.3, 0.9, 1 - 1e-9], ids=["a third", "most", "all but a byte"])
def test_truncated_file(tmp_path, keep):
    write_config(tmp_path / "m" / "transformer")
    write_sharded(tmp_path / "m" / "transformer", base_state(make_transformer(motion_channels=None)), 1)
    path = next((tmp_path / "m" / "transformer").glob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refused(lambda: load(tmp_path / "m"), "incomplete", "download stopped early")


def test_damaged_lengths(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    refused(lambda: read_header(path), "damaged")


def test_a_pickle_with_code_is_not_run(tmp_path):
    ran = tmp_path / "ran"
    Bomb.path = str(ran)
    write_config(tmp_path / "m" / "transformer")
    for name in ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"):
        path = tmp_path / "m" / "transformer" / name
        path.write_bytes(pickle.dumps({"weight": Bomb()}))
        refused(lambda: load(tmp_path / "m"), "pickle", "code")
        torch.save({"weight": Bomb()}, path)
        refused(lambda: load(tmp_path / "m"), "pickle", "code")
        path.unlink()
    assert not ran.exists()
    pickle.loads(pickle.dumps(Bomb())).close()
    assert ran.exists()  # the control: it does run where nothing stops it


def test_shards(tmp_path):
    write_config(tmp_path / "transformer")
    folder = tmp_path / "transformer"
    write_sharded(folder, base_state(make_transformer(motion_channels=None)), 3)
    assert len(weight_files(folder)) == 3
    sorted(folder.glob("*.safetensors"))[1].unlink()
    refused(lambda: weight_files(folder), "00002-of-00003", "shard 2 of 3")


@pytest.mark.parametrize("name", ["../evil.safetensors", "/etc/passwd", "a/b.safetensors", "..", "..\\evil"])
def test_an_index_may_not_leave_its_folder(tmp_path, name):
    (tmp_path / "evil.safetensors").write_bytes(b"")
    folder = tmp_path / "transformer"
    folder.mkdir()
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    refused(lambda: weight_files(folder), "not a file of its own folder")


def test_no_weights(tmp_path):
    refused(lambda: weight_files(tmp_path), "no weights")
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    refused(lambda: weight_files(tmp_path), "names no weights")


def test_json(tmp_path):
    refused(lambda: read_json(tmp_path / "config.json"), "missing")
    for content in ("[1]", "{", "\x00"):
        (tmp_path / "config.json").write_text(content)
        refused(lambda: read_json(tmp_path / "config.json"), "config.json")
