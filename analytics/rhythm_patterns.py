"""Rhythms that are patterns of beat classes: runs, couplets, bigeminy, trigeminy, pacing.

Definitions of the report (section 4 and 5 of its definitions): a run is three or more;
ventricular tachycardia is a run above 100/min, idioventricular rhythm one at 100/min or
less; bigeminy and trigeminy are three or more cycles of N V and N N V.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.filters import project
from analytics.rhythm_beats import BeatArrays, Span, mean_rate_bpm, merge, runs_of
from analytics.types import Ecg, Episode, Flags
from analytics.vocabulary import Rhythm

VT_BPM: Final = 100.0  # /min, above: tachycardia (report definitions 4 and 5)
RUN_BEATS: Final = 3  # beats (same)
CYCLES: Final = 3  # cycles of bigeminy or trigeminy (same)
PACED_BEATS: Final = 3  # paced beats in a row that make a paced rhythm (own)
BRIDGE_S: Final = 0.6  # s; one beat this close to both runs is part of one run (own)
POLYMORPHIC_BEATS: Final = 5  # alarm rule E2
SAME_SHAPE: Final = 0.55  # mean correlation of complexes below which they differ (own)
SVT_MIN_BPM: Final = 120.0  # /min; sudden regular narrow tachycardia above (own)
SVT_BEATS: Final = 8  # beats of it, where no beat was called supraventricular (own)
SUDDEN: Final = 0.75  # first interval over those before: faster at once, not by degrees


def _episode(
    beats: BeatArrays, rhythm: Rhythm, first: int, end: int, **evidence: float
) -> Episode:
    """Make an episode of beats ``first`` up to ``end``."""
    inner = beats.rr_s[first + 1 : end]
    return Episode(
        rhythm=rhythm,
        onset_sample=beats.before(first),
        offset_sample=beats.after(end - 1),
        confidence=float(np.clip(beats.confidence[first:end].mean(), 0.0, 1.0)),
        evidence={
            "beats": float(end - first),
            "rate_bpm": mean_rate_bpm(inner),
            **evidence,
        },
    )


def _runs(beats: BeatArrays, member: Flags) -> list[Span]:
    """List runs of members; an interval that is not known ends a run."""
    out: list[Span] = []
    for first, end in runs_of(member):
        breaks = first + 1 + np.flatnonzero(~np.isfinite(beats.rr_s[first + 1 : end]))
        edges = [first, *breaks.tolist(), end]
        out += [(a, b) for a, b in pairwise(edges) if b > a]
    return out


def ventricular_runs(beats: BeatArrays, ecg_mv: Ecg | None = None) -> list[Episode]:
    """Find couplets, ventricular tachycardia and idioventricular rhythm.

    Parameters
    ----------
    beats : BeatArrays
    ecg_mv : ndarray of float64, shape (n_samples,), optional
        With it, tachycardia of changing shape is told apart (``PVT``).

    Returns
    -------
    list of Episode
        ``VT``, ``PVT``, ``IVR``, ``COUPLET`` in order of time.
    """
    ventricular = beats.is_kind("V", "F") & beats.usable
    fully = beats.is_kind("V")
    out: list[Episode] = []
    for first, end in _bridged(beats, _runs(beats, ventricular)):
        if not fully[first:end].any():
            continue
        if end - first == 2:
            out.append(_episode(beats, Rhythm.COUPLET, first, end))
        elif end - first >= RUN_BEATS:
            out.append(_run_episode(beats, first, end, ecg_mv))
    return out


def _bridged(beats: BeatArrays, runs: list[Span]) -> list[Span]:
    """Join runs with one fast beat between them: a beat whose class was missed."""
    out: list[Span] = []
    for first, end in runs:
        if out:
            before_first, before_end = out[-1]
            gap = beats.rr_s[before_end : first + 1]
            long_enough = max(end - first, before_end - before_first) >= RUN_BEATS
            if first - before_end == 1 and long_enough and bool(np.all(gap < BRIDGE_S)):
                out[-1] = (before_first, end)
                continue
        out.append((first, end))
    return out


def _run_episode(beats: BeatArrays, first: int, end: int, ecg_mv: Ecg | None) -> Episode:
    """Make the episode of a run, from its first to its last beat as the stream does."""
    run = _named_run(beats, first, end, ecg_mv)
    onset, last = int(beats.sample[first]), int(beats.sample[end - 1])
    return replace(run, onset_sample=onset, offset_sample=last + 1)


def _named_run(beats: BeatArrays, first: int, end: int, ecg_mv: Ecg | None) -> Episode:
    rate = mean_rate_bpm(beats.rr_s[first + 1 : end])
    if rate <= VT_BPM:
        return _episode(beats, Rhythm.IVR, first, end)
    if ecg_mv is None or end - first < POLYMORPHIC_BEATS:
        return _episode(beats, Rhythm.VT, first, end)
    likeness = _shape_likeness(ecg_mv, beats, first, end)
    rhythm = Rhythm.PVT if likeness < SAME_SHAPE else Rhythm.VT
    return _episode(beats, rhythm, first, end, shape_likeness=likeness)


def _shape_likeness(ecg_mv: Ecg, beats: BeatArrays, first: int, end: int) -> float:
    """Mean correlation of each complex of a run with the next, best of small shifts."""
    half, slack = round(0.12 * beats.fs), round(0.04 * beats.fs)
    values: list[float] = []
    for i in range(first, end - 1):
        a, b = int(beats.sample[i]), int(beats.sample[i + 1])
        if a - half - slack < 0 or b + half + slack >= ecg_mv.size:
            continue
        here = ecg_mv[a - half : a + half]
        around = ecg_mv[b - half - slack : b + half + slack + 1]
        there = np.lib.stride_tricks.sliding_window_view(around, 2 * half)
        there = there[: 2 * slack + 1 : max(1, slack // 4)]
        here = here - here.mean()
        there = there - there.mean(axis=1, keepdims=True)
        power = (here @ here) * (there * there).sum(axis=1)
        fits = project(there, here)[power > 0] / np.sqrt(power[power > 0])
        best = float(fits.max(initial=-1.0))
        values.append(best)
    return float(np.mean(values)) if values else 1.0


def repeating_patterns(beats: BeatArrays) -> list[Episode]:
    """Find ventricular bigeminy and trigeminy.

    Returns
    -------
    list of Episode
        ``B`` and ``T`` in order of time; ``cycles`` is in the evidence.
    """
    v = np.flatnonzero(beats.is_kind("V") & beats.usable)
    if v.size < CYCLES:
        return []
    step = np.diff(v)
    unknown = np.concatenate([[0], np.cumsum(~np.isfinite(beats.rr_s))])
    unbroken = unknown[v[1:] + 1] == unknown[v[:-1] + 1]
    out: list[Episode] = []
    for rhythm, period in ((Rhythm.B, 2), (Rhythm.T, 3)):
        for first, end in runs_of((step == period) & unbroken):
            cycles = end - first + 1
            if cycles >= CYCLES:
                begin = max(0, int(v[first]) - period + 1)
                made = _episode(beats, rhythm, begin, int(v[end]) + 1, cycles=cycles)
                out.append(made)
    return sorted(out, key=lambda e: e.onset_sample)


def supraventricular_runs(beats: BeatArrays) -> list[Episode]:
    """Find supraventricular couplets and tachycardia.

    Tachycardia is a run of three or more S above 100/min, or eight or more narrow beats
    above 120/min that begin at once and go on regularly, whatever they were called:
    a long run becomes its own reference and hides from every prematurity rule.

    Returns
    -------
    list of Episode
        ``SVTA`` and ``SVCOUPLET`` in order of time.
    """
    s = beats.is_kind("S") & beats.usable
    out: list[Episode] = []
    sudden = _sudden_tachycardia(beats)
    runs = list(sudden)
    for first, end in _runs(beats, s):
        if end - first == 2:
            out.append(_episode(beats, Rhythm.SVCOUPLET, first, end))
        elif end - first >= RUN_BEATS:
            rate = mean_rate_bpm(beats.rr_s[first + 1 : end])
            if rate > VT_BPM:
                runs.append((first, end))
    begins = {first for first, _ in sudden}
    for first, end in merge(runs):
        at_once = float(first in begins)
        out.append(_episode(beats, Rhythm.SVTA, first, end, sudden_onset=at_once))
    return sorted(out, key=lambda e: e.onset_sample)


def _sudden_tachycardia(beats: BeatArrays) -> list[Span]:
    fast = (beats.rr_s < 60.0 / SVT_MIN_BPM) & beats.usable & ~beats.is_kind("V", "F", "/")
    out: list[Span] = []
    for first, end in runs_of(fast):
        if end - first < SVT_BEATS or first < 4:
            continue
        inner = beats.rr_s[first:end]
        before = beats.rr_s[first - 4 : first]
        before = before[np.isfinite(before)]
        if before.size < 2:
            continue
        sudden = float(np.median(inner[:3]) / np.median(before)) <= SUDDEN
        change = np.abs(np.diff(inner))
        regular = float(np.median(change)) / float(np.median(inner)) < 0.05
        if sudden and regular:
            out.append((first - 1, end))
    return out


def paced_rhythm(beats: BeatArrays) -> list[Episode]:
    """Find stretches of paced beats.

    Returns
    -------
    list of Episode
        ``P`` in order of time.
    """
    paced = beats.is_kind("/")
    bridged = paced.copy()
    if len(beats) > 2:
        # A fused or ectopic beat between paced ones does not end the pacing.
        bridged[1:-1] |= paced[:-2] & paced[2:]
    return [
        _episode(
            beats,
            Rhythm.P,
            first,
            end,
            paced_share=float(paced[first:end].mean()),
        )
        for first, end in runs_of(bridged)
        if int(paced[first:end].sum()) >= PACED_BEATS
    ]
