"""Beats and episodes as WFDB annotations, and back."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from analytics.records_types import RecordAnnotations
from analytics.rhythm import rhythm_changes
from analytics.types import Beat, Episode
from analytics.vocabulary import Aami, Rhythm

AAMI_OF: Final = {
    **dict.fromkeys("NLRBejn", Aami.N),
    **dict.fromkeys("AaJS", Aami.S),
    **dict.fromkeys("VEr", Aami.V),
    "F": Aami.F,
    **dict.fromkeys("fQ?", Aami.Q),
    "/": Aami.PACED,
}
"""AAMI class by WFDB beat symbol; escape beats ``e j n`` are N, ventricular escape V."""

WRITTEN: Final = {
    Rhythm.VFIB: Rhythm.VFIB,
    Rhythm.VFL: Rhythm.VFIB,
    Rhythm.ASYS: Rhythm.ASYS,
    Rhythm.VT: Rhythm.VT,
    Rhythm.PVT: Rhythm.VT,
    Rhythm.AFIB: Rhythm.AFIB,
    Rhythm.AFL: Rhythm.AFL,
    Rhythm.SVTA: Rhythm.SVTA,
    Rhythm.B: Rhythm.B,
    Rhythm.T: Rhythm.T,
    Rhythm.SBR: Rhythm.SBR,
    Rhythm.NOISE: Rhythm.NOISE,
}
"""What a rhythm is written as in an annotation file; all others are written as N."""

_BREAKS: Final = frozenset("[]!")
"""Ventricular flutter between two beats: their distance is not an RR interval."""


def to_annotations(
    beats: Sequence[Beat], episodes: Sequence[Episode], end_sample: int
) -> RecordAnnotations:
    """Merge beats and rhythm changes in time order; a change comes before its beat."""
    rows: list[tuple[int, int, str, str]] = []
    for sample, found in rhythm_changes(episodes, end_sample) or ((0, Rhythm.N),):
        text = f"({WRITTEN.get(found, Rhythm.N).value}"
        if not rows or rows[-1][3] != text:
            rows.append((sample, 0, "+", text))
    rows += [(b.sample, 1, b.aami.value, "") for b in beats]
    rows.sort(key=lambda row: row[:2])
    return RecordAnnotations(
        np.array([row[0] for row in rows], dtype=np.int64),
        tuple(row[2] for row in rows),
        tuple(row[3] for row in rows),
    )


def to_beats(annotations: RecordAnnotations, fs: float) -> tuple[Beat, ...]:
    """Take beats and their classes from annotations; all of them count as usable.

    Parameters
    ----------
    annotations : RecordAnnotations
    fs : float
        Hz.

    Returns
    -------
    tuple of Beat
        ``rr_ms`` is None for the first and across ventricular flutter. A beat is wide
        when it is ventricular or paced.
    """
    beats: list[Beat] = []
    before: int | None = None
    for sample, symbol in zip(annotations.sample.tolist(), annotations.symbol, strict=True):
        if symbol in _BREAKS:
            before = None
        aami = AAMI_OF.get(symbol)
        if aami is None or sample < 0 or (beats and sample <= beats[-1].sample):
            continue
        rr_ms = None if before is None else (sample - before) / fs * 1000.0
        wide = aami in (Aami.V, Aami.PACED)
        beats.append(Beat(sample, aami, 1.0, rr_ms, wide, usable=True))
        before = sample
    return tuple(beats)


def rhythm_spans(
    annotations: RecordAnnotations, names: Iterable[str], end_sample: int
) -> tuple[tuple[int, int], ...]:
    """Stretches [first, end) in which one of some rhythms was annotated.

    Parameters
    ----------
    annotations : RecordAnnotations
    names : iterable of str
        Rhythm strings without the bracket, such as ``AFIB``.
    end_sample : int
        End of a rhythm that nothing follows.
    """
    wanted = set(names)
    spans: list[tuple[int, int]] = []
    since: int | None = None
    for sample, symbol, aux in zip(
        annotations.sample.tolist(), annotations.symbol, annotations.aux, strict=True
    ):
        if symbol != "+" or not aux.startswith("("):
            continue
        within = aux[1:].strip() in wanted
        if since is not None and not within:
            spans.append((since, sample))
        since = (sample if since is None else since) if within else None
    if since is not None and since < end_sample:
        spans.append((since, end_sample))
    return tuple(spans)
