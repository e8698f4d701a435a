"""Is this still the same heart? Shape of the mean beat and rate, against a baseline.

A loaned patch can end up on another chest. The mean QRS-T of one lead is personal enough
to *ask* (Israel et al. 2005, doi:10.1016/j.patcog.2004.05.014, tell 29 people apart by
it), not enough to decide: a patch stuck anew a hand's breadth away changes it too. So a
mismatch is a question to a person, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.types import Beat, Ecg
from analytics.vocabulary import Aami

GRID_HZ = 100.0
BEFORE_S = 0.20
AFTER_S = 0.40
"""P end to T end at rest."""
SHIFT_S = 0.04
"""How far two R peaks may be set differently."""
MIN_BEATS = 30
ALIKE = 0.70
"""Correlation below which two mean beats are called different. Measured on two minutes
each of 24 records of the MIT-BIH Arrhythmia Database: of 61 pairs of one person, 10 to
25 minutes apart, 1 fell below (1.6 %); of 276 pairs of two persons 50 %. So about half of
the exchanges are asked about, and a patch that was not moved is hardly ever."""
RATE_RATIO = 1.8
"""Resting rates of one person differ less; beyond, the shape must agree better."""
ALIKE_IF_RATE_DIFFERS = 0.80


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The mean normal beat of a stretch."""

    template: tuple[float, ...]
    """Zero mean and unit norm, on `GRID_HZ` from `BEFORE_S` before R to `AFTER_S` after."""
    rate_bpm: float
    n_beats: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two stretches are."""

    correlation: float
    """-1 to 1, at the best shift."""
    rate_ratio: float
    """The faster over the slower."""
    same: bool
    """Not different enough to ask."""


def fingerprint(ecg_mv: Ecg, fs_hz: float, beats: Sequence[Beat]) -> Fingerprint | None:
    """Take the fingerprint of a stretch.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist. Sample 0 is position 0 of the beats.
    fs_hz : float
        100 to 1000.
    beats : sequence of Beat
        Only usable, narrow, normal ones count.

    Returns
    -------
    Fingerprint or None
        None with fewer than `MIN_BEATS` such beats.
    """
    grid_s = np.arange(-round(BEFORE_S * GRID_HZ), round(AFTER_S * GRID_HZ)) / GRID_HZ
    pieces, intervals_ms = [], []
    for beat in beats:
        if beat.aami is not Aami.N or not beat.usable or beat.wide:
            continue
        at = beat.sample + grid_s * fs_hz
        low, high = int(np.floor(at[0])), int(np.ceil(at[-1])) + 1
        if low < 0 or high > len(ecg_mv) or np.isnan(ecg_mv[low:high]).any():
            continue
        piece = np.interp(at, np.arange(low, high), ecg_mv[low:high])
        pieces.append(piece - np.median(piece))
        if beat.rr_ms is not None:
            intervals_ms.append(beat.rr_ms)
    if len(pieces) < MIN_BEATS or not intervals_ms:
        return None
    template = _unit(np.median(np.stack(pieces), axis=0))
    if template is None:
        return None
    rate_bpm = 60_000.0 / float(np.median(intervals_ms))
    return Fingerprint(tuple(template.tolist()), rate_bpm, len(pieces))


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    centred = values - values.mean()
    norm = float(np.linalg.norm(centred))
    return None if norm < 1e-6 else centred / norm


def compare(baseline: Fingerprint, now: Fingerprint) -> Likeness:
    """Compare a stretch with the baseline.

    Returns
    -------
    Likeness
        ``same`` is True unless the shapes differ clearly.
    """
    one, other = np.array(baseline.template), np.array(now.template)
    most = -1.0
    reach = round(SHIFT_S * GRID_HZ)
    for shift in range(-reach, reach + 1):
        low, high = max(0, shift), min(len(one), len(one) + shift)
        a, b = _unit(one[low:high]), _unit(other[low - shift : high - shift])
        if a is not None and b is not None:
            most = max(most, float(a @ b))
    ratio = max(baseline.rate_bpm, now.rate_bpm) / min(baseline.rate_bpm, now.rate_bpm)
    wanted = ALIKE if ratio <= RATE_RATIO else ALIKE_IF_RATE_DIFFERS
    return Likeness(most, ratio, most >= wanted)
