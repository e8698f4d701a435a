"""Episode-by-episode comparison of EC57: AF, VF and ST episodes.

In the manner of WFDB's ``epicmp``, with one correction: where an excluded stretch covers
the beginning of an episode, the episode gets shorter by it (``epicmp`` adds the sign the
wrong way round and lets it grow).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics.ec57 import LEARNING_S, Intervals, Ratio

Spans = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class EpisodeComparison:
    """Result of `compare_episodes` for one record."""

    reference_s: float
    """Total duration of the reference's episodes, s."""
    test_s: float
    """Total duration of the test's episodes, s."""
    overlap_s: float
    """Duration that both call an episode, s."""
    missed: tuple[tuple[int, int], ...]
    """Reference episodes that the test did not find."""
    false: tuple[tuple[int, int], ...]
    """Test episodes that the reference does not have."""
    statistics: Mapping[str, Ratio]
    """``episode_se episode_ppv duration_se duration_ppv``."""


def compare_episodes(
    reference: Intervals,
    test: Intervals,
    fs: float,
    *,
    end_sample: int,
    start_s: float = LEARNING_S,
    min_length_s: float = 0.0,
    excluded: Intervals = (),
    reference_extrema: Sequence[int] | None = None,
    test_extrema: Sequence[int] | None = None,
) -> EpisodeComparison:
    """Compare episodes of one kind, as WFDB's ``epicmp`` does.

    AF and VF: an episode is found if any part of it overlaps one of the other side. ST
    (extrema given): if the overlap holds its extremum or at least half of it. Durations
    are compared as overlap over the total of either side.

    Parameters
    ----------
    reference, test : sequence of (first sample, first sample after)
        In order, not overlapping within one side.
    fs : float
        Sampling frequency in Hz.
    end_sample : int
        Length of the record.
    start_s : float
        Learning period left out, s; an episode that spans its end counts from there.
    min_length_s : float
        Shorter episodes are ignored on the side that is being followed.
    excluded : sequence of (first sample, first sample after)
        Left out of positive predictivity: for AF the reference's atrial flutter.
    reference_extrema, test_extrema : sequence of int, optional
        Sample of each episode's largest ST deviation: asks for the ST rule.

    Returns
    -------
    EpisodeComparison
    """
    start = start_s * fs
    ref_spans = _clip(reference, start, end_sample, reference_extrema)
    test_spans = _clip(test, start, end_sample, test_extrema)
    se = _follow(
        ref_spans, test_spans, (), min_length_s * fs, reference_extrema is not None
    )
    ppv = _follow(
        test_spans, ref_spans, excluded, min_length_s * fs, test_extrema is not None
    )
    stats = {
        "episode_se": Ratio(se.hits, se.hits + len(se.lost)),
        "episode_ppv": Ratio(ppv.hits, ppv.hits + len(ppv.lost)),
        "duration_se": Ratio(se.overlap / fs, se.total / fs),
        "duration_ppv": Ratio(ppv.overlap / fs, ppv.total / fs),
    }
    return EpisodeComparison(
        reference_s=se.total / fs,
        test_s=ppv.total / fs,
        overlap_s=ppv.overlap / fs,
        missed=tuple(se.lost),
        false=tuple(ppv.lost),
        statistics=stats,
    )


@dataclass(slots=True)
class _Followed:
    hits: int
    lost: list[tuple[int, int]]
    total: float
    overlap: float


_Spans = list[tuple[float, float, float | None]]


def _clip(
    episodes: Intervals, start: float, end: float, extrema: Sequence[int] | None
) -> _Spans:
    """Cut episodes to the test period; an extremum outside it is not asked for."""
    out: _Spans = []
    for i, (first, after) in enumerate(episodes):
        a, b = max(float(first), start), min(float(after), float(end))
        if b <= a:
            continue
        peak = None if extrema is None else float(extrema[i])
        if peak is not None and not start < peak < end:
            peak = None
        out.append((a, b, peak))
    return out


def _without(first: float, after: float, excluded: Intervals) -> Spans:
    """Cut excluded stretches out of an episode."""
    parts: Spans = [(first, after)]
    for a, b in excluded:
        parts = [
            piece
            for p, q in parts
            for piece in ((p, min(q, float(a))), (max(p, float(b)), q))
            if piece[1] > piece[0]
        ]
    return parts


def _follow(
    here: _Spans, there: _Spans, excluded: Intervals, min_length: float, is_st: bool
) -> _Followed:
    """Follow the episodes of one side and look for each on the other."""
    out = _Followed(0, [], 0.0, 0.0)
    for first, after, peak in here:
        parts = _without(first, after, excluded)
        duration = sum(q - p for p, q in parts)
        if duration <= 0 or duration < min_length:
            continue
        shared = [
            (max(p, a), min(q, b)) for p, q in parts for a, b, _ in there if a < q and b > p
        ]
        overlap = sum(q - p for p, q in shared)
        out.total += duration
        out.overlap += overlap
        found = overlap > 0
        if is_st:
            has_peak = peak is not None and any(p <= peak <= q for p, q in shared)
            found = found and (has_peak or 2 * overlap >= duration)
        if found:
            out.hits += 1
        else:
            out.lost.append((int(first), int(after)))
    return out
