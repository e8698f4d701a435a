"""How far the signal can be trusted, second by second and per ten-second window.

Each second is measured by itself and each window by its own seconds, so the grade of a
window does not depend on how or when the signal arrived. Grades follow §3.3 of the alarm
rules: beats may be used from A and B.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from analytics import filters
from analytics.types import Ecg, Flags, Leads, QualityWindow
from analytics.vocabulary import Grade, NoiseCause

WINDOW_S = 10
FLAT_MV = 0.008
"""Peak-to-peak of a second without ECG: below the noise floor of a worn patch."""
_CLIP_S = 0.024
_MUSCLE_B, _MUSCLE_C, _MUSCLE_X = 0.035, 0.10, 0.25
"""High-frequency noise (SD) over the QRS amplitude."""
_LEAST_MV = 0.05
"""QRS amplitude below which noise is not measured against it."""
_BASELINE_B, _BASELINE_C = 0.6, 2.5
"""Shift of the baseline within a second over the QRS amplitude."""
_MOTION = 3.0
"""A second this many times higher than the window's median is electrode motion."""
_AGAIN = 0.7
"""Third highest second of a window over the second highest: QRS come again, motion not."""
_MAINS_SHARE = 0.5
_READABLE = 0.5
"""Of the best lead's time that a lead must be readable to have a say."""
_CONTACT_SHARE = 0.8
_RANK = {Grade.A: 0, Grade.B: 1, Grade.C: 2, Grade.X: 3}
_BY_RANK = tuple(_RANK)


@dataclass(frozen=True, slots=True)
class Seconds:
    """Measures of whole seconds, arrays of shape (n_seconds,)."""

    span_mv: NDArray[np.float64]
    """Peak-to-peak after removal of the trend."""
    noise_mv: NDArray[np.float64]
    """SD of what is faster than an ECG."""
    shift_mv: NDArray[np.float64]
    """Change of level within the second."""
    clipped: NDArray[np.float64]
    """Share of samples stuck at an extreme."""
    mains: Flags
    """The fast noise is mostly 50 or 60 Hz."""
    missing: NDArray[np.float64]
    """Share of samples that do not exist."""

    def first(self, count: int) -> "Seconds":
        """Keep the measures of the first seconds only."""
        columns = (getattr(self, one.name)[:count] for one in fields(self))
        return Seconds(*columns)

    @property
    def flat(self) -> Flags:
        """Seconds without any signal."""
        return np.asarray(self.span_mv < FLAT_MV)


def bounds(first: int, end: int, fs: float, every_s: int) -> NDArray[np.int64]:
    """Edges of consecutive stretches of ``every_s`` seconds, the last one shorter."""
    count = int(np.ceil((end - first) / (every_s * fs) - 1e-9))
    edges = np.floor(np.arange(count + 1) * (every_s * fs) + 1e-9).astype(np.int64) + first
    edges[-1] = end
    return np.asarray(edges)


def measure_seconds(ecg: Ecg, fs: float) -> Seconds:
    """Measure each second of one lead; a rest of half a second or more counts as one.

    Parameters
    ----------
    ecg : ndarray of float64, shape (n_samples,)
        mV, beginning on a whole second of the recording's segment.
    fs : float
        Hz.
    """
    width, size = int(fs), ecg.size
    starts = np.floor(np.arange(int(size / fs + 0.5)) * fs + 1e-9).astype(np.int64)
    starts = starts[starts < size]
    if not starts.size:
        nothing = np.empty(0)
        return Seconds(nothing, nothing, nothing, nothing, np.empty(0, bool), nothing)
    parts = []
    for i in range(0, starts.size, _AT_ONCE):
        some = starts[i : i + _AT_ONCE]
        low = max(int(some[0]) - width, 0)
        filled, missing = filters.fill_holes(ecg[low : int(some[-1]) + 2 * width])
        rows = _rows(filled, some - low, width)
        share = np.zeros(len(rows))
        if missing.any():
            share = _rows(missing, some - low, width).mean(axis=1)
        parts.append((*_measure(rows, fs), share))
    return Seconds(*(np.concatenate(column) for column in zip(*parts, strict=True)))


_AT_ONCE = 600
"""Seconds measured together: fast, and small beside a day."""


