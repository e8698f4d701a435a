"""Supraventricular ectopic beats: the rule of `analytics.supraventricular`, weighed.

The rule decides by fixed limits. Trees weigh what it measures together with how the
intervals of a minute and of several minutes are spread, so that bigeminy, a sick sinus
and atrial runs are found although most beats are early there, and conduction block,
flutter and fibrillation are not mistaken for them. They are fitted on the interval
series of annotated recordings and of simulated rhythms whose truth is known
(`analytics.training.beats_s_train`); neither shape nor P wave is used, because the few
patients with such beats teach a learner nothing but themselves.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics import _model, supraventricular
from analytics.beat_features import rolling_quantile
from analytics.types import Flags

Vector = NDArray[np.float64]
NAMES = (
    "run_beats", "to_before_run", "rule_odds", "irregularity", "rr_s", "reference_s",
    "to_near", "to_reference", "to_25", "to_50", "to_85", "to_next", "next_to_reference",
    "slowest_to_middle", "slow_to_fast", "change_25", "change_50", "minutes_fast_to_slow",
    "minutes_change_25", "minutes_change_50", "minutes_memory", "minutes_turns",
    "minutes_early_share",
)  # fmt: skip
_MINUTE, _MINUTES = 40, 120
"""Beats on either side: about a minute in all, and three to four."""
_CALLED = 0.45
"""Answer of the trees from which a beat is called supraventricular."""
_EARLY = 0.95
"""Share of the slowest intervals around below which an interval may be that of an early
beat."""
_STEP = 8
"""What is measured over minutes is measured at every eighth beat."""


def probability(rr_s: Vector, ventricular: Flags) -> Vector:
    """Probability that each beat is a supraventricular ectopic.

    Parameters
    ----------
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each beat, s; NaN after a gap.
    ventricular : ndarray of bool, shape (n_beats,)
        Beats already known to be ventricular: they and the interval after them say
        nothing about the atria.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        0.5 is where a beat is called supraventricular; 0 for ventricular beats, the
        beats after them and beats without an interval.
    """
    out = np.zeros(rr_s.size)
    plain, rows = features(rr_s, ventricular)
    if rows.size:
        answer = _model.load("beats_s").run({"features": rows})["probabilities"]
        odds = answer[:, 1] / np.maximum(1.0 - answer[:, 1], 1e-6)
        out[plain] = 1.0 / (1.0 + _CALLED / (1.0 - _CALLED) / np.maximum(odds, 1e-6))
    return out


def features(
    rr_s: Vector, ventricular: Flags, *, everywhere: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Measure each interval against those around it.

    Parameters
    ----------
    rr_s, ventricular : ndarray, shape (n_beats,)
        As in `probability`.
    everywhere : bool
        Measure also beats that are not early in any sense (for training).

    Returns
    -------
    beats : ndarray of int64, shape (n_rows,)
        Beats measured: with an interval, neither ventricular nor after one, and shorter
        than the slowest intervals around or in a run.
    rows : ndarray of float32, shape (n_rows, len(NAMES))
        No rows for fewer than eight beats that can be told.
    """
    plain = supraventricular.plain_beats(rr_s, ventricular)
    if plain.size < supraventricular.FEWEST_BEATS:
        return plain[:0], np.empty((0, len(NAMES)), np.float32)
    rr = rr_s[plain]
    rule = supraventricular.judge(rr)
    slowest = rolling_quantile(rr, _MINUTE, 0.95)
    early = (rr < _EARLY * slowest) | (rule.run_beats > 0)
    at = np.flatnonzero(early | everywhere)
    change = np.abs(np.diff(rr, prepend=rr[:1])) / rule.reference_s
    q15, q25, q50 = _quantiles(rr, at, _MINUTE, (0.15, 0.25, 0.5))
    change_25, change_50 = _quantiles(change, at, _MINUTE, (0.25, 0.5))
    middle = rolling_quantile(rr, _MINUTE, 0.5)
    eighth = np.arange(0, rr.size, _STEP)
    fast, slow = (
        column[at // _STEP] for column in _quantiles(rr, eighth, _MINUTES, (0.2, 0.8))
    )
    minutes_25, minutes_50 = (
        column[at // _STEP] for column in _quantiles(change, eighth, _MINUTES, (0.25, 0.5))
    )
    later = np.append(rr[1:], rr[-1:])[at]
    memory, turns = _memory(rr / middle)[at], _share(_turns(rr), _MINUTES)[at]
    early_share = _share(rr < 0.85 * rule.slow_s, _MINUTES)[at]
    rr, reference = rr[at], rule.reference_s[at]
    columns = [
        np.log1p(rule.run_beats[at]),
        np.nan_to_num(rr / rule.before_run_s[at], nan=1.0),
        np.clip(rule.odds[at], -10.0, 10.0),
        rule.irregularity[at],
        rr,
        reference,
        rr / rule.near_s[at],
        rr / reference,
        rr / q25,
        rr / q50,
        rr / rule.slow_s[at],
        rr / later,
        later / reference,
        slowest[at] / q50,
        rule.slow_s[at] / q15,
        change_25,
        change_50,
        fast / slow,
        minutes_25,
        minutes_50,
        memory,
        turns,
        early_share,
    ]
    return plain[at], np.column_stack(columns).astype(np.float32)


def _quantiles(
    values: Vector, at: NDArray[np.int64], half: int, shares: Sequence[float]
) -> list[Vector]:
    """Quantiles of the values around some places, mirrored at the ends."""
    return [rolling_quantile(values, half, share)[at] for share in shares]


def _share(values: Vector | Flags, half: int) -> Vector:
    """Centred running mean, mirrored at the ends."""
    half = min(half, values.size - 1)
    padded = np.pad(values.astype(np.float64), half, mode="reflect")
    total = np.concatenate([[0.0], np.cumsum(padded)])
    return np.asarray((total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1))


def _turns(rr: Vector) -> Flags:
    """Whether the interval turns back where the one before had gone on."""
    way = np.sign(np.diff(rr, prepend=rr[:1]))
    return np.asarray(way * np.append(way[:1], way[:-1]) < 0)


def _memory(ratio: Vector) -> Vector:
    """Correlation of an interval with the one before, over minutes."""
    away = np.clip(ratio, 0.5, 1.8) - 1.0
    before = np.append(away[:1], away[:-1])
    return _share(away * before, _MINUTES) / (_share(away * away, _MINUTES) + 1e-5)
