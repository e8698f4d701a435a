"""Supraventricular ectopic beats, told by timing against the patient's own rhythm.

Learners fitted on the few patients who have such beats call every early beat of atrial
fibrillation one. The reasons used here hold for everybody: a premature beat comes
abruptly early against the slow side of the rhythm of the last minutes; where intervals
change all the time, nothing can be premature; and where pauses are all alike and at most
twice the usual interval, conduction fails and the beats between are not early.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics.beat_features import rolling_quantile
from analytics.types import Flags

Vector = NDArray[np.float64]
_HALF = 40
"""Beats on either side that make up the rhythm: about a minute in all."""
EARLY = 0.88
"""Interval over reference from which a beat is premature in a perfectly even rhythm."""
_PER_CHANGE = 1.2
"""How much of the rhythm's own variation is taken off that."""
_STEEP = 0.02
_IRREGULAR = 0.05
"""Median change between consecutive normal intervals, over the reference, that ends all
prematurity: sinus rhythm stays below 0.04 to 0.05, fibrillation is above 0.06."""
_ABRUPT = 0.90
"""A run begins with an interval this much shorter than the one before."""
_LEAP = 0.75
"""A tachycardia starts by a leap of a quarter at least; a sinus node speeds up slowly."""
_RUN_STAYS = 0.85
_RUN_MOST = 1500
"""Beats after which a fast regular rhythm is no longer called a run."""


FEWEST_BEATS = 8
"""Fewer have no rhythm to be early in."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rule measures and finds, one row per plain beat."""

    reference_s: Vector
    """Interval of the basic rhythm."""
    slow_s: Vector
    """85th percentile of the intervals around."""
    near_s: Vector
    """What the interval is held against."""
    irregularity: Vector
    """Change between intervals that are not early, over the reference."""
    odds: Vector
    """Log-odds that the beat is early."""
    run_beats: NDArray[np.int64]
    """Place in a run of beats that are early or go on as fast as an early one began;
    0 outside."""
    before_run_s: Vector
    """Interval of the rhythm before the run; NaN outside."""


def plain_beats(rr_s: Vector, ventricular: Flags) -> NDArray[np.int64]:
    """Index the beats with an interval that are neither ventricular nor after one."""
    after_v = np.concatenate([[False], ventricular[:-1]])
    return np.flatnonzero(np.isfinite(rr_s) & ~ventricular & ~after_v)


def evidence(rr_s: Vector, ventricular: Flags) -> Vector:
    """Probability-like evidence that each beat is a supraventricular ectopic.

    Parameters
    ----------
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat; NaN after a gap.
    ventricular : ndarray of bool, shape (n_beats,)
        Beats already known to be ventricular: they and the interval after them say
        nothing about the atria.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        0 to 1; 0 for ventricular beats and for beats without an interval.
    """
    out = np.zeros(rr_s.size)
    plain = plain_beats(rr_s, ventricular)
    if plain.size < FEWEST_BEATS:
        return out
    found = judge(rr_s[plain])
    odds = np.where(
        found.run_beats > 0, np.maximum(found.odds, 0.5), np.minimum(found.odds, -5.0)
    )
    out[plain] = 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
    return out


def judge(rr: Vector) -> Judged:
    """Hold the intervals of plain beats against the rhythm around them."""
    reference, slow, bimodal = _reference(rr)
    early = rr < _RUN_STAYS * reference
    near = rolling_median(rr, ~early, 8)
    near = np.where(np.isfinite(near) & ~bimodal, np.minimum(near, reference), reference)
    irregularity = _irregularity(rr, reference, early)
    irregular = np.where(bimodal, 0.0, irregularity)
    # A long run is its own neighbourhood: its first beat is seen against those before.
    past = _past(rr)
    near = np.where(~bimodal & (rr < _LEAP * past), np.maximum(near, past), near)
    odds = (EARLY - _PER_CHANGE * irregular - rr / near) / _STEEP
    odds[irregular > _IRREGULAR] = -10.0
    return Judged(reference, slow, near, irregularity, odds, *_runs(rr, near, odds > 0))