def _rows(values: NDArray[Any], starts: NDArray[np.int64], width: int) -> NDArray[Any]:
    """Lay out seconds as rows; the last value goes on where a second is cut short."""
    first, end = int(starts[0]), int(starts[0]) + starts.size * width
    if end <= values.size and int(starts[-1]) == end - width:
        return values[first:end].reshape(starts.size, width)
    return np.asarray(
        values[np.minimum(starts[:, None] + np.arange(width), values.size - 1)]
    )


def _measure(rows: Leads, fs: float) -> tuple[NDArray[Any], ...]:
    fifth = max(1, rows.shape[1] // 5)
    before, after = rows[:, :fifth].mean(axis=1), rows[:, -fifth:].mean(axis=1)
    ramp = np.linspace(-0.125, 1.125, rows.shape[1])
    level = rows - (before[:, None] + ramp * (after - before)[:, None])
    step = max(1, round(0.008 * fs))
    bend = rows[:, 2 * step :] - 2 * rows[:, step:-step] + rows[:, : -2 * step]
    # The median leaves the QRS (a tenth of the time) out; sqrt(6) = gain for white noise.
    # Every other value of the bend is enough for it.
    size = np.abs(bend[:, ::2])
    middle = size.shape[1] // 2
    noise = 1.4826 * np.partition(size, middle, axis=1)[:, middle] / np.sqrt(6.0)
    span = level.max(axis=1) - level.min(axis=1)
    mains = np.zeros(rows.shape[0], dtype=bool)
    # Below this no grade depends on what the noise is made of.
    maybe = noise > 0.2 * _MUSCLE_B * np.minimum(span, 5.0)
    maybe &= noise > 0.99 * _MUSCLE_B * _least_amplitude(span)
    mains[maybe] = _is_mains(bend[maybe], fs)
    return span, noise, np.abs(after - before), _clipped_share(rows, fs), mains


def _least_amplitude(span: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lowest amplitude that a window around each second may have, mV.

    It is a median of the ten seconds before or around; of what lies beyond these rows
    nothing is known.
    """
    known = np.where(span < FLAT_MV, 1.0, np.minimum(span, 1.0))
    lowest = ndimage.minimum_filter1d(known, 2 * WINDOW_S - 1, mode="constant", cval=0.0)
    return np.asarray(np.maximum(lowest, _LEAST_MV))


def _clipped_share(rows: Leads, fs: float) -> NDArray[np.float64]:
    """Share of samples in stretches of 24 ms or more that sit exactly on an extreme."""
    length = max(3, round(_CLIP_S * fs))
    share = np.zeros(rows.shape[0])
    high_enough = np.ptp(rows, axis=1) > 0.5
    for extreme in (rows.max(axis=1), rows.min(axis=1)):
        at = rows == extreme[:, None]
        maybe = np.flatnonzero((at.sum(axis=1) >= length) & high_enough)
        for row in maybe:
            stuck = filters.runs(at[row])
            lengths = stuck[:, 1] - stuck[:, 0]
            share[row] += lengths[lengths >= length].sum() / rows.shape[1]
    return share


def _is_mains(bend: Leads, fs: float) -> Flags:
    """Tell whether one line of 50 or 60 Hz holds half of the fast noise."""
    out = np.zeros(bend.shape[0], dtype=bool)
    if not bend.size:
        return out
    centred = np.clip(bend, *np.quantile(bend, (0.1, 0.9), axis=1)[:, :, None])
    power = (centred**2).mean(axis=1) + 1e-12
    at = np.arange(bend.shape[1]) / fs
    for hz in (50.0, 60.0):
        if hz < 0.48 * fs:
            turn = 2 * np.pi * hz * at
            line = 2.0 * sum(
                (filters.project(centred, wave) / at.size) ** 2
                for wave in (np.cos(turn), np.sin(turn))
            )
            out |= line / power > _MAINS_SHARE
    return out


def second_ranks(
    seconds: Seconds, amplitude_mv: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Grade seconds (0 = A … 3 = X) against the QRS amplitude, and say why."""
    amplitude = np.maximum(amplitude_mv, _LEAST_MV)
    noise = seconds.noise_mv / amplitude
    shift = seconds.shift_mv / amplitude
    rank = np.zeros(noise.size, dtype=np.int64)
    cause = np.full(noise.size, None, dtype=object)

    def worse(where: Flags, to: int, why: NoiseCause) -> None:
        hit = where & (rank < to)
        rank[hit] = to
        cause[hit] = why.value

    for limit, to in ((_MUSCLE_B, 1), (_MUSCLE_C, 2), (_MUSCLE_X, 3)):
        worse((noise > limit) & seconds.mains, to, NoiseCause.MAINS)
        worse((noise > limit) & ~seconds.mains, to, NoiseCause.MUSCLE)
    worse(shift > _BASELINE_B, 1, NoiseCause.BASELINE)
    worse(shift > _BASELINE_C, 2, NoiseCause.BASELINE)
    worse(
        (seconds.span_mv > _MOTION * amplitude) & (seconds.span_mv > 1.0),
        2,
        NoiseCause.MOTION,
    )
    worse(seconds.clipped > 0.03, 2, NoiseCause.CLIPPED)
    worse(seconds.clipped > 0.25, 3, NoiseCause.CLIPPED)
    worse(seconds.flat, 3, NoiseCause.FLAT)
    worse(seconds.missing > 0.5, 3, NoiseCause.GAP)
    return rank, cause


Graded = tuple[Grade, str | None]


def grade_windows(seconds: Seconds, width: int) -> list[Graded]:
    """Grade windows of ``width`` seconds, each from its own seconds.

    One flat or noisy second out of ten does not spoil the window: the third worst second
    decides, and the worst may lower it to B at most.
    """
    count = seconds.span_mv.size // width
    flat = seconds.flat
    spans = np.sort(np.where(flat, np.nan, seconds.span_mv).reshape(count, width), axis=1)
    there = np.isfinite(spans).sum(axis=1)
    rows = np.arange(count)
    low = spans[rows, np.maximum(there - 1, 0) // 2]
    high = spans[rows, np.minimum(there // 2, width - 1)]
    amplitude = _amplitude(spans, there, (low + high) / 2.0)
    rank, cause = second_ranks(seconds, np.repeat(amplitude, width))
    rank, cause = rank.reshape(count, width), cause.reshape(count, width)
    order = np.argsort(-rank, axis=1, kind="stable")
    sorted_rank = np.take_along_axis(rank, order, axis=1)
    final = np.maximum(sorted_rank[:, min(2, width - 1)], np.minimum(sorted_rank[:, 0], 1))
    gap = np.asarray((seconds.missing.reshape(count, width) > 0.5).any(axis=1))
    graded: list[Graded] = []
    for row, grade in enumerate(final.tolist()):
        if not there[row]:
            why = NoiseCause.GAP if gap[row] else NoiseCause.FLAT
            graded.append((Grade.X, why.value))
        elif not grade:
            graded.append((Grade.A, None))
        else:
            reasons = [why for why in cause[row][order[row]] if why is not None]
            graded.append((_BY_RANK[grade], str(reasons[0]) if reasons else None))
    return graded


def assess_quality(
    ecg_mv: Leads | Ecg, fs: float, *, contact: Flags | None = None
) -> tuple[QualityWindow, ...]:
    """Grade a recording in windows of ten seconds.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,) or (n_samples, n_leads)
        mV; NaN where a sample does not exist. Of several leads the best counts.
    fs : float
        Hz, 100 to 1000.
    contact : ndarray of bool, shape (n_samples,), optional
        Electrode contact as proven by the patch; all true if not given.

    Returns
    -------
    tuple of QualityWindow
        Without holes, from sample 0; the last window may be shorter.

    Raises
    ------
    BadShape, BadSamplingRate
    """
    return best_of(assess_leads(ecg_mv, fs, contact=contact))


def assess_leads(
    ecg_mv: Leads | Ecg,
    fs: float,
    *,
    contact: Flags | None = None,
    measured: Sequence[Seconds | None] | None = None,
) -> tuple[tuple[QualityWindow, ...], ...]:
    """Grade every lead as `assess_quality` does, each by itself.

    Parameters
    ----------
    measured : sequence of Seconds or None, optional
        From `measure_seconds` on each whole lead, where that is known already.
    """
    filters.check_fs(fs)
    leads = filters.all_leads(ecg_mv).T
    known = [None] * len(leads) if measured is None else measured
    return tuple(
        assess_lead(lead, fs, contact=contact, measured=own)
        for lead, own in zip(leads, known, strict=True)
    )


def best_of(
    graded: Sequence[tuple[QualityWindow, ...]],
) -> tuple[QualityWindow, ...]:
    """Keep the best lead's grade of each window."""
    return tuple(
        min(windows, key=lambda window: _RANK[window.grade])
        for windows in zip(*graded, strict=True)
    )


def readable(graded: Sequence[tuple[QualityWindow, ...]]) -> list[int]:
    """List the leads in which beats can be trusted half as often as in the best."""
    seconds = [
        sum(w.end_sample - w.first_sample for w in windows if _RANK[w.grade] < 2)
        for windows in graded
    ]
    most = max(seconds, default=0)
    return [k for k, own in enumerate(seconds) if own >= _READABLE * most]


def assess_lead(
    ecg: Ecg,
    fs: float,
    *,
    contact: Flags | None = None,
    first_sample: int = 0,
    measured: Seconds | None = None,
) -> tuple[QualityWindow, ...]:
    """Grade one lead; ``first_sample`` is the recording position of ``ecg[0]``."""
    if not ecg.size:
        return ()
    edges = bounds(0, ecg.size, fs, WINDOW_S)
    whole = ecg.size // int(WINDOW_S * fs) if float(fs).is_integer() else 0
    graded: list[Graded] = []
    holed: Flags = np.zeros(whole, dtype=bool)
    if whole:
        # All whole windows at once: the same numbers, a tenth of the time.
        seconds = measure_seconds(ecg, fs) if measured is None else measured
        seconds = seconds.first(whole * WINDOW_S)
        graded = grade_windows(seconds, WINDOW_S)
        holed = np.any(seconds.missing.reshape(whole, WINDOW_S) > 0.0, axis=1)
    for k, (begin, end) in enumerate(pairwise(edges.tolist())):
        if k >= whole:
            graded.append(_grade_alone(ecg[begin:end], fs))
        elif holed[k]:
            # Holes are bridged from what the window itself holds.
            graded[k] = _grade_alone(ecg[begin:end], fs)
    windows = []
    for (begin, end), (grade, cause) in zip(pairwise(edges.tolist()), graded, strict=True):
        if contact is not None and float(contact[begin:end].mean()) < _CONTACT_SHARE:
            grade, cause = Grade.X, NoiseCause.LEAD_OFF.value
        begin, end = begin + first_sample, end + first_sample
        windows.append(QualityWindow(begin, end, grade, cause))
    return tuple(windows)


def _grade_alone(ecg: Ecg, fs: float) -> Graded:
    """Grade one window from its own samples."""
    seconds = measure_seconds(ecg, fs)
    count = seconds.span_mv.size
    return grade_windows(seconds, count)[0] if count else (Grade.C, NoiseCause.GAP.value)


def usable_seconds(seconds: Seconds) -> Flags:
    """Tell which seconds are good enough for beats, each against the ten before it.

    Looks back only, so that the live stream knows it when the beat is known.
    """
    if not seconds.span_mv.size:
        return np.empty(0, dtype=bool)
    span = np.where(seconds.flat, np.nan, seconds.span_mv)
    padded = np.concatenate([np.full(WINDOW_S - 1, np.nan), span])
    view = np.sort(np.lib.stride_tricks.sliding_window_view(padded, WINDOW_S), axis=1)
    there = np.isfinite(view).sum(axis=1)
    rows = np.arange(span.size)
    amplitude = _amplitude(view, there, view[rows, np.maximum(there - 1, 0) // 2])
    rank, _ = second_ranks(seconds, amplitude)
    return np.asarray(rank < 2)


def _amplitude(
    ordered: NDArray[np.float64], there: NDArray[np.int64], middle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Height of QRS: of the middle second, or of what comes again far above it.

    Under 40/min the usual second holds no QRS, and one that does is no motion.
    """
    rows = np.arange(there.size)
    second = ordered[rows, np.maximum(there - 2, 0)]
    third = ordered[rows, np.maximum(there - 3, 0)]
    again = (there >= 3) & (third >= _AGAIN * second) & (third > _MOTION * middle)
    return np.where(there > 0, np.where(again, third, middle), 1.0)


def beats_on(good: Flags, at_second: NDArray[np.int64]) -> tuple[Flags, Flags]:
    """Tell which beats are usable, and which intervals before them have no bad second.

    A beat in the unfinished last second of a segment counts with the second before.
    """
    if not good.size:
        nothing = np.zeros(at_second.size, dtype=bool)
        return nothing, nothing.copy()
    at = np.minimum(at_second, good.size - 1)
    usable = good[at]
    bad_so_far = np.concatenate([[0], np.cumsum(~good)])
    before = np.concatenate([at[:1], at[:-1]])
    quiet = (bad_so_far[at + 1] - bad_so_far[before]) == 0
    quiet[:1] = False
    return usable, quiet
