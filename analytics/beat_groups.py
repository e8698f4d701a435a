"""Templates with their members: which beats look alike, beat by beat.

The report counts shapes (`holter_templates`); a reader also wants every beat of a shape,
to look at them together and to relabel them as one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.filters import project
from analytics.types import Ecg
from analytics.vocabulary import Aami

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GROUP_HZ: Final = 100.0  # Hz of a shape: enough to tell QRS complexes apart
BEFORE_S: Final = 0.20  # s shown before R
AFTER_S: Final = 0.40  # s shown after R
COMPARE_S: Final = 0.14  # s on each side of R that are compared
ALIKE: Final = 0.88  # correlation that makes two beats of one shape (as in the report)
SHAPES_PER_CLASS: Final = 12  # more are too rare to be worth a card
MIN_BEATS: Final = 3  # beats of a shape worth a card (report definition 4)
CHUNK: Final = 4096  # beats laid out at once: bounds memory
UV_LIMIT: Final = 32_767  # µV that a shape can hold


@dataclass(frozen=True, slots=True)
class Groups:
    """Templates of a recording."""

    group: NDArray[np.int16]
    """Template of each beat, from 1; 0 where it is like none."""
    aami: tuple[str, ...]
    """Class of template 1, 2, …"""


def group_beats(ecg_mv: Ecg, sample: Ints, aami: NDArray[np.str_], fs: float) -> Groups:
    """Group the beats of each class by shape.

    Leader clustering as for the report: a beat joins the first shape whose running mean
    it correlates with by 0.88 or more, over 140 ms on each side of R.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
        mV; NaN where a sample does not exist.
    sample : ndarray of int64, shape (n_beats,)
    aami : ndarray of str, shape (n_beats,)
    fs : float
        Hz.

    Returns
    -------
    Groups
        Per class most frequent first; classes in the order N, S, V, F, paced, Q.
    """
    group = np.zeros(sample.size, np.int16)
    classes: list[str] = []
    for kind in (Aami.N, Aami.S, Aami.V, Aami.F, Aami.PACED, Aami.Q):
        at = np.flatnonzero(aami == kind.value)
        shape = _shapes(ecg_mv, sample[at], fs)
        counts = np.bincount(shape[shape >= 0], minlength=1)
        for k in np.argsort(-counts, kind="stable"):
            if counts[k] >= MIN_BEATS:
                classes.append(kind.value)
                group[at[shape == k]] = len(classes)
    return Groups(group, tuple(classes))


def _shapes(ecg_mv: Ecg, sample: Ints, fs: float) -> Ints:
    """Give the shape of each beat; -1 for none."""
    shape = np.full(sample.size, -1, np.int64)
    centre, reach = round(BEFORE_S * GROUP_HZ), round(COMPARE_S * GROUP_HZ)
    compare = slice(centre - reach, centre + reach + 1)
    means: list[Floats] = []
    counts: list[int] = []
    for start in range(0, sample.size, CHUNK):
        waves = waves_of(ecg_mv, sample[start : start + CHUNK], fs)[:, compare]
        unit = _unit(waves)
        left = np.flatnonzero(np.isfinite(waves).all(axis=1))
        known = 0
        while left.size:
            if known == len(means):
                if known >= SHAPES_PER_CLASS:
                    break
                means.append(waves[left[0]].copy())
                counts.append(0)
            leader = _unit(means[known][None])[0]
            alike = project(unit[left], leader) >= ALIKE
            mine = left[alike]
            if mine.size:
                total = means[known] * counts[known] + waves[mine].sum(axis=0)
                counts[known] += int(mine.size)
                means[known] = total / counts[known]
                shape[start + mine] = known
            elif not counts[known]:  # flat: not even like itself
                means.pop()
                counts.pop()
                left = left[1:]
                continue
            left = left[~alike]
            known += 1
    return shape


def waves_of(ecg_mv: Ecg, sample: Ints, fs: float) -> Floats:
    """Cut the wave around each beat at 100 Hz, its level removed.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
    sample : ndarray of int64, shape (n_beats,)
    fs : float
        Hz.

    Returns
    -------
    ndarray, shape (n_beats, 61)
        mV from 0.2 s before R to 0.4 s after it, each the mean of the samples around;
        NaN where the recording has none.
    """
    columns = np.arange(-round(BEFORE_S * GROUP_HZ), round(AFTER_S * GROUP_HZ) + 1)
    width = max(1, round(fs / GROUP_HZ))
    centre = np.rint(columns * fs / GROUP_HZ).astype(np.int64)
    index = (centre[:, None] + np.arange(width) - width // 2)[None] + sample[:, None, None]
    outside = (index < 0) | (index >= ecg_mv.size)
    if not ecg_mv.size:
        return np.full((sample.size, columns.size), np.nan)
    cut = ecg_mv[np.clip(index, 0, ecg_mv.size - 1)]
    cut[outside] = np.nan
    waves: Floats = cut.mean(axis=2)
    whole = np.isfinite(waves).all(axis=1)
    waves[whole] -= np.median(waves[whole], axis=1, keepdims=True)
    return waves


def _unit(waves: Floats) -> Floats:
    centred = waves - waves.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: Floats = centred / np.maximum(norm, 1e-12)
    return unit
