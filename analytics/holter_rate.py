"""Sections 1 and 3 and the hourly table: coverage, heart rate, hours."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.holter_beats import (
    BeatTable,
    Clock,
    Flags,
    Floats,
    HolterOptions,
    Ints,
    mean_rate_bpm,
    running_rate_bpm,
)
from analytics.holter_types import Coverage, HeartRate, HourRow, RateExtreme
from analytics.types import QualityWindow
from analytics.vocabulary import Grade, NoiseCause

FULL_DAY_S = 18 * 3600.0  # s analysable (report definition 1)
HOUR_S = 3600.0
FAST_BPM = 100.0  # bpm (report definition 3)
SLOW_BPM = (60.0, 50.0, 40.0)  # bpm (report definition 3)


def coverage(
    quality: Sequence[QualityWindow],
    clock: Clock,
    n_samples: int,
    lead_names: Sequence[str],
    primary: int = 0,
) -> Coverage:
    """Add up what was recorded and what can be analysed.

    Parameters
    ----------
    quality : sequence of QualityWindow
        Covering the recording; time that no window covers counts as gap.
    clock : Clock
    n_samples : int
    lead_names : sequence of str
    primary : int
        Position of the lead in which the beats were found.
    """
    fs = clock.fs
    grades: dict[str, float] = {g.value: 0.0 for g in Grade}
    causes: dict[str, float] = defaultdict(float)
    covered = 0
    for window in quality:
        length = window.end_sample - window.first_sample
        covered += length
        grades[window.grade.value] += length / fs
        if window.cause is not None:
            causes[str(window.cause)] += length / fs
    uncovered_s = max(0, n_samples - covered) / fs
    grades[Grade.X.value] += uncovered_s
    excluded = _excluded_by_cause(quality, fs)
    gap_s = excluded[NoiseCause.GAP.value] + uncovered_s
    lead_off_s = excluded[NoiseCause.LEAD_OFF.value]
    recorded_s = n_samples / fs
    analysable_s = max(0.0, recorded_s - grades[Grade.X.value])
    return Coverage(
        fs=fs,
        lead_names=tuple(lead_names),
        lead_analysed=lead_names[primary],
        start_at=clock.moment(0).at,
        end_at=clock.moment(n_samples).at,
        recorded_s=recorded_s,
        analysable_s=analysable_s,
        analysable_pct=100.0 * analysable_s / recorded_s if recorded_s else 0.0,
        gap_s=gap_s,
        lead_off_s=lead_off_s,
        noise_s=grades[Grade.X.value] - gap_s - lead_off_s,
        grade_s=grades,
        cause_s=dict(causes),
        full_day=analysable_s >= FULL_DAY_S,
    )


def _excluded_by_cause(quality: Iterable[QualityWindow], fs: float) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for window in quality:
        if window.grade is Grade.X:
            length_s = (window.end_sample - window.first_sample) / fs
            seconds[str(window.cause)] += length_s
    return seconds


def excluded_ranges(quality: Sequence[QualityWindow]) -> list[tuple[int, int]]:
    """Stretches of grade X, joined, as (first, end) samples."""
    ranges: list[tuple[int, int]] = []
    for window in quality:
        if window.grade is not Grade.X:
            continue
        if ranges and ranges[-1][1] >= window.first_sample:
            ranges[-1] = (ranges[-1][0], window.end_sample)
        else:
            ranges.append((window.first_sample, window.end_sample))
    return ranges


def heart_rate(
    table: BeatTable, clock: Clock, analysable_s: float, options: HolterOptions
) -> HeartRate:
    """Measure section 3.

    Rates are means of 8 consecutive counted RR. The time above or below a limit is the
    sum of the intervals that end in a rate beyond it. Day and night means are
    60 000 / mean RR of their counted intervals.
    """
    rate = running_rate_bpm(table, with_pauses=options.pauses_in_min_rate)
    fast_rate = running_rate_bpm(table, with_pauses=True)
    counted = table.counted
    day = clock.is_day(table.sample)
    day_bpm = night_bpm = None
    if day is not None:
        day_bpm = mean_rate_bpm(table.rr_ms[counted & day])
        night_bpm = mean_rate_bpm(table.rr_ms[counted & ~day])
    both = day_bpm is not None and night_bpm is not None
    n = len(table)
    seconds = np.where(np.isfinite(table.rr_ms), table.rr_ms, 0.0) / 1000.0
    under = [float(seconds[fast_rate < limit].sum()) for limit in SLOW_BPM]
    return HeartRate(
        total_beats=n,
        mean_bpm=60.0 * n / analysable_s if n and analysable_s > 0.0 else None,
        min=_extreme(rate, table, clock, lowest=True),
        max=_extreme(fast_rate, table, clock, lowest=False),
        pauses_in_min=options.pauses_in_min_rate,
        day_mean_bpm=day_bpm,
        night_mean_bpm=night_bpm,
        circadian_index=day_bpm / night_bpm if both and day_bpm and night_bpm else None,
        over_100_s=float(seconds[fast_rate > FAST_BPM].sum()),
        under_60_s=under[0],
        under_50_s=under[1],
        under_40_s=under[2],
    )


def _extreme(
    rate: Floats, table: BeatTable, clock: Clock, *, lowest: bool
) -> RateExtreme | None:
    if not np.isfinite(rate).any():
        return None
    k = int(np.nanargmin(rate) if lowest else np.nanargmax(rate))
    middle = int((table.sample[k] + table.sample[max(0, k - 8)]) // 2)
    return RateExtreme(float(rate[k]), clock.moment(middle))


@dataclass(frozen=True, slots=True)
class HourCounts:
    """What the hourly table counts besides heart rate; sample positions of each event."""

    v: Ints
    v_couplets: Ints
    v_runs: Ints
    s: Ints
    s_couplets: Ints
    s_runs: Ints
    pauses: Ints
    af_ranges: tuple[tuple[int, int], ...]


def hourly(
    table: BeatTable,
    clock: Clock,
    n_samples: int,
    excluded: Sequence[tuple[int, int]],
    counts: HourCounts,
) -> tuple[HourRow, ...]:
    """Make the hourly table, on clock hours when there is a clock.

    Parameters
    ----------
    table : BeatTable
    clock : Clock
    n_samples : int
    excluded : sequence of (int, int)
        Stretches that cannot be analysed.
    counts : HourCounts

    Returns
    -------
    tuple of HourRow
        The first and last row may be shorter than an hour.
    """
    edges = _hour_edges(clock, n_samples)
    rate = running_rate_bpm(table, with_pauses=False)
    counted = table.counted
    return tuple(
        _hour_row(first, end, table, clock, (rate, counted), excluded, counts)
        for first, end in itertools.pairwise(edges)
    )


def _hour_edges(clock: Clock, n_samples: int) -> list[int]:
    hour = HOUR_S * clock.fs
    into = (clock.midnight_offset_s or 0.0) % HOUR_S * clock.fs
    edges = [0]
    nxt = hour - into
    while nxt < n_samples:
        edges.append(round(nxt))
        nxt += hour
    if n_samples:
        edges.append(n_samples)
    return edges


def _hour_row(
    first: int,
    end: int,
    table: BeatTable,
    clock: Clock,
    rates: tuple[Floats, Flags],
    excluded: Sequence[tuple[int, int]],
    counts: HourCounts,
) -> HourRow:
    a, b = (int(x) for x in np.searchsorted(table.sample, [first, end]))
    rate, counted = rates
    here = rate[a:b][np.isfinite(rate[a:b])]
    rr = table.rr_ms[a:b][counted[a:b]]

    def number(at: Ints) -> int:
        low, high = np.searchsorted(at, [first, end])
        return int(high - low)

    analysable_s = (end - first - overlap(first, end, excluded)) / clock.fs
    return HourRow(
        starts=clock.moment(first),
        recorded_s=(end - first) / clock.fs,
        analysable_s=analysable_s,
        beats=b - a,
        mean_bpm=60.0 * (b - a) / analysable_s if analysable_s > 0.0 and b > a else None,
        min_bpm=float(here.min()) if len(here) else None,
        max_bpm=float(here.max()) if len(here) else None,
        v=number(counts.v),
        v_couplets=number(counts.v_couplets),
        v_runs=number(counts.v_runs),
        s=number(counts.s),
        s_couplets=number(counts.s_couplets),
        s_runs=number(counts.s_runs),
        pauses=number(counts.pauses),
        longest_rr_ms=float(rr.max()) if len(rr) else None,
        af_s=overlap(first, end, counts.af_ranges) / clock.fs,
    )


def overlap(first: int, end: int, ranges: Sequence[tuple[int, int]]) -> int:
    """Count the samples of [first, end) that lie in the ranges (which must not overlap)."""
    return sum(max(0, min(end, b) - max(first, a)) for a, b in ranges)
