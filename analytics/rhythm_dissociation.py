"""Third-degree atrioventricular block: P waves that go their own way through slow QRS.

The average QRS and T are taken out of a stretch of slow, regular beats. What is left of
the atria is looked through for one chain of alike waves at even distances. It is block if
there are more of them than QRS and the QRS stand anywhere between them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from analytics.delineation import median_rows
from analytics.delineation_p import HALF_S, average_p_waves, likeness
from analytics.rhythm_beats import (
    BeatArrays,
    Floats,
    Ints,
    Span,
    covered,
    mean_rate_bpm,
    merge,
    runs_of,
)
from analytics.rhythm_conduction import ONE_LEAD, P_EVIDENCE
from analytics.types import Ecg, Episode, Flags
from analytics.vocabulary import Rhythm

SLOW_RR_S: Final = 0.92  # s; escape rhythms are slower than 65/min
EVEN_RR: Final = 0.15  # of the median interval: an escape focus is regular
BEATS: Final = 8  # beats looked at together
QRST_S: Final = (0.12, 0.62)  # s around R that are taken out
SHIFT_S, SHIFT_STEP_S = 0.1, 0.008  # s that the average may be moved to fit, in steps
HIDDEN_S: Final = (0.12, 0.20)  # s around R in which no P wave can be seen
T_S: Final = 0.42  # s after R until which T may hide one
HAT_S: Final = 0.05  # s, a third of what a wave is compared over (as in delineation)
PP_S: Final = (0.42, 1.25)  # s, atrial rate 48 to 143/min
PP_SLACK: Final = 0.18  # of PP that the next P wave may come early or late
LEAST_MV: Final = 0.01  # mV, lower is noise
LEAST_SHARE: Final = 0.35  # of the high waves' height that one of the chain has
STARTS: Final = 6  # waves from which the chain is begun: the first ones may be noise
SEEN: Final = 0.8  # of the P waves due outside QRS that must be seen
MORE_P: Final = 1.4  # P waves for each QRS; near one, both may just go their own way
FREE_SPREAD: Final = 0.65  # mean resultant of the QRS' places between P waves, at most
ALIKE: Final = 0.5  # mean correlation of the chain's waves with their median
JOIN_S: Final = 20.0  # s between stretches of one episode
AGAIN, SAME_PP = 2, 0.08  # stretches at the same atrial rate, and how much the same
FASTER: Final = 1.3  # atrial over ventricular rate of the episode, at least
EVIDENCE: Final = 0.83  # share seen times likeness that a block needs


@dataclass(frozen=True, slots=True)
class _Chain:
    """P waves found in one stretch."""

    samples: Ints
    seen: float
    alike: float
    pp_s: float


def find_dissociation(
    beats: BeatArrays, ecg_mv: Ecg | None, taken: Sequence[Span]
) -> list[Episode]:
    """Find possible third-degree block.

    Parameters
    ----------
    beats : BeatArrays
    ecg_mv : ndarray of float64, shape (n_samples,) or None
        Without a signal there is no P evidence and no block.
    taken : sequence of (first sample, first sample after)
        Other rhythms in which block is not looked for, merged and in order.

    Returns
    -------
    list of Episode
        ``AVB3`` in order of time; ``p_evidence``, ``atrial_bpm``, ``rate_bpm`` and
        ``beats`` in the evidence. Confidence is at most 0.6, as one lead shows it.
    """
    if ecg_mv is None:
        return []
    stretches = _slow_stretches(beats, taken, ecg_mv.size)
    if not stretches:
        return []
    groups = np.array([np.arange(first, first + BEATS) for first in stretches])
    waves = average_p_waves(ecg_mv, beats.fs, beats.sample[groups], beats.rr_s[groups])
    found: list[tuple[int, _Chain]] = []
    for first, wave in zip(stretches, waves, strict=True):
        if wave.evidence >= P_EVIDENCE:
            continue  # P waves that keep their distance to QRS are conducted
        chain = _free_chain(ecg_mv, beats, first)
        if chain is not None:
            found.append((first, chain))
    return _episodes(beats, found)


def _slow_stretches(beats: BeatArrays, taken: Sequence[Span], size: int) -> list[int]:
    """First beats of stretches of eight slow, regular, usable beats."""
    rr_s = np.nan_to_num(beats.rr_s)
    slow = (rr_s >= SLOW_RR_S) & beats.usable & ~covered(beats.sample, taken)
    slow &= (beats.sample > 0.5 * beats.fs) & (beats.sample < size)
    starts: list[int] = []
    for first, end in runs_of(slow):
        here = list(range(first, end - BEATS + 1, BEATS))
        if here and end - (here[-1] + BEATS) >= BEATS // 2:
            here.append(end - BEATS)
        starts += here
    if not starts:
        return []
    inner = rr_s[np.array(starts)[:, None] + np.arange(BEATS)]
    middle = np.median(inner, axis=1, keepdims=True)
    even = (np.abs(inner - middle) <= EVEN_RR * middle).mean(axis=1) >= SEEN
    return [start for start, kept in zip(starts, even.tolist(), strict=True) if kept]


def _free_chain(ecg_mv: Ecg, beats: BeatArrays, first: int) -> _Chain | None:
    """Find the chain of P waves of one stretch; None if there is none or it is bound."""
    fs = beats.fs
    r_peaks = beats.sample[first : first + BEATS]
    left = _atrial_signal(ecg_mv, r_peaks, fs)
    r_local = r_peaks - r_peaks[0]
    third, step = max(1, round(HAT_S * fs)), round(HAT_S * fs)
    smooth = ndimage.uniform_filter1d(left, third)
    stands = smooth - (np.roll(smooth, step) + np.roll(smooth, -step)) / 2.0
    column = np.arange(left.size)
    since = column - r_local[np.searchsorted(r_local, column, side="right") - 1]
    until = r_local[np.minimum(np.searchsorted(r_local, column), BEATS - 1)] - column
    beside = (until > HIDDEN_S[0] * fs) & (since > HIDDEN_S[1] * fs)
    visible = beside & (since > T_S * fs)
    stands[:step] = stands[-step:] = 0.0
    best: _Chain | None = None
    for sign in (1.0, -1.0):
        chain = _chain(np.where(beside, sign * stands, 0.0), visible, left, fs)
        if chain is not None and (best is None or chain.seen > best.seen):
            best = chain
    if best is None or not _is_free(best, r_local, fs):
        return None
    return best


def _atrial_signal(ecg_mv: Ecg, r_peaks: Ints, fs: float) -> Floats:
    """Signal from the first to the last R less the average QRS and T, laid on each."""
    begin, end = int(r_peaks[0]), int(r_peaks[-1])
    before, after = (round(s * fs) for s in QRST_S)
    slack, every = round(SHIFT_S * fs), max(1, round(SHIFT_STEP_S * fs))
    left = np.nan_to_num(ecg_mv[begin:end]).copy()
    columns = np.arange(-before - slack, after + slack)
    whole = np.nan_to_num(ecg_mv[np.clip(r_peaks[:, None] + columns, 0, ecg_mv.size - 1)])
    shift = np.full(r_peaks.size, slack)
    at = np.arange(before + after)
    template = np.zeros(at.size)
    for _ in range(2):
        rows = np.take_along_axis(whole, shift[:, None] + at, axis=1)
        template = median_rows((rows - rows[:, :1])[None])[0]
        # In wide complexes the place called R changes from beat to beat.
        fits = np.lib.stride_tricks.sliding_window_view(whole, at.size, axis=1)[:, ::every]
        shape = template - template.mean()
        fit = likeness(fits.reshape(-1, at.size), shape).reshape(len(whole), -1)
        shift = every * fit.argmax(axis=1)
    # Ends at zero, so that no step is left where the average ends.
    template = template - np.linspace(0.0, template[-1], template.size)
    for r in (r_peaks - begin + shift - slack).tolist():
        low, high = max(r - before, 0), min(r + after, left.size)
        if high > low:
            left[low:high] -= template[low - r + before : high - r + before]
    return left


def _chain(stands: Floats, visible: Flags, left: Floats, fs: float) -> _Chain | None:
    """Follow the most even row of waves, over those that QRS hide."""
    tops = np.flatnonzero(
        (stands[1:-1] > stands[:-2]) & (stands[1:-1] >= stands[2:]) & (stands[1:-1] > 0)
    )
    tops = tops + 1
    if tops.size < 6:
        return None
    heights = stands[tops]
    high = np.sort(heights)[-max(6, round(left.size / fs)) :]
    floor = max(LEAST_MV, LEAST_SHARE * float(np.median(high)))
    kept = heights >= floor
    tops, high_enough = tops[kept].tolist(), heights[kept].tolist()
    pp = _usual_distance(stands, fs)
    best: list[int] = []
    best_due, best_seen = 1, 0.0
    for start in tops[:STARTS]:
        got, due = _follow(tops, high_enough, visible, start, pp)
        seen = len(got) / due
        if len(got) * seen > len(best) * best_seen:
            best, best_due, best_seen = got, due, seen
    if len(best) < BEATS // 2 or best_seen < SEEN:
        return None
    half = round(HALF_S * fs)
    inner = np.array([t for t in best if half <= t < left.size - half], dtype=np.int64)
    rows = left[inner[:, None] + np.arange(-half, half)]
    shape = median_rows(rows[None])[0]
    alike = float(np.median(likeness(rows, shape - shape.mean())))
    if alike < ALIKE:
        return None
    return _Chain(np.array(best, dtype=np.int64), len(best) / best_due, alike, pp / fs)


def _usual_distance(stands: Floats, fs: float) -> float:
    """Distance, in samples, at which the waves most repeat."""
    x = np.maximum(stands, 0.0)
    spectrum = np.abs(np.fft.rfft(x - x.mean(), 2 * x.size)) ** 2
    alike = np.fft.irfft(spectrum)[: x.size] / np.arange(x.size, 0, -1)
    low, high = round(PP_S[0] * fs), round(PP_S[1] * fs)
    return float(low + int(alike[low:high].argmax()))


def _follow(
    tops: list[int], heights: list[float], visible: Flags, start: int, pp: float
) -> tuple[list[int], int]:
    """Go from wave to wave in steps of about ``pp``; count those that were due in view."""
    got, due = [start], 1
    at, step, slack = float(start), pp, PP_SLACK * pp
    while True:
        want = at + step
        if want >= visible.size - 1:
            return got, due
        low, high = bisect_left(tops, want - slack), bisect_right(tops, want + slack)
        if low < high:
            place = tops[max(range(low, high), key=heights.__getitem__)]
            if place <= at:
                return got, due
            got.append(place)
            due += 1
            step = 0.7 * step + 0.3 * (place - at)
            at = float(place)
        else:
            due += int(visible[round(want)])
            at = want


def _is_free(chain: _Chain, r_local: Ints, fs: float) -> bool:
    """Tell whether there are more P waves than QRS, and these stand anywhere."""
    pp = chain.pp_s * fs
    waves = float(np.sum(np.maximum(np.round(np.diff(chain.samples) / pp), 1.0))) + 1.0
    span = float(chain.samples[-1] - chain.samples[0])
    qrs = r_local[(r_local >= chain.samples[0]) & (r_local <= chain.samples[-1])]
    if qrs.size < BEATS // 2 or waves < MORE_P * qrs.size or span < 0.6 * r_local[-1]:
        return False
    last = chain.samples[np.searchsorted(chain.samples, qrs, side="right") - 1]
    phase = 2.0 * np.pi * (qrs - last) / pp
    return float(np.abs(np.exp(1j * phase).mean())) <= FREE_SPREAD


def _episodes(beats: BeatArrays, found: list[tuple[int, _Chain]]) -> list[Episode]:
    spans = merge(
        ((beats.before(first), beats.after(first + BEATS - 1)) for first, _ in found),
        JOIN_S * beats.fs,
    )
    out: list[Episode] = []
    for onset, end in spans:
        chains = [c for first, c in found if onset <= beats.sample[first] < end]
        pp_s = np.array([c.pp_s for c in chains])
        same = np.abs(pp_s / np.median(pp_s) - 1.0) <= SAME_PP
        evidence = float(np.mean([c.seen * c.alike for c in chains]))
        # Noise makes a chain now and then, but not again at the same rate.
        if same.sum() < AGAIN or same.mean() < SEEN or evidence < EVIDENCE:
            continue
        i, j = np.searchsorted(beats.sample, [onset, end])
        atrial_bpm = 60.0 / float(np.median(pp_s))
        rate_bpm = mean_rate_bpm(beats.rr_s[i + 1 : j])
        # Over eight beats the count of waves errs by one or two; over the episode not.
        if atrial_bpm < FASTER * rate_bpm:
            continue
        out.append(
            Episode(
                Rhythm.AVB3,
                onset,
                end,
                ONE_LEAD * min(evidence, 1.0),
                {
                    "p_evidence": evidence,
                    "atrial_bpm": atrial_bpm,
                    "rate_bpm": rate_bpm,
                    "beats": float(j - i),
                },
            )
        )
    return out
