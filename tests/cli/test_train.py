import sys

import pytest
from training_runs import write_shards

from tora2.__main__ import main

CONFIG = """
[model]
scratch = true
[model.transformer]
num_attention_heads = 2
attention_head_dim = 16
text_embed_dim = 24
num_layers = 1
time_embed_dim = 8
sample_width = 8
sample_height = 8
sample_frames = 9
max_text_seq_length = 12
use_rotary_positional_embeddings = true
motion_channels = 32
binding_config = { width = 32, heads = 2, layers = 1 }
attention_width = 32
attention_heads = 2
[model.transformer.personalization_config]
token_width = 32
queries = 2
layers = 1
heads = 2
semantic_width = 16
face_width = 8
reid_width = 8
[run]
steps = 2
batch = 2
precision = "fp32"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(CONFIG, encoding="utf-8")
    data = write_shards(tmp_path / "data")
    return [str(path), "--set", f"data.path={data}", "--set", f"run.out={tmp_path / 'out'}", "--quiet"]


def test_train_resume_and_export(config, tmp_path, capsys):
    assert main(["train", *config, "--minutes", "0"]) == 0
    adapter = tmp_path / "out" / "adapter.safetensors"
    assert not adapter.exists(), "the run is not over"
    assert main(["train", *config]) == 1
    assert "--resume" in capsys.readouterr().err
    assert main(["train", *config, "--export"]) == 0 and adapter.is_file()
    adapter.unlink()
    assert main(["train", *config, "--resume"]) == 0 and adapter.is_file()
    assert (tmp_path / "out" / "checkpoints" / "step-00000002").is_dir()


def test_a_slice_that_ends_the_run(config, tmp_path, capsys):
    endless = [*config, "--set", "run.steps=1000000"]
    assert main(["train", *endless, "--finish"]) == 1
    assert "give --minutes" in capsys.readouterr().err
    assert main(["train", *endless, "--finish", "--minutes", "0"]) == 0
    assert (tmp_path / "out" / "adapter.safetensors").is_file()


def test_mistakes_end_with_one_sentence(config, capsys):
    assert main(["train", *config, "--set", "run.stepz=3"]) == 1
    assert (
        capsys.readouterr().err == f"Error: {config[0]}: `run.stepz` does not exist; the closest name is `run.steps`.\n"
    )


def test_without_accelerate(config, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert main(["train", *config]) == 1
    assert "pip install accelerate" in capsys.readouterr().err


def test_dry_run(config, capsys):
    assert main(["train", *config, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "trained" in out and "2 steps of 2 clips" in out and "loss" in out


def test_what_was_never_trained_is_not_exported(config, tmp_path, capsys):
    assert main(["train", *config, "--export"]) == 1
    assert "holds no checkpoint to export" in capsys.readouterr().err
    assert not list(tmp_path.rglob("adapter.safetensors"))
