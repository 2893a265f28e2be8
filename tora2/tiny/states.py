"""States of a training that are small enough to travel, and the older loop's states as checkpoints of the trainer.

A checkpoint of tora2-tiny's transformer is 195 MB. Packed it is its weights and their average in half precision, in
parts of at most 15 MB. The optimizer begins anew (its memory is about fifty steps), the rate rising as at the start.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..errors import TrainingError
from ..training import state
from ..training.config import TrainingConfig, load_config
from ..training.models import build
from ..training.module import trained_parameters

PART = 15_000_000
CONFIG = Path(__file__).resolve().parent / "train.toml"


def pack(run: Path, out: Path, name: str) -> list[Path]:
    """Write a run's last checkpoint as OUT/NAME-state.json and OUT/NAME-0.safetensors, ...; parts of before go."""
    found = state.checkpoints(run)
    if not found:
        raise TrainingError(f"{run} holds no checkpoint to pack.")
    kept, weights, average, _ = state.load_checkpoint(found[-1])
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob(f"{name}-*.safetensors"):
        old.unlink()
    tensors = {f"weights.{key}": value.half() for key, value in weights.items()}
    tensors |= {f"average.{key}": value.half() for key, value in average.items()}
    written, part, size = [], {}, 0
    for key, value in tensors.items():
        if part and size + value.nbytes > PART:
            written.append(_write(out / f"{name}-{len(written)}.safetensors", part))
            part, size = {}, 0
        part[key], size = value.contiguous(), size + value.nbytes
    written.append(_write(out / f"{name}-{len(written)}.safetensors", part))
    head = out / f"{name}-state.json"
    head.write_text(json.dumps(kept | {"parts": len(written)}), encoding="utf-8")
    return [head, *written]


def unpack(out: Path, name: str, run: Path) -> Path:
    """The reverse of :func:`pack`: a checkpoint in ``run`` that a training goes on from."""
    kept = json.loads((out / f"{name}-state.json").read_text(encoding="utf-8"))
    tensors: dict[str, torch.Tensor] = {}
    for part in range(kept.pop("parts")):
        tensors |= load_file(out / f"{name}-{part}.safetensors")

    def of(kind: str) -> dict[str, torch.Tensor]:
        return {key[len(kind) :]: value.float() for key, value in tensors.items() if key.startswith(kind)}

    weights = of("weights.")
    return state.save_checkpoint(
        run,
        weights=weights,
        average=of("average."),
        optimizer={"parameters": {key: {} for key in weights}},
        state={key: value for key, value in kept.items() if key != "format"} | {"rise_from": kept["step"]},
        keep=1,
    )


def adopt(older: Path, config: TrainingConfig) -> Path:
    """A state folder of ``tora2.tiny.loop`` (weights, average, state.pt) as a checkpoint of ``config.run.out``.

    Weights, average, optimizer and the number of steps are kept; the data that follow are the trainer's.
    """
    module = build(config, has_text=False).module
    parameters = trained_parameters(module)
    weights, average = (load_file(older / f"{name}.safetensors") for name in ("weights", "average"))
    stored = torch.load(older / "state.pt", map_location="cpu", weights_only=True)
    missing = sorted(set(parameters) - set(weights))
    if missing:
        raise TrainingError(f"{older} is no state of this configuration's model: it lacks `{missing[0]}`.")
    # The older loop's optimizer numbers its parameters: transformer first, then text encoder, each as torch lists them.
    names = [name for part in ("transformer", "text_encoder") for name in parameters if name.startswith(part + ".")]
    moments = stored["optimizer"]["state"]
    if any(moments[i]["exp_avg"].shape != parameters[name].shape for i, name in enumerate(names) if i in moments):
        raise TrainingError(f"{older} holds an optimizer of other parameters than this configuration trains.")
    step = stored["step"]
    return state.save_checkpoint(
        Path(config.run.out),
        weights={name: weights[name] for name in parameters},
        average={name: average[name] for name in parameters},
        optimizer={"parameters": {name: moments.get(i, {}) for i, name in enumerate(names)}},
        state={"step": step, "place": step * config.run.batch, "skipped": 0, "skipped_in_a_row": 0},
        keep=config.run.keep,
    )


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, path)
    return path


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Take a state folder of train_dit over into `python -m tora2 train`.")
    parser.add_argument("older", type=Path, help="folder with weights.safetensors, average.safetensors and state.pt")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="as `train tiny` has it")
    args = parser.parse_args(argv)
    print(adopt(args.older, load_config(CONFIG, args.set)))


if __name__ == "__main__":
    main()
