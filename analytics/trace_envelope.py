"""A whole day of trace small enough to be looked at: lows and highs of short columns.

For looking, not for measuring: 40 ms a column, the level of each moment removed, eight
bits. A spike of one sample is still the high or the low of its column.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from analytics.types import Ecg

COLUMNS_PER_S: Final = 25.0  # columns a second: 1500 to a line of a minute
LEVEL_S: Final = 1.0  # s of which the median is the level of a moment
LEVELS: Final = 3  # levels of which the median is taken: one QRS is no level
HOLE: Final = -128  # value of a column without a sample
STEPS: Final = 127  # steps to each side of the level
TALL_PCT: Final = 99.0  # % of the columns that must fit: what is rarer may be cut
MIN_STEP_UV: Final = 5.0  # µV: a dead lead is not blown up to a trace
BLOCK_COLUMNS: Final = 1 << 16  # columns worked on at once: bounds memory


@dataclass(frozen=True, slots=True)
class Envelope:
    """Lows and highs of a lead."""

    low: NDArray[np.int8]
    high: NDArray[np.int8]
    """Shape (n_columns,), in steps from the level; -128 in a column without a sample."""
    uv_per_step: float
    columns_per_s: float


def envelope(ecg_mv: Ecg, fs: float) -> Envelope:
    """Take the low and the high of every 40 ms.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist.
    fs : float
        Hz. Column ``k`` begins at sample ``round(k * fs / 25)``.

    Returns
    -------
    Envelope
        What is taller than 127 steps is cut.
    """
    n_columns = int(np.ceil(ecg_mv.size * COLUMNS_PER_S / fs))
    edges = np.rint(np.arange(n_columns + 1) * fs / COLUMNS_PER_S).astype(np.int64)
    edges = np.minimum(edges, ecg_mv.size)
    low, high = np.full(n_columns, np.nan), np.full(n_columns, np.nan)
    for start in range(0, n_columns, BLOCK_COLUMNS):
        own = edges[start : start + BLOCK_COLUMNS + 1]
        part = ecg_mv[own[0] : own[-1]]
        if not part.size:
            continue
        at = own[:-1] - own[0]
        at = at[at < part.size]
        to = slice(start, start + at.size)
        low[to] = np.fmin.reduceat(part, at)
        high[to] = np.fmax.reduceat(part, at)
    level = _level(0.5 * (low + high))
    low, high = 1000.0 * (low - level), 1000.0 * (high - level)
    seen = np.isfinite(low)
    tall = np.maximum(np.abs(low[seen]), np.abs(high[seen]))
    reach = float(np.percentile(tall, TALL_PCT)) if tall.size else 0.0
    step = max(MIN_STEP_UV, 1.25 * reach / STEPS)
    return Envelope(_packed(low, step), _packed(high, step), step, COLUMNS_PER_S)


def _level(middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level of each column: the median of its second, smoothed over three."""
    width = round(LEVEL_S * COLUMNS_PER_S)
    if not middle.size:
        return middle
    padded = np.full(-(-middle.size // width) * width, np.nan)
    padded[: middle.size] = middle
    seconds = padded.reshape(-1, width)
    seen = np.isfinite(seconds).any(axis=1)
    of_second = np.zeros(len(seconds))
    of_second[seen] = np.nanmedian(seconds[seen], axis=1)
    smooth = median_filter(of_second, size=LEVELS, mode="nearest")
    at = (np.arange(middle.size) + 0.5) / width - 0.5
    level: NDArray[np.float64] = np.interp(at, np.arange(len(smooth)), smooth)
    return level


def _packed(uv: NDArray[np.float64], step: float) -> NDArray[np.int8]:
    packed = np.full(uv.size, HOLE, np.int8)
    seen = np.isfinite(uv)
    packed[seen] = np.clip(np.round(uv[seen] / step), -STEPS, STEPS).astype(np.int8)
    return packed
