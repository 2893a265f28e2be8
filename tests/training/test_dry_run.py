from pathlib import Path

import pytest
import torch

from tora2.cli.train import CONFIGS
from tora2.errors import TrainingError
from tora2.training.config import load_config
from tora2.training.dry_run import dry_run

PACKAGE = Path(__file__).resolve().parents[2] / "tora2"


def test_the_papers_run_starts_on_a_small_machine(monkeypatch):
    said = []
    figures = dry_run(load_config(PACKAGE / CONFIGS["5b"]), said.append, processes=8)
    assert figures["passes"] == 4 and "480,000 clips" in "\n".join(said)
    assert figures["groups"]["base"] == [0, 5_570_283_072], "CogVideoX-5B, frozen"
    assert 1.0e9 < figures["trained"] < 1.2e9
    assert figures["memory"]["frozen weights"] == 2 * figures["frozen"]
    assert figures["memory"]["AdamW's two moments, float32"] == 8 * figures["trained"]
    assert all(torch.isfinite(torch.tensor(value)) for value in figures["losses"].values())
    assert figures["losses"]["contrastive"] > 0


def test_the_shipped_model_can_be_trained_on():
    figures = dry_run(load_config(PACKAGE / CONFIGS["tiny-more"]), lambda line: None)
    assert figures["frozen"] == 0 and all(trained > 0 for trained, _ in figures["groups"].values())
    assert set(figures["groups"]) >= {"adapter", "base", "text"}
    assert all(torch.isfinite(torch.tensor(value)) for value in figures["losses"].values())


def test_processes_that_cannot_share_the_batch():
    with pytest.raises(TrainingError, match="multiple of 5"):
        dry_run(load_config(PACKAGE / CONFIGS["5b"]), lambda line: None, processes=5)
