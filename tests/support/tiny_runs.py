"""Small runs on clips that are drawn while training."""

from __future__ import annotations

from pathlib import Path

from training_runs import run_config

import tora2.tiny
from tora2.tiny.config import TRANSFORMER

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"


def world_run(atlas: Path, out: Path, **run):
    """One layer with tora2-tiny's encoders: a step of stills, then one of clips."""
    return run_config(
        out,
        out,
        model={"source": str(WEIGHTS), "train_text_encoder": True, "transformer": TRANSFORMER | {"num_layers": 1}},
        data={"atlas": str(atlas), "stills": 1},
        run={"steps": 2, "batch": 2, "micro_batch": 2, "save_every": 1, **run},
    )
