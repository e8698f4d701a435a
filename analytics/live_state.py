"""What the live stream remembers between two blocks."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics import beat_features, qrs_stream
from analytics.beat_features import Measures
from analytics.live_trackers import Item, Trackers
from analytics.quality import Seconds
from analytics.types import Ecg, Flags


@dataclass(frozen=True, slots=True)
class History:
    """The last beats, for comparison."""

    measures: Measures = field(default_factory=beat_features.no_measures)
    rr_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ventricular: Flags = field(default_factory=lambda: np.empty(0, bool))


@dataclass(frozen=True, slots=True)
class LiveState:
    """Everything the stream remembers; a value that can be kept and stepped from again."""

    fs: float
    n_leads: int
    lead: int
    detector: qrs_stream.QrsState
    trackers: Trackers
    measures_contact: bool = True
    """False: a block without contact is not one with an electrode off."""
    expected_sample: int | None = None
    """Where the next block continues without a gap."""
    tail: Ecg = field(default_factory=lambda: np.empty(0))
    """The last seconds of the lead, ending at ``expected_sample``."""
    past: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 1), np.float32))
    """The last minute and a half of all leads, shape (n, n_leads), ending there too."""
    contact: tuple[tuple[int, int, bool], ...] = ()
    """Blocks of the last seconds: first sample, end, contact."""
    window_first: int = 0
    """Start of the current quality window."""
    segment_first: int | None = None
    """Start of the detector's segment."""
    good: Flags = field(default_factory=lambda: np.empty(0, bool))
    """Usable seconds, flat seconds and seconds with contact, the last 64 of the segment."""
    flat: Flags = field(default_factory=lambda: np.empty(0, bool))
    touched: Flags = field(default_factory=lambda: np.empty(0, bool))
    settled: Flags = field(default_factory=lambda: np.empty(0, bool))
    """Seconds in which the baseline does not say that an electrode or amplifier moves."""
    levels: tuple[tuple[float, float], ...] = ()
    """Level and span of the last twenty seconds, mV."""
    seconds: int = 0
    """Seconds of this segment measured so far."""
    recent: tuple[Seconds, ...] = ()
    """Measures of the last ten seconds, one by one."""
    ticked: int = 0
    """Seconds handed to the trackers."""
    grid: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    grid_end: int = 0
    ventricular: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, np.float32)
    )
    cell_end: int = 0
    rhythm: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, 2), np.float32)
    )
    rhythm_first: int = 0
    """Rhythm cells not yet summed up to a second."""
    waved: int = 0
    """Seconds of waveform handed to the trackers."""
    last_beat: int | None = None
    """The beat before, in this segment."""
    history: History = field(default_factory=History)
    pending: tuple[Item, ...] = ()
    """Found, but not yet due: what is due first may not be found yet."""
