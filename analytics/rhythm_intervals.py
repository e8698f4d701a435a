"""Statistics of intervals around each beat that tell fibrillation from other disorder.

Three reasons, each over a short and a long stretch of beats, intervals beside ectopic
beats set aside: fibrillation changes from beat to beat by much of the interval; it has
no memory (breathing has, bigeminy and dropped beats have a negative one); and its
intervals spread out, while block and ectopy gather at few lengths.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.types import Flags

Floats = NDArray[np.float64]

WIDTHS: Final = (24, 64, 128)
"""Beats of a stretch."""
NAMES: Final = (
    "known",
    "interval_s",
    "spread",
    "change",
    "small_change",
    "large_change",
    "steady_share",
    "memory",
    "memory_2",
    "memory_change",
    "turns",
    "gathered",
    "ventricular",
    "early",
)
"""Statistics of one stretch; `interval_features` gives them for each of `WIDTHS`."""
AT_ONCE: Final = 2048  # stretches measured together, for the sake of memory
STEP: Final = 4  # beats from one stretch to the next: a beat changes little


def interval_features(
    rr_s: Floats, ventricular: Flags, early: Flags
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Measure the stretches around every fourth beat.

    Parameters
    ----------
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat, s; NaN where there is none.
    ventricular, early : ndarray of bool, shape (n_beats,)
        Ventricular beats, and supraventricular ones if a person has called them.

    Returns
    -------
    positions : ndarray of int64, shape (n_stretches,)
        Beats that the rows belong to.
    features : ndarray of float32, shape (n_stretches, len(WIDTHS) * len(NAMES))
        Stretches at an end are moved inwards; a short recording is one stretch.
    """
    n = rr_s.size
    positions = np.arange(0, n, STEP)
    ectopic = ventricular | early
    beside = ectopic.copy()
    beside[1:] |= ectopic[:-1]
    plain = np.where(beside, np.nan, rr_s)
    rows = np.empty((positions.size, len(WIDTHS) * len(NAMES)), np.float32)
    for low in range(0, positions.size, AT_ONCE):
        some = positions[low : low + AT_ONCE]
        parts = [
            _stretches(plain, ventricular, early, some, min(width, n)) for width in WIDTHS
        ]
        rows[low : low + AT_ONCE] = np.concatenate(parts, axis=1)
    return positions, rows


def _stretches(
    rr_s: Floats, ventricular: Flags, early: Flags, positions: NDArray[np.int64], width: int
) -> Floats:
    starts = np.clip(positions - width // 2, 0, max(rr_s.size - width, 0))
    rows = np.lib.stride_tricks.sliding_window_view(rr_s, width)[starts]
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=1), 1)
    ordered = np.sort(rows, axis=1)  # NaN last
    low, middle, high = (_quantile(ordered, count, q) for q in (0.25, 0.5, 0.75))
    change = np.abs(np.diff(rows, axis=1)) / middle[:, None]
    both = np.isfinite(change)
    pairs = np.maximum(both.sum(axis=1), 1)
    changes = np.sort(change, axis=1)
    small, median, large = (_quantile(changes, pairs, q) for q in (0.25, 0.5, 0.75))
    # A pause or a false beat must not be all that correlation sees.
    swing = np.where(known, np.clip(rows / middle[:, None], 0.5, 1.8) - 1.0, 0.0)
    swing = np.where(
        known, swing - (swing * known).sum(axis=1, keepdims=True) / count[:, None], 0
    )
    step = np.where(both, np.diff(swing, axis=1), 0.0)
    power = (swing**2).sum(axis=1) + 1e-6
    # The shortest span that a quarter of the intervals fit into: small if there is a base.
    reach = max(2, width // 4)
    scaled = ordered / middle[:, None]
    with np.errstate(invalid="ignore"):
        tightest = np.fmin.reduce(scaled[:, reach:] - scaled[:, :-reach], axis=1)
    columns = {
        "known": count / width,
        "interval_s": middle,
        "spread": (high - low) / middle,
        "change": median,
        "small_change": small,
        "large_change": large,
        "steady_share": ((change < 0.03) & both).sum(axis=1) / pairs,
        "memory": (swing[:, 1:] * swing[:, :-1]).sum(axis=1) / power,
        "memory_2": (swing[:, 2:] * swing[:, :-2]).sum(axis=1) / power,
        "memory_change": (step[:, 1:] * step[:, :-1]).sum(axis=1)
        / ((step**2).sum(axis=1) + 1e-6),
        "turns": (step[:, 1:] * step[:, :-1] < 0).sum(axis=1) / pairs,
        "gathered": np.fmin(tightest, 3.0),
        "ventricular": _mean(ventricular, starts, width),
        "early": _mean(early, starts, width),
    }
    return np.stack([np.nan_to_num(columns[name]) for name in NAMES], axis=1)


def _mean(flags: Flags, starts: NDArray[np.int64], width: int) -> Floats:
    total = np.concatenate([[0], np.cumsum(flags)])
    share: Floats = (total[starts + width] - total[starts]) / width
    return share


def _quantile(ordered: Floats, count: NDArray[np.int64], share: float) -> Floats:
    """Quantile of the first ``count`` values of each row; 1 where there are none."""
    index = np.clip(np.round(share * (count - 1)), 0, None).astype(int)
    out: Floats = np.nan_to_num(ordered[np.arange(len(ordered)), index], nan=1.0)
    return out
