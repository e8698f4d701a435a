"""A pacemaker that should have paced and did not, as far as intervals tell (U11).

A pacing pulse lasts half a millisecond and is not in the samples of a patch. What can be
seen is the interval: with a pacemaker whose lowest programmed rate is known, no interval
may be clearly longer than that rate's. Such intervals, again and again, are non-capture,
output that was held back, or an empty battery; which of them, and pulses that come too
early (under-sensing), one sees only with the pulses.
"""

from collections.abc import Sequence
from typing import Any

from analytics.types import Beat
from clinic_server.alarms.rules_work import Work

WITHIN_S = 600.0
KEPT = 200


def beat(work: Work, found: Beat, before_usable: bool) -> None:
    """Take one beat.

    Parameters
    ----------
    before_usable : bool
        Whether the beat at the other end of its interval may be counted.
    """
    lower_bpm = work.context.pacing_lower_bpm
    if lower_bpm is None:
        return
    now, rr_ms = int(found.sample), found.rr_ms
    late: list[list[Any]] = [
        row
        for row in work.memory.get("pacing", [])
        if work.seconds(now - row[0]) < WITHIN_S
    ]
    longest_ms = 60_000.0 / lower_bpm * (1.0 + work.limits["pacing_late_pct"] / 100.0)
    if rr_ms is not None and found.usable and before_usable and rr_ms > longest_ms:
        late = [*late, [now, round(rr_ms)]][-KEPT:]
        if len(late) >= work.limits["pacing_late_n"]:
            _raise(work, late, lower_bpm, now)
    work.memory["pacing"] = late
    if not late:
        work.clear("PACING", now, work.known(now))


def _raise(work: Work, late: Sequence[Sequence[Any]], lower_bpm: float, now: int) -> None:
    rr_ms = max(row[1] for row in late)
    params = {"count": len(late), "rr_ms": rr_ms, "lower_bpm": round(lower_bpm)}
    evidence = dict(params) | {"severity": float(rr_ms)}
    onset = int(late[0][0])
    work.raise_(
        "PACING", "U11", "alarms.pacing_late", onset, work.known(now), params, evidence
    )
