"""Heart rate on the phone: counting only, no rhythm, no diagnosis.

The beats come from `analytics.live`, the same function the clinic uses; the phone throws
everything away but their distances, the signal's grade, and which rhythms began lately:
a rehab session stops on some of them, by the clinic's list. No screen names them.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

try:
    from analytics import live
except ImportError:  # a build for a phone, where there are no wheels of what it needs
    live = None  # type: ignore[assignment]
from analytics.types import Beat, Block, EpisodeEvent, QualityWindow
from analytics.vocabulary import Grade
from sensors.frames import Counts

WINDOW_S = 10.0  # beats of the last 10 s, as bedside monitors average
STALE_S = 5.0  # no beat for longer: no number
MIN_INTERVALS = 3


class Trust(StrEnum):
    """How far the number may be believed."""

    GOOD = "good"
    POOR = "poor"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HeartRate:
    """What is shown."""

    bpm: int | None
    trust: Trust
    began: tuple[tuple[str, int], ...] = ()
    """Rhythms that began lately: `analytics.vocabulary.Rhythm` code and onset sample."""


class HeartRateMeter:
    """Count one patch's beats.

    Parameters
    ----------
    fs_hz : float
        Sampling frequency.
    gain_counts_per_mv : float
        Resolution of the counts.
    n_leads : int
        Leads per sample; the first one is counted.

    Notes
    -----
    Where the analysis is not installed nothing is counted: the number is None for good.
    """

    def __init__(self, fs_hz: float, gain_counts_per_mv: float, n_leads: int = 1) -> None:
        self._fs_hz = fs_hz
        self._gain = gain_counts_per_mv
        self._state = None if live is None else live.start(fs_hz, n_leads=n_leads)
        self._beats: deque[Beat] = deque(maxlen=60)
        self._began: deque[tuple[str, int]] = deque(maxlen=20)
        self._grade: Grade | None = None
        self._end = 0

    def add(self, first_sample: int, counts: Counts, contact: bool) -> None:
        """Take consecutive samples, shape (n_samples, n_leads)."""
        if self._state is None:
            return
        ecg_mv = np.asarray(counts, np.float64) / self._gain
        block = Block(first_sample, ecg_mv, contact)
        self._state, events = live.step(self._state, block)
        self._end = first_sample + len(counts)
        for event in events:
            if isinstance(event, Beat):
                self._beats.append(event)
            elif isinstance(event, QualityWindow):
                self._grade = event.grade
            elif isinstance(event, EpisodeEvent) and event.phase == "opened":
                self._began.append((event.episode.rhythm.value, event.episode.onset_sample))

    def now(self) -> HeartRate:
        """Return the rate over the last beats, or none when it cannot be counted."""
        began = tuple(self._began)
        recent_after = self._end - (WINDOW_S + STALE_S) * self._fs_hz
        beats = [b for b in self._beats if b.sample >= recent_after]
        intervals = [b.rr_ms for b in beats if b.rr_ms is not None and b.usable]
        if not beats or self._end - beats[-1].sample > STALE_S * self._fs_hz:
            return HeartRate(None, Trust.NONE, began)
        if len(intervals) < MIN_INTERVALS:
            return HeartRate(None, Trust.NONE, began)
        bpm = round(60_000.0 / float(np.mean(intervals)))
        good = self._grade in (None, Grade.A, Grade.B)
        return HeartRate(bpm, Trust.GOOD if good else Trust.POOR, began)
