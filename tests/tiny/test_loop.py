import argparse

import pytest
import torch
from torch import nn

from tora2.tiny.loop import Trainer, averaged, plan_batches
from tora2.tiny.world import World


def arguments(out, minutes=1.0, resume=False):
    return argparse.Namespace(
        out=out,
        minutes=minutes,
        resume=resume,
        device="cpu",
        precision="float32",
        rate=0.05,
        decay=False,
        save_every=9.0,
    )


def train(trainer: Trainer, until: int) -> None:
    target = torch.tensor([1.0, -2.0, 3.0])
    for step in trainer:
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        trainer.descend((trainer.modules["net"](x)[:, 0] - x @ target).square().mean())
        if trainer.step >= until:
            trainer.save()
            return


def linear():
    torch.manual_seed(0)
    return {"net": nn.Linear(3, 1)}


def test_a_resumed_run_equals_an_unbroken_one(tmp_path):
    whole = Trainer(linear(), arguments(tmp_path / "whole"), warm_up=2)
    train(whole, 20)
    train(Trainer(linear(), arguments(tmp_path / "parts"), warm_up=2), 9)
    second = Trainer(linear(), arguments(tmp_path / "parts", resume=True), warm_up=2)
    assert second.step == 9
    train(second, 20)
    assert torch.equal(whole.modules["net"].weight, second.modules["net"].weight)
    assert torch.equal(whole.average["net.weight"], second.average["net.weight"])


def test_it_learns_and_the_average_follows(tmp_path):
    trainer = Trainer(linear(), arguments(tmp_path), averaging=0.9, warm_up=1)
    train(trainer, 200)
    wanted = torch.tensor([[1.0, -2.0, 3.0]])
    assert (averaged(tmp_path, "net")["weight"] - wanted).abs().max() < 0.1


def test_a_slice_ends_in_time(tmp_path):
    trainer = Trainer(linear(), arguments(tmp_path, minutes=0.0))
    assert list(trainer) == [] and (tmp_path / "state.pt").is_file()


def test_a_gradient_that_is_no_number_changes_nothing(tmp_path):
    trainer = Trainer(linear(), arguments(tmp_path))
    for _ in trainer:
        before = trainer.modules["net"].weight.detach().clone()
        trainer.descend(trainer.modules["net"](torch.ones(1, 3)).sum() * float("nan"))
        assert torch.equal(before, trainer.modules["net"].weight)
        break


@pytest.mark.parametrize("workers", [0, 2])
def test_plans_follow_the_step_number(atlas, workers):
    world = World(atlas, frames=1, size=32)
    batches = plan_batches(world, 3, 4, workers)
    first, second = next(batches), next(batches)
    assert first.seeds == [12, 13, 14, 15] and second.seeds == [16, 17, 18, 19]
    assert torch.equal(second.canvases[2], world.plan(18).canvas), "however many processes made them"
