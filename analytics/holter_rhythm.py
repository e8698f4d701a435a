"""Sections 2, 6, 15 and 16: rhythm shares, fibrillation, pacing, symptoms."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from analytics.holter_beats import (
    AF_RHYTHMS,
    RATE_RR,
    BeatTable,
    Clock,
    Floats,
    HolterOptions,
    mean_rate_bpm,
)
from analytics.holter_rate import overlap
from analytics.holter_types import (
    AtrialFibrillation,
    EpisodeRow,
    Pacing,
    RhythmShare,
    RhythmSummary,
    Symptom,
    SymptomFinding,
)
from analytics.pacing import pacing_events
from analytics.rhythm_beats import graded
from analytics.types import Ecg, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, Rhythm

KEPT = 10  # episodes listed per rhythm; all are counted
CONVERSION_S = 10.0  # s after an episode in which its end pause is looked for (own)
SYMPTOM_S = 45.0  # s on each side of a mark (report definition 16)
SHORT_RHYTHMS = frozenset(
    {Rhythm.PAUSE, Rhythm.COUPLET, Rhythm.SVCOUPLET, Rhythm.BRADY, Rhythm.TACHY}
)
"""Episodes that lie inside a rhythm and are not one themselves."""
GROUPS = {
    Rhythm.AFIB: "af",
    Rhythm.AFL: "af",
    Rhythm.P: "paced",
    Rhythm.N: "sinus",
    Rhythm.SBR: "sinus",
    Rhythm.STACH: "sinus",
    Rhythm.SARRH: "sinus",
    # Ectopy and block on top of sinus rhythm leave the basic rhythm sinus.
    Rhythm.B: "sinus",
    Rhythm.T: "sinus",
    Rhythm.AVB1: "sinus",
    Rhythm.BII: "sinus",
}
SINUS = frozenset(r for r, group in GROUPS.items() if group == "sinus")

Ranges = list[tuple[int, int]]


def ranges_of(
    episodes: Sequence[Episode], rhythms: frozenset[Rhythm], n_samples: int
) -> Ranges:
    """Join the episodes of some rhythms into ranges that do not overlap."""
    spans = sorted(
        (e.onset_sample, n_samples if e.offset_sample is None else e.offset_sample)
        for e in episodes
        if e.rhythm in rhythms
    )
    joined: Ranges = []
    for first, end in spans:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((first, end))
    return joined


def _seconds(ranges: Ranges, excluded: Sequence[tuple[int, int]], fs: float) -> float:
    return sum(b - a - overlap(a, b, excluded) for a, b in ranges) / fs


def rhythm_summary(
    table: BeatTable,
    episodes: Sequence[Episode],
    clock: Clock,
    n_samples: int,
    excluded: Sequence[tuple[int, int]],
) -> RhythmSummary:
    """Share the analysable time among sinus, AF, paced and other rhythms.

    Time in no episode of another rhythm counts as sinus when there are beats, as the
    detector reports what departs from it.
    """
    analysable_s = (n_samples - sum(b - a for a, b in excluded)) / clock.fs
    af = ranges_of(episodes, AF_RHYTHMS, n_samples)
    paced = ranges_of(episodes, frozenset({Rhythm.P}), n_samples)
    named = SHORT_RHYTHMS | SINUS | AF_RHYTHMS | {Rhythm.P, Rhythm.NOISE}
    other = ranges_of(episodes, frozenset(set(Rhythm) - named), n_samples)
    seconds = {
        "af": _seconds(af, excluded, clock.fs),
        "paced": _seconds(paced, excluded, clock.fs),
        "other": _seconds(other, excluded, clock.fs),
    }
    rest = max(0.0, analysable_s - sum(seconds.values()))
    seconds["sinus"] = rest if len(table) else 0.0
    order = sorted(seconds, key=lambda group: -seconds[group])
    shares = tuple(
        RhythmShare(g, seconds[g], 100.0 * seconds[g] / analysable_s if analysable_s else 0)
        for g in order
    )
    by_rhythm: dict[Rhythm, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_rhythm[episode.rhythm].append(episode)
    rows = [_row(e, table, clock, n_samples) for e in _longest_of(by_rhythm, n_samples)]
    lengths = {
        rhythm.value: sum(_length(e, n_samples) for e in found) / clock.fs
        for rhythm, found in by_rhythm.items()
    }
    return RhythmSummary(
        basic=_basic(order[0], len(table), by_rhythm, n_samples),
        shares=shares,
        episodes=tuple(rows),
        episode_counts={rhythm.value: len(found) for rhythm, found in by_rhythm.items()},
        episode_seconds=lengths,
        episodes_kept=KEPT,
    )


def _length(episode: Episode, n_samples: int) -> int:
    end = n_samples if episode.offset_sample is None else episode.offset_sample
    return end - episode.onset_sample


def _longest_of(by_rhythm: dict[Rhythm, list[Episode]], n_samples: int) -> list[Episode]:
    kept: list[Episode] = []
    for found in by_rhythm.values():
        ordered = sorted(found, key=lambda e: -_length(e, n_samples))
        kept.extend(ordered[:KEPT])
    return kept


def _basic(
    group: str, beats: int, by_rhythm: dict[Rhythm, list[Episode]], n_samples: int
) -> Rhythm:
    """Name the rhythm of the largest group by its longest member."""
    if not beats:
        return Rhythm.NOISE
    members = {
        "sinus": (Rhythm.N,),
        "af": (Rhythm.AFIB, Rhythm.AFL),
        "paced": (Rhythm.P,),
        "other": tuple(r for r in by_rhythm if r not in GROUPS and r not in SHORT_RHYTHMS),
    }[group]

    def total(rhythm: Rhythm) -> int:
        return sum(_length(e, n_samples) for e in by_rhythm.get(rhythm, []))

    return max(members, key=total)


def _row(e: Episode, table: BeatTable, clock: Clock, n_samples: int) -> EpisodeRow:
    end = n_samples if e.offset_sample is None else e.offset_sample
    a, b = (int(x) for x in np.searchsorted(table.sample, [e.onset_sample, end]))
    return EpisodeRow(
        rhythm=e.rhythm,
        onset=clock.moment(e.onset_sample),
        duration_s=(end - e.onset_sample) / clock.fs,
        beats=b - a,
        mean_bpm=mean_rate_bpm(table.rr_ms[a + 1 : b]),
        confidence=e.confidence,
        evidence=dict(e.evidence),
    )


def atrial_fibrillation(
    table: BeatTable,
    episodes: Sequence[Episode],
    clock: Clock,
    n_samples: int,
    excluded: Sequence[tuple[int, int]],
    options: HolterOptions,
) -> AtrialFibrillation:
    """Measure section 6: fibrillation episodes of 30 s or more, flutter apart.

    Minimum and maximum rates are means of 8 consecutive RR wholly inside an episode.
    """
    shortest = options.af_min_s * clock.fs
    analysable_s = (n_samples - sum(b - a for a, b in excluded)) / clock.fs

    def long_enough(rhythm: Rhythm) -> Ranges:
        found = ranges_of(episodes, frozenset({rhythm}), n_samples)
        return [(a, b) for a, b in found if b - a >= shortest]

    af, flutter = long_enough(Rhythm.AFIB), long_enough(Rhythm.AFL)
    total_s = _seconds(af, excluded, clock.fs)
    longest = max(af, key=lambda r: r[1] - r[0], default=None)
    rr, rates = _rates_inside(table, af)
    pause_ms, pause_at = _conversion_pause(table, af, n_samples)
    return AtrialFibrillation(
        episodes=len(af),
        total_s=total_s,
        burden_pct=100.0 * total_s / analysable_s if analysable_s > 0.0 else None,
        longest_s=None if longest is None else (longest[1] - longest[0]) / clock.fs,
        longest_onset=None if longest is None else clock.moment(longest[0]),
        first_onset=clock.moment(af[0][0]) if af else None,
        mean_bpm=mean_rate_bpm(rr),
        min_bpm=float(rates.min()) if len(rates) else None,
        max_bpm=float(rates.max()) if len(rates) else None,
        conversion_pause_ms=pause_ms,
        conversion_pause_at=None if pause_at is None else clock.moment(pause_at),
        flutter_s=_seconds(flutter, excluded, clock.fs),
        flutter_episodes=len(flutter),
    )


def _rates_inside(table: BeatTable, ranges: Ranges) -> tuple[Floats, Floats]:
    intervals, rates = [np.empty(0)], [np.empty(0)]
    counted = table.counted
    for first, end in ranges:
        a, b = (int(x) for x in np.searchsorted(table.sample, [first, end]))
        rr = np.where(counted[a + 1 : b], table.rr_ms[a + 1 : b], np.nan)
        intervals.append(rr[np.isfinite(rr)])
        if len(rr) >= RATE_RR:
            windows = np.lib.stride_tricks.sliding_window_view(rr, RATE_RR).mean(axis=1)
            rates.append(60000.0 / windows[np.isfinite(windows)])
    return np.concatenate(intervals), np.concatenate(rates)


def _conversion_pause(
    table: BeatTable, ranges: Ranges, n_samples: int
) -> tuple[float | None, int | None]:
    """Longest counted RR that spans or directly follows an episode's end."""
    counted = table.counted
    best: float | None = None
    at: int | None = None
    for _, end in ranges:
        if end >= n_samples:
            continue
        a = max(1, int(np.searchsorted(table.sample, end)) - 1)
        b = int(np.searchsorted(table.sample, end + CONVERSION_S * table.fs, side="right"))
        for k in range(a, min(a + 3, b)):
            if counted[k] and (best is None or table.rr_ms[k] > best):
                best, at = float(table.rr_ms[k]), int(table.sample[k - 1])
    return best, at


