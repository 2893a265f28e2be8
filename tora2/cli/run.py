"""`python -m tora2 run WORKFLOW.json`: the workflow file, through the same node classes as in ComfyUI, to an MP4."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ..checkpoints.folders import default_models_folder
from ..headless import graph, loader

HELP = "Run a workflow file and write its video."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "workflow", type=Path, metavar="WORKFLOW.json", help="workflow file, as saved or exported for API"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change a value; NODE is an id, a title or a node type; @FILE reads a text from a file (repeatable)",
    )
    parser.add_argument("--output", type=Path, default=Path("output"), metavar="DIR", help="where files go (output)")
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="where images are looked for first; then beside the workflow file"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="ComfyUI's models folder or one like it")
    parser.add_argument("--previews", action="store_true", help="also write the images of Preview Image nodes")


def main(args: argparse.Namespace) -> int:
    started = time.monotonic()
    data = graph.load_json(args.workflow)
    loader.provide_comfy_api()
    from ..headless import builtin_nodes, executor, overrides, progress

    output = args.output.resolve()
    loader.set_folders(
        output=output,
        input=args.input.resolve() if args.input else None,
        models=(args.models or default_models_folder()).resolve(),
    )
    classes = {**loader.by_id(builtin_nodes.NODES), **loader.load_pack()}
    definitions = loader.definitions_of(classes)
    prompt = graph.to_prompt(data, definitions)
    folders = [args.input] if args.input else []
    folders += [args.workflow.resolve().parent, loader.ROOT / "workflows" / "inputs"]
    session = builtin_nodes.Session(output=output, inputs=folders, previews=args.previews)
    for setting in args.set:
        overrides.apply_override(prompt, definitions, setting, session.trusted)
    builtin_nodes.start_session(session)
    workflow = None if graph.is_api_prompt(data) else data
    with progress.Progress() as bars:
        executor.Executor(classes, on_node=bars.start).run(executor.RunContext(prompt, workflow))
    report(session.saved, time.monotonic() - started)
    return 0


def report(saved: list, seconds: float) -> None:
    """One line per file: where it is, its size, how long it plays; then the time taken."""
    for item in saved:
        size = f"{item.width}x{item.height}"
        if item.duration:
            fps = item.frames / item.duration
            size += f", {item.frames} frames at {fps:g} fps, {item.duration:.2f} s"
        print(f"{item.path}  ({size}, {_bytes(item.path.stat().st_size)})")
    print(f"Done in {seconds:.1f} s." if saved else f"Done in {seconds:.1f} s; the workflow saved no file.")


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
