import signal
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from small_models import BASE, TORA2
from training_runs import run_config, train, write_shards

from tora2.acceleration.compiling import compile_blocks, is_compiled
from tora2.errors import TrainingError
from tora2.training import slices, state
from tora2.training import trainer as trainer_module
from tora2.training.metrics import read_metrics


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    train(run_config(data, out))
    return out


def last(out):
    return state.checkpoints(out)[-1]


def equal_files(one, other, name):
    one, other = (load_file(last(folder) / name) for folder in (one, other))
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_writes_metrics_checkpoints_and_an_adapter(unbroken):
    lines = read_metrics(unbroken)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert {"loss", "diffusion", "contrastive", "norm", "rate", "clips_per_second"} <= set(lines[0])
    assert all(line["norm"] > 0 for line in lines)
    assert [folder.name for folder in state.checkpoints(unbroken)] == ["step-00000002", "step-00000004"]
    average, weights = (load_file(last(unbroken) / name) for name in ("average.safetensors", "weights.safetensors"))
    assert not torch.equal(average["transformer.proj_out.weight"], weights["transformer.proj_out.weight"])
    from tora2.checkpoints.sources import adapter_config

    adapter = load_file(unbroken / "adapter.safetensors")
    assert adapter_config((unbroken / "adapter.safetensors",)).has_personalization
    assert torch.equal(adapter["binding.motion_gate"], average["transformer.binding.motion_gate"])


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(data, unbroken, tmp_path):
    config = run_config(data, tmp_path)
    train(config, minutes=0)
    assert last(tmp_path).name == "step-00000001"
    train(config, minutes=0, resume=True)
    trainer = train(config, resume=True)
    assert trainer.step == 4
    for name in ("weights.safetensors", "average.safetensors"):
        assert equal_files(unbroken, tmp_path, name)
    one, other = (torch.load(last(out) / "optimizer.pt", weights_only=True) for out in (unbroken, tmp_path))
    for name, values in one["parameters"].items():
        assert all(torch.equal(values[key], other["parameters"][name][key]) for key in values)
    figures = ("step", "loss", "norm", "rate")
    assert [[line[key] for key in figures] for line in read_metrics(unbroken)] == [
        [line[key] for key in figures] for line in read_metrics(tmp_path)
    ]


def test_accumulated_passes_equal_one(data, tmp_path):
    folders = [tmp_path / str(micro_batch) for micro_batch in (4, 2, 1)]
    for micro_batch, out in zip((4, 2, 1), folders, strict=True):
        run = {"steps": 2, "micro_batch": micro_batch}
        recipe = {"drop_references": 0.2, "drop_trajectories": 0.2}
        train(run_config(data, out, run=run, recipe=recipe, optimizer={"ema": 0.0}))
        assert not (last(out) / "average.safetensors").exists()
    whole = read_metrics(folders[0])
    assert all(line["contrastive"] > 0 for line in whole), "over the entities of all passes"
    for out in folders[1:]:
        for one, other in zip(whole, read_metrics(out), strict=True):
            for name in ("loss", "diffusion", "contrastive", "norm"):
                assert other[name] == pytest.approx(one[name], rel=1e-4), name
        weights = load_file(last(out) / "weights.safetensors")
        for name, value in load_file(last(folders[0]) / "weights.safetensors").items():
            torch.testing.assert_close(weights[name], value, atol=2e-4, rtol=1e-3)


def test_a_frozen_base_stays_and_is_not_stored(data, tmp_path):
    config = run_config(data, tmp_path, model={"train_base": False, "gradient_checkpointing": True}, run={"steps": 1})
    trainer = train(config)
    names = set(load_file(last(tmp_path) / "weights.safetensors"))
    assert names and all("proj_out" not in name and "patch_embed" not in name for name in names)
    assert {group["rate"] for group in trainer.optimizer.param_groups} == {1e-3}
    torch.manual_seed(0)
    from tora2.dit import Tora2Transformer3DModel

    fresh = Tora2Transformer3DModel(**config.model.transformer)
    assert torch.equal(fresh.proj_out.weight, trainer.module.transformer.proj_out.weight)


@pytest.mark.parametrize("checkpointing", (False, True))
def test_a_compiled_block_trains_as_a_plain_one(data, tmp_path, monkeypatch, checkpointing):
    monkeypatch.setattr(trainer_module, "compile_blocks", partial(compile_blocks, backend="aot_eager"))
    figures = {}
    for name in ("plain", "compiled"):
        model = {"compile": name == "compiled", "gradient_checkpointing": checkpointing}
        trainer = train(run_config(data, tmp_path / name, model=model, run={"steps": 2}))
        assert is_compiled(trainer.module.transformer) == (name == "compiled")
        figures[name] = read_metrics(tmp_path / name)
    for plain, compiled in zip(*figures.values(), strict=True):
        assert all(compiled[key] == pytest.approx(plain[key], rel=1e-4) for key in ("loss", "norm"))
    weights = [load_file(tmp_path / name / "adapter.safetensors") for name in figures]
    assert set(weights[0]) == set(weights[1])


def test_half_precision_without_a_gpu_is_refused(data, tmp_path):
    """accelerate would train in float32 without a word."""
    model = {"frozen_dtype": "fp16"}
    with pytest.raises(TrainingError, match="`run.precision` fp16 needs a GPU"):
        train(run_config(data, tmp_path, model=model, run={"precision": "fp16"}))


