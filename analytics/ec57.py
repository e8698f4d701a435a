"""Comparison of test annotations with a reference, as ANSI/AAMI EC57 asks.

Three comparisons, each in the manner of the WFDB program that the field quotes: beat by
beat (``bxb``), run by run (``rxr``, in `ec57_runs`) and episode by episode (``epicmp``,
in `ec57_episodes`); here are the beats and what all three share. Pure functions on
arrays: reading files is `analytics.records`' work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.errors import BadShape

LEARNING_S = 300.0  # s; EC57: the first 5 minutes are not compared
MATCH_WINDOW_S = 0.150  # s; EC57: two labels within 150 ms speak of one beat

AAMI_OF_SYMBOL: Mapping[str, str] = {
    **dict.fromkeys("NLRBejn", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VrE", "V"),
    "F": "F",
    **dict.fromkeys("Q/f?", "Q"),
}
"""WFDB beat symbol to class; symbols that are not here are not beats.

Escape beats ``e j n`` are N, as EC57's text and doi:10.1109/TBME.2004.827359 have it.
"""
WFDB_AAMI_OF_SYMBOL: Mapping[str, str] = {**AAMI_OF_SYMBOL, **dict.fromkeys("ejn", "S")}
"""The same as WFDB's ``bxb`` and ``rxr`` have it: escape beats count as S."""

CLASSES = "NSVFQ"
ROWS = "NSVFQOX"
"""Rows (reference) and columns (test) of the confusion matrix; O: the other side has no
beat there; X: the other side had declared shut-down there."""

Intervals = Sequence[tuple[int, int]]
"""(first sample, first sample after), in order of time."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Beats of one annotator with the stretches that change how they are compared."""

    samples: NDArray[np.int64]
    """Beat positions, shape (n_beats,), in order."""
    labels: Sequence[str]
    """One of ``N S V F Q`` for each beat (``/`` is taken as Q)."""
    shutdown: Intervals = ()
    """Where the annotator says the signal cannot be read."""
    vf: Intervals = ()
    """Ventricular flutter and fibrillation: beats inside are not compared."""
    af: Intervals = ()
    """Atrial fibrillation: to `ec57_runs` the N beats inside are S."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A statistic as its two counts, so that records can be pooled."""

    hits: float
    of: float

    @property
    def pct(self) -> float | None:
        """Percentage, None where there was nothing to count."""
        return 100.0 * self.hits / self.of if self.of > 0 else None


@dataclass(frozen=True, slots=True)
class Summary:
    """One statistic over many records."""

    gross_pct: float | None
    """Counts of all records pooled: every beat weighs the same."""
    average_pct: float | None
    """Mean of the records' percentages: every record weighs the same."""
    records: int
    """Records in which the statistic was defined."""


@dataclass(frozen=True, slots=True)
class BeatComparison:
    """Result of `compare_beats` for one record."""

    matrix: NDArray[np.int64]
    """Counts, shape (7, 7): reference class by test class, both in the order of `ROWS`."""
    rr_error_rms_ms: float | None
    """Root mean square difference of the two RR intervals at each pair."""
    shutdown_s: float
    """Time the test annotator had shut down after the learning period."""
    statistics: Mapping[str, Ratio] = field(default_factory=dict)
    """``qrs_se qrs_ppv v_se v_ppv v_fpr s_se s_ppv`` and ``*_missed_in_shutdown``."""


def summarize(records: Sequence[Mapping[str, Ratio]]) -> dict[str, Summary]:
    """Pool statistics over records, the way WFDB's ``sumstats`` does.

    Parameters
    ----------
    records : sequence of mappings
        One mapping of statistic name to `Ratio` for each record.

    Returns
    -------
    dict
        Gross and average of every statistic named in any record.
    """
    names = dict.fromkeys(name for record in records for name in record)
    out: dict[str, Summary] = {}
    for name in names:
        ratios = [record[name] for record in records if name in record]
        each = [ratio.pct for ratio in ratios]
        defined = [pct for pct in each if pct is not None]
        gross = Ratio(sum(r.hits for r in ratios), sum(r.of for r in ratios)).pct
        average = float(np.mean(defined)) if defined else None
        out[name] = Summary(gross, average, len(defined))
    return out


