"""States of a training that are small enough to travel.

A checkpoint of tora2-tiny's transformer is 195 MB. Packed it is its weights and their average in half precision, in
parts of at most 15 MB. The optimizer begins anew (its memory is about fifty steps), the rate rising as at the start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..training import state

PART = 15_000_000
KINDS = ("weights", "average")
CONFIG = Path(__file__).resolve().parent / "train.toml"


def steps_of(run: Path) -> int:
    """Steps of a run's last checkpoint."""
    found = state.checkpoints(run)
    return int(found[-1].name.removeprefix("step-")) if found else 0


def pack_stage(run: Path, out: Path, stage: str, loops: Sequence[str] = ()) -> list[Path]:
    """Write a stage's runs as OUT/STAGE-state.json and OUT/STAGE-0.safetensors, ...; parts of before go.

    Args:
        run: folder of runs. loops: names of those of ``tora2.tiny.loop``; without, the run named as the stage is the
            trainer's.
    """
    tensors: dict[str, torch.Tensor] = {}
    if loops:
        head: dict[str, Any] = {"loops": {}}
        for name in loops:
            for kind in KINDS:
                stored = load_file(run / name / f"{kind}.safetensors")
                tensors |= {f"{name}/{kind}/{key}": value for key, value in stored.items()}
            head["loops"][name] = torch.load(run / name / "state.pt", map_location="cpu", weights_only=True)["step"]
        texts = [path for name in loops for path in (run / name).glob("tokenizer/*.json")]
        head["texts"] = {path.relative_to(run).as_posix(): path.read_text(encoding="utf-8") for path in texts}
    elif state.checkpoints(run / stage):
        kept, weights, average, _ = state.load_checkpoint(state.checkpoints(run / stage)[-1])
        tensors = {f"weights/{key}": value for key, value in weights.items()}
        tensors |= {f"average/{key}": value for key, value in average.items()}
        plan = run / stage / "plan.json"
        head = {"checkpoint": kept, "texts": {f"{stage}/plan.json": plan.read_text()} if plan.is_file() else {}}
    else:
        return []
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob(f"{stage}-*.safetensors"):
        old.unlink()
    written, part, size = [], {}, 0
    for key, value in tensors.items():
        value = (value.half() if value.is_floating_point() else value).contiguous()
        if part and size + value.nbytes > PART:
            written.append(_write(out / f"{stage}-{len(written)}.safetensors", part))
            part, size = {}, 0
        part[key], size = value, size + value.nbytes
    written.append(_write(out / f"{stage}-{len(written)}.safetensors", part))
    path = out / f"{stage}-state.json"
    path.write_text(json.dumps(head | {"parts": len(written)}), encoding="utf-8")
    return [path, *written]


def take_up(out: Path, run: Path) -> list[str]:
    """The reverse of :func:`pack_stage` for all stages in ``out`` that ``run`` does not hold; their names."""
    taken = []
    for path in sorted(out.glob("*-state.json")):
        stage = path.name.removesuffix("-state.json")
        head = json.loads(path.read_text(encoding="utf-8"))
        loops = head.get("loops", {})
        if all((run / name / "state.pt").is_file() for name in loops) if loops else state.checkpoints(run / stage):
            continue
        tensors: dict[str, torch.Tensor] = {}
        for part in range(head["parts"]):
            tensors |= load_file(out / f"{stage}-{part}.safetensors")
        for name, step in loops.items():
            (run / name).mkdir(parents=True, exist_ok=True)
            for kind in KINDS:
                save_file(_below(tensors, f"{name}/{kind}/"), run / name / f"{kind}.safetensors")
            torch.save({"step": step}, run / name / "state.pt")
        for name, text in head["texts"].items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_text(text, encoding="utf-8")
        if not loops:
            kept, weights = head["checkpoint"], _below(tensors, "weights/")
            state.save_checkpoint(
                run / stage,
                weights=weights,
                average=_below(tensors, "average/"),
                optimizer={"parameters": {key: {} for key in weights}},
                state={key: value for key, value in kept.items() if key != "format"} | {"rise_from": kept["step"]},
                keep=1,
            )
        taken.append(stage)
    return taken


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Those whose names begin so, without it, in single precision."""
    return {
        key.removeprefix(prefix): value.float() if value.is_floating_point() else value
        for key, value in tensors.items()
        if key.startswith(prefix)
    }


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, path)
    return path
