"""Muon beside AdamW, as one optimizer."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import small_models
import torch
from torch import nn

from tora2.errors import TrainingError
from tora2.training.config import OptimizerConfig
from tora2.training.optimizers import MuonWithAdamW, make_optimizer, matrices

OPTIONS = {"betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.02}


def network(seed=0):
    torch.manual_seed(seed)
    return nn.ModuleDict({"table": nn.Embedding(5, 8), "first": nn.Linear(8, 16), "norm": nn.LayerNorm(16)})


def push(module, seed):
    """A gradient for every parameter."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def groups(module):
    return [{"params": list(module.parameters()), "lr": 0.01, "rate": 0.01}]


def test_it_does_what_both_do_alone():
    ours, theirs = network(), network()
    both = MuonWithAdamW(groups(ours), matrices(ours), **OPTIONS)
    muon = torch.optim.Muon([theirs["first"].weight], lr=0.01, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    others = [p for name, p in theirs.named_parameters() if name != "first.weight"]
    adamw = torch.optim.AdamW(others, lr=0.01, **OPTIONS)
    for step in range(4):
        for optimizer in (both, muon, adamw):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 / (1 + step)
        push(ours, step), push(theirs, step)
        for optimizer in (both, muon, adamw):
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert len(both.state) == len(list(ours.parameters()))


def test_a_stored_state_goes_on():
    unbroken = network()
    optimizer = MuonWithAdamW(groups(unbroken), matrices(unbroken), **OPTIONS)
    push(unbroken, 0)
    optimizer.step()
    resumed = copy.deepcopy(unbroken)
    other = MuonWithAdamW(groups(resumed), matrices(resumed), **OPTIONS)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for module, one in ((unbroken, optimizer), (resumed, other)):
        push(module, 1)
        one.step()
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))


def test_embeddings_are_no_matrices_even_where_a_layer_shares_them():
    encoder = small_models.text_encoder()
    chosen = {id(parameter) for parameter in matrices(encoder)}
    names = [name for name, parameter in encoder.named_parameters() if id(parameter) in chosen]
    assert names and not any("shared" in name or "relative" in name for name in names)
    tied = nn.ModuleDict({"table": nn.Embedding(5, 8), "out": nn.Linear(8, 5, bias=False)})
    tied["out"].weight = tied["table"].weight
    assert not matrices(tied)


def test_what_muon_cannot_do_is_said(monkeypatch):
    from tora2.training import optimizers

    config = OptimizerConfig(name="muon")
    monkeypatch.setattr(optimizers, "parameter_groups", lambda module, rates: groups(module))
    assert isinstance(make_optimizer(network(), config, {}), MuonWithAdamW)
    assert type(make_optimizer(network(), replace(config, name="adamw"), {})) is torch.optim.AdamW
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(TrainingError, match="from 2.9 on"):
        make_optimizer(network(), config, {})
