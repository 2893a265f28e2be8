"""How the processes of a training share it: accelerate's launcher, DDP and FSDP2."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import nn

from ..errors import TrainingError
from .config import TrainingConfig
from .shards import micro_batches

MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
LONGEST_WAIT = timedelta(hours=2)
"""For one another; while the main process makes validation videos, the others wait longer than NCCL's ten minutes."""


def make_accelerator(config: TrainingConfig) -> Any:
    """An Accelerator for the launcher's environment (one process, DDP or FSDP2).

    Raises:
        TrainingError: accelerate is not installed, or the launcher asks for what is not supported.
    """
    try:
        from accelerate import Accelerator, PartialState
        from accelerate.utils import DistributedDataParallelKwargs, DistributedType
    except ImportError as error:
        raise TrainingError("Training needs accelerate: install it with `pip install accelerate`.") from error

    cpu = _on_cpu()
    processes = PartialState(cpu=cpu, timeout=LONGEST_WAIT).num_processes
    if processes != int(os.environ.get("WORLD_SIZE", "1")):
        raise TrainingError(
            f"The launcher started {os.environ['WORLD_SIZE']} processes, but accelerate found no device to join them "
            "on: set ACCELERATE_USE_CPU=true to train on processors."
        )
    passes = len(micro_batches(0, config.run.batch, config.run.micro_batch, processes, 0))
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision=MIXED[config.run.precision],
        gradient_accumulation_steps=passes if passes == 1 else passes + 1,  # one for the contrast of all passes
        # The only buffers are frozen statistics, equal everywhere.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True)],
    )
    if accelerator.distributed_type == DistributedType.FSDP and not accelerator.is_fsdp2:
        raise TrainingError("Of FSDP only version 2 is supported: set `fsdp_version: 2` in accelerate's configuration.")
    if accelerator.distributed_type == DistributedType.FSDP:
        # The launcher's default. It expects every tensor of the state dict to be sharded, and buffers are not.
        accelerator.state.fsdp_plugin.cpu_ram_efficient_loading = False
    if accelerator.distributed_type not in (
        DistributedType.NO,
        DistributedType.FSDP,
        *(kind for kind in DistributedType if kind.value.startswith("MULTI_")),
    ):
        raise TrainingError(f"{accelerator.distributed_type.value} is not supported: use one process, DDP or FSDP2.")
    return accelerator


def _on_cpu() -> bool:
    """Whether the launcher asked for processors, or there is nothing else that processes could join on."""
    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes", "on"):
        return True
    joined = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return joined and not (torch.cuda.is_available() or torch.xpu.is_available())


def prepare(
    accelerator: Any, module: nn.Module, make_optimizer: Callable[[nn.Module], torch.optim.Optimizer]
) -> tuple[nn.Module, Any]:
    """The module as this process runs it (DDP's wrapper, or sharded in place), and its optimizer."""
    from accelerate.utils import DistributedType

    if accelerator.distributed_type != DistributedType.MULTI_CPU or not _asked_for_fsdp():
        return accelerator.prepare(module, make_optimizer(module))
    # accelerate shards on accelerators alone; on processors, where FSDP is only ever tried, it would quietly use DDP.
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (accelerator.num_processes,))
    for part in reversed(list(module.modules())):
        if part is module or type(part).__name__ in module._no_split_modules:
            fully_shard(part, mesh=mesh)
    return module, accelerator.prepare(make_optimizer(module))


def is_sharded(module: nn.Module) -> bool:
    """Whether the parameters are spread over the processes (see :func:`callable_in_parts`)."""
    return any(hasattr(parameter, "full_tensor") for parameter in module.parameters())


@contextmanager
def callable_in_parts(module: nn.Module) -> Iterator[None]:
    """Context in which the parts of a sharded module may be called alone, as a generation does.

    What belongs to no unit of its own is whole meanwhile; the units are gathered when they are called. So every process
    must enter, and make the same calls. A module that is not sharded stays as it is.
    """
    sharded = is_sharded(module)
    if sharded:
        module.unshard()
    try:
        yield
    finally:
        if sharded:
            module.reshard()


def _asked_for_fsdp() -> bool:
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
