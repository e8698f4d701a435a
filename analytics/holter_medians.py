"""Median beats of short stretches, to be delineated by `analytics.delineation`.

A median over half a minute of normal beats removes muscle noise that no single beat
could be measured in.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.delineation import (
    AFTER_S,
    BEFORE_S,
    Landmarks,
    delineate,
    median_rows,
)
from analytics.holter_beats import Flags, Floats, Ints
from analytics.types import Ecg

LEVEL_S = (0.085, 0.055)  # s before R, first guess of the isoelectric PR segment
MIN_BEATS = 5  # beats of one median (own: fewer leave muscle noise in)


@dataclass(frozen=True, slots=True)
class MedianBeats:
    """Median beats of consecutive stretches of one lead."""

    fs: float
    first_sample: Ints
    """Start of each stretch, shape (k,)."""
    wave_mv: NDArray[np.float64]
    """Shape (k, m)."""
    r_index: int
    rr_ms: Floats
    """Mean RR of each stretch's beats."""
    beats: Ints

    def landmarks(self) -> Landmarks:
        """Find the boundaries of P, QRS and T in each."""
        return delineate(self.wave_mv, self.r_index, self.fs, self.rr_ms / 1000.0)


def median_beats(
    ecg_mv: Ecg, fs: float, sample: Ints, rr_ms: Floats, chosen: Flags, stretch_s: float
) -> MedianBeats:
    """Make the median beat of every stretch with at least five chosen beats.

    Parameters
    ----------
    ecg_mv : ndarray, shape (n_samples,)
        One lead; beats with a missing sample near them are left out.
    fs : float
    sample, rr_ms : ndarray, shape (n_beats,)
    chosen : ndarray of bool, shape (n_beats,)
        Beats to use: normal ones in clean signal.
    stretch_s : float
        Length of a stretch.

    Returns
    -------
    MedianBeats
    """
    before, after = round(BEFORE_S * fs), round(AFTER_S * fs)
    offsets = np.arange(-before, after + 1)
    level = slice(before - round(LEVEL_S[0] * fs), before - round(LEVEL_S[1] * fs) + 1)
    use = chosen & np.isfinite(rr_ms) & (sample >= before) & (sample + after < len(ecg_mv))
    at, rr = sample[use], rr_ms[use]
    stretch = np.floor_divide(at, stretch_s * fs).astype(np.int64)
    edges = np.flatnonzero(np.diff(stretch, prepend=-1, append=-1) != 0)
    firsts, waves, means, numbers = [], [], [], []
    for a, b in itertools.pairwise(edges.tolist()):
        if b - a < MIN_BEATS:
            continue
        window = ecg_mv[at[a:b, None] + offsets]
        window = window - window[:, level].mean(axis=1, keepdims=True)
        whole = np.isfinite(window).all(axis=1)
        if whole.sum() < MIN_BEATS:
            continue
        firsts.append(int(stretch[a] * stretch_s * fs))
        waves.append(median_rows(window[None, whole])[0])
        means.append(float(rr[a:b].mean()))
        numbers.append(int(whole.sum()))
    return MedianBeats(
        fs=fs,
        first_sample=np.array(firsts, dtype=np.int64),
        wave_mv=np.array(waves).reshape(-1, len(offsets)),
        r_index=before,
        rr_ms=np.array(means),
        beats=np.array(numbers, dtype=np.int64),
    )
