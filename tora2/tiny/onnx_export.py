"""Networks -> ONNX files with half-precision weights that compute in single precision."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

SMALLEST = 256  # values; smaller tensors (biases, shapes) stay as they are


def export(net: nn.Module, size: int, path: Path, outputs: list[str], *, dynamic: bool) -> None:
    """Writes ``net`` for an input ``input.1`` [1 or n, 3, size, size] float32. Needs the ``onnx`` package, as making
    encoders does; running them does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "n"} for name in ["input.1", *outputs]} if dynamic else None
    torch.onnx.export(
        net.eval().cpu().float(),
        torch.zeros(1, 3, size, size),
        str(path),
        input_names=["input.1"],
        output_names=outputs,
        dynamic_axes=axes,
        dynamo=False,
        opset_version=17,
    )
    halve_weights(path)


def halve_weights(path: Path) -> None:
    """Stores large weights in half precision, each behind a cast that the runtime folds when it loads the file."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], name=f"/weights/{name}", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
