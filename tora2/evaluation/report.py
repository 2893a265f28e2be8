"""A suite's result as a table to read and JSON to keep: the tiny suite's, and the paper's (``paper_...``)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .measures import METRICS, Metric
from .statistics import LEAST_SCENES, Estimate
from .suite import Result

if TYPE_CHECKING:
    from . import paper

MARK = "(!)"


def table(result: Result) -> str:
    """Plain text, one line a way of asking, ``mean [low, high]`` of 95 % intervals over scenes."""
    settings = result.settings
    head = [metric.title + ("" if _meaningful(result, metric) else f" {MARK}") for metric in METRICS]
    lines = [["", *head]]
    for row in result.rows:
        lines.append([row.way, *(_cell(row.estimates[metric.name], metric) for metric in METRICS)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) + 1)]
    text = [
        f"{result.model}: {settings.scenes} scenes of {settings.split}, {settings.entities} entities, seeds "
        f"{settings.first_seed}-{settings.first_seed + settings.scenes - 1}, {settings.steps} steps, "
        f"{settings.precision}; mean [95 % bootstrap interval over scenes]",
        "",
    ]
    for number, line in enumerate(lines):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            text.append("  ".join("-" * width for width in widths))
    return "\n".join([*text, "", *notes(result)])


def notes(result: Result) -> list[str]:
    """What must be said beside the figures."""
    truth = result.row("ground truth").estimates
    lines = [
        f"The tracker's own error, on ground-truth clips, is {truth['traj_error'].mean:.2f} px (place error "
        f"{truth['place_error'].mean:.2f} px); no smaller error can be told from it.",
        "TrajError: each entity is looked for by its reference, anywhere. Place error: is one thing on every path, "
        "whatever it looks like.",
        f"Identity: top-1 among {result.gallery} held-out pictures (chance {100 / max(1, result.gallery):.0f} %). "
        "Binding by chance: 50 % with two entities. Background by chance: 5 %.",
        "Named thing: the caption alone, with a name of the train split; top-1 among as many names.",
    ]
    for metric in METRICS:
        gap = result.separated[metric.name]
        if gap is None:
            lines.append(f"{MARK} {metric.title}: its control ({metric.control}) was not run.")
        elif not gap[1]:
            few = f" ({LEAST_SCENES} scenes are the least)" if gap[0].count < LEAST_SCENES else ""
            lines.append(
                f"{MARK} {metric.title}: its control ({metric.control}) does not separate, difference "
                f"{_cell(gap[0], metric)}{few}; this column is no evidence."
            )
    return lines


def to_json(result: Result) -> dict[str, Any]:
    """Plain values; NaN becomes null."""
    return _plain(
        {
            "suite": "tiny",
            "model": result.model,
            "settings": asdict(result.settings),
            "gallery": result.gallery,
            "rows": {
                row.way: {
                    name: {**asdict(row.estimates[name]), "scenes": values} for name, values in row.values.items()
                }
                for row in result.rows
            },
            "controls": {
                metric.name: None
                if (gap := result.separated[metric.name]) is None
                else {"control": metric.control, "difference": asdict(gap[0]), "separates": gap[1]}
                for metric in METRICS
            },
        }
    )


def paper_table(result: paper.Result) -> str:
    """Plain text, one line a figure, with the number of videos that it rests on."""
    lines = [("", "mean", "95 % interval", "videos")]
    for figure in result.figures:
        estimate = result.estimates[figure.name]
        factor, decimals, unit = (100, 0, " %") if figure.share else (1, figure.decimals, "")
        mean, low, high = (f"{factor * n:.{decimals}f}" for n in (estimate.mean, estimate.low, estimate.high))
        count = f"{estimate.count} of {len(result.measured)}"
        cells = (mean + unit, f"[{low}, {high}]") if estimate.count else ("-", "-")
        lines.append((figure.title, *cells, count))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = [f"{result.videos}: {len(result.measured)} videos of the scenes in {result.samples}", ""]
    for number, line in enumerate(lines):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            text.append("  ".join("-" * width for width in widths))
    return "\n".join([*text, "", *paper_notes(result)])


def paper_notes(result: paper.Result) -> list[str]:
    """What must be said beside the figures."""
    lines = [
        f"{title}: not measured; {' and '.join(f'--{name}' for name in missing)} would."
        for title, missing in result.left_out.items()
    ]
    lines += [f"--{name}: {folder}" for name, folder in result.folders.items()]
    return [
        *lines,
        "All frames are looked at. Figures of other networks, or of another tracker, cannot be compared with these.",
        "TrajError: OpenCV's point tracker from each path's first place, over the places that it followed; the paper "
        "uses CoTracker3.",
    ]


def paper_json(result: paper.Result) -> dict[str, Any]:
    """Plain values; NaN becomes null."""
    return _plain(
        {
            "suite": "paper",
            "samples": result.samples,
            "videos": result.videos,
            "networks": result.folders,
            "tracker": "OpenCV pyramidal Lucas-Kanade",
            "figures": {name: asdict(estimate) for name, estimate in result.estimates.items()},
            "not_measured": result.left_out,
            "by_video": [asdict(measured) for measured in result.measured],
        }
    )


def write(result: Result, folder: Path) -> None:
    """``result.json`` and ``result.txt``."""
    _write(to_json(result), table(result), folder)


def write_paper(result: paper.Result, folder: Path) -> None:
    """``result.json`` and ``result.txt``."""
    _write(paper_json(result), paper_table(result), folder)


def _write(data: dict[str, Any], text: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(data, indent=2), encoding="utf-8")
    (folder / "result.txt").write_text(text + "\n", encoding="utf-8")


def _meaningful(result: Result, metric: Metric) -> bool:
    gap = result.separated[metric.name]
    return gap is not None and gap[1]


def _cell(estimate: Estimate, metric: Metric) -> str:
    if not estimate.count:
        return "-"
    numbers = [100 * n if metric.share else n for n in (estimate.mean, estimate.low, estimate.high)]
    mean, low, high = (f"{n:.0f}" if metric.share else f"{n:.1f}" for n in numbers)
    return f"{mean}{' %' if metric.share else ''} [{low}, {high}]"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