def inside(sample: float, intervals: Intervals) -> bool:
    """Whether a sample lies in one of the stretches (both ends included)."""
    return any(first <= sample <= end for first, end in intervals)


def check_annotations(ann: Annotations) -> None:
    """Refuse annotations whose arrays do not fit together.

    Raises
    ------
    BadShape
        Lengths differ, a label is unknown, or positions are not in order.
    """
    n_labels = len(ann.labels)
    if ann.samples.ndim != 1 or ann.samples.size != n_labels:
        raise BadShape(samples=ann.samples.shape, labels=n_labels)
    if bool(np.any(np.diff(ann.samples) < 0)):
        raise BadShape(samples="not in order")
    unknown = sorted(set(ann.labels) - set(CLASSES) - {"/"})
    if unknown:
        raise BadShape(labels=unknown)


class _Reader:
    """One side of the comparison: the current beat, the next one and the RR interval."""

    def __init__(self, ann: Annotations) -> None:
        keep = [not any(a <= s < b for a, b in ann.vf) for s in ann.samples.tolist()]
        kept = [i for i, ok in enumerate(keep) if ok]
        labels = ["Q" if ann.labels[i] == "/" else ann.labels[i] for i in kept]
        self._times: list[float] = [*ann.samples[kept].tolist(), np.inf, np.inf]
        self._labels = [*labels, "*", "*"]
        # An RR interval across unreadable signal or fibrillation is not one.
        breaks = sorted(first for first, _ in (*ann.shutdown, *ann.vf))
        self._rr = [0.0] * len(self._times)
        for i in range(1, len(kept)):
            before, now = self._times[i - 1], self._times[i]
            gap = np.searchsorted(breaks, before) < np.searchsorted(breaks, now)
            self._rr[i] = 0.0 if gap else now - before
        self._at = 0

    def seek(self, start: float) -> None:
        """Go to the first beat of the test period."""
        self._at = int(np.searchsorted(self._times[:-2], start, side="left"))

    def advance(self) -> None:
        self._at = min(self._at + 1, len(self._times) - 2)

    @property
    def time(self) -> float:
        return self._times[self._at]

    @property
    def label(self) -> str:
        return self._labels[self._at]

    @property
    def rr(self) -> float:
        return self._rr[self._at]

    @property
    def before(self) -> tuple[float, str, float]:
        """Time, label and RR of the beat before; -inf if there is none."""
        if self._at == 0:
            return -np.inf, "*", 0.0
        i = self._at - 1
        return self._times[i], self._labels[i], self._rr[i]

    @property
    def following(self) -> float:
        return self._times[min(self._at + 1, len(self._times) - 1)]


class _Tally:
    """Pairs counted so far."""

    def __init__(self) -> None:
        self.matrix = np.zeros((7, 7), dtype=np.int64)
        self._squares = 0.0
        self._intervals = 0

    def pair(self, ref: str, test: str, ref_rr: float, test_rr: float) -> None:
        # "*" (a test beat while the reference says VF) is in no cell: not counted.
        if ref in ROWS and test in ROWS:
            self.matrix[ROWS.index(ref), ROWS.index(test)] += 1
        if ref_rr > 0 and test_rr > 0:
            self._squares += (ref_rr - test_rr) ** 2
            self._intervals += 1

    def rr_rms(self) -> float | None:
        return float(np.sqrt(self._squares / self._intervals)) if self._intervals else None


