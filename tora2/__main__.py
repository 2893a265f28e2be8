"""`python -m tora2 COMMAND ...`, from the repository root (or with that folder on PYTHONPATH).

`python path/to/tora2 COMMAND ...` does the same from anywhere, also with the Python of ComfyUI's Windows package, which
takes no modules from the current folder.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

if not __package__:  # started by path: only this folder, if any, is on sys.path, and its modules would pass for others
    from pathlib import Path

    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parent), *(path for path in sys.path if path != str(here))]
    __package__ = here.name
    importlib.import_module(__package__)

from .errors import Tora2Error  # noqa: E402

COMMANDS = ("run", "convert", "train", "evaluate", "bench")
TALKATIVE = ("torchao", "torch.utils._pytree", "diffusers.quantizers.torchao.torchao_quantizer")
"""diffusers imports torchao wherever it is installed, and that warns of every GPU kernel which this machine has not."""


def build_parser() -> argparse.ArgumentParser:
    """One subcommand per module of tora2/cli."""
    parser = argparse.ArgumentParser(prog="python -m tora2", description="Tora2 without ComfyUI.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f".cli.{name}", __package__)
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=getattr(module, "EPILOG", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(main=module.main)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0; 1 for an error that the user can mend, shown as its sentence; 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):  # on Windows a redirected one has a small code page, and names do not
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    args = build_parser().parse_args(arguments)
    try:
        return args.main(args)
    except Tora2Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
