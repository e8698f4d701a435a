"""Complexes of which the network is not sure, judged by what is around them.

A T wave that looks like a beat, or a ventricular beat that does not, differ from their
neighbours in ways that the network, which knows no patient, cannot weigh: how steep the
beats of this patient are, what shapes they have, and whether the same low wave follows
every one of them. Finite memory again, so the answer does not depend on how the signal
was cut.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.filters import GRID_HZ
from analytics.types import Flags

Floats = NDArray[np.float64]
Cells = NDArray[np.float32]
Places = NDArray[np.int64]

DOUBTFUL: Final = -3.5
"""Log-odds of the network from which a maximum is a candidate."""
LIKELY: Final = -0.5
"""Log-odds from which a candidate serves as a neighbour."""
SURE: Final = 1.0
"""Log-odds from which the network is believed."""
PLAIN: Final = -1.25
"""Log-odds that decide where there are no neighbours yet."""
NEIGHBOURS: Final = 8
"""Likely complexes before it that a candidate is compared with."""
NAMES: Final = ("logit", "steepness", "unrest", "likeness", "low")
WEIGHTS: Final = (1.54, 0.42, -0.42, 1.48, -4.0)
OFFSET: Final = 0.29
"""Log-odds of a beat from these reasons, by `analytics.training.qrs_doubt_train`; the
weight of ``low`` by hand, from drawn hearts in complete block, as few patients show it
(the fit, of waves low in a narrower sense, says -2.5)."""
ENOUGH: Final = -0.4
"""Log-odds that make a beat: one missed weighs half as much again as a false one."""
_HALF, _SHIFT = 15, 5
_ALIKE, _REACH = 4, 5 * GRID_HZ


@dataclass(frozen=True, slots=True)
class Complexes:
    """Candidates with what is compared of them, each of shape (n,)."""

    place: Places = field(default_factory=lambda: np.empty(0, np.int64))
    """Grid position in the segment."""
    logit: Floats = field(default_factory=lambda: np.empty(0))
    height: Floats = field(default_factory=lambda: np.empty(0))
    """Peak to peak within 96 ms on either side."""
    slope: Floats = field(default_factory=lambda: np.empty(0))
    """Most change in 24 ms there."""

    def joined(self, more: "Complexes") -> "Complexes":
        """Put later ones after these."""
        return Complexes(
            np.concatenate([self.place, more.place]),
            np.concatenate([self.logit, more.logit]),
            np.concatenate([self.height, more.height]),
            np.concatenate([self.slope, more.slope]),
        )

    def part(self, which: Flags | slice) -> "Complexes":
        """Take some of them."""
        return Complexes(
            self.place[which], self.logit[which], self.height[which], self.slope[which]
        )


@dataclass(frozen=True, slots=True)
class View:
    """Network's input, as far as it is kept: twice the signal over the QRS amplitude."""

    scaled: Cells
    first: int
    """Grid position of ``scaled[0]``."""

    def around(self, place: Places, begin: int, end: int) -> Floats:
        """Cut out ``begin`` to ``end`` about each place, ends of the signal repeated."""
        index = place[:, None] - self.first + np.arange(begin, end)
        return np.asarray(self.scaled[np.clip(index, 0, self.scaled.size - 1)], np.float64)

    def steps(self, place: Places, begin: int, end: int) -> Floats:
        """Take the changes in 24 ms in that stretch."""
        part = self.around(place, begin, end)
        return np.asarray(np.abs(part[:, 3:] - part[:, :-3]))


@dataclass(frozen=True, slots=True)
class Reasons:
    """What speaks for and against doubtful candidates."""

    index: Places
    """Which of the candidates, shape (n,)."""
    weighed: Floats
    """Columns as in `NAMES`, shape (n, 5)."""


def measure(view: View, place: Places, logit: Floats) -> Complexes:
    """Measure candidates.

    Parameters
    ----------
    view : View
    place : ndarray of int64, shape (n,)
        Grid positions.
    logit : ndarray of float64, shape (n,)

    Returns
    -------
    Complexes
    """
    if not place.size:
        return Complexes()
    height = np.ptp(view.around(place, -12, 13), axis=1)
    return Complexes(place, logit, height, view.steps(place, -12, 13).max(axis=1))