def pacing(table: BeatTable, ecg_mv: Ecg, quality: Sequence[QualityWindow]) -> Pacing:
    """Measure section 15: share, slowest usual pacing rate, and what the pulses did.

    Parameters
    ----------
    table : BeatTable
    ecg_mv : ndarray of float64, shape (n_samples,)
        The lead in which the beats were found.
    quality : sequence of QualityWindow
        Pulses without a complex are looked for in grades A and B.
    """
    paced = table.of(Aami.PACED)
    both = paced & np.isfinite(table.rr_ms)
    both[1:] &= paced[:-1]
    rr = table.rr_ms[both]
    count = int(paced.sum())
    readable = graded(quality, Grade.A, Grade.B)
    seen = pacing_events(ecg_mv, table.fs, table.sample, paced, readable)
    of = 0 if seen is None else seen.natural
    return Pacing(
        paced_beats=count,
        paced_pct=100.0 * count / len(table) if len(table) else 0.0,
        min_rate_bpm=float(60000.0 / np.percentile(rr, 95)) if len(rr) else None,
        pulses=None if seen is None else seen.pulses,
        not_captured=None if seen is None else seen.not_captured,
        captured_pct=None
        if seen is None
        else 100.0 * (seen.pulses - seen.not_captured) / seen.pulses,
        natural_before_pulse=None if seen is None else of,
        not_sensed=None if seen is None else seen.not_sensed,
        sensed_pct=100.0 * (of - seen.not_sensed) / of if seen is not None and of else None,
    )


