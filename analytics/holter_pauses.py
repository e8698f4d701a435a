"""Section 7: pauses with their cause."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from analytics.holter_beats import PAUSE_MS, BeatTable, Clock, Ints
from analytics.holter_types import Pause, Pauses
from analytics.rhythm_pauses import CAUSES
from analytics.types import Episode
from analytics.vocabulary import Rhythm

BINS_MS = (
    ("2.0-2.49", 2000.0, 2500.0),
    ("2.5-2.99", 2500.0, 3000.0),
    ("3.0-3.99", 3000.0, 4000.0),
    (">=4.0", 4000.0, np.inf),
)  # ms (report definition 7)
AF_BINS_MS = ((">=2.5", 2500.0), (">=5.0", 5000.0))  # ms (report definition 7)
LISTED = 10
IN_AF = "in_af"


def pauses(table: BeatTable, clock: Clock, episodes: Sequence[Episode]) -> Pauses:
    """Sort the pauses that `analytics.rhythm` accepted into the report's bins.

    Parameters
    ----------
    table : BeatTable
        Only to count the stretches of 2 s or more that were not accepted as a pause.
    clock : Clock
    episodes : sequence of Episode
        ``PAUSE`` episodes carry their length and cause in the evidence.
    """
    found = [
        Pause(clock.moment(e.onset_sample), float(e.evidence["rr_ms"]), cause_of(e))
        for e in episodes
        if e.rhythm is Rhythm.PAUSE
    ]
    outside = np.array([p.rr_ms for p in found if p.cause != IN_AF])
    inside = np.array([p.rr_ms for p in found if p.cause == IN_AF])
    ordered = sorted(found, key=lambda p: (-p.rr_ms, p.at.sample))
    apart_ms = np.diff(table.sample) / table.fs * 1000.0
    long = int((np.round(apart_ms, 3) >= PAUSE_MS).sum())
    return Pauses(
        count=len(outside),
        bins={
            name: int(((outside >= low) & (outside < high)).sum())
            for name, low, high in BINS_MS
        },
        in_af={name: int((inside >= low).sum()) for name, low in AF_BINS_MS},
        longest=ordered[0] if ordered else None,
        longest_ones=tuple(ordered[:LISTED]),
        causes=dict(Counter(p.cause for p in found)),
        artefacts_rejected=max(0, long - len(found)),
    )


def cause_of(pause: Episode) -> str:
    """Name the cause of a ``PAUSE`` episode, without its prefix; sinus arrest if none."""
    named = (c for c in CAUSES if pause.evidence.get(c) == 1.0)
    return next(named, "cause_sinus_arrest").removeprefix("cause_")


def pause_samples(episodes: Sequence[Episode]) -> Ints:
    """Give the beats before each pause outside atrial fibrillation, in order."""
    at = sorted(
        e.onset_sample
        for e in episodes
        if e.rhythm is Rhythm.PAUSE and cause_of(e) != IN_AF
    )
    return np.array(at, dtype=np.int64)
