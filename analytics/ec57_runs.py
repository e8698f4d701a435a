"""Run-by-run comparison of EC57: couplets, short runs (3 to 5) and long runs (6 up).

In the manner of WFDB's ``rxr``. Sensitivity follows the runs of the reference and asks
for the longest run that the test has there; positive predictivity goes the other way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.ec57 import (
    LEARNING_S,
    MATCH_WINDOW_S,
    Annotations,
    Intervals,
    Ratio,
    check_annotations,
)

LONGEST = 6
"""Runs are counted up to six beats: six stands for six or more, and for VF (AF)."""

_BINS = {"couplet": (2, 2), "short_run": (3, 5), "long_run": (6, 6)}


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Result of `compare_runs` for one record."""

    se_matrix: NDArray[np.int64]
    """Shape (7, 7): each reference run (row: its length) with the test's (column)."""
    ppv_matrix: NDArray[np.int64]
    """Shape (7, 7): each test run (column: its length) with the reference's (row)."""
    statistics: Mapping[str, Ratio]
    """``couplet_se couplet_ppv short_run_se short_run_ppv long_run_se long_run_ppv``."""


@dataclass(frozen=True, slots=True)
class _Run:
    first: float
    last: float
    length: int


class _Side:
    """Beats of one annotator as members of a run or enders of it."""

    def __init__(self, ann: Annotations, kind: str) -> None:
        spells = ann.vf if kind == "V" else ann.af
        members = "VF" if kind == "V" else "S"
        self.spells = spells
        self.times = ann.samples.astype(np.float64)
        labels = np.array(list(ann.labels), dtype="<U1")
        if kind == "S":
            in_af = _covered(self.times, ann.af)
            labels[in_af & (labels == "N")] = "S"
        self.member = np.isin(labels, list(members)) & ~_covered(self.times, ann.vf)
        # An unreadable stretch ends a run as a normal beat would.
        breaks = np.array([a for a, _ in ann.shutdown], dtype=np.float64)
        self.times = np.concatenate([self.times, breaks])
        self.member = np.concatenate([self.member, np.zeros(breaks.size, dtype=bool)])
        order = np.argsort(self.times, kind="stable")
        self.times, self.member = self.times[order], self.member[order]

    def runs(self, start: float, end: float) -> list[_Run]:
        """List the runs of the test period; a run still open at the end is left out."""
        keep = (self.times >= start) & (self.times <= end)
        times, member = self.times[keep], self.member[keep]
        edge = np.diff(np.concatenate([[0], member.astype(np.int8), [0]]))
        firsts, afters = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
        found = [
            _Run(times[i], times[j - 1], min(int(j - i), LONGEST))
            for i, j in zip(firsts, afters, strict=True)
            if j < times.size
        ]
        spells = [
            _Run(max(a, start), min(b, end), LONGEST)
            for a, b in self.spells
            if b > start and a < end
        ]
        beats = [r for r in found if not any(s.first <= r.first <= s.last for s in spells)]
        return sorted([*beats, *spells], key=lambda r: r.first)

    def longest_in(self, first: float, last: float) -> int:
        """Length of the longest run inside a window, 6 if VF (AF) touches it."""
        if any(a <= last and b > first for a, b in self.spells):
            return LONGEST
        i = int(np.searchsorted(self.times, first, side="left"))
        j = int(np.searchsorted(self.times, last, side="right"))
        best = now = 0
        for is_member in self.member[i:j].tolist():
            now = now + 1 if is_member else 0
            best = max(best, now)
        return min(best, LONGEST)


def _covered(times: NDArray[np.float64], spells: Intervals) -> NDArray[np.bool_]:
    out = np.zeros(times.shape, dtype=bool)
    for first, end in spells:
        out |= (times >= first) & (times < end)
    return out


def compare_runs(
    reference: Annotations,
    test: Annotations,
    fs: float,
    *,
    end_sample: int,
    kind: str = "V",
    start_s: float = LEARNING_S,
    window_s: float = MATCH_WINDOW_S,
) -> RunComparison:
    """Compare runs of ectopic beats, as WFDB's ``rxr`` does.

    V runs hold V and F beats, and VF is a run of six; S runs hold S beats, and AF is a
    run of six. A couplet of the reference is found if the test has two or more there; a
    short run if three or more; a long run only if six or more.

    Parameters
    ----------
    reference, test : Annotations
        Both on the record's clock.
    fs : float
        Sampling frequency in Hz.
    end_sample : int
        Length of the record.
    kind : {"V", "S"}
        Ventricular or supraventricular runs.
    start_s, window_s : float
        Learning period and match window, s.

    Returns
    -------
    RunComparison

    Raises
    ------
    BadShape
        The arrays of an annotator do not fit together.
    """
    check_annotations(reference)
    check_annotations(test)
    start, slack = start_s * fs, int(window_s * fs)
    ref, alg = _Side(reference, kind), _Side(test, kind)
    se = np.zeros((LONGEST + 1, LONGEST + 1), dtype=np.int64)
    ppv = np.zeros_like(se)
    for run in ref.runs(start, end_sample):
        there = alg.longest_in(run.first - slack, run.last + slack)
        se[run.length, there] += 1
    for run in alg.runs(start, end_sample):
        there = ref.longest_in(run.first - slack, run.last + slack)
        ppv[there, run.length] += 1
    return RunComparison(se, ppv, run_statistics(se, ppv))


def run_statistics(
    se_matrix: NDArray[np.int64], ppv_matrix: NDArray[np.int64]
) -> dict[str, Ratio]:
    """Turn the two run matrices into EC57's run statistics.

    Parameters
    ----------
    se_matrix, ppv_matrix : ndarray of int64, shape (7, 7)
        As in `RunComparison`.

    Returns
    -------
    dict of str to Ratio
    """
    stats: dict[str, Ratio] = {}
    for name, (low, high) in _BINS.items():
        rows = se_matrix[low : high + 1]
        stats[f"{name}_se"] = Ratio(int(rows[:, low:].sum()), int(rows.sum()))
        cols = ppv_matrix[:, low : high + 1]
        stats[f"{name}_ppv"] = Ratio(int(cols[low:].sum()), int(cols.sum()))
    return stats
