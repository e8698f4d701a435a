"""Atrioventricular block, from P waves; on one lead it is "possible", never more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.filters import project
from analytics.rhythm_beats import BeatArrays, Floats, Ints, Span, covered, merge
from analytics.types import Ecg, Episode, Flags
from analytics.vocabulary import Rhythm

BLOCK_BEATS: Final = 24  # beats averaged for one P wave
EVERY: Final = 72  # beats from one average to the next: conduction changes slowly
LONG_PR_MS: Final = 220.0  # ms; first degree is over 200 ms, 20 ms for one lead's doubt
MIN_BLOCKS: Final = 2  # averaged stretches in a row before first degree is said
P_EVIDENCE: Final = 0.6  # mean correlation of single P waves with their average
DROPPED: Final = 1.6  # of the usual interval from which a beat may have been dropped
CALM_S: Final = 0.5  # s; usual interval below which a longer one is just the end of a run
P_MATCH: Final = 0.85  # correlation of a wave in the gap with the conducted P wave
WENCKEBACH_MS: Final = 40.0  # ms by which PR falls over the dropped beat: type I
ONE_LEAD: Final = 0.6  # most that may be believed of block seen in one lead
_BEFORE_S: Final = 0.40  # s before R where P waves are looked for
_NEAR_S: Final = 0.07  # s before R where the QRS may have begun
MIN_P_MV: Final = 0.02  # mV; lower is not told from noise
HALF_P_S: Final = 0.065  # s from beginning to peak of P at most (130 ms is a broad P)


@dataclass(frozen=True, slots=True)
class PWave:
    """Average P wave of a stretch of beats."""

    evidence: float
    """Mean correlation of the single waves with the average, 0 to 1."""
    pr_s: float
    """Beginning of P to beginning of QRS."""
    peak_s: float
    """Peak of P before R."""
    shape: Floats
    """120 ms around the peak, mean removed."""


def find_blocks(
    beats: BeatArrays, ecg_mv: Ecg | None, taken: Sequence[Span]
) -> list[Episode]:
    """Find possible first-degree and second-degree atrioventricular block.

    First degree: the averaged P wave (24 of every 72 beats) begins more than 220 ms
    before the QRS in two averages in a row. Second degree: a gap of 1.6 usual intervals
    or more holds a wave of the shape of the conducted P waves where the next is due.
    Third-degree block is not told: one lead does not show dissociation well enough.

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
        ``AVB1`` and ``BII``; ``p_evidence``, ``pr_ms``, and for ``BII`` ``type_1``,
        ``type_2`` or ``two_to_one`` in the evidence. Confidence is at most 0.6.
    """
    if ecg_mv is None or len(beats) < BLOCK_BEATS:
        return []
    free = beats.is_kind("N") & beats.usable & ~covered(beats.sample, taken)
    free &= np.nan_to_num(beats.rr_s) > 0.45
    free &= (beats.sample > _BEFORE_S * beats.fs) & (beats.sample < ecg_mv.size)
    free[1:] &= beats.is_kind("N", "S")[:-1]
    index = np.flatnonzero(free)
    waves: dict[int, PWave] = {}
    first_degree: list[tuple[int, int, PWave]] = []
    for i in range(0, index.size - BLOCK_BEATS + 1, EVERY):
        part = index[i : i + BLOCK_BEATS]
        wave = average_p_wave(ecg_mv, beats.sample[part], beats.fs, beats.rr_s[part])
        waves.update(dict.fromkeys(part.tolist(), wave))
        if wave.evidence >= P_EVIDENCE and 1000 * wave.pr_s > LONG_PR_MS:
            first_degree.append((int(part[0]), int(part[-1]), wave))
    return sorted(
        [*_first_degree(beats, first_degree), *_second_degree(beats, ecg_mv, free, waves)],
        key=lambda e: e.onset_sample,
    )


def average_p_wave(ecg_mv: Ecg, r_peaks: Ints, fs: float, rr_s: Floats) -> PWave:
    """Average what precedes the QRS and measure the P wave in it.

    Parameters
    ----------
    ecg_mv : ndarray of float64, shape (n_samples,)
    r_peaks : ndarray of int64, shape (n_beats,)
        At least 0.4 s from the beginning of the signal.
    fs : float
        Hz.
    rr_s : ndarray of float64, shape (n_beats,)
        Interval before each of them: the T wave before must not be taken for P.

    Returns
    -------
    PWave
        Evidence 0 where nothing stands out.
    """
    before = round(_BEFORE_S * fs)
    offsets = np.arange(-before, round(0.04 * fs))
    rows = np.nan_to_num(ecg_mv[np.minimum(r_peaks[:, None] + offsets, ecg_mv.size - 1)])
    middle = _median_row(rows)
    onset = min(_qrs_onset(middle, before, fs), before - round(_NEAR_S * fs) + 1)
    # The T wave ends about 0.42 x sqrt(RR) after the R before.
    known = rr_s[np.isfinite(rr_s)]
    shortest = float(np.percentile(known, 10)) if known.size else 1.0
    room = max(shortest - 0.42 * np.sqrt(shortest), 0.12)
    first = max(0, before - round(room * fs))
    width = round(0.06 * fs)
    nothing = PWave(0.0, 0.0, 0.0, np.zeros(2 * width))
    if onset - first < 2 * width:
        return nothing
    peak, height, begin = _most_prominent(middle[:onset], first, round(0.1 * fs))
    if peak < 0 or height < MIN_P_MV:
        return nothing
    part = slice(max(first, peak - 2 * width), min(onset, peak + 2 * width))
    centred = rows[:, part] - rows[:, part].mean(axis=1, keepdims=True)
    average = middle[part] - middle[part].mean()
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(average) + 1e-9
    evidence = float(np.clip((project(centred, average) / norms).mean(), 0.0, 1.0))
    shape = middle[max(0, peak - width) : peak + width]
    begin = max(begin, peak - round(HALF_P_S * fs))
    qrs = _qrs_onset(middle, before, fs)
    return PWave(evidence, (qrs - begin) / fs, (before - peak) / fs, shape - shape.mean())


def _median_row(rows: Floats) -> Floats:
    """Median of each column; sorting a few rows beats `numpy.median` five times."""
    ordered = np.sort(rows, axis=0)
    half = len(rows) // 2
    if len(rows) % 2:
        return np.asarray(ordered[half])
    return np.asarray((ordered[half - 1] + ordered[half]) / 2.0)


def _most_prominent(x: Floats, first: int, reach: int) -> tuple[int, float, int]:
    """Find the hump or hollow that stands out most: its top, height and beginning."""
    best = (-1, 0.0, -1)
    for sign, weight in ((1.0, 1.0), (-1.0, 0.6)):  # P waves stand upright more often
        y = sign * x
        # The average of neighbours has fewer tops that are only noise.
        smooth = np.convolve(y, np.full(reach // 8 + 1, 1.0 / (reach // 8 + 1)), "same")
        inner = np.flatnonzero(_is_top(smooth)) + 1
        for top in inner[inner > first + 1].tolist():
            left = y[max(0, top - reach) : top]
            right = y[top + 1 : top + 1 + reach]
            height = float(y[top] - max(left.min(), right.min()))
            if height * weight > best[1]:
                foot = max(float(left.min()), float(y[top]) - height)
                low = np.flatnonzero(left < foot + 0.2 * (y[top] - foot))
                begin = top - left.size + (int(low[-1]) if low.size else 0)
                best = (top, height * weight, begin)
    return best


def _is_top(y: Floats) -> Flags:
    """Tell which inner samples are higher than their neighbours."""
    top: Flags = (y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])
    return top


def _qrs_onset(middle: Floats, r_peak: int, fs: float) -> int:
    """Where the slope of the averaged beat begins to be the QRS's."""
    slope = np.abs(np.diff(middle))
    near = round(0.06 * fs)
    limit = 0.12 * float(slope[r_peak - near :].max())
    calm = 0
    need = max(2, round(0.010 * fs))
    at = r_peak - round(0.02 * fs)
    while at > r_peak - round(0.12 * fs) and calm < need:
        calm = calm + 1 if slope[at] < limit else 0
        at -= 1
    return at + 1 + calm


