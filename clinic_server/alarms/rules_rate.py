"""The second witness of a rate: how often the signal repeats itself (gate 3.3).

A rate rule fires only when the beats' rate is not contradicted. A clear period of the
signal must then lie within ten percent of the beats'. Without a clear period (fibrillation)
the beats stand alone.
"""

from typing import Any

from analytics.types import Pulse
from clinic_server.alarms.rules_work import Work

KEEP_S = 130.0
WITHIN = 0.10
_END, _PERIOD = range(2)


def pulse(work: Work, found: Pulse) -> None:
    """Remember what ten seconds of signal say."""
    rows: list[list[Any]] = work.memory.setdefault("pulses", [])
    rows.append([int(found.end_sample), found.period_ms])
    oldest = found.end_sample - KEEP_S * work.fs
    work.memory["pulses"] = [row for row in rows if row[_END] > oldest]


def contradicted(
    work: Work, rate_bpm: float, now: int, window_s: float, *, slow: bool
) -> bool:
    """Say whether the signal itself has another rate than its beats.

    Parameters
    ----------
    slow : bool
        A slow rate is contradicted by a shorter period (beats were missed), a fast one
        by a longer (T waves were counted).
    """
    oldest = now - window_s * work.fs
    periods: list[float] = [
        row[_PERIOD]
        for row in work.memory.get("pulses", [])
        if row[_END] > oldest and row[_PERIOD] is not None
    ]
    if len(periods) < max(2.0, window_s / 20.0):
        return False
    rr_ms = 60_000.0 / rate_bpm
    if slow:
        against = [period < (1.0 - WITHIN) * rr_ms for period in periods]
    else:
        against = [period > (1.0 + WITHIN) * rr_ms for period in periods]
    return sum(against) > len(periods) / 2
