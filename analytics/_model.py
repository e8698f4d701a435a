"""Trained models shipped with the program; the only file that imports onnxruntime."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _ort

from analytics.errors import BadModel

Tensor = NDArray[np.float32]

# onnxruntime's errors share no root of their own.
_REFUSALS = (
    _ort.Fail,
    _ort.InvalidArgument,
    _ort.InvalidGraph,
    _ort.InvalidProtobuf,
    _ort.NotImplemented,
    _ort.RuntimeException,
)


class Session:
    """One loaded model: named arrays in, named arrays out, one thread."""

    def __init__(self, name: str, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        # One thread: the same sums in the same order, and room for other patients.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except _REFUSALS as error:
            raise BadModel(model=name, reason=type(error).__name__) from error
        self.name = name
        self.inputs = tuple(i.name for i in self._session.get_inputs())
        self.outputs = tuple(o.name for o in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute all outputs.

        Parameters
        ----------
        inputs : mapping of str to ndarray of float32
            One array for each name in `inputs`.

        Returns
        -------
        dict of str to ndarray of float32

        Raises
        ------
        BadModel
            A name is missing, or a shape is not the model's.
        """
        if set(inputs) != set(self.inputs):
            raise BadModel(model=self.name, expected=self.inputs, got=tuple(inputs))
        try:
            values = self._session.run(list(self.outputs), dict(inputs))
        except _REFUSALS as error:
            raise BadModel(model=self.name, reason=type(error).__name__) from error
        return dict(zip(self.outputs, values, strict=True))


@cache
def load(name: str) -> Session:
    """Load ``analytics/models/<name>.onnx`` once per process.

    Parameters
    ----------
    name : str
        File name without ending.

    Returns
    -------
    Session

    Raises
    ------
    BadModel
        There is no such model, or it cannot be read.
    """
    path = resources.files("analytics") / "models" / f"{name}.onnx"
    if not path.is_file():
        raise BadModel(model=name, reason="missing")
    return Session(name, path.read_bytes())
