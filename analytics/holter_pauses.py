"""Section 7: pauses with their cause, and conduction."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from analytics.holter_beats import PAUSE_MS, BeatTable, Clock, Flags
from analytics.holter_types import Pause, Pauses
from analytics.types import Episode
from analytics.vocabulary import Aami, Rhythm

BINS_MS = (
    ("2.0-2.49", 2000.0, 2500.0),
    ("2.5-2.99", 2500.0, 3000.0),
    ("3.0-3.99", 3000.0, 4000.0),
    (">=4.0", 4000.0, np.inf),
)  # ms (report definition 7)
AF_BINS_MS = ((">=2.5", 2500.0), (">=5.0", 5000.0))  # ms (report definition 7)
SA_MULTIPLE_TOLERANCE = 0.10  # of PP: a pause this near to 2, 3 or 4 PP is SA block (own)
SA_MULTIPLES = (2, 3, 4)
LISTED = 10


def pauses(table: BeatTable, clock: Clock, episodes: Sequence[Episode] = ()) -> Pauses:
    """Count RR of 2 s or more between accepted beats, and say why they came.

    The cause is ``post_ectopic`` after an S or V beat, ``conversion`` where fibrillation
    ends, ``av_block`` where a block episode covers it (P evidence), ``sa_block`` when it
    is 2, 3 or 4 times the PP before within 10 %, otherwise ``sinus_arrest``.

    Parameters
    ----------
    table : BeatTable
    clock : Clock
    episodes : sequence of Episode
    """
    counted = table.counted
    long = np.nan_to_num(table.rr_ms) >= PAUSE_MS
    in_af = table.in_af.copy()
    in_af[1:] &= table.in_af[:-1]
    blocks = [e for e in episodes if e.rhythm in (Rhythm.BII, Rhythm.AVB3)]
    found = [
        Pause(
            at=clock.moment(int(table.sample[k - 1])),
            rr_ms=float(table.rr_ms[k]),
            cause="in_af" if in_af[k] else _cause(int(k), table, blocks),
        )
        for k in np.flatnonzero(counted & long)
    ]
    outside = np.array([p.rr_ms for p in found if p.cause != "in_af"])
    inside = np.array([p.rr_ms for p in found if p.cause == "in_af"])
    ordered = sorted(found, key=lambda p: -p.rr_ms)
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
        artefacts_rejected=_rejected(table, counted),
    )


def pause_samples(table: BeatTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Give the beats before each pause outside fibrillation."""
    long = np.nan_to_num(table.rr_ms) >= PAUSE_MS
    both_af = table.in_af.copy()
    both_af[1:] &= table.in_af[:-1]
    at = np.flatnonzero(table.counted & long & ~both_af)
    return table.sample[at - 1]


def _cause(k: int, table: BeatTable, blocks: Sequence[Episode]) -> str:
    first, end = int(table.sample[k - 1]), int(table.sample[k])
    if table.in_af[k - 1]:
        return "conversion"
    if table.aami[k - 1] in (Aami.S.value, Aami.V.value):
        return "post_ectopic"
    for block in blocks:
        off = block.offset_sample
        if block.onset_sample < end and (off is None or off > first):
            return "av_block"
    before = table.rr_ms[max(0, k - 8) : k]
    before = before[np.isfinite(before) & (before < PAUSE_MS)]
    if len(before):
        ratio = float(table.rr_ms[k] / np.median(before))
        if any(abs(ratio - m) <= SA_MULTIPLE_TOLERANCE * m for m in SA_MULTIPLES):
            return "sa_block"
    return "sinus_arrest"


def _rejected(table: BeatTable, counted: Flags) -> int:
    """Count stretches of 2 s or more between beats that may not be counted."""
    if len(table) < 2:
        return 0
    apart_ms = np.diff(table.sample) / table.fs * 1000.0
    return int(((apart_ms >= PAUSE_MS) & ~counted[1:]).sum())
