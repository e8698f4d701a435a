"""First- and second-degree atrioventricular block; on one lead it is "possible" only.

Third degree, where P waves have nothing to do with the QRS, is in
`analytics.rhythm_dissociation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.delineation import BEFORE_S
from analytics.delineation_p import PWave, average_p_waves, likeness
from analytics.filters import project
from analytics.rhythm_beats import BeatArrays, Floats, Ints, Span, covered, merge
from analytics.rhythm_pauses import hidden_beat
from analytics.types import Ecg, Episode
from analytics.vocabulary import Rhythm

BLOCK_BEATS: Final = 24  # beats averaged for one P wave
EVERY: Final = 48  # beats from one average to the next: conduction changes slowly
LONG_PR_MS: Final = 220.0  # ms; first degree is over 200 ms, 20 ms for one lead's doubt
MIN_BLOCKS: Final = 2  # averaged stretches in a row before first degree is said
P_EVIDENCE: Final = 0.6  # mean correlation of single P waves with their average
DROPPED: Final = 1.35  # of the ordinary interval from which a beat may have been dropped
ORDINARY: Final = (16, 0.3)  # beats around, and their quantile: in 3:2 block a third drop
P_MATCH: Final = 0.85  # correlation of a wave in the gap with the conducted P wave
AFTER_T_S: Final = 0.05  # s after T before anything is taken for the peak of P
FEW, FEW_MATCH = 3, 0.92  # the same where fewer beats than that were dropped
SLACK: Final = 0.15  # of PP that a dropped P wave may be out of place
MOSTLY: Final = 0.6  # of the intervals that must hold a second P wave: 2:1 conduction
LEAST: Final = 6  # such intervals at least
LONGEST_PR_S, NEAR_QRS_S = 0.50, 0.03  # s before R where a conducted P wave lies
WENCKEBACH_MS: Final = 40.0  # ms by which PR falls over the dropped beat: type I
TWO_TO_ONE_RR_S: Final = 0.95  # s; a sinus node above 126/min is not looked for
ONE_LEAD: Final = 0.6  # most that may be believed of block seen in one lead
JOIN_S: Final = 10.0  # s between dropped beats of one episode
TYPES: Final = ("type_1", "type_2", "two_to_one")  # evidence keys of ``BII``


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Average P wave of some beats and the beats it stands for."""

    first: int
    last: int
    wave: PWave


def find_blocks(
    beats: BeatArrays, ecg_mv: Ecg | None, taken: Sequence[Span]
) -> list[Episode]:
    """Find possible first-degree and second-degree atrioventricular block.

    First degree: the averaged P wave (24 of every 48 beats) begins more than 220 ms
    before the QRS in two averages in a row. Second degree: a long interval, or every
    interval where conduction is 2:1, holds one more wave of the shape and height of the
    conducted P waves, behind the T wave and midway between the P waves on its sides.

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
        ``type_2`` or ``two_to_one`` in the evidence, and ``in_a_row``: most P waves one
        after the other that were not conducted. Confidence is at most 0.6.
    """
    if ecg_mv is None or len(beats) < BLOCK_BEATS:
        return []
    free = beats.is_kind("N") & beats.usable & ~covered(beats.sample, taken)
    free &= np.nan_to_num(beats.rr_s) > 0.45
    free &= (beats.sample > BEFORE_S * beats.fs) & (beats.sample < ecg_mv.size)
    free[1:] &= beats.is_kind("N", "S")[:-1]
    stretches = _stretches(beats, ecg_mv, np.flatnonzero(free))
    dropped = _dropped_beats(beats, ecg_mv, taken, stretches)
    found = [*_first_degree(beats, stretches), *_joined(dropped, beats)]
    return sorted(found, key=lambda e: e.onset_sample)


def _stretches(beats: BeatArrays, ecg_mv: Ecg, index: Ints) -> list[_Stretch]:
    firsts = np.arange(0, index.size - BLOCK_BEATS + 1, EVERY)
    groups = index[firsts[:, None] + np.arange(BLOCK_BEATS)]
    waves = average_p_waves(ecg_mv, beats.fs, beats.sample[groups], beats.rr_s[groups])
    return [
        _Stretch(int(group[0]), int(group[-1]), wave)
        for group, wave in zip(groups, waves, strict=True)
    ]