def _reference(rr: Vector) -> tuple[Vector, Vector, Flags]:
    """Return the interval of the basic rhythm, the slow ones, and where most are early.

    Usually the 65th percentile. In sick sinus the basic rhythm is the few slow beats
    between many early ones: then the 85th percentile counts, unless the slow intervals
    are alike and 1.6 to 2.15 times the fast ones (2:1, Wenckebach) or the fast ones vary
    (fibrillation).
    """
    usual = rolling_quantile(rr, _HALF, 0.65)
    slow = rolling_quantile(rr, _HALF, 0.85)
    fast = rr < 0.8 * slow
    both = fast & np.concatenate([[False], fast[:-1]])
    change = np.abs(np.diff(rr, prepend=rr[:1])) / slow
    even = rolling_median(change, both, _HALF) < 0.03
    short = rolling_median(rr, fast, _HALF)
    pause = rolling_median(rr, ~fast, _HALF)
    alike = rolling_median(np.abs(rr - pause), ~fast, _HALF) < 0.08 * pause
    blocked = alike & (pause > 1.6 * short) & (pause < 2.15 * short)
    bimodal = (slow > 1.25 * usual) & even & ~blocked
    return np.where(bimodal, slow, usual), slow, bimodal


def _past(rr: Vector) -> Vector:
    """Median of the twelve intervals before; NaN for the first ones."""
    out = np.full(rr.size, np.nan)
    out[13:] = rolling_quantile(rr, 6, 0.5)[6:-7]
    return out


def _irregularity(rr: Vector, reference: Vector, early: Flags) -> Vector:
    """Change between consecutive intervals that are not early and follow none."""
    after = np.concatenate([[False], early[:-1]])
    clean = ~early & ~after
    pair = clean & np.concatenate([[False], clean[:-1]])
    change = np.abs(np.diff(rr, prepend=rr[:1])) / reference
    changes = rolling_median(change, pair, _HALF)
    away = np.abs(rr - rolling_median(rr, ~early, _HALF)) / reference
    spread = rolling_median(away, clean, _HALF)
    # In bigeminy there is no clean beat: the pauses must at least be alike.
    spread = np.where(np.isfinite(spread), spread, rolling_median(away, ~early, _HALF))
    best = np.where(np.isfinite(changes), changes, 1.3 * spread)
    best = np.fmax(best, 0.7 * spread)
    return np.where(np.isfinite(best), best, 1.0)


def rolling_median(values: Vector, where: Flags, half: int) -> Vector:
    """Centred running median of the values where a condition holds; NaN below five."""
    half = min(half, values.size - 1)
    padded = np.pad(np.where(where, values, np.nan), half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    total = np.cumsum(np.isfinite(padded))
    count = total[2 * half :] - np.concatenate([[0], total[: -2 * half - 1]])
    # A rank filter is faster than sorting, but knows no holes.
    whole = count == 2 * half + 1
    out: Vector = ndimage.rank_filter(
        np.nan_to_num(values), half, size=2 * half + 1, mode="mirror"
    )
    out[count < 5] = np.nan
    some = np.flatnonzero(~whole & (count >= 5))
    for low in range(0, some.size, 8192):
        part = some[low : low + 8192]
        rows = np.sort(windows[part], axis=1)
        out[part] = rows[np.arange(part.size), (count[part] - 1) // 2]
    return out


def _runs(rr: Vector, reference: Vector, early: Flags) -> tuple[NDArray[np.int64], Vector]:
    """Keep early beats that begin abruptly, and what follows them as fast and even.

    A run is measured against the rhythm before it, so that a long one does not become
    the reference of itself.
    """
    place = np.zeros(rr.size, dtype=np.int64)
    before_run = np.full(rr.size, np.nan)
    length, basis, before = 0, 0.0, float(rr[0])
    columns = zip(rr.tolist(), reference.tolist(), early.tolist(), strict=True)
    for beat, (interval, usual, is_early) in enumerate(columns):
        if length and length < _RUN_MOST:
            even = abs(interval - before) < 0.15 * basis
            goes_on = is_early or (length > 1 and even and interval < _RUN_STAYS * basis)
        else:
            goes_on = False
        if goes_on:
            length += 1
        elif is_early and interval < _ABRUPT * before:
            length, basis = 1, usual
        else:
            length = 0
        if length:
            place[beat], before_run[beat] = length, basis
        before = interval
    return place, before_run
