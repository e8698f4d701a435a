"""The device's clock against ours: a robust line through (sample, time of receipt)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

BUCKET_S = 30.0
MAX_BUCKETS = 240  # 28 680 slopes: a millisecond or two
MIN_SPAN_S = 120.0  # a shorter stretch says nothing about ppm: 10 ms of jitter is 80 ppm
PLAUSIBLE_PPM = 2000.0
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Where a recording's samples lie in our time."""

    fs_hz: float
    """Samples per second of our clock."""
    drift_ppm: float
    """How much faster the device's clock runs than ours; 0 until 2 minutes are known."""
    start_at: datetime
    """Our time of sample 0, with the shortest delay on the air in it."""
    span_s: float = 0.0
    """Stretch over which the rate was measured; 0: not known, the nominal one is meant."""

    def at(self, sample: float) -> datetime:
        """Return our time of a sample, aware UTC."""
        return self.start_at + timedelta(seconds=sample / self.fs_hz)

    def sample_at(self, moment: datetime) -> float:
        """Return the position of the sample taken at ``moment``."""
        return (moment - self.start_at).total_seconds() * self.fs_hz


@dataclass(slots=True)
class _Bucket:
    number: int
    sample: int
    time_s: float
    late_s: float


class ClockFitter:
    """Collects points and fits them; bounded memory for any length of recording.

    A packet may be late but never early, so of each half minute the earliest one counts
    (the minimum filter of NTP); through these points goes the line of Theil and Sen
    (median of all slopes), which a third of wild points does not move.

    Parameters
    ----------
    fs_hz : float
        Nominal sampling frequency of the device.
    """

    def __init__(self, fs_hz: float) -> None:
        self._fs_hz = fs_hz
        self._bucket_s = BUCKET_S
        self._buckets: list[_Bucket] = []

    def add(self, end_sample: int, received_at: datetime) -> None:
        """Note that samples up to ``end_sample`` (not included) were here at a moment."""
        time_s = (received_at - _EPOCH).total_seconds()
        late_s = time_s - end_sample / self._fs_hz
        number = int(end_sample / self._fs_hz / self._bucket_s)
        last = self._buckets[-1] if self._buckets else None
        if last is None or number > last.number:
            self._buckets.append(_Bucket(number, end_sample, time_s, late_s))
            if len(self._buckets) > MAX_BUCKETS:
                self._coarsen()
        elif number == last.number and late_s < last.late_s:
            last.sample, last.time_s, last.late_s = end_sample, time_s, late_s

    def _coarsen(self) -> None:
        """Make buckets twice as long; of each pair the less late one stays."""
        self._bucket_s *= 2
        merged: dict[int, _Bucket] = {}
        for bucket in self._buckets:
            bucket.number //= 2
            other = merged.get(bucket.number)
            if other is None or bucket.late_s < other.late_s:
                merged[bucket.number] = bucket
        self._buckets = list(merged.values())

    def fit(self) -> ClockFit | None:
        """Return the line, or None before the first point."""
        if not self._buckets:
            return None
        sample = np.array([bucket.sample for bucket in self._buckets], np.float64)
        time_s = np.array([bucket.time_s for bucket in self._buckets])
        device_s = sample / self._fs_hz
        stretch, span_s = 1.0, 0.0
        if device_s[-1] - device_s[0] >= MIN_SPAN_S:
            first, second = np.triu_indices(len(device_s), k=1)
            base = time_s[0]  # keeps the differences exact
            rise = (time_s - base)[second] - (time_s - base)[first]
            median = float(np.median(rise / (device_s[second] - device_s[first])))
            if abs(median - 1) * 1e6 <= PLAUSIBLE_PPM:
                stretch, span_s = median, float(device_s[-1] - device_s[0])
        # The least late tenth: delays only ever add.
        start_s = float(np.quantile(time_s - device_s * stretch, 0.1))
        return ClockFit(
            fs_hz=self._fs_hz / stretch,
            drift_ppm=(1 / stretch - 1) * 1e6,
            start_at=_EPOCH + timedelta(seconds=start_s),
            span_s=span_s,
        )
