"""The commands of `python -m tora2`, one module each with `HELP`, `add_arguments(parser)` and `main(args) -> int`."""