def _first_degree(
    beats: BeatArrays, stretches: list[tuple[int, int, PWave]]
) -> list[Episode]:
    out: list[Episode] = []
    groups: list[list[tuple[int, int, PWave]]] = []
    for item in stretches:
        if groups and item[0] - groups[-1][-1][1] <= EVERY:
            groups[-1].append(item)
        else:
            groups.append([item])
    for group in groups:
        if len(group) < MIN_BLOCKS:
            continue
        evidence = float(np.mean([w.evidence for _, _, w in group]))
        out.append(
            Episode(
                Rhythm.AVB1,
                beats.before(group[0][0]),
                beats.after(group[-1][1]),
                ONE_LEAD * evidence,
                {
                    "p_evidence": evidence,
                    "pr_ms": 1000.0 * float(np.median([w.pr_s for _, _, w in group])),
                    "beats": float(group[-1][1] - group[0][0] + 1),
                },
            )
        )
    return out


def _second_degree(
    beats: BeatArrays, ecg_mv: Ecg, free: Flags, waves: dict[int, PWave]
) -> list[Episode]:
    found: list[Episode] = []
    usual = _usual_interval(beats.rr_s)
    known = sorted(waves)
    for k in np.flatnonzero(np.nan_to_num(beats.rr_s) >= DROPPED * usual).tolist():
        if k < 3 or k + 1 >= len(beats) or not beats.usable[k - 1 : k + 1].all():
            continue
        if not beats.is_kind("N")[k - 1 : k + 1].all() or not free[k - 1]:
            continue
        nearest = (
            known[min(int(np.searchsorted(known, k)), len(known) - 1)] if known else -1
        )
        if nearest < 0 or abs(nearest - k) > 2 * EVERY:
            continue
        wave = waves[nearest]
        if wave.evidence < P_EVIDENCE:
            continue
        due = int(beats.sample[k - 1] + (usual[k] - wave.peak_s) * beats.fs)
        match = _match(ecg_mv, due, wave, beats.fs)
        if match >= P_MATCH:
            found.append(_dropped(beats, ecg_mv, int(k), wave, match))
    return _joined(found, beats)


