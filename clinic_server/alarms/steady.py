"""A clock for due times: jumps of the system's clock do not reach it.

Escalation counts in minutes of real time. When somebody (or NTP, after a long outage) sets
the system's clock an hour on, nobody may be called an hour early; set back, nobody an hour
late. The clock starts from the wall, runs on the monotonic clock, and follows small
differences slowly; a large one is kept out and reported by `offset_s`.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SLEW = 0.01
"""Share of elapsed time by which a small difference is made up: 1 s in 100 s."""
FOLLOW_S = 5.0
"""Differences up to this are drift and followed; larger ones are jumps."""


def _wall() -> datetime:
    return datetime.now(UTC)


def _mono() -> float:
    """Seconds since the machine started; time asleep counts where the system says so."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """Aware UTC that never goes back and never jumps; use it as a `deps.Clock`.

    Parameters
    ----------
    wall : callable
        Aware UTC now, of the system.
    mono : callable
        Seconds on a clock that only runs forward.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = _wall,
        mono: Callable[[], float] = _mono,
    ) -> None:
        self._wall, self._mono = wall, mono
        self._lock = threading.Lock()
        self._now, self._at = wall(), mono()
        self.offset_s = 0.0
        """How far the system's clock is ahead of this one; large after a jump (T4)."""

    def __call__(self) -> datetime:
        """Give the steady time."""
        with self._lock:
            at = self._mono()
            elapsed_s = max(0.0, at - self._at)
            self._now += timedelta(seconds=elapsed_s)
            self._at = at
            self.offset_s = (self._wall() - self._now).total_seconds()
            if abs(self.offset_s) <= FOLLOW_S:
                most = SLEW * elapsed_s
                self._now += timedelta(seconds=max(-most, min(most, self.offset_s)))
            return self._now
