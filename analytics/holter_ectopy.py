"""Sections 4 and 5: ventricular and supraventricular ectopy.

Beats are read as one string of class letters with ``|`` where the interval is not
known, so that a pattern is a regular expression and never spans a hole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.holter_beats import BeatTable, Clock, Floats, Ints
from analytics.holter_types import (
    Ectopy,
    Run,
    SupraventricularExtras,
    VentricularExtras,
)
from analytics.vocabulary import Aami

RUN_BEATS = 3  # beats of a run (report definition 4)
LONG_RUN_BEATS = 6  # beats of an EC57 long run
TACHYCARDIA_BPM = 100.0  # bpm, above is VT or SVT (report definitions 4 and 5)
SUSTAINED_S = 30.0  # s (report definition 4)
DAY_S = 86400.0
V_OVER_PER_DAY = 100.0  # V per 24 h, abnormal (report definition 4)
V_FREQUENT_PER_DAY, V_FREQUENT_PER_MIN = 500.0, 5  # frequent (report definition 4)
V_HIGH_PER_DAY, V_HIGH_PCT = 10000.0, 20.0  # high (report definition 4)
R_ON_T_OF_RR = 0.43  # of the RR before, fallback for the T end (report definition 4)
INTERPOLATED_SUM = 1.2  # V-N around an interpolated V last at most this many NN (own)
REFERENCE_NN = 8  # NN of the prematurity reference (report definition 5)
BIGEMINY = {Aami.V: re.compile("(?:NV){3,}"), Aami.S: re.compile("(?:NS){3,}")}
TRIGEMINY = {Aami.V: re.compile("(?:NNV){3,}"), Aami.S: re.compile("(?:NNS){3,}")}
STREAK = {Aami.V: re.compile("V+"), Aami.S: re.compile("S+")}


@dataclass(frozen=True, slots=True)
class Streaks:
    """Uninterrupted ectopic beats of one class, by their first and end beat index."""

    first: Ints
    end: Ints

    @property
    def beats(self) -> Ints:
        """Number of beats of each."""
        return self.end - self.first

    def starting(self, table: BeatTable, low: int, high: int | None = None) -> Ints:
        """Give the samples where streaks of ``low`` to ``high`` beats begin."""
        keep = self.beats >= low
        if high is not None:
            keep &= self.beats <= high
        return table.sample[self.first[keep]]


@dataclass(frozen=True, slots=True)
class _Letters:
    text: str
    beat: Ints
    """Beat index of each letter; a ``|`` has the index of the beat after it."""


def _letters(table: BeatTable) -> _Letters:
    broken = ~np.isfinite(table.rr_ms)
    position = np.arange(len(table)) + np.cumsum(broken)
    size = len(table) + int(broken.sum())
    letters = np.full(size, "|", dtype="U1")
    letters[position] = table.aami
    beat = np.zeros(size, dtype=np.int64)
    beat[position] = np.arange(len(table))
    beat[position[broken] - 1] = np.flatnonzero(broken)
    return _Letters("".join(letters.tolist()), beat)


def _find(pattern: re.Pattern[str], letters: _Letters) -> Streaks:
    spans = [m.span() for m in pattern.finditer(letters.text)]
    first = np.array([letters.beat[a] for a, _ in spans], dtype=np.int64)
    end = np.array([letters.beat[b - 1] + 1 for _, b in spans], dtype=np.int64)
    return Streaks(first, end)


def streaks(table: BeatTable, kind: Aami) -> Streaks:
    """Find every uninterrupted streak of V or S beats (of one beat, too)."""
    return _find(STREAK[kind], _letters(table))


def ectopy(table: BeatTable, kind: Aami, clock: Clock, analysable_s: float) -> Ectopy:
    """Count one kind of ectopic beat.

    A couplet is exactly 2 in a row, a triplet 3, a run 3 or more; bigeminy is at least
    three cycles of normal-ectopic, trigeminy of normal-normal-ectopic. Nothing spans an
    unknown interval.

    Parameters
    ----------
    table : BeatTable
    kind : Aami
        ``Aami.V`` or ``Aami.S``.
    clock : Clock
    analysable_s : float
    """
    letters = _letters(table)
    found = _find(STREAK[kind], letters)
    sizes = found.beats
    runs = _runs(found, table, kind, clock)
    at = table.sample[table.of(kind)]
    count = len(at)
    total = len(table)
    hours = analysable_s / 3600.0
    coupling = _couplings(table, kind)
    bigeminy, trigeminy = _find(BIGEMINY[kind], letters), _find(TRIGEMINY[kind], letters)
    per_minute = _most_in(at, 60.0 * clock.fs)
    burden = 100.0 * count / total if total else None
    return Ectopy(
        count=count,
        per_hour=count / hours if hours > 0.0 else None,
        burden_pct=burden,
        isolated=int((sizes == 1).sum()),
        couplets=int((sizes == 2).sum()),
        triplets=int((sizes == RUN_BEATS).sum()),
        short_runs=int(((sizes >= RUN_BEATS) & (sizes < LONG_RUN_BEATS)).sum()),
        long_runs=int((sizes >= LONG_RUN_BEATS).sum()),
        runs=len(runs),
        beats_in_runs=int(sizes[sizes >= RUN_BEATS].sum()),
        tachycardias=sum(r.bpm > TACHYCARDIA_BPM for r in runs),
        sustained=sum(
            r.bpm > TACHYCARDIA_BPM and r.duration_s >= SUSTAINED_S for r in runs
        ),
        slow_runs=sum(r.bpm <= TACHYCARDIA_BPM for r in runs),
        bigeminy_episodes=len(bigeminy.first),
        bigeminy_beats=int(bigeminy.beats.sum() // 2),
        trigeminy_episodes=len(trigeminy.first),
        trigeminy_beats=int(trigeminy.beats.sum() // 3),
        fastest=max(runs, key=lambda r: r.bpm, default=None),
        longest=_by_length(runs, 0),
        second_longest=_by_length(runs, 1),
        fastest_by_kind={r.kind: r for r in sorted(runs, key=lambda r: r.bpm)},
        longest_by_kind={r.kind: r for r in sorted(runs, key=lambda r: r.beats)},
        max_per_hour=_most_in(at, 3600.0 * clock.fs),
        max_per_minute=per_minute,
        coupling_mean_ms=float(coupling.mean()) if len(coupling) else None,
        coupling_sd_ms=float(coupling.std(ddof=1)) if len(coupling) > 1 else None,
        flags=_flags(kind, count, analysable_s, burden, per_minute),
    )


def _by_length(runs: Sequence[Run], rank: int) -> Run | None:
    ordered = sorted(runs, key=lambda r: (-r.beats, r.onset.sample))
    return ordered[rank] if len(ordered) > rank else None


def _runs(found: Streaks, table: BeatTable, kind: Aami, clock: Clock) -> list[Run]:
    runs = []
    for first, end in zip(found.first.tolist(), found.end.tolist(), strict=True):
        if end - first < RUN_BEATS:
            continue
        inner_ms = float(table.rr_ms[first + 1 : end].sum())
        bpm = 60000.0 * (end - first - 1) / inner_ms
        runs.append(
            Run(
                onset=clock.moment(int(table.sample[first])),
                beats=end - first,
                duration_s=inner_ms / 1000.0,
                bpm=bpm,
                kind=_run_kind(kind, bpm, inner_ms / 1000.0),
            )
        )
    return runs


def _run_kind(kind: Aami, bpm: float, duration_s: float) -> str:
    fast = bpm > TACHYCARDIA_BPM
    if kind is Aami.S:
        return "svt" if fast else "atrial_run"
    if not fast:
        return "aivr"
    return "vt_sustained" if duration_s >= SUSTAINED_S else "vt_nonsustained"


def _couplings(table: BeatTable, kind: Aami) -> Floats:
    """Intervals from a normal beat to the ectopic beat after it, ms."""
    ectopic = table.of(kind)
    after_normal = np.zeros(len(table), dtype=np.bool_)
    after_normal[1:] = table.of(Aami.N)[:-1]
    coupling: Floats = table.rr_ms[ectopic & after_normal & np.isfinite(table.rr_ms)]
    return coupling


def _most_in(at: Ints, span: float) -> int:
    """Largest number of events within any stretch of ``span`` samples."""
    if not len(at):
        return 0
    ends = np.searchsorted(at, at + span, side="left")
    return int((ends - np.arange(len(at))).max())


def _flags(
    kind: Aami, count: int, analysable_s: float, burden: float | None, per_minute: int
) -> tuple[str, ...]:
    # A recording shorter than a day is not scaled up: what was seen is what counts.
    per_day = count * min(1.0, DAY_S / analysable_s) if analysable_s > 0.0 else 0.0
    flags = []
    if per_day > V_OVER_PER_DAY:
        flags.append("over_100_per_24h")
    if kind is Aami.V:
        if per_day > V_FREQUENT_PER_DAY or per_minute > V_FREQUENT_PER_MIN:
            flags.append("frequent")
        if per_day > V_HIGH_PER_DAY or (burden is not None and burden > V_HIGH_PCT):
            flags.append("high")
    return tuple(flags)


def ventricular_extras(
    table: BeatTable, morphologies: int, t_end_ms: Floats | None
) -> VentricularExtras:
    """Count R-on-T, interpolated and fusion beats.

    Parameters
    ----------
    table : BeatTable
    morphologies : int
        V templates of at least 3 beats.
    t_end_ms : ndarray, shape (n_beats,), optional
        Time from each beat's R to its T end, NaN where not measured; without it a V is
        R-on-T when its coupling is below 0.43 of the RR before, and the answer says so.
    """
    v = np.flatnonzero(table.of(Aami.V))
    v = v[(v > 0) & np.isfinite(table.rr_ms[v])]
    method = "coupling"
    if t_end_ms is not None and np.isfinite(t_end_ms[v - 1]).any():
        method = "t_end"
        limit = t_end_ms[v - 1]
    else:
        limit = R_ON_T_OF_RR * table.rr_ms[v - 1]
    after_beat = ~table.of(Aami.V)[v - 1]
    r_on_t = int((after_beat & (table.rr_ms[v] < np.nan_to_num(limit))).sum())
    return VentricularExtras(
        morphologies=morphologies,
        r_on_t=r_on_t,
        r_on_t_method=method,
        interpolated=_interpolated(table, v),
        fusion=int(table.of(Aami.F).sum()),
    )


def _interpolated(table: BeatTable, v: Ints) -> int:
    """V between two normal beats that are about one NN apart."""
    normal = table.of(Aami.N)
    v = v[(v >= 2) & (v < len(table) - 1)]
    between = normal[v - 2] & normal[v - 1] & normal[v + 1]
    both_ms = table.rr_ms[v] + table.rr_ms[v + 1]
    with np.errstate(invalid="ignore"):
        short = both_ms <= INTERPOLATED_SUM * table.rr_ms[v - 1]
    return int((between & short).sum())


def supraventricular_extras(
    table: BeatTable, premature_setting_pct: float
) -> SupraventricularExtras:
    """Count wide S beats, and S beats that are less premature than the setting.

    The reference is the mean of the (up to) 8 NN intervals before the beat.
    """
    s = np.flatnonzero(table.of(Aami.S))
    normal = table.of(Aami.N)
    is_nn = np.zeros(len(table), dtype=np.bool_)
    is_nn[1:] = normal[1:] & normal[:-1] & np.isfinite(table.rr_ms[1:])
    nn_at = np.flatnonzero(is_nn)
    total = np.concatenate(([0.0], np.cumsum(table.rr_ms[nn_at])))
    before = np.searchsorted(nn_at, s)
    number = np.minimum(before, REFERENCE_NN)
    known = (number > 0) & np.isfinite(table.rr_ms[s])
    reference = (total[before] - total[before - number]) / np.maximum(number, 1)
    late = table.rr_ms[s] > (1.0 - premature_setting_pct / 100.0) * reference
    return SupraventricularExtras(
        aberrant=int(table.wide[s].sum()),
        premature_setting_pct=premature_setting_pct,
        below_setting=int((late & known).sum()),
    )
