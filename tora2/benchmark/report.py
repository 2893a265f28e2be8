"""Measurements as tables to read; JSON is their fields."""

from __future__ import annotations

from collections.abc import Sequence

from .kernels import Kernel
from .loops import Loop
from .step import Measurement


def steps_table(results: Sequence[Measurement]) -> str:
    """One guided step of each contender; ratio to the first."""
    lines = [f"{'one guided step':<32}{'median':>10}{'least':>10}{'ratio':>8}{'first':>10}{'peak':>10}"]
    for result in results:
        if not result.rounds:
            lines.append(f"{result.name:<32}not run: {result.refused or 'its turn had not come'}")
            continue
        ratio = "-" if result.ratio is None else f"{result.ratio:.3f}"
        lines.append(
            f"{result.name:<32}{result.seconds:>9.3f}s{min(result.rounds):>9.3f}s{ratio:>8}"
            f"{result.first:>9.2f}s{_gigabytes(result.peak_bytes):>10}"
            + (f"  after {len(result.rounds)} rounds: {result.refused}" if result.refused else "")
        )
    return "\n".join(lines)


def loops_table(loops: Sequence[Loop]) -> str:
    """One denoising loop of each variant; ``~`` marks a time that is estimated from a part of its steps."""
    lines = [
        f"{'whole loop':<28}{'seconds':>9}{'steps run':>11}{'passes':>8}{'TFLOP/s':>9}{'first step':>12}{'peak':>10}"
        f"{'weights':>10}{'kept':>10}{'error':>10}  attention"
    ]
    for loop in loops:
        if loop.refused:
            lines.append(f"{loop.name:<28}not run: {loop.refused}")
            continue
        seconds = f"{'' if loop.whole else '~'}{loop.seconds:.1f}"
        kept = sum((loop.kept_bytes or {}).values())
        error = "-" if loop.error is None else f"{loop.error:.1e}"
        lines.append(
            f"{loop.name:<28}{seconds:>9}{f'{loop.full_passes}/{loop.steps}':>11}{loop.branch_passes:>8}"
            f"{loop.tflops:>9.3g}{loop.first_step:>11.1f}s{_gigabytes(loop.peak_bytes):>10}"
            f"{_gigabytes(loop.weight_bytes):>10}{_gigabytes(kept):>10}{error:>10}  {loop.attention}"
        )
    if any(not loop.whole and not loop.refused for loop in loops):
        lines.append("~ estimated from a part of its steps: the budget did not allow the whole loop.")
    return "\n".join(lines)


def kernels_table(kernels: Sequence[Kernel]) -> str:
    """One layer's attention of both branches."""
    lines = [f"{'attention of one layer':<28}{'median':>11}{'TFLOP/s':>9}{'error':>10}"]
    for found in kernels:
        if found.refused:
            lines.append(f"{found.name:<28}not run: {found.refused}")
        else:
            lines.append(f"{found.name:<28}{1000 * found.seconds:>9.2f}ms{found.tflops:>9.3g}{found.error:>10.1e}")
    return "\n".join(lines)


def bars(results: Sequence[Measurement], loops: Sequence[Loop]) -> list[str]:
    """The project's own bars, as far as these measurements tell; what was not timed from end to end says so."""
    found = {result.name: result for result in results if result.rounds}
    lines = []
    ours, plain = found.get("Tora2, motion and entities"), found.get("diffusers CogVideoX")
    if ours is not None and plain is not None:
        lines.append(
            f"Tora2 parts cost {100 * (ours.seconds / plain.seconds - 1):+.1f} % of a step (bar: at most +5 %)."
        )
        for name, result in found.items():
            if name.startswith("Tora2, motion and ") and name.endswith(" entities") and name != ours.name:
                lines.append(
                    f"{name}: {100 * (result.seconds - ours.seconds) / plain.seconds:+.1f} % beside the first."
                )
    theirs = found.get("alibaba/Tora")
    for loop in loops:
        if loop.refused:
            continue
        limit = {"exact": 80, "balanced": 40}.get(loop.name.split("+")[0])
        seconds = f"{loop.seconds:.1f} s" if loop.whole else f"about {loop.seconds:.1f} s (estimated)"
        text = f"{loop.name}: {seconds}" + (f" (bar on an H100: {limit} s)" if limit else "")
        if theirs is not None:
            whole = theirs.seconds * loop.steps
            text += (
                f", about {whole / loop.seconds:.2f}x faster than alibaba/Tora's about {whole:.0f} s (estimated: "
                f"{loop.steps} of its steps)"
            )
        lines.append(text + ".")
    return lines


def _gigabytes(value: int | None) -> str:
    if value is None:
        return "-"
    return f"{value / 2**30:.1f} GiB" if value >= 2**28 else f"{value / 2**20:.1f} MiB"