def test_clips_with_features_of_another_width_are_refused(data, tmp_path):
    config = {"personalization_config": TORA2["personalization_config"] | {"semantic_width": 24}}
    model = {"transformer": BASE | TORA2 | {"num_layers": 2} | config}
    with pytest.raises(TrainingError, match="have `semantic` of width 16, but the model's is 24"):
        train(run_config(data, tmp_path, model=model))


def test_half_precision_keeps_what_is_trained_in_float32(data, tmp_path):
    model = {"train_base": False, "frozen_dtype": "bf16", "gradient_checkpointing": True}
    config = run_config(data, tmp_path, model=model, run={"precision": "bf16", "export_dtype": "fp16"})
    trainer = train(config)
    frozen = {value.dtype for value in trainer.module.parameters() if not value.requires_grad}
    assert frozen == {torch.bfloat16} and {value.dtype for value in trainer.parameters.values()} == {torch.float32}
    full = train(run_config(data, tmp_path / "full", model={"train_base": False}))
    one, other = (read_metrics(out)[0] for out in (tmp_path, full.out))
    assert one["diffusion"] == pytest.approx(other["diffusion"], rel=0.02) and one["diffusion"] != other["diffusion"]
    adapter = load_file(tmp_path / "adapter.safetensors")
    assert adapter["binding.motion_gate"].dtype == torch.float16


def test_old_checkpoints_go_and_later_lines_are_forgotten(data, tmp_path):
    train(run_config(data, tmp_path, run={"save_every": 1, "keep": 2, "steps": 3}))
    assert [folder.name for folder in state.checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    import shutil

    shutil.rmtree(tmp_path / "checkpoints" / "step-00000003")
    train(run_config(data, tmp_path, run={"save_every": 1, "keep": 2, "steps": 3}), resume=True)
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2, 3]


def test_a_gradient_that_is_not_finite_is_skipped_and_then_stops_the_run(data, tmp_path, monkeypatch):
    from tora2.training import module

    real, bad = module.training_losses, []

    def losses(*arguments, **options):
        values = real(*arguments, **options)
        bad.append(len(bad) in (1,))
        return values | {"loss": values["loss"] * (float("nan") if bad[-1] else 1.0)}

    monkeypatch.setattr(module, "training_losses", losses)
    trainer = train(run_config(data, tmp_path / "one", run={"steps": 3}))
    assert trainer.skipped == 1
    assert all(torch.isfinite(value).all() for value in trainer.parameters.values())
    assert all(torch.isfinite(value).all() for value in trainer.average.values.values())
    monkeypatch.setattr(
        module, "training_losses", lambda *a, **o: {k: v * float("inf") for k, v in real(*a, **o).items()}
    )
    with pytest.raises(TrainingError, match="not finite for 2 steps"):
        train(run_config(data, tmp_path / "all", run={"patience": 2}))
    assert [line["loss"] for line in read_metrics(tmp_path / "all")] == [None], "JSON has no infinity"


def test_an_interrupt_saves_and_ends(data, tmp_path, monkeypatch):
    from tora2.training.trainer import Trainer

    real = Trainer._one_step

    def step(self, batch):
        real(self, batch)
        if self.step == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_one_step", step)
    before = signal.getsignal(signal.SIGTERM)
    trainer = train(run_config(data, tmp_path))
    assert trainer.step == 3 and last(tmp_path).name == "step-00000003"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_that_finishes_with_its_slice_ends_at_any_step_with_a_low_rate_and_a_model(data, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(slices.time, "monotonic", lambda: clock[0])
    from tora2.training.trainer import Trainer

    real = Trainer._one_step

    def step(self, batch):
        real(self, batch)
        clock[0] += 6  # ten steps a minute: a pace that no configuration knows

    monkeypatch.setattr(Trainer, "_one_step", step)
    run = {"steps": 1_000_000, "save_every": 1_000_000, "save_minutes": 0.45}
    saved = []
    config = run_config(data, tmp_path, run=run, optimizer={"floor": 0.02})
    trainer = train(config, minutes=2, finish=True, on_save=lambda: saved.append(last(tmp_path).name))
    rates = [line["rate"] for line in read_metrics(tmp_path)]
    assert trainer.step == 20 and rates[3:] == sorted(rates[3:], reverse=True) and max(rates) > 9e-4
    assert rates[-1] < 0.03 * 1e-3, "near the floor"
    assert (tmp_path / "adapter.safetensors").is_file()
    assert saved == [f"step-{step:08d}" for step in (5, 10, 15, 20)], "by time, and at the end"
    with pytest.raises(TrainingError, match="the slice's length"):
        train(config, resume=True, finish=True)


def test_mistakes_get_a_sentence(data, unbroken, tmp_path):
    with pytest.raises(TrainingError, match="holds a run already.*--resume"):
        train(run_config(data, unbroken))
    with pytest.raises(TrainingError, match="multiple of 3"):
        train(run_config(data, tmp_path, run={"micro_batch": 3}))
    with pytest.raises(TrainingError, match="run.out"):
        train(run_config(data, "", run={"out": ""}))
    with pytest.raises(TrainingError, match="holds no encoded clips"):
        train(run_config(tmp_path / "nothing", tmp_path))
    with pytest.raises(TrainingError, match="has no personalization_extractor.*personalization_config"):
        transformer = run_config(data, tmp_path).model.transformer | {
            "personalization_config": None,
            "binding_config": None,
        }
        train(run_config(data, tmp_path, model={"transformer": transformer}))
    with pytest.raises(TrainingError, match="another choice of trained parts"):
        train(run_config(data, unbroken, model={"train_base": False}), resume=True)
    (last(unbroken) / "optimizer.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="remove it to go on from the one before"):
        train(run_config(data, unbroken), resume=True)
