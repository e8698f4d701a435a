"""The P wave of a stretch of beats: its place, its shape, and how sure it is."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.delineation import (
    AT_ONCE,
    BEFORE_S,
    Floats,
    Ints,
    delineate,
    median_rows,
    rows_at,
)
from analytics.filters import project
from analytics.types import Ecg

HALF_S: Final = 0.06  # s to each side of the peak that make the shape of P


@dataclass(frozen=True, slots=True)
class PWave:
    """Average P wave of a stretch of beats."""

    evidence: float
    """Mean correlation of the single waves with the average, 0 to 1."""
    pr_s: float
    """Begin of P to begin of QRS."""
    peak_s: float
    """Peak of P before R."""
    t_end_s: float
    """End of T after R: nothing before it is taken for a P wave."""
    shape: Floats
    """120 ms around the peak, mean removed."""


def average_p_waves(
    ecg_mv: Ecg, fs: float, r_peaks: Ints, rr_s: Floats
) -> tuple[PWave, ...]:
    """Average groups of beats and measure the P wave before each average.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
    fs : float
        Hz.
    r_peaks : ndarray of int64, shape (n_groups, n_beats)
    rr_s : ndarray of float64, shape (n_groups, n_beats)
        Interval before each of them: the T wave before must not be taken for P.

    Returns
    -------
    tuple of PWave
        One a group; evidence 0 where nothing stands out.
    """
    out: list[PWave] = []
    step = max(1, AT_ONCE // max(r_peaks.shape[1], 1))
    for i in range(0, len(r_peaks), step):
        out += _p_waves(ecg_mv, fs, r_peaks[i : i + step], rr_s[i : i + step])
    return tuple(out)


def _p_waves(ecg_mv: Ecg, fs: float, r_peaks: Ints, rr_s: Floats) -> list[PWave]:
    groups, beats = r_peaks.shape
    r = round(BEFORE_S * fs)
    rows = rows_at(ecg_mv, r_peaks.reshape(-1), fs).reshape(groups, beats, -1)
    middle = median_rows(rows)
    # The shortest intervals are those in which T comes nearest to P.
    shortest = np.sort(np.nan_to_num(rr_s, nan=1.0), axis=1)[:, beats // 10]
    marks = delineate(middle, r, fs, shortest)
    half = round(HALF_S * fs)
    # Where T is too low to be seen, it ends about 0.42 x sqrt(RR) after R.
    t_end_s = marks.t_end_ms / 1000.0
    t_end_s = np.where(np.isfinite(t_end_s), t_end_s, 0.42 * np.sqrt(shortest))
    seen = np.flatnonzero(marks.p_mv != 0.0)
    shapes, evidence = np.zeros((groups, 2 * half)), np.zeros(groups)
    peak = r + np.round(marks.p_peak_ms[seen] * fs / 1000.0).astype(np.int64)
    columns = peak[:, None] + np.arange(-half, half)  # a P peaks 0.4 s before R at most
    shape = middle[seen[:, None], columns]
    shape -= shape.mean(axis=1, keepdims=True)
    parts = rows[seen[:, None, None], np.arange(beats)[:, None], columns[:, None, :]]
    parts -= parts.mean(axis=2, keepdims=True)
    norms = np.linalg.norm(parts, axis=2) * np.linalg.norm(shape, axis=1)[:, None]
    alike = np.einsum("gbk,gk->gb", parts, shape) / (norms + 1e-9)
    shapes[seen], evidence[seen] = shape, np.clip(alike.mean(axis=1), 0.0, 1.0)
    pr_s, peak_s = marks.pr_ms / 1000.0, -marks.p_peak_ms / 1000.0
    return [
        PWave(float(evidence[k]), float(pr_s[k]), float(peak_s[k]), float(t), shapes[k])
        if evidence[k] > 0.0
        else PWave(0.0, 0.0, 0.0, float(t), np.zeros(2 * half))
        for k, t in enumerate(t_end_s)
    ]


def likeness(rows: Floats, shape: Floats) -> Floats:
    """Correlation of each row with a shape of mean zero."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(shape) + 1e-9
    alike: Floats = project(centred, shape) / norms
    return alike