def judge(view: View, found: Complexes, before: Complexes) -> tuple[Flags, Complexes]:
    """Tell which candidates are beats.

    Parameters
    ----------
    view : View
        From 5.5 s before the first candidate to 0.33 s after the last.
    found : Complexes
        Candidates in order of time.
    before : Complexes
        The last likely ones before these.

    Returns
    -------
    ndarray of bool, shape (n,)
    Complexes
        The last likely ones now.
    """
    is_beat = found.logit > PLAIN
    every = before.joined(found.part(found.logit > LIKELY))
    reasons = reasons_of(view, found, every)
    is_beat[reasons.index] = reasons.weighed @ np.array(WEIGHTS) + OFFSET > ENOUGH
    return is_beat, every.part(slice(max(every.place.size - NEIGHBOURS, 0), None))


def reasons_of(view: View, found: Complexes, every: Complexes) -> Reasons:
    """Compare the doubtful candidates with the likely complexes before them.

    Parameters
    ----------
    view : View
    found : Complexes
        Candidates.
    every : Complexes
        Likely ones before these and among these.

    Returns
    -------
    Reasons
        Candidates with fewer than `NEIGHBOURS` likely ones before them are left out.
    """
    end = np.searchsorted(every.place, found.place)
    index = np.flatnonzero((found.logit < SURE) & (end >= NEIGHBOURS))
    if not index.size:
        return Reasons(index, np.empty((0, len(NAMES))))
    rows = end[index, None] + np.arange(-NEIGHBOURS, 0)
    place, slope = found.place[index], found.slope[index] + 0.02
    noise = np.maximum(
        np.quantile(view.steps(place, -56, -18), 0.8, axis=1),
        np.quantile(view.steps(place, 18, 41), 0.8, axis=1),
    )
    shape = view.around(place, -_HALF, _HALF + 1)
    near = every.place[rows]
    likeness = np.max(
        [_match(view, shape, place, near[:, -k]) for k in range(1, _ALIKE + 1)], axis=0
    )
    unrest = noise / slope
    steepness = slope / (np.median(every.slope[rows], axis=1) + 0.02)
    since, interval = place - near[:, -1], near[:, -1] - near[:, -2]
    # Waves taken for beats before may stand among the neighbours: so the third quarter,
    # and two places where the beat before may have been.
    tall, steep = (
        np.quantile(of[rows], 0.75, axis=1) for of in (every.height, every.slope)
    )
    low = _low_waves(
        repetition=np.maximum(
            _match(view, shape, place, near[:, -2] + since),
            _match(view, shape, place, near[:, -3] + since),
        ),
        # A candidate one interval after the last beat repeats that beat and no T wave.
        in_place=np.abs(interval - since) <= 12,
        height=found.height[index] / (tall + 0.05),
        steepness=slope / (steep + 0.02),
        steep_before=view.steps(place, -70, -15).max(axis=1) / slope,
        unrest=unrest,
    )
    weighed = (
        found.logit[index],
        _octaves(steepness),
        _octaves(unrest),
        likeness,
        low.astype(np.float64),
    )
    return Reasons(index, np.stack(weighed, axis=1))


def _low_waves(
    *,
    repetition: Floats,
    in_place: Flags,
    height: Floats,
    steepness: Floats,
    steep_before: Floats,
    unrest: Floats,
) -> Flags:
    """Tell T and P waves: low and flat beside the beats, and behind each of them."""
    low = (height < 0.3) & (repetition > 0.55) & (steep_before > 2.5)
    # The T wave of a wide beat may be half as high as the beat.
    low |= (height < 0.55) & (steepness < 0.6) & (repetition > 0.93) & (steep_before > 1.6)
    # P waves that go their own way repeat behind no beat.
    lone = (height < 0.25) & (steepness < 0.3) & (unrest < 0.5)
    return np.asarray((low & ~in_place) | lone)


def _octaves(ratio: Floats) -> Floats:
    return np.asarray(np.clip(np.log2(ratio + 0.02), -4.0, 2.5))


def _match(view: View, shape: Floats, place: Places, other: Places) -> Floats:
    """Best correlation of shapes with the signal near other places, 0 if too far back."""
    part = view.around(other, -_HALF - _SHIFT, _HALF + _SHIFT + 1)
    windows = np.lib.stride_tricks.sliding_window_view(part, shape.shape[1], axis=1)
    windows = windows - windows.mean(axis=2, keepdims=True)
    own = shape - shape.mean(axis=1, keepdims=True)
    size = np.sqrt((windows**2).sum(axis=2) * (own**2).sum(axis=1)[:, None]) + 1e-6
    score = (np.einsum("nsk,nk->ns", windows, own) / size).max(axis=1)
    return np.asarray(np.where(place - other < _REACH, score, 0.0))
