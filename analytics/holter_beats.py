"""The beats of a recording as columns, its clock, and the options of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.holter_values import Moment
from analytics.types import Beat, Episode
from analytics.vocabulary import Aami, Rhythm

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

RATE_RR = 8  # RR intervals of one heart rate (report definition 3)
PAUSE_MS = 2000.0  # ms (report definition 7)
AF_RHYTHMS = frozenset({Rhythm.AFIB, Rhythm.AFL})
VF_RHYTHMS = frozenset({Rhythm.VFIB, Rhythm.VFL})
DAY_HOURS = (6.0, 22.0)  # local hours of the day mean (report definition 3)


@dataclass(frozen=True, slots=True)
class HolterOptions:
    """Settings that the report prints."""

    pauses_in_min_rate: bool = False
    """Whether the lowest heart rate may contain a pause of 2 s or more."""
    s_prematurity_pct: float = 20.0
    """Prematurity that makes a beat S, % of the mean of the 8 NN before."""
    st_point_ms: float = 60.0
    """ST level is measured this long after J: 60 or 80 ms."""
    st_reference: str = "first_stable_300_s"
    """``first_stable_300_s`` or ``first_30_s`` (EC57)."""
    qtc_formula: str = "fridericia"
    """Formula of the graded shares: bazett, fridericia, framingham or hodges."""
    af_min_s: float = 30.0
    """Shortest fibrillation episode counted."""
    strip_s: float = 10.0
    """Length of a printed strip."""
    measure_intervals: bool = True
    """Whether ST, QT and templates are measured (needs the signal)."""

    def printed(self) -> Mapping[str, float | int | str | bool]:
        """Give the settings by name, as the passport prints them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Clock:
    """Turns sample positions into moments and local hours."""

    fs: float
    start_at: datetime | None
    offset_s: float | None = None
    """Seconds from local midnight to the first sample, where only that is known."""

    def moment(self, sample: int) -> Moment:
        """Name the place of a sample."""
        elapsed_s = float(sample) / self.fs
        at = None if self.start_at is None else self.start_at + timedelta(seconds=elapsed_s)
        return Moment(int(sample), elapsed_s, at)

    @property
    def midnight_offset_s(self) -> float | None:
        """Seconds from local midnight to the first sample; None without a clock."""
        if self.start_at is not None:
            at = self.start_at
            return at.hour * 3600.0 + at.minute * 60.0 + at.second + at.microsecond / 1e6
        return self.offset_s

    def is_day(self, samples: Ints) -> Flags | None:
        """Whether local time is 06:00 to 22:00; None without a clock."""
        offset = self.midnight_offset_s
        if offset is None:
            return None
        hour = (samples / self.fs + offset) / 3600.0 % 24.0
        day: Flags = (hour >= DAY_HOURS[0]) & (hour < DAY_HOURS[1])
        return day


@dataclass(frozen=True, slots=True)
class BeatTable:
    """Beats as columns, all of shape (n_beats,)."""

    fs: float
    sample: Ints
    aami: NDArray[np.str_]
    rr_ms: Floats
    """NaN where the interval from the beat before is not known."""
    wide: Flags
    in_af: Flags
    """Inside an episode of atrial fibrillation or flutter."""

    def __len__(self) -> int:
        return len(self.sample)

    def of(self, *classes: Aami) -> Flags:
        """Which beats are of these classes."""
        return np.isin(self.aami, [c.value for c in classes])

    @property
    def normal(self) -> Flags:
        """Sinus beats: class N outside fibrillation."""
        return self.of(Aami.N) & ~self.in_af

    @property
    def counted(self) -> Flags:
        """Intervals that a rate may rest on: those known."""
        return np.isfinite(self.rr_ms)


def beat_table(beats: Sequence[Beat], episodes: Sequence[Episode], fs: float) -> BeatTable:
    """Lay the accepted beats out as columns.

    Beats in grade X signal and inside ventricular fibrillation or flutter are not
    accepted: nothing is counted on them, and no interval reaches across them. Neither
    does one across a pause that the rhythm analysis rejected (a missed beat).

    Parameters
    ----------
    beats : sequence of Beat
        In time order.
    episodes : sequence of Episode
        Atrial fibrillation and flutter mark their beats.
    fs : float
        Hz.
    """
    n = len(beats)
    sample = np.fromiter((b.sample for b in beats), np.int64, n)
    rr = np.fromiter((np.nan if b.rr_ms is None else b.rr_ms for b in beats), np.float64, n)
    keep = np.fromiter((b.usable for b in beats), np.bool_, n)
    keep &= ~inside(sample, [e for e in episodes if e.rhythm in VF_RHYTHMS])
    rr[1:][~keep[:-1]] = np.nan
    real = {e.onset_sample for e in episodes if e.rhythm is Rhythm.PAUSE}
    for k in np.flatnonzero(np.nan_to_num(rr) >= PAUSE_MS):
        if int(sample[k - 1]) not in real:
            rr[k] = np.nan
    wide = np.fromiter((b.wide for b in beats), np.bool_, n)
    aami = np.array([b.aami for b in beats], dtype="U1")
    in_af = inside(sample, [e for e in episodes if e.rhythm in AF_RHYTHMS])
    return BeatTable(
        fs=fs,
        sample=sample[keep],
        aami=aami[keep],
        rr_ms=rr[keep],
        wide=wide[keep],
        in_af=in_af[keep],
    )


def inside(samples: Ints, episodes: Sequence[Episode]) -> Flags:
    """Which samples lie in one of the episodes; a running episode has no end."""
    flags = np.zeros(len(samples), dtype=np.bool_)
    for episode in episodes:
        first = int(np.searchsorted(samples, episode.onset_sample))
        end = len(samples)
        if episode.offset_sample is not None:
            end = int(np.searchsorted(samples, episode.offset_sample))
        flags[first:end] = True
    return flags


def mean_rate_bpm(rr_ms: Floats) -> float | None:
    """Rate of some intervals: 60 000 / their mean; None for none."""
    known = rr_ms[np.isfinite(rr_ms)]
    return float(60000.0 / known.mean()) if len(known) else None


def running_rate_bpm(table: BeatTable, *, with_pauses: bool) -> Floats:
    """Heart rate ending at each beat: the mean of 8 consecutive counted RR.

    Parameters
    ----------
    table : BeatTable
    with_pauses : bool
        Whether an interval of 2 s or more may be among the eight.

    Returns
    -------
    ndarray, shape (n_beats,)
        NaN where one of the eight is not known, or is a pause and these are left out.
    """
    n = len(table)
    rate = np.full(n, np.nan)
    if n < RATE_RR:
        return rate
    good = table.counted
    if not with_pauses:
        good = good & ~(np.nan_to_num(table.rr_ms) >= PAUSE_MS)
    total = np.cumsum(np.where(good, table.rr_ms, 0.0))
    number = np.cumsum(good, dtype=np.int64)
    total[RATE_RR:] -= total[:-RATE_RR].copy()
    number[RATE_RR:] -= number[:-RATE_RR].copy()
    full = number == RATE_RR
    rate[full] = 60000.0 * RATE_RR / total[full]
    return rate
