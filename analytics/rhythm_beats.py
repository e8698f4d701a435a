"""The beats of a recording as arrays, which is how the rhythm rules read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.types import Beat, Episode, Flags, QualityWindow
from analytics.vocabulary import Grade, Rhythm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[int, int]
"""First sample and first sample after."""


@dataclass(frozen=True, slots=True)
class BeatArrays:
    """Beats of one recording, one row each, in order of time."""

    sample: Ints
    rr_s: Floats
    """Interval from the beat before; NaN after a gap or noise and for the first beat."""
    kind: NDArray[np.str_]
    """One letter of `analytics.vocabulary.Aami`."""
    wide: Flags
    usable: Flags
    confidence: Floats
    fs: float
    end_sample: int

    def __len__(self) -> int:
        return int(self.sample.size)

    def is_kind(self, *letters: str) -> Flags:
        """Tell which beats are of one of these classes."""
        return np.isin(self.kind, letters)

    def before(self, i: int) -> int:
        """Where the stretch of beat ``i`` begins: midway to the beat before it."""
        if i <= 0:
            return max(0, int(self.sample[0] - 0.3 * self.fs)) if len(self) else 0
        rr = self.rr_s[i]
        apart = rr if np.isfinite(rr) else 0.6
        return max(0, int(self.sample[i] - 0.5 * min(apart, 1.2) * self.fs))

    def after(self, i: int) -> int:
        """Where the stretch of beat ``i`` ends: midway to the beat after it."""
        if i + 1 >= len(self) or not np.isfinite(self.rr_s[i + 1]):
            return min(self.end_sample, int(self.sample[i] + 0.5 * self.fs))
        return self.before(i + 1)


def beat_arrays(beats: Sequence[Beat], fs: float, end_sample: int) -> BeatArrays:
    """Turn beats into arrays.

    Parameters
    ----------
    beats : sequence of Beat
        In order of time.
    fs : float
        Sampling frequency in Hz.
    end_sample : int
        First sample after the recording.

    Returns
    -------
    BeatArrays
    """
    n = len(beats)
    rr_ms = np.fromiter(
        (np.nan if b.rr_ms is None else b.rr_ms for b in beats), dtype=np.float64, count=n
    )
    return BeatArrays(
        sample=np.fromiter((b.sample for b in beats), dtype=np.int64, count=n),
        rr_s=rr_ms / 1000.0,
        kind=np.array([b.aami for b in beats], dtype="<U1"),
        wide=np.fromiter((b.wide for b in beats), dtype=bool, count=n),
        usable=np.fromiter((b.usable for b in beats), dtype=bool, count=n),
        confidence=np.fromiter((b.confidence for b in beats), dtype=np.float64, count=n),
        fs=fs,
        end_sample=end_sample,
    )


def runs_of(flags: Flags) -> list[Span]:
    """List the stretches in which a flag holds, as (first index, first index after)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def merge(spans: Iterable[Span], gap: float = 0.0) -> list[Span]:
    """Join spans that overlap or are no more than ``gap`` samples apart."""
    out: list[Span] = []
    for first, end in sorted(spans):
        if out and first - out[-1][1] <= gap:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((first, end))
    return out


def subtract(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """Cut stretches that are taken out of spans; ``taken`` is merged and in order."""
    starts = [a for a, _ in taken]
    out: list[Span] = []
    for first, end in spans:
        at = first
        i = max(0, int(np.searchsorted(starts, first, side="right")) - 1)
        while i < len(taken) and taken[i][0] < end:
            a, b = taken[i]
            if a > at:
                out.append((at, a))
            at = max(at, b)
            i += 1
        if at < end:
            out.append((at, end))
    return out


def spans_of(episodes: Iterable[Episode], *rhythms: Rhythm) -> list[Span]:
    """Merge the spans of closed episodes, of all rhythms if none is named."""
    return merge(
        (e.onset_sample, e.offset_sample)
        for e in episodes
        if e.offset_sample is not None and (not rhythms or e.rhythm in rhythms)
    )


def covered(samples: Ints, spans: Sequence[Span]) -> Flags:
    """Tell which samples lie in one of the spans (merged and in order)."""
    if not spans:
        return np.zeros(samples.shape, dtype=bool)
    starts = np.array([a for a, _ in spans])
    ends = np.array([b for _, b in spans])
    at = np.searchsorted(starts, samples, side="right") - 1
    inside: Flags = (at >= 0) & (samples < ends[np.maximum(at, 0)])
    return inside


def graded(quality: Sequence[QualityWindow], *grades: Grade) -> list[Span]:
    """Merge the windows that have one of these grades."""
    return merge((w.first_sample, w.end_sample) for w in quality if w.grade in grades)


def mean_rate_bpm(rr_s: Floats) -> float:
    """Rate of a stretch from its intervals: 60 x count / sum; 0 if there is none."""
    known = rr_s[np.isfinite(rr_s)]
    total = float(known.sum())
    return 60.0 * known.size / total if total > 0 else 0.0
