"""States of a training that are small enough to travel.

A checkpoint of tora2-tiny's transformer is 195 MB. Packed it is its weights and their average in half precision, in
parts of at most 15 MB; of a run that has ended the average alone. The optimizer begins anew (its memory is about fifty
steps), the rate rising as at the start.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..training import state

PART = 15_000_000
KINDS = ("weights", "average")
LOOPS = {  # stages whose runs are those of ``tora2.tiny.loop``; the other stages' are the trainer's
    "vae": ("vae",),
    "encoders": ("reid", "face", "detector", "semantic", "text"),
    "judges": ("watcher", "recognizer"),
}
ENDLESS = 1_000_000  # steps; a run that nobody has told to end


def steps_of(run: Path) -> int:
    """Steps of a run's last checkpoint."""
    found = state.checkpoints(run)
    return int(found[-1].name.removeprefix("step-")) if found else 0


def plan_of(run: Path) -> dict[str, int]:
    """How long a trainer's run is to be: ``steps``, and ``decay_begin``, the step from which its rate falls."""
    path = run / "plan.json"
    return json.loads(path.read_text()) if path.is_file() else {"steps": ENDLESS, "decay_begin": 0}


def write_plan(run: Path, steps: int, decay_begin: int) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / "plan.json").write_text(json.dumps({"steps": steps, "decay_begin": decay_begin}))


def has_ended(run: Path) -> bool:
    return steps_of(run) >= plan_of(run)["steps"]


def pack_stage(run: Path, out: Path, stage: str) -> list[Path]:
    """Write what there is of a stage's runs as OUT/STAGE-state.json and OUT/STAGE-0.safetensors, ...; their paths.

    Args:
        run: folder of runs.
    """
    head, tensors = _loops(run, LOOPS[stage]) if stage in LOOPS else _checkpoint(run / stage)
    if not tensors:
        return []
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for key, value in tensors.items():
        value = (value.half() if value.is_floating_point() else value).contiguous()
        if parts[-1] and size + value.nbytes > PART:
            parts.append({})
            size = 0
        parts[-1][key], size = value, size + value.nbytes
    return _replace_all(out, stage, head, parts)


def pack_loop(folder: Path, out: Path) -> list[Path]:
    """:func:`pack_stage` of the stage that a run of ``tora2.tiny.loop`` belongs to, by its folder's name."""
    stages = [stage for stage, names in LOOPS.items() if folder.name in names]
    return pack_stage(folder.parent, out, stages[0]) if stages else []


def _loops(run: Path, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    tensors: dict[str, torch.Tensor] = {}
    names = tuple(name for name in names if (run / name / "state.pt").is_file())
    head: dict[str, Any] = {"loops": {}}
    for name in names:
        for kind in KINDS:
            stored = load_file(run / name / f"{kind}.safetensors")
            tensors |= {f"{name}/{kind}/{key}": value for key, value in stored.items()}
        head["loops"][name] = torch.load(run / name / "state.pt", map_location="cpu", weights_only=True)["step"]
    texts = [path for name in names for path in (run / name).glob("tokenizer/*.json")]
    return head | {
        "texts": {path.relative_to(run).as_posix(): path.read_text(encoding="utf-8") for path in texts}
    }, tensors


def _checkpoint(run: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not state.checkpoints(run):
        return {}, {}
    kept, weights, average, _ = state.load_checkpoint(state.checkpoints(run)[-1])
    tensors = {f"average/{key}": value for key, value in average.items()}
    if not (average and has_ended(run)):
        tensors |= {f"weights/{key}": value for key, value in weights.items()}
    plan = run / "plan.json"
    return {"checkpoint": kept, "texts": {f"{run.name}/plan.json": plan.read_text()} if plan.is_file() else {}}, tensors


def _replace_all(out: Path, stage: str, head: dict[str, Any], parts: list[dict[str, torch.Tensor]]) -> list[Path]:
    """Everything is written beside what is there and then renamed: a kill leaves the one or the other."""
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{stage}-{number}.safetensors" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        save_file(part, path.with_suffix(".part"))
    paths.insert(0, out / f"{stage}-state.json")
    paths[0].with_suffix(".part").write_text(json.dumps(head | {"parts": len(parts)}), encoding="utf-8")
    for path in reversed(paths):
        os.replace(path.with_suffix(".part"), path)
    for old in set(out.glob(f"{stage}-*.safetensors")) - set(paths):
        old.unlink()
    return paths


def take_up(out: Path, run: Path) -> list[str]:
    """The reverse of :func:`pack_stage` for all runs in ``out`` that ``run`` does not hold; their stages."""
    taken = []
    for path in sorted(out.glob("*-state.json")):
        stage = path.name.removesuffix("-state.json")
        head = json.loads(path.read_text(encoding="utf-8"))
        loops = {name: step for name, step in head.get("loops", {}).items() if not (run / name / "state.pt").is_file()}
        if not loops if "loops" in head else state.checkpoints(run / stage):
            continue
        tensors: dict[str, torch.Tensor] = {}
        for part in range(head["parts"]):
            tensors |= load_file(out / f"{stage}-{part}.safetensors")
        for name, text in head["texts"].items():
            if "loops" not in head or name.split("/")[0] in loops:
                (run / name).parent.mkdir(parents=True, exist_ok=True)
                (run / name).write_text(text, encoding="utf-8")
        for name, step in loops.items():
            (run / name).mkdir(parents=True, exist_ok=True)
            for kind in KINDS:
                save_file(_below(tensors, f"{name}/{kind}/"), run / name / f"{kind}.safetensors")
            torch.save({"step": step, "rise_from": step}, run / name / "state.pt")
        if "loops" not in head:
            kept, average = head["checkpoint"], _below(tensors, "average/")
            weights = _below(tensors, "weights/") or average
            state.save_checkpoint(
                run / stage,
                weights=weights,
                average=average,
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
