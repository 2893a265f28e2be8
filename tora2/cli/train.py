"""`python -m tora2 train`: training from one TOML file; `accelerate launch -m tora2 train ...` on many processes."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..errors import TrainingError

HELP = "Train Tora2 with a configuration; several GPUs with `accelerate launch -m tora2 train CONFIG`."
CONFIGS = {"5b": "training/configs/tora2_5b.toml", "tiny": "tiny/train.toml", "tiny-more": "tiny/train_more.toml"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        metavar="CONFIG",
        help="a TOML file, or one of the shipped configurations: 5b (the paper's), tiny (tora2-tiny from scratch), "
        "tiny-more (tora2-tiny trained on)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="replace a value of the file"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this time; --resume goes on")
    parser.add_argument(
        "--finish",
        action="store_true",
        help="end the run with this slice of --minutes, at whatever step: the rate falls by the clock, and the weights "
        "are exported",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--dry-run", action="store_true", help="say what would be trained, and try one small step")
    task.add_argument("--encode", action="store_true", help="only encode `data.samples` into `data.path`")
    task.add_argument("--export", action="store_true", help="only write the last checkpoint's weights; needs no data")


def main(args: argparse.Namespace) -> int:
    from ..training.config import load_config

    shipped = CONFIGS.get(args.config)
    path = Path(__file__).resolve().parents[1] / shipped if shipped else Path(args.config)
    config = load_config(path, args.set)
    if args.dry_run:
        import os

        from ..training.dry_run import dry_run

        dry_run(config, processes=int(os.environ.get("WORLD_SIZE", "1")))
        return 0
    if args.encode:
        import torch

        from ..training.encode import encode_samples

        count = encode_samples(config, device="cuda" if torch.cuda.is_available() else "cpu")
        print(f"encoded {count} clips into {config.data.path}")
        return 0
    if args.export:
        from ..training.export import export_run

        for written in export_run(config):
            print(f"wrote {written}")
        return 0
    from ..training.trainer import Trainer

    if args.finish and math.isinf(args.minutes):
        raise TrainingError("--finish ends the run with this slice, whose length it must know: give --minutes.")
    trainer = Trainer(config, resume=args.resume, minutes=args.minutes, quiet=args.quiet, finish=args.finish)
    trainer.run()
    trainer.accelerator.end_training()  # leaves the process group
    return 0
