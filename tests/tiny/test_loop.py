import argparse
import collections
import time

import pytest
import torch
from torch import nn

from tora2.tiny import loop, states
from tora2.tiny.loop import Trainer, averaged, plan_batches
from tora2.tiny.world import World


def arguments(out, minutes=1.0, resume=False):
    return argparse.Namespace(
        begun=time.monotonic(),
        pack=None,
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
    assert second.painted.dtype == torch.uint8
    assert (second.canvases[2] - world.plan(18).canvas).abs().max() <= 0.5 / 255 + 1e-6, "however many made them"


def test_no_more_processes_plan_than_shared_memory_holds(atlas, monkeypatch, tmp_path, capsys):
    world = World(atlas, size=128)
    assert 3 * 128**2 < world.plan_bytes < 4 * 128**2
    monkeypatch.setattr(loop, "SHARED_MEMORY", tmp_path)
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(loop.shutil, "disk_usage", lambda path: usage(64 * 2**20))
    assert loop.workers_that_fit(14, 256 * world.plan_bytes) == 1 and "1 instead of 14" in capsys.readouterr().out
    assert loop.workers_that_fit(14, 2 * world.plan_bytes) == 14 and loop.workers_that_fit(0, 1 << 40) == 0
    monkeypatch.setattr(loop.shutil, "disk_usage", lambda path: usage(0))
    assert next(plan_batches(world, 0, 1, workers=2)).seeds == [0], "with room for none this process plans"


def test_a_slice_counts_from_the_commands_begin(tmp_path):
    late = arguments(tmp_path, minutes=1.0)
    late.begun -= 61  # loading took that long
    trainer = Trainer(linear(), late)
    for _ in trainer:
        trainer.descend(trainer.modules["net"](torch.ones(1, 3)).sum())
    assert trainer.step == 1, "less would be no slice"


def test_a_kill_while_saving_leaves_a_run_that_goes_on(tmp_path, monkeypatch):
    train(Trainer(linear(), arguments(tmp_path)), 3)
    before = averaged(tmp_path, "net")["weight"]
    real = loop.save_file

    def killed(tensors, path):
        if "average" in str(path):
            real(dict(list(tensors.items())[:1]), path)
            raise KeyboardInterrupt
        real(tensors, path)

    monkeypatch.setattr(loop, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        train(Trainer(linear(), arguments(tmp_path, resume=True)), 6)
    again = Trainer(linear(), arguments(tmp_path, resume=True))
    assert again.step == 3 and torch.equal(again.average["net.weight"], before)


def test_the_rate_rises_again_where_the_optimizer_begins_anew(tmp_path):
    train(Trainer(linear(), arguments(tmp_path / "run" / "vae"), warm_up=10), 20)
    states.pack_stage(tmp_path / "run", tmp_path / "out", "vae")
    states.take_up(tmp_path / "out", tmp_path / "again")

    def rates(folder, until):
        trainer, found = Trainer(linear(), arguments(folder, resume=True), warm_up=10), []
        for _ in trainer:
            found.append(trainer.optimizer.param_groups[0]["lr"])
            trainer.descend(trainer.modules["net"](torch.ones(1, 3)).sum())
            if trainer.step >= until:
                trainer.save()
                return found

    assert rates(tmp_path / "again" / "vae", 24) == pytest.approx([0.005, 0.01, 0.015, 0.02])
    assert rates(tmp_path / "again" / "vae", 26) == pytest.approx([0.025, 0.03]), (
        "also when it is broken off in its rise"
    )
    assert rates(tmp_path / "run" / "vae", 21) == [0.05]


def test_adams_counters_stay_off_the_device(tmp_path, monkeypatch):
    """A counter on a GPU is read back at every step, one by one."""
    train(Trainer(linear(), arguments(tmp_path)), 2)
    places, real = [], torch.load
    monkeypatch.setattr(loop.torch, "load", lambda *a, **k: places.append(k["map_location"]) or real(*a, **k))
    trainer = Trainer(linear(), arguments(tmp_path, resume=True))
    assert trainer.step == 2 and places == ["cpu"]


def test_a_saved_state_is_packed_where_that_is_asked_for(tmp_path):
    asked = arguments(tmp_path / "run" / "reid")
    asked.pack = tmp_path / "out"
    train(Trainer(linear(), asked), 2)
    assert sorted(path.name for path in asked.pack.iterdir()) == ["encoders-0.safetensors", "encoders-state.json"]
