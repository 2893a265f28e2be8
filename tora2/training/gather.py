"""Entities of all processes, with gradients, for the contrastive loss."""

from __future__ import annotations

import torch
import torch.distributed as dist


def processes() -> int:
    """Number of processes that train together; 1 without torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process among them, from 0."""
    return dist.get_rank() if processes() > 1 else 0


def gather_rows(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Rows of every process, in the order of the ranks.

    The processes may hold different numbers of rows. The gradient of a row is the sum over all processes' losses, so
    averaging the parameters' gradients over the processes, as DDP and FSDP do, gives the gradient of one process that
    holds everything.

    Args:
        tensors: each [n, ...] with this process's n (the same n for all); bool and int tensors carry no gradient.

    Returns:
        as many tensors, each [n of all processes together, ...].
    """
    if processes() == 1:
        return tensors
    counts = torch.zeros(processes(), dtype=torch.int64, device=tensors[0].device)
    counts[dist.get_rank()] = len(tensors[0])
    dist.all_reduce(counts)
    counts = counts.tolist()
    return tuple(_gather(tensor, counts) for tensor in tensors)


def _gather(tensor: torch.Tensor, counts: list[int]) -> torch.Tensor:
    most = max(counts)
    if tensor.is_floating_point():
        padded = torch.cat([tensor, tensor.new_zeros(most - len(tensor), *tensor.shape[1:])])
        everything = _AllGather.apply(padded)
    else:
        padded = torch.zeros(most, *tensor.shape[1:], dtype=torch.int64, device=tensor.device)
        padded[: len(tensor)] = tensor.to(torch.int64)
        everything = _all_gather(padded)
    return torch.cat([part[:count] for part, count in zip(everything, counts, strict=True)]).to(tensor.dtype)


def _all_gather(tensor: torch.Tensor) -> torch.Tensor:
    """[n, ...] -> [processes, n, ...]."""
    parts = [torch.empty_like(tensor) for _ in range(processes())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor: torch.Tensor) -> torch.Tensor:
        return _all_gather(tensor)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]
