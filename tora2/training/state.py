"""Full tensors of modules and optimizers however they are spread, the averaged weights, and a run's checkpoints.

A checkpoint folder holds ``weights.safetensors`` (what is trained, float32), ``average.safetensors`` (its moving
average), ``optimizer.pt`` (tensors by parameter name, read with ``weights_only=True``) and ``state.json``. It does not
depend on the number of processes nor on DDP or FSDP: a run may go on elsewhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from ..checkpoints.saving import new_folder, write_json, write_safetensors
from ..errors import TrainingError

FORMAT = 1
FOLDER = "checkpoints"


def full(tensor: torch.Tensor) -> torch.Tensor:
    """The whole tensor of one that may be sharded (every process must call this)."""
    tensor = tensor.detach()
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def gathered(tensors: Mapping[str, torch.Tensor], keep: bool = True) -> dict[str, torch.Tensor]:
    """The whole tensors on the CPU, or nothing: every process must call this, but only one writes a checkpoint."""
    whole = ((name, full(tensor)) for name, tensor in tensors.items())
    return {name: tensor.cpu() for name, tensor in whole if keep}


def spread(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor, sharded and placed as another one of its shape."""
    if not hasattr(like, "device_mesh"):
        return tensor.to(like.device)
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device_mesh.device_type), like.device_mesh, like.placements)


class Average:
    """Exponential moving average of the trained parameters, in float32, sharded as they are.

    Args:
        parameters: by name.
        decay: of the average at the end; it rises from 0.18, so that an early average is not the beginning's.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float):
        self.decay = decay
        self.values = {name: value.detach().float().clone() for name, value in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: Mapping[str, nn.Parameter], step: int) -> None:
        """Take in the parameters after step number ``step``, from 1."""
        keep = min(self.decay, (1 + step) / (10 + step))
        for name, value in self.values.items():
            value.lerp_(parameters[name].detach().float(), 1 - keep)

    @contextmanager
    def in_place(self, parameters: Mapping[str, nn.Parameter]) -> Iterator[None]:
        """The averaged weights stand in the model, and the trained ones again afterwards, bit for bit."""
        kept = {name: parameters[name].detach().clone() for name in self.values}
        try:
            with torch.no_grad():
                for name, value in self.values.items():
                    parameters[name].copy_(value)
            yield
        finally:
            with torch.no_grad():
                for name, value in kept.items():
                    parameters[name].copy_(value)


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], keep: bool = True
) -> dict[str, dict[str, torch.Tensor]]:
    """An optimizer's state by parameter name, see :func:`gathered`."""
    return {name: gathered(optimizer.state.get(parameter, {}), keep) for name, parameter in parameters.items()}


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    stored: Mapping[str, Mapping[str, torch.Tensor]],
) -> None:
    """The reverse of :func:`optimizer_tensors`."""
    for name, parameter in parameters.items():
        if stored[name]:
            optimizer.state[parameter] = {
                # AdamW counts its steps in a scalar that stays on the CPU.
                key: spread(value, parameter) if value.shape == parameter.shape and value.dim() else value
                for key, value in stored[name].items()
            }


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    return sorted(path.parent for path in (out / FOLDER).glob("step-*/state.json"))


def save_checkpoint(
    out: Path,
    *,
    weights: Mapping[str, torch.Tensor],
    average: Mapping[str, torch.Tensor],
    optimizer: Mapping[str, Any],
    state: Mapping[str, Any],
    keep: int,
) -> Path:
    """Write one checkpoint, whole or not at all, and remove all but the last ``keep``."""
    folder = out / FOLDER / f"step-{state['step']:08d}"
    with new_folder(folder, overwrite=True) as partial:
        write_safetensors(partial / "weights.safetensors", weights, None)
        if average:
            write_safetensors(partial / "average.safetensors", average, None)
        torch.save(dict(optimizer), partial / "optimizer.pt")
        write_json(partial / "state.json", {"format": FORMAT, **state})
    for old in checkpoints(out)[:-keep]:
        shutil.rmtree(old)
    return folder


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict, dict, dict]:
    """State, weights, average (may be empty) and the optimizer's tensors of one checkpoint.

    Raises:
        TrainingError: it cannot be read.
    """
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if state["format"] > FORMAT:
            raise ValueError(f"format {state['format']}")
        average = folder / "average.safetensors"
        return (
            state,
            load_file(folder / "weights.safetensors"),
            load_file(average) if average.is_file() else {},
            torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True),
        )
    except Exception as error:
        raise TrainingError(
            f"The checkpoint {folder} cannot be used ({error}): remove it to go on from the one before."
        ) from error


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """One checkpoint's averaged weights, or the weights themselves where none were averaged.

    Raises:
        TrainingError: they cannot be read.
    """
    average = folder / "average.safetensors"
    path = average if average.is_file() else folder / "weights.safetensors"
    try:
        return load_file(path)
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error}): remove {folder} to use the one before.") from error


@torch.no_grad()
def restore_parameters(parameters: Mapping[str, nn.Parameter], stored: Mapping[str, torch.Tensor], where: Path) -> None:
    """Put stored weights into a model; every trained parameter must be there, with its shape."""
    wrong = sorted(set(parameters) ^ set(stored)) or [
        name for name, value in stored.items() if value.shape != parameters[name].shape
    ]
    if wrong:
        raise TrainingError(
            f"The checkpoint {where} is of another model or another choice of trained parts (`{wrong[0]}` differs): "
            "resume with the configuration that the run began with."
        )
    for name, parameter in parameters.items():
        parameter.copy_(spread(stored[name], parameter))
