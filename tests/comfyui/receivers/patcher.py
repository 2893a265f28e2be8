"""Runs inside a real ComfyUI's Python: our patcher beside ComfyUI's own management. Prints one line of JSON."""

from __future__ import annotations

import sys
from pathlib import Path

sys.argv = ["patcher.py", "--cpu"]
sys.path[:0] = [".", str(Path(__file__).resolve().parent)]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import importlib  # noqa: E402
import json  # noqa: E402

import comfy.model_management as management  # noqa: E402
import comfy.model_patcher  # noqa: E402
import torch  # noqa: E402
from loading import load_pack  # noqa: E402

META, CPU = torch.device("meta"), torch.device("cpu")


def places(module) -> list[str]:
    return sorted({parameter.device.type for parameter in module.parameters()})


def main() -> None:
    load_pack()
    # What ComfyUI does on NVIDIA, where it pages its own layers.
    comfy.model_patcher.CoreModelPatcher = comfy.model_patcher.ModelPatcherDynamic
    patcher = importlib.import_module("pack.nodes.host.patcher")
    layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 64))
    result = {"stored": sum(parameter.nbytes for parameter in layers.parameters())}
    ours = patcher.ComponentPatcher(layers, META, CPU)
    result |= {"dynamic": ours.is_dynamic(), "size": ours.model_size()}
    with torch.inference_mode():
        ours.partially_load(META, 0.1)  # what --novram asks for
        result["novram"] = places(layers)
        ours.all_on_device()
        result["then"] = places(layers)
        result["loaded"] = ours.loaded_size()
    management.current_loaded_models.clear()
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
