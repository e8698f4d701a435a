"""What the wall shows of a stream: rate, rhythm, grade; from the last events only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from analytics.types import Beat, EpisodeEvent, LiveEvent, QualityWindow
from analytics.vocabulary import Grade, Rhythm

RATE_BEATS = 8
STALE_S = 6.0
"""A rate whose last beat is older than this is no longer shown."""
SERIOUS = (
    Rhythm.VFIB,
    Rhythm.VFL,
    Rhythm.ASYS,
    Rhythm.VT,
    Rhythm.PVT,
    Rhythm.AFIB,
    Rhythm.AFL,
    Rhythm.SVTA,
    Rhythm.B,
    Rhythm.T,
)


@dataclass(frozen=True, slots=True)
class Vitals:
    """The newest state of one stream."""

    rr_ms: tuple[float, ...] = ()
    last_beat: int | None = None
    running: frozenset[Rhythm] = frozenset()
    grade: str = ""


def follow(vitals: Vitals, events: Sequence[LiveEvent], fs: float, end: int) -> Vitals:
    """Take the events of a step that ended before sample ``end``."""
    for event in events:
        if isinstance(event, Beat):
            rr = vitals.rr_ms
            if event.usable and event.rr_ms is not None:
                rr = (*rr, event.rr_ms)[-RATE_BEATS:]
            vitals = replace(vitals, rr_ms=rr, last_beat=event.sample)
        elif isinstance(event, QualityWindow):
            vitals = replace(vitals, grade=event.grade.value)
        elif isinstance(event, EpisodeEvent):
            one = frozenset({event.episode.rhythm})
            over = event.phase == "closed"
            running = vitals.running - one if over else vitals.running | one
            vitals = replace(vitals, running=running)
    stale = vitals.last_beat is not None and end - vitals.last_beat > STALE_S * fs
    return replace(vitals, rr_ms=()) if stale else vitals


def columns(vitals: Vitals, contact: bool) -> dict[str, Any]:
    """Say it in columns of `AnalysisCursor`."""
    rate = round(60_000.0 / median(vitals.rr_ms), 1) if len(vitals.rr_ms) >= 3 else None
    return {
        "heart_rate_bpm": rate,
        "heart_rate_sample": vitals.last_beat,
        "rhythm": _rhythm(vitals, rate),
        "grade": vitals.grade,
        "contact": contact,
    }


def _rhythm(vitals: Vitals, rate: float | None) -> str:
    for rhythm in SERIOUS:
        if rhythm in vitals.running:
            return rhythm.value
    if rate is None or vitals.grade not in (Grade.A.value, Grade.B.value, ""):
        return Rhythm.NOISE.value if vitals.grade in ("C", "X") else ""
    if rate < 50:
        return Rhythm.BRADY.value
    if rate > 100:
        return Rhythm.TACHY.value
    return Rhythm.N.value