def _usual_interval(rr_s: Floats) -> Floats:
    """Median of the eight intervals before each beat, or of the sixty if that is longer.

    After a fast run the ordinary interval is long only against the run.
    """
    known = np.isfinite(rr_s)
    if not known.any():
        return np.full(rr_s.size, np.inf)
    filled = np.where(known, rr_s, np.median(rr_s[known]))
    medians = []
    for width in (8, 60):
        padded = np.concatenate([np.full(width, filled[0]), filled[:-1]])
        windows = np.lib.stride_tricks.sliding_window_view(padded, width)[: rr_s.size]
        medians.append(np.median(windows, axis=1))
    usual: Floats = np.maximum(*medians)
    return np.where(usual < CALM_S, np.inf, usual)


def _match(ecg_mv: Ecg, due: int, wave: PWave, fs: float) -> float:
    """Best correlation of the P wave within 120 ms of where it is due."""
    size, slack = wave.shape.size, round(0.12 * fs)
    first = due - size // 2 - slack
    if first < 0 or first + size + 2 * slack > ecg_mv.size:
        return 0.0
    part = np.nan_to_num(ecg_mv[first : first + size + 2 * slack])
    rows = np.lib.stride_tricks.sliding_window_view(part, size)
    rows = rows - rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1)
    own = float(np.linalg.norm(wave.shape))
    # A wave half as high or twice as high is another wave.
    alike = (norm > 0.5 * own) & (norm < 2.0 * own)
    value = np.where(alike, project(rows, wave.shape) / (norm * own + 1e-9), 0.0)
    return float(value.max(initial=0.0))


def _dropped(beats: BeatArrays, ecg_mv: Ecg, k: int, wave: PWave, match: float) -> Episode:
    """Make the episode of one dropped beat and name its type."""
    around = beats.rr_s[max(0, k - 4) : k]
    two_to_one = bool(np.all(np.abs(around / beats.rr_s[k] - 1.0) < 0.1))
    pr_last = _p_position(ecg_mv, int(beats.sample[k - 1]), wave, beats.fs)
    pr_next = _p_position(ecg_mv, int(beats.sample[k]), wave, beats.fs)
    fall_ms = 1000.0 * (pr_last - pr_next)
    kind = "two_to_one" if two_to_one else "type_1" if fall_ms > WENCKEBACH_MS else "type_2"
    return Episode(
        Rhythm.BII,
        beats.before(k - 1),
        beats.after(k),
        ONE_LEAD * match,
        {
            "p_evidence": match,
            "pr_ms": 1000.0 * wave.pr_s,
            "pr_fall_ms": fall_ms,
            "rr_ms": 1000.0 * float(beats.rr_s[k]),
            "dropped": 1.0,
            kind: 1.0,
        },
    )


def _p_position(ecg_mv: Ecg, r_peak: int, wave: PWave, fs: float) -> float:
    """Seconds before R at which this beat's P wave fits best."""
    size, slack = wave.shape.size, round(0.1 * fs)
    centre = r_peak - round(wave.peak_s * fs)
    first = centre - size // 2 - slack
    last = min(first + size + 2 * slack, r_peak - round(0.03 * fs))
    if first < 0 or last - first < size:
        return wave.peak_s
    rows = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(ecg_mv[first:last]), size)
    rows = rows - rows.mean(axis=1, keepdims=True)
    fit = project(rows, wave.shape) / (np.linalg.norm(rows, axis=1) + 1e-9)
    return (r_peak - (first + int(fit.argmax()) + size // 2)) / fs


def _joined(found: list[Episode], beats: BeatArrays) -> list[Episode]:
    """Join dropped beats less than ten seconds apart into one episode."""
    spans = merge(((e.onset_sample, e.offset_sample or 0) for e in found), 10.0 * beats.fs)
    out: list[Episode] = []
    for first, end in spans:
        inside = [e for e in found if first <= e.onset_sample < end]
        evidence = dict(max(inside, key=lambda e: e.confidence).evidence)
        evidence["dropped"] = float(len(inside))
        confidence = float(np.mean([e.confidence for e in inside]))
        out.append(Episode(Rhythm.BII, first, end, confidence, evidence))
    return out