def _first_degree(beats: BeatArrays, stretches: list[_Stretch]) -> list[Episode]:
    out: list[Episode] = []
    groups: list[list[_Stretch]] = []
    for item in stretches:
        if item.wave.evidence < P_EVIDENCE or 1000 * item.wave.pr_s <= LONG_PR_MS:
            continue
        if groups and item.first - groups[-1][-1].last <= EVERY:
            groups[-1].append(item)
        else:
            groups.append([item])
    for group in groups:
        if len(group) < MIN_BLOCKS:
            continue
        evidence = float(np.mean([item.wave.evidence for item in group]))
        first, last = group[0].first, group[-1].last
        out.append(
            Episode(
                Rhythm.AVB1,
                beats.before(first),
                beats.after(last),
                ONE_LEAD * evidence,
                {
                    "p_evidence": evidence,
                    "pr_ms": 1000.0 * float(np.median([g.wave.pr_s for g in group])),
                    "beats": float(last - first + 1),
                },
            )
        )
    return out


def _dropped_beats(
    beats: BeatArrays, ecg_mv: Ecg, taken: Sequence[Span], stretches: list[_Stretch]
) -> list[Episode]:
    """Find each interval that holds a P wave which was not conducted."""
    known = [item for item in stretches if item.wave.evidence >= P_EVIDENCE]
    if not known:
        return []
    ordinary = _ordinary(beats.rr_s)
    rr_s = np.nan_to_num(beats.rr_s)
    # Where beats are dropped, those that are not look early to the beat classes.
    plain = beats.usable & beats.is_kind("N", "S")
    able = plain.copy()
    able[1:] &= plain[:-1] & ~covered(beats.sample[:-1], taken)
    able[:1] = False
    prolonged = able & (rr_s >= DROPPED * ordinary)
    all_long = able & (rr_s >= TWO_TO_ONE_RR_S)
    middles = np.array([(item.first + item.last) / 2.0 for item in known])
    out: list[Episode] = []
    for item, (low, high) in zip(known, _reaches(middles, len(beats)), strict=True):
        for flag, share in ((prolonged, 0.0), (all_long & ~prolonged, MOSTLY)):
            which = low + np.flatnonzero(flag[low:high])
            if not which.size:
                continue
            match = _extra_waves(beats, ecg_mv, which, ordinary[which], item.wave)
            hit = match >= P_MATCH
            if not share:
                # Where a beat was missed, its own P wave was conducted.
                hit[hit] = [not hidden_beat(ecg_mv, beats, int(k)) for k in which[hit]]
            if hit.sum() > share * which.size and (not share or hit.sum() >= LEAST):
                out += [
                    _dropped(
                        beats,
                        ecg_mv,
                        int(k),
                        item.wave,
                        float(m),
                        max(1.0, round(float(rr_s[k] / ordinary[k])) - 1.0),
                        bool(share),
                    )
                    for k, m in zip(which[hit], match[hit], strict=True)
                ]
    return out


def _reaches(middles: Floats, n: int) -> list[tuple[int, int]]:
    """Beats that each average stands for: up to midway to the next, 96 at most."""
    between = (middles[1:] + middles[:-1]) / 2.0
    low = np.maximum(np.concatenate([[0.0], between]), middles - 2 * EVERY)
    high = np.minimum(np.concatenate([between, [float(n)]]), middles + 2 * EVERY)
    edges = np.clip(np.round(np.stack([low, high], axis=1)), 0, n).astype(int)
    return [(int(a), int(b)) for a, b in edges]


def _extra_waves(
    beats: BeatArrays, ecg_mv: Ecg, which: Ints, ordinary: Floats, wave: PWave
) -> Floats:
    """Correlation of P with what lies where dropped P waves are due in some intervals.

    Of several dropped in one interval the worst counts. Waves must stand behind T and
    divide the way from P to P evenly; 0 where they do not.
    """
    fs = beats.fs
    end = beats.sample[which] - round(wave.peak_s * fs)
    begin = beats.sample[which - 1] - round(wave.peak_s * fs)
    drops = np.maximum(np.round(beats.rr_s[which] / ordinary) - 1.0, 1.0)
    worst = np.ones(which.size)
    for i in range(1, int(drops.max()) + 1):
        here = drops >= i
        pp = (end - begin) / (drops + 1.0)
        low = np.maximum(
            begin + (i - SLACK) * pp,
            beats.sample[which - 1] + (wave.t_end_s + AFTER_T_S) * fs,
        )
        high = begin + (i + SLACK) * pp
        best = _best(ecg_mv, low, high, wave)
        worst = np.where(here, np.minimum(worst, np.where(high > low, best, 0.0)), worst)
    return worst


