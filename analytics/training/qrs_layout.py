"""Write a network of one-dimensional convolutions as two-dimensional ones of height one.

Run ``python -m analytics.training.qrs_layout NET.onnx``; `analytics.training.qrs_net` does
it after each export. onnxruntime keeps two-dimensional convolutions in blocks of channels
and so needs a third less time for the same sums; sums are taken in another order, which
moves a log-odds by some 1e-5. It needs onnx besides the product's packages.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found, unused-ignore]
import onnxruntime
from onnx import helper, numpy_helper  # type: ignore[import-not-found, unused-ignore]

_HEIGHT = "height_axis"


def flatten_layout(path: Path) -> None:
    """Rewrite the model in place; one that is two-dimensional already stays as it is."""
    model = _folded(path)
    weights = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    if any(weights[n.input[1]].ndim != 3 for n in convolutions):
        return
    given, told = model.graph.input[0], [out.name for out in model.graph.output]
    renamed = {given.name: "flat_input", **{name: f"{name}_flat" for name in told}}
    values = [numpy_helper.from_array(np.array([2], np.int64), _HEIGHT)]
    nodes = [helper.make_node("Unsqueeze", [given.name, _HEIGHT], ["flat_input"])]
    padding: dict[str, tuple[int, int]] = {}
    for node in model.graph.node:
        if node.op_type == "Pad":
            pads = weights[node.input[1]]
            padding[node.output[0]] = (int(pads[2]), int(pads[5]))
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        elif node.op_type == "Conv":
            values += _values(node, weights)
            nodes.append(_convolution(node, renamed, padding.get(node.input[0], (0, 0))))
        elif node.op_type in ("Relu", "Add"):
            nodes.append(helper.make_node(node.op_type, *_ends(node, renamed)))
        else:
            raise ValueError(node.op_type)
    nodes += [helper.make_node("Squeeze", [f"{n}_flat", _HEIGHT], [n]) for n in told]
    graph = helper.make_graph(nodes, "qrs", [given], list(model.graph.output), values)
    flat = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    flat.ir_version = 8
    onnx.checker.check_model(flat)
    onnx.save(flat, str(path))


def _folded(path: Path) -> Any:
    """Load the model with its constants worked out, which the padding is made of."""
    options = onnxruntime.SessionOptions()
    basic = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.graph_optimization_level = basic
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _ends(node: Any, renamed: dict[str, str]) -> tuple[list[str], list[str]]:
    return (
        [renamed.get(name, name) for name in node.input],
        [renamed.get(name, name) for name in node.output],
    )


def _values(node: Any, weights: dict[str, Any]) -> Iterator[Any]:
    """Weights with a height of one, and the offsets."""
    for position, name in enumerate(node.input[1:]):
        value = weights[name]
        flat = np.ascontiguousarray(value[:, :, None, :]) if not position else value
        yield numpy_helper.from_array(flat, name)


def _convolution(node: Any, renamed: dict[str, str], around: tuple[int, int]) -> Any:
    own = {a.name: list(a.ints) for a in node.attribute if a.ints}
    before, after = own.get("pads", [0, 0])
    return helper.make_node(
        "Conv",
        *_ends(node, renamed),
        kernel_shape=[1, *own["kernel_shape"]],
        strides=[1, *own.get("strides", [1])],
        dilations=[1, *own.get("dilations", [1])],
        pads=[0, before + around[0], 0, after + around[1]],
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        flatten_layout(Path(name))
