"""Go a part of the way from one network to others that were trained on from it.

Run ``python -m analytics.training.qrs_blend OUT.onnx BASE.onnx SHARE MORE.onnx …``: each
weight moves by a share of the way to the mean of the others'. What was trained on for
something rare keeps that, and what the first one knew is hardly lost (Wortsman et al. 2022,
doi:10.1109/CVPR52688.2022.00780). It needs onnx besides the product's packages.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found, unused-ignore]
from onnx import numpy_helper  # type: ignore[import-not-found, unused-ignore]


def blend(base: Any, share: float, others: list[Any]) -> None:
    """Move the weights of a model in place.

    Parameters
    ----------
    base : onnx.ModelProto
    share : float
        0 leaves it as it is, 1 makes it the mean of the others.
    others : list of onnx.ModelProto
        With weights of the same names and shapes.
    """
    theirs = [
        {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
        for model in others
    ]
    for weight in base.graph.initializer:
        own = numpy_helper.to_array(weight)
        if own.dtype == np.float32:
            there = np.mean([weights[weight.name] for weights in theirs], axis=0)
            moved = ((1.0 - share) * own + share * there).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(moved, weight.name))


if __name__ == "__main__":
    out, first, part, *more = sys.argv[1:]
    model = onnx.load(first)
    blend(model, float(part), [onnx.load(name) for name in more])
    onnx.save(model, Path(out))
