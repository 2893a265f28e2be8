"""Two CPU processes that take half of each batch give the losses, gradients and weights of one that takes it all."""

import dataclasses

import pytest
import torch
from open_samples import sample, write_loose
from safetensors.torch import load_file
from training_runs import run_config, train, train_together, write_shards

from tora2.tiny.config import TRANSFORMER
from tora2.training import state
from tora2.training.config import TrainingConfig
from tora2.training.encode import encode_samples
from tora2.training.metrics import read_metrics


def toml(config: TrainingConfig) -> str:
    """The configuration as --set arguments would be long: as a TOML file."""
    import json

    def value(item):
        if isinstance(item, dict):
            return "{ " + ", ".join(f"{key} = {value(part)}" for key, part in item.items() if part is not None) + " }"
        return json.dumps(item)

    return "\n".join(
        f"[{table}]\n" + "\n".join(f"{key} = {value(item)}" for key, item in values.items())
        for table, values in dataclasses.asdict(config).items()
    )


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """One process, one pass of four clips a step, and its first gradient."""
    out = tmp_path_factory.mktemp("alone")
    train(settings(data, out))
    return out


def settings(data, out, micro_batch=4, **tables):
    # The first step's moments hold its whole gradient: (1 - beta_1) * g.
    return run_config(
        data,
        out,
        recipe={"drop_references": 0.2, "drop_trajectories": 0.2, "contrastive_weight": 1.0},
        run={"steps": 3, "micro_batch": micro_batch, "save_every": 1, "keep": 5},
        optimizer={"clip": 0.0},
        **tables,
    )


def compare(alone, out):
    for one, other in zip(read_metrics(alone), read_metrics(out), strict=True):
        for name in ("loss", "diffusion", "contrastive", "norm"):
            assert other[name] == pytest.approx(one[name], rel=1e-4), (one["step"], name)
    assert any(line["contrastive"] > 0 for line in read_metrics(alone))
    folders = [state.checkpoints(folder)[0] for folder in (alone, out)]
    one, other = (torch.load(folder / "optimizer.pt", weights_only=True)["parameters"] for folder in folders)
    worst = 0.0
    for name, values in one.items():
        gradient, difference = values["exp_avg"], other[name]["exp_avg"] - values["exp_avg"]
        worst = max(worst, float(difference.norm() / gradient.norm().clamp(min=1e-6)))
    assert worst < 1e-3, "the gradients of the first step"
    one, other = (load_file(state.checkpoints(folder)[-1] / "weights.safetensors") for folder in (alone, out))
    apart = max(float((other[name] - value).abs().max()) for name, value in one.items())
    print(f"gradients differ by {worst:.1e} of their norm, weights after 3 steps by at most {apart:.1e}")
    return worst


def together(data, out, config_file, port, micro_batch=2, model=None, **environment):
    config_file.write_text(toml(settings(data, out, micro_batch, model=model or {})), encoding="utf-8")
    train_together([str(config_file)], port=port, **environment)


@pytest.mark.parametrize("micro_batch", [2, 1])
def test_ddp_gives_what_one_process_gives(data, alone, tmp_path, micro_batch):
    together(data, tmp_path / "out", tmp_path / "c.toml", 29_611 + micro_batch, micro_batch)
    compare(alone, tmp_path / "out")
    assert (tmp_path / "out" / "adapter.safetensors").is_file()


FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
}


def test_fsdp_gives_what_one_process_gives_and_goes_on_alone(data, alone, tmp_path):
    together(
        data,
        tmp_path / "out",
        tmp_path / "c.toml",
        29_614,
        micro_batch=1,
        model={"gradient_checkpointing": True},
        **FSDP,
    )
    compare(alone, tmp_path / "out")
    assert not (tmp_path / "out" / "adapter.safetensors").exists(), "nobody held the whole model"
    config = settings(data, tmp_path / "out")
    trainer = train(config, resume=True)
    assert trainer.step == 3 and (tmp_path / "out" / "adapter.safetensors").is_file()


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for name in ("a", "b"):
        write_loose(folder, name, sample(frames=17, height=128, width=128))
    return folder


def test_fsdp_makes_the_validation_videos_of_one_process(scenes, tmp_path):
    """One layer with the embedded model's encoders, trained for a step; its video needs every part of it."""
    config = run_config(
        tmp_path / "data",
        tmp_path / "one",
        model={"source": "tora2-tiny", "transformer": TRANSFORMER | {"num_layers": 1}},
        data={"samples": str(scenes), "frames": 17, "height": 128, "width": 128},
        run={"steps": 1, "batch": 2, "micro_batch": 2},
        optimizer={"warm_up": 0},
        validation={"every": 1, "samples": str(scenes), "steps": 1, "most": 1},
    )
    encode_samples(config, say=lambda text: None)
    train(config)
    apart = dataclasses.replace(config.run, out=str(tmp_path / "two"), micro_batch=1)
    file = tmp_path / "c.toml"
    file.write_text(toml(dataclasses.replace(config, run=apart)), encoding="utf-8")
    train_together([str(file)], port=29_617, **FSDP)
    one, two = (read_video(tmp_path / run / "validation" / "step-00000001" / "00.mp4") for run in ("one", "two"))
    assert one.shape == two.shape == (17, 128, 128, 3) and one.std() > 0.01
    assert (one - two).abs().mean() < 0.01, "but for the codec's rounding, the same video"
    assert read_metrics(tmp_path / "two")[-1]["loss"] == pytest.approx(read_metrics(tmp_path / "one")[-1]["loss"], 1e-3)


def read_video(path):
    import av

    with av.open(str(path)) as video:
        return (
            torch.stack([torch.from_numpy(f.to_ndarray(format="rgb24")) for f in video.decode(video=0)]).float() / 255
        )
