"""Small random training data and runs; as a script, one of several processes that train together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from small_models import BASE, TORA2

from tora2.training.config import TrainingConfig, config_from

ROOT = Path(__file__).resolve().parents[2]


def encoded_clips(clips: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """A shard for the small model: clip n has 1 + n % 3 entities, two of each three clips share an identity."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    video = torch.cat([torch.full((1 + clip % 3,), clip) for clip in range(clips)])
    entities = len(video)
    return {
        "latents": random(clips, 3, 16, 8, 8),
        "motion_latents": random(clips, 3, 16, 8, 8),
        "weights": torch.ones(clips, 3, 1, 8, 8),
        "text": random(clips, 12, 24),
        "null_text": torch.ones(1, 12, 24),  # the same in every shard
        "video": video,
        "semantic": random(entities, 4, 16),
        "reid": random(entities, 8),
        "face": random(entities, 8),
        "is_human": torch.arange(entities) % 2 == 0,
        "word_index": torch.tensor([[1, 2]]).repeat(entities, 1),
        "points": torch.rand(entities, 1, 3, 2, generator=generator),
        "visible": torch.ones(entities, 1, 3, dtype=torch.bool),
        "identity": torch.arange(entities) % 5,
    }


def write_shards(folder: Path, shards: int = 2, clips: int = 6) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        save_file(encoded_clips(clips, seed=number), folder / f"{number:08d}.safetensors")
    return folder


def run_config(data: Path, out: Path, /, **tables) -> TrainingConfig:
    """A run of the small model on the CPU; ``tables`` replace single values, as ``run={"steps": 3}``."""
    settings = {
        "model": {"scratch": True, "train_base": True, "transformer": BASE | TORA2 | {"num_layers": 2}},
        "data": {"path": str(data)},
        "optimizer": {"rate": 1e-3, "warm_up": 2, "decay": "cosine", "ema": 0.9},
        "run": {
            "out": str(out),
            "steps": 4,
            "batch": 4,
            "micro_batch": 4,
            "precision": "fp32",
            "save_every": 2,
            "log_every": 1,
            "export_dtype": "fp32",
        },
    }
    for table, values in tables.items():
        settings[table] = settings.get(table, {}) | values
    return config_from(settings)


def train(config: TrainingConfig, **options):
    """Train in this process."""
    trainer = begin(config, **options)
    trainer.run()
    return trainer


def begin(config: TrainingConfig, **options):
    """A trainer in this process, before its first step."""
    from accelerate.state import AcceleratorState, PartialState

    from tora2.training.trainer import Trainer

    AcceleratorState._reset_state(True)
    PartialState._reset_state()
    return Trainer(config, quiet=True, **options)


def train_together(arguments: list[str], processes: int = 2, port: int = 29_611, timeout: float = 240, **environment):
    """Run ``python -m tora2 train ARGUMENTS`` in several CPU processes, as a launcher does."""
    started = []
    for rank in range(processes):
        env = os.environ | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "ACCELERATE_USE_CPU": "true",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        command = [sys.executable, "-m", "tora2", "train", *arguments, "--quiet"]
        started.append(
            subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    try:
        outputs = [process.communicate(timeout=timeout)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started), "\n".join(outputs)
    return outputs
