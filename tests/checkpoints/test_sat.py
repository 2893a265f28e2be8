from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from checkpoint_files import make_transformer, to_sat

from tora2.checkpoints.sat import convert_sat, read_sat, sat_arguments
from tora2.dit import Tora2Transformer3DModel
from tora2.errors import CheckpointError

KINDS = pytest.mark.parametrize("kind", ["t2v", "i2v"])


def write_sat(path, model, **extra):
    """As SAT's trainer writes it, random states of all three libraries included."""
    states = {"np_rng_state": np.random.get_state(), "random_rng_state": random.getstate()}
    states |= {"torch_rng_state": torch.get_rng_state(), "iteration": 20000}
    torch.save({"module": {**to_sat(model.state_dict(), model.config.num_layers), **extra}, **states}, path)
    return path


def refused(action, *words):
    with pytest.raises(CheckpointError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and message[-1] == ".", message
    for word in words:
        assert word in message, message


@KINDS
def test_every_tensor_comes_back(tmp_path, kind):
    model = make_transformer(kind)
    others = {"conditioner.embedders.0.x": torch.zeros(1), "first_stage_model.encoder.x": torch.zeros(1)}
    path = write_sat(tmp_path / "mp_rank_00_model_states.pt", model, **others)
    state = convert_sat(read_sat(path))
    expected = model.state_dict()
    assert set(state) == set(expected)
    for key, value in expected.items():
        assert torch.equal(state[key], value), key
    arguments, config = sat_arguments(state, path)
    assert config.kind == kind and config.has_motion
    with torch.device("meta"):
        rebuilt = Tora2Transformer3DModel(**arguments).state_dict()
    skip = "patch_embed.pos_embedding"  # its length follows from the video size, which SAT keeps in its YAML
    assert {k: v.shape for k, v in rebuilt.items() if k != skip} == {
        k: v.shape for k, v in expected.items() if k != skip
    }


def test_modulations_are_placed_by_what_they_do(tmp_path):
    """Twelve numbered parts: the order that the SAT code unpacks, against the order that diffusers unpacks."""
    dim = 4
    order = ["shift", "scale", "gate"]
    sat = [f"{where}{kind}_{part}" for where in ("", "text_") for part in ("msa", "mlp") for kind in order]
    value = torch.arange(12).repeat_interleave(dim).float()
    state = convert_sat({"mixins.adaln_layer.adaLN_modulations.0.1.bias": value})
    for norm, part in (("norm1", "msa"), ("norm2", "mlp")):
        got = [sat[int(index)] for index in state[f"transformer_blocks.0.{norm}.linear.bias"][::dim]]
        assert got == [f"{where}{kind}_{part}" for where in ("", "text_") for kind in order]


def test_an_old_pickle_without_zip_reads_too(tmp_path):
    model = make_transformer()
    state = {"module": to_sat(model.state_dict(), 2)}
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert set(convert_sat(read_sat(tmp_path / "old.pt"))) == set(model.state_dict())


class Bomb:
    def __reduce__(self):
        return (open, (Bomb.path, "w"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_never_run(tmp_path, zipped):
    ran = tmp_path / "ran"
    Bomb.path = str(ran)
    path = tmp_path / "mp_rank_00_model_states.pt"
    content = {"module": {"model.diffusion_model.x": torch.zeros(1)}, "extra": Bomb()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    refused(lambda: read_sat(path), "nothing was run", "run code")
    assert not ran.exists()
    torch.load(path, weights_only=False)
    assert ran.exists()  # the control: without the guard it does run


def test_numpy_may_not_bring_code_either(tmp_path):
    """Arrays are allowed (random states), arrays of objects are no way around the guard."""
    ran = tmp_path / "ran"
    Bomb.path = str(ran)
    array = np.array([Bomb()], dtype=object)
    torch.save({"module": {"model.diffusion_model.x": torch.zeros(1)}, "rng": array}, tmp_path / "x.pt")
    refused(lambda: read_sat(tmp_path / "x.pt"), "nothing was run")
    assert not ran.exists()


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.99])
def test_truncated(tmp_path, keep):
    path = write_sat(tmp_path / "x.pt", make_transformer())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refused(lambda: read_sat(path), "x.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"),
        (b"<html>", "web page"),
        (b"GGUF" + bytes(64), "GGUF"),
        (b"", "empty"),
        (b"nonsense that is no model", "not a SAT checkpoint"),
    ],
)
def test_other_files(tmp_path, content, words):
    (tmp_path / "x.pt").write_bytes(content)
    refused(lambda: read_sat(tmp_path / "x.pt"), words)


def test_missing_and_foreign_checkpoints(tmp_path):
    refused(lambda: read_sat(tmp_path / "none.pt"), "no SAT checkpoint")
    torch.save({"shared.weight": torch.zeros(1), "encoder.block.0.layer.0.SelfAttention.q.weight": torch.zeros(1)},
               tmp_path / "t5.pt")  # fmt: skip
    refused(lambda: read_sat(tmp_path / "t5.pt"), "a T5 text encoder", "a SAT checkpoint was expected")
    torch.save([1, 2], tmp_path / "list.pt")
    refused(lambda: read_sat(tmp_path / "list.pt"), "SAT checkpoint was expected")


def test_unknown_tensors_are_named(tmp_path):
    state = read_sat(write_sat(tmp_path / "x.pt", make_transformer()))
    refused(lambda: convert_sat({**state, "mixins.lora.matrix_A.0": torch.zeros(1)}), "mixins.lora.matrix_A.0")
