"""ECG strips at true scale: samples to millimetres on paper."""

import numpy as np
from numpy.typing import NDArray

from clinic_server.reports.document import StripBeat, StripDrawing

MM_PER_S = 25.0
MM_PER_MV = 10.0
WIDTH_MM = 178.0
MIN_HEIGHT_MM = 25.0
MAX_HEIGHT_MM = 50.0
MARKS_MM = 7.0
"""Room above the trace for the beat letters."""


def draw(
    ecg_mv: NDArray[np.float64],
    present: NDArray[np.bool_],
    fs_hz: float,
    beats: list[tuple[int, str]],
    title: str,
) -> StripDrawing:
    """Draw one lead.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        One lead; its median is put on the middle line, nothing is filtered.
    present : ndarray of bool, shape (n_samples,)
        False where no sample exists: the line ends there and is not bridged.
    fs_hz : float
    beats : list of (int, str)
        Sample within the strip and class letter.
    title : str

    Returns
    -------
    StripDrawing
        ``y`` grows downwards, in mm from the top edge; the trace is cut at the paper's
        edge where it is higher than `MAX_HEIGHT_MM` allows.
    """
    n = min(ecg_mv.size, int(WIDTH_MM / MM_PER_S * fs_hz))
    ecg, valid = ecg_mv[:n], present[:n]
    centre = float(np.median(ecg[valid])) if valid.any() else 0.0
    high = float(np.max(ecg[valid] - centre, initial=0.5)) * MM_PER_MV
    low = float(np.min(ecg[valid] - centre, initial=-0.5)) * MM_PER_MV
    # whole 5-mm squares, so that the grid ends at the frame
    height = 5.0 * np.ceil((high - low + 4.0) / 5.0)
    height = float(np.clip(height, MIN_HEIGHT_MM, MAX_HEIGHT_MM))
    zero = (height + high + low) / 2
    x = np.arange(n, dtype=np.float64) * (MM_PER_S / fs_hz)
    y = np.clip(zero - (ecg - centre) * MM_PER_MV, 0.0, height).astype(np.float64)
    return StripDrawing(
        title=title,
        width_mm=WIDTH_MM,
        height_mm=height,
        lines=_lines(x, y, valid),
        beats=[
            StripBeat(round(sample * MM_PER_S / fs_hz, 2), letter)
            for sample, letter in beats
            if 0 <= sample < n
        ],
    )


def _lines(
    x: NDArray[np.float64], y: NDArray[np.float64], valid: NDArray[np.bool_]
) -> list[list[tuple[float, float]]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], valid.astype(np.int8), [0]))))
    points = np.round(np.column_stack((x, y)), 2)
    return [
        [(float(px), float(py)) for px, py in points[first:end]]
        for first, end in edges.reshape(-1, 2)
        if end - first > 1
    ]