def symptom_findings(
    table: BeatTable,
    episodes: Sequence[Episode],
    clock: Clock,
    n_samples: int,
    excluded: Sequence[tuple[int, int]],
    symptoms: Sequence[Symptom],
) -> tuple[SymptomFinding, ...]:
    """Say what the ECG showed 45 s on each side of each mark."""
    v, s = table.of(Aami.V), table.of(Aami.S)
    findings = []
    for mark in sorted(symptoms, key=lambda m: m.sample):
        reach = round(SYMPTOM_S * clock.fs)
        first = max(0, mark.sample - reach)
        end = min(n_samples, mark.sample + reach)
        a, b = (int(x) for x in np.searchsorted(table.sample, [first, end]))
        bad = overlap(first, end, excluded)
        findings.append(
            SymptomFinding(
                at=clock.moment(mark.sample),
                kind=mark.kind,
                note=mark.note,
                rhythm=_rhythm_at(episodes, first, end, b > a),
                mean_bpm=mean_rate_bpm(table.rr_ms[a + 1 : b]),
                v=int(v[a:b].sum()),
                s=int(s[a:b].sum()),
                analysable=end > first and bad <= 0.5 * (end - first),
            )
        )
    return tuple(findings)


SEVERITY = (
    Rhythm.VFIB,
    Rhythm.VFL,
    Rhythm.ASYS,
    Rhythm.PVT,
    Rhythm.VT,
    Rhythm.AVB3,
    Rhythm.PAUSE,
    Rhythm.AFIB,
    Rhythm.AFL,
    Rhythm.SVTA,
    Rhythm.IVR,
    Rhythm.BII,
    Rhythm.B,
    Rhythm.T,
    Rhythm.COUPLET,
    Rhythm.SVCOUPLET,
    Rhythm.P,
    Rhythm.STACH,
    Rhythm.SBR,
    Rhythm.AVB1,
    Rhythm.SARRH,
)
"""The rhythm that speaks for a stretch: the most serious one in it."""


def _rhythm_at(episodes: Sequence[Episode], first: int, end: int, beats: bool) -> Rhythm:
    present = {
        e.rhythm
        for e in episodes
        if e.onset_sample < end and (e.offset_sample is None or e.offset_sample > first)
    }
    for rhythm in SEVERITY:
        if rhythm in present:
            return rhythm
    return Rhythm.N if beats else Rhythm.NOISE


def in_sinus(finding: SymptomFinding) -> bool:
    """Whether a mark fell into sinus rhythm of usable signal."""
    return finding.analysable and finding.rhythm in SINUS