def _best(ecg_mv: Ecg, low: Floats, high: Floats, wave: PWave) -> Floats:
    """Best correlation with P of a wave centred between two places of each row."""
    size = wave.shape.size
    width = int(max(np.ceil((high - low).max()), 1.0))
    first = np.round(low).astype(np.int64) - size // 2
    columns = np.clip(first[:, None] + np.arange(width + size), 0, ecg_mv.size - 1)
    part = np.nan_to_num(ecg_mv[columns])
    rows = np.lib.stride_tricks.sliding_window_view(part, size, axis=1)
    rows = rows - rows.mean(axis=2, keepdims=True)
    norm = np.linalg.norm(rows, axis=2)
    own = float(np.linalg.norm(wave.shape))
    # A wave half as high or twice as high is another wave.
    able = (norm > 0.5 * own) & (norm < 2.0 * own)
    able &= np.arange(width + 1) <= (high - low)[:, None]
    fit = project(rows.reshape(-1, size), wave.shape).reshape(norm.shape)
    fit /= norm * own + 1e-9
    best: Floats = np.where(able, fit, 0.0).max(axis=1, initial=0.0)
    return best


def _ordinary(rr_s: Floats) -> Floats:
    """Lower quantile of the intervals around each beat: what is not prolonged."""
    width, share = ORDINARY
    known = np.isfinite(rr_s)
    if not known.any():
        return np.full(rr_s.size, np.inf)
    filled = np.where(known, rr_s, np.median(rr_s[known]))
    padded = np.pad(filled, (width // 2, width - width // 2 - 1), mode="edge")
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    ordinary: Floats = windows[:, round(share * (width - 1))]
    return ordinary


def _dropped(
    beats: BeatArrays,
    ecg_mv: Ecg,
    k: int,
    wave: PWave,
    match: float,
    in_a_row: float,
    two_to_one: bool,
) -> Episode:
    """Make the episode of one dropped beat and name its type."""
    pr_last = _p_position(beats, ecg_mv, k - 1, wave)
    pr_next = _p_position(beats, ecg_mv, k, wave)
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
            "in_a_row": in_a_row,
            kind: 1.0,
        },
    )


def _p_position(beats: BeatArrays, ecg_mv: Ecg, k: int, wave: PWave) -> float:
    """Seconds before R at which this beat's P wave fits best."""
    fs, r = beats.fs, int(beats.sample[k])
    low = r - LONGEST_PR_S * fs
    if k > 0:
        low = max(low, beats.sample[k - 1] + (wave.t_end_s + AFTER_T_S) * fs)
    low = max(low, 0.0)
    size = wave.shape.size
    part = np.nan_to_num(ecg_mv[round(low) : r - round(NEAR_QRS_S * fs)])
    if part.size <= size:
        return wave.peak_s
    rows = np.lib.stride_tricks.sliding_window_view(part, size)
    at = round(low) + int(likeness(rows, wave.shape).argmax()) + size // 2
    return (r - at) / fs


def _joined(found: list[Episode], beats: BeatArrays) -> list[Episode]:
    """Join dropped beats less than ten seconds apart into one episode."""
    gap = JOIN_S * beats.fs
    spans = merge(((e.onset_sample, e.offset_sample or 0) for e in found), gap)
    out: list[Episode] = []
    for first, end in spans:
        inside = [e for e in found if first <= e.onset_sample < end]
        sure = float(np.mean([e.evidence["p_evidence"] for e in inside]))
        if len(inside) < FEW and sure < FEW_MATCH:
            continue
        # Of a stretch with drops of several types, most decide.
        kinds = [kind for e in inside for kind in TYPES if kind in e.evidence]
        usual = max(TYPES, key=kinds.count)
        typical = [e for e in inside if usual in e.evidence]
        evidence = dict(max(typical, key=lambda e: e.confidence).evidence)
        evidence["dropped"] = float(len(inside))
        evidence["in_a_row"] = max(e.evidence["in_a_row"] for e in inside)
        confidence = float(np.mean([e.confidence for e in inside]))
        out.append(Episode(Rhythm.BII, first, end, confidence, evidence))
    return out