def compare_beats(
    reference: Annotations,
    test: Annotations,
    fs: float,
    *,
    end_sample: int,
    start_s: float = LEARNING_S,
    window_s: float = MATCH_WINDOW_S,
) -> BeatComparison:
    """Compare beats one by one, as WFDB's ``bxb`` does with SVEB statistics.

    A test beat is paired with the reference beat if both lie within the window and no
    neighbour is a better match; the rest is paired with O (no beat) or X (shut-down).
    Test beats while the reference says VF are not counted; beats inside an annotator's
    own VF are not read at all. Ventricular false positives do not include reference
    F and Q; supraventricular ones do not include reference Q.

    Parameters
    ----------
    reference, test : Annotations
        Both on the record's clock.
    fs : float
        Sampling frequency in Hz.
    end_sample : int
        Length of the record.
    start_s : float
        Learning period left out, s.
    window_s : float
        Match window, s.

    Returns
    -------
    BeatComparison

    Raises
    ------
    BadShape
        The arrays of an annotator do not fit together.
    """
    check_annotations(reference)
    check_annotations(test)
    start, window = start_s * fs, int(window_s * fs)
    ref, alg, tally = _Reader(reference), _Reader(test), _Tally()
    ref.seek(start)
    alg.seek(start)
    _first_beat(ref, alg, tally, start, window)
    while ref.time <= end_sample or alg.time <= end_sample:
        if alg.time < ref.time:
            lag = ref.time - alg.time
            if lag <= window and lag < abs(ref.time - alg.following):
                tally.pair(ref.label, alg.label, ref.rr, alg.rr)
                ref.advance()
            else:
                tally.pair(_no_reference(alg.time, reference), alg.label, ref.rr, alg.rr)
            alg.advance()
        else:
            lag = alg.time - ref.time
            if lag <= window and lag < abs(alg.time - ref.following):
                tally.pair(ref.label, alg.label, ref.rr, alg.rr)
                alg.advance()
            else:
                label = "X" if inside(ref.time, test.shutdown) else "O"
                tally.pair(ref.label, label, ref.rr, alg.rr)
            ref.advance()
    rms = tally.rr_rms()
    shut = sum(max(0.0, min(b, end_sample) - max(a, start)) for a, b in test.shutdown)
    return BeatComparison(
        matrix=tally.matrix,
        rr_error_rms_ms=None if rms is None else 1000.0 * rms / fs,
        shutdown_s=shut / fs,
        statistics=beat_statistics(tally.matrix),
    )


def _first_beat(
    ref: _Reader, alg: _Reader, tally: _Tally, start: float, window: int
) -> None:
    """Settle beats at the border of the learning period so that none is counted false."""
    last, label, rr = alg.before
    lag = ref.time - last
    if lag < abs(ref.time - alg.time) and lag <= window:
        tally.pair(ref.label, label, ref.rr, rr)
        ref.advance()
    elif alg.time - start <= window and (
        abs(ref.time - alg.following) < abs(ref.time - alg.time)
    ):
        alg.advance()


def _no_reference(sample: float, reference: Annotations) -> str:
    """Say what the reference holds where only the test annotator has a beat."""
    if inside(sample, reference.vf):
        return "*"
    return "X" if inside(sample, reference.shutdown) else "O"


def beat_statistics(matrix: NDArray[np.int64]) -> dict[str, Ratio]:
    """Turn a confusion matrix into EC57's beat statistics.

    Parameters
    ----------
    matrix : ndarray of int64, shape (7, 7)
        As in `BeatComparison`; matrices of several records may be added first.

    Returns
    -------
    dict of str to Ratio
    """
    beats = matrix[:5]
    found = int(beats[:, :5].sum())
    extra = int(matrix[5:, :5].sum())
    n, s, v, f, q, o, x = range(7)
    v_hit, s_hit = int(matrix[v, v]), int(matrix[s, s])
    v_false = int(matrix[[n, s, o, x], v].sum())
    s_false = int(matrix[[n, v, f, o, x], s].sum())
    not_v = int(matrix.sum() - matrix[v].sum() - matrix[[f, q], v].sum())
    not_v -= int(matrix[[n, s, f, q], 5:].sum())
    stats = {
        "qrs_se": Ratio(found, int(beats.sum())),
        "qrs_ppv": Ratio(found, found + extra),
        "v_se": Ratio(v_hit, int(matrix[v].sum())),
        "v_ppv": Ratio(v_hit, v_hit + v_false),
        "v_fpr": Ratio(v_false, not_v),
        "s_se": Ratio(s_hit, int(matrix[s].sum())),
        "s_ppv": Ratio(s_hit, s_hit + s_false),
        "missed_in_shutdown": Ratio(int(beats[:, x].sum()), int(beats.sum())),
    }
    for row, name in ((n, "n"), (s, "s"), (v, "v"), (f, "f")):
        share = Ratio(int(matrix[row, x]), int(matrix[row].sum()))
        stats[f"{name}_missed_in_shutdown"] = share
    return stats
