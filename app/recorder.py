"""From frames to numbered segments in the spool, on the recording's own sample clock.

A recording outlives the app: after a restart the same one goes on with the next number.
A patch that counted on meanwhile says by its counter where, and its memory fills the hole;
any other is placed by the clock, so that the hole has the right length. A day is one
recording; the next day begins another.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from app.errors import SpoolFull
from app.spool import SampleClock, Spool
from clinic_server.wire.ecg import (
    MAX_SAMPLES,
    FittedClock,
    RecordingCreate,
    SegmentHeader,
    encode_segment,
)
from sensors.frames import Counts, EcgFrame, GapCause, PatchInfo
from sensors.patch import LastingPatch, Places

SETTLED_S = 600.0
"""A recording that is over is kept open until no backfill came for so much of the next."""


CLOCK_EVERY_S = 60.0
"""So often a segment says how the patch's clock runs."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A segment that is on the phone's disk."""

    rid: str
    seq: int
    first_sample: int
    counts: Counts
    contact: bool
    late: bool = False
    """It fills an earlier hole."""


@dataclass(slots=True)
class _Chunk:
    """Frames without a hole that wait to become a segment."""

    epoch: SampleClock
    first_sample: int
    contact: bool
    gap_cause: GapCause | None
    pieces: list[Counts] = field(default_factory=list)
    n_samples: int = 0


class Recorder:
    """Cut what one patch says into segments.

    Parameters
    ----------
    spool : Spool
        Where they go.
    info : PatchInfo
        The patch that is worn.
    clock, mono_s : callable
        Now (aware UTC) and the monotonic clock.
    segment_s : float
        Length of one segment.
    max_s : float
        Longest recording.
    speed : float
        Seconds of heart per second of clock: 1 but for a replayed record.
    lasting : LastingPatch, optional
        The patch, if it is one; it has resumed what `Spool.kept` gave.
    """

    def __init__(
        self,
        spool: Spool,
        info: PatchInfo,
        *,
        clock: Callable[[], datetime],
        mono_s: Callable[[], float],
        segment_s: float,
        max_s: float,
        speed: float = 1.0,
        lasting: LastingPatch | None = None,
    ) -> None:
        self._spool = spool
        self._info = info
        self._clock = clock
        self._mono_s = mono_s
        self._segment_n = min(MAX_SAMPLES, max(1, round(segment_s * info.fs_hz)))
        self._max_n = round(max_s * info.fs_hz)
        self._speed = speed
        self._lasting = lasting
        self._places_kept: Places = ()
        self._clock_due_n = 0
        self._epochs: list[SampleClock] = []
        self._live: _Chunk | None = None
        self._late: _Chunk | None = None
        self._cause: GapCause | None = None
        self._settled_n = round(SETTLED_S * info.fs_hz)
        self._since_late_n = 0
        self.full = False
        """There was no room for the last segment: the wearer must see it."""
        self.lost_samples = 0
        """Samples that could not be kept: no room, or older than any known recording."""
        self._resume()

    @property
    def rid(self) -> str | None:
        """The recording that is being made."""
        return self._epochs[-1].rid if self._epochs else None

    def sample_of(self, device_sample: int) -> int | None:
        """Place a position of the patch's counter on the current recording."""
        if not self._epochs:
            return None
        return max(0, device_sample + self._epochs[-1].shift)

    def gap(self, cause: GapCause) -> list[Spooled]:
        """Note why samples are missing from here on; what waits is spooled."""
        done = self.flush()
        self._cause = cause
        return done

    def add(self, frame: EcgFrame, *, late: bool = False) -> list[Spooled]:
        """Take one frame.

        Parameters
        ----------
        frame : EcgFrame
            What the patch measured.
        late : bool
            It fills an earlier hole and does not move the recording's end.

        Returns
        -------
        list of Spooled
            Segments that became durable by it. Without room there is none, `full` is
            set, and the samples are counted in `lost_samples`.
        """
        try:
            return self._add(frame, late)
        except SpoolFull:  # where a recording begins or ends a note has no room either
            self.full = True
            self.lost_samples += len(frame.counts)
            return []

    def _add(self, frame: EcgFrame, late: bool) -> list[Spooled]:
        if not self._epochs:
            self._first_epoch(frame)
        if late:
            return self._add_late(frame)
        done: list[Spooled] = []
        self._settle(len(frame.counts))
        epoch = self._epochs[-1]
        at = frame.first_sample + epoch.shift
        if at >= self._max_n:
            done += self.flush()
            epoch = self._next_day(frame.first_sample)
            at = 0
        chunk = self._live
        if chunk is not None and not _continues(chunk, at, frame):
            done += self.flush()
            chunk = None
        if chunk is None:
            chunk = _Chunk(epoch, at, frame.contact, self._cause)
            self._live, self._cause = chunk, None
        _put(chunk, frame.counts)
        if chunk.n_samples >= self._segment_n:
            done += self.flush()
        return done

    def _settle(self, n_samples: int) -> None:
        """End the recording before this one once its holes are filled."""
        self._since_late_n += n_samples
        if len(self._epochs) > 1 and self._since_late_n >= self._settled_n:
            self.flush_late()
            for over in self._epochs[:-1]:
                self._spool.end(over.rid)
            self._epochs = self._epochs[-1:]

    def _add_late(self, frame: EcgFrame) -> list[Spooled]:
        """Put a backfilled frame where it belongs, in parts if a day ends within it."""
        self._since_late_n = 0
        done: list[Spooled] = []
        for epoch in reversed(self._epochs):
            cut = max(0, epoch.device_first - frame.first_sample)
            if cut < len(frame.counts):
                first = frame.first_sample + cut
                part = replace(frame, first_sample=first, counts=frame.counts[cut:])
                done += self._add_late_part(epoch, part)
                frame = replace(frame, counts=frame.counts[:cut])
        self.lost_samples += len(frame.counts)
        return done

    def _add_late_part(self, epoch: SampleClock, frame: EcgFrame) -> list[Spooled]:
        done: list[Spooled] = []
        at = frame.first_sample + epoch.shift
        chunk = self._late
        if chunk is not None and (
            chunk.epoch is not epoch or not _continues(chunk, at, frame)
        ):
            done += self.flush_late()
            chunk = None
        if chunk is None:
            chunk = self._late = _Chunk(epoch, at, frame.contact, None)
        _put(chunk, frame.counts)
        if chunk.n_samples >= self._segment_n:
            done += self.flush_late()
        return done

    def flush(self) -> list[Spooled]:
        """Spool all that waits: at the recording's end and of earlier holes."""
        chunk, self._live = self._live, None
        return self._store(chunk) + self.flush_late()

    def flush_late(self) -> list[Spooled]:
        """Spool what waits of an earlier hole."""
        chunk, self._late = self._late, None
        return self._store(chunk, late=True)

    def _store(self, chunk: _Chunk | None, *, late: bool = False) -> list[Spooled]:
        if chunk is None or not chunk.n_samples:
            return []
        counts = np.concatenate(chunk.pieces).astype(np.int32, copy=False)
        now = self._clock()
        header = SegmentHeader(
            first_sample=chunk.first_sample,
            n_samples=len(counts),
            n_leads=counts.shape[1],
            contact=chunk.contact,
            gap_cause=None if chunk.gap_cause is None else chunk.gap_cause.value,
            phone_at=now,
            phone_mono_s=max(0.0, self._mono_s()),
            clock=None if late else self._fitted(chunk),
        )
        try:
            self._keep_clock()
            seq = self._spool.append(
                chunk.epoch.rid,
                encode_segment(header, counts),
                chunk.first_sample,
                len(counts),
                now,
            )
        except SpoolFull:
            self.full = True
            self.lost_samples += len(counts)
            return []
        self.full = False
        return [
            Spooled(chunk.epoch.rid, seq, chunk.first_sample, counts, chunk.contact, late)
        ]

    def _resume(self) -> None:
        """Take up the recordings of an earlier run, if the patch counts on."""
        known = self._spool.current()
        if self._lasting is not None and known is not None and self._is_mine(known.meta):
            self._epochs = self._spool.clocks(self._info.serial)

    def _keep_clock(self) -> None:
        """Have on disk how the patch counts before the first sample that needs it."""
        places = self._lasting.places() if self._lasting else self._places_kept
        if places != self._places_kept:
            self._spool.keep_clock(self._epochs[-1], places, self._clock())
            self._places_kept = places

    def _fitted(self, chunk: _Chunk) -> FittedClock | None:
        """Say now and then how the patch's clock runs against this phone's."""
        self._clock_due_n -= chunk.n_samples
        if self._lasting is None or self._clock_due_n > 0:
            return None
        self._clock_due_n = round(CLOCK_EVERY_S * self._info.fs_hz)
        fit = self._lasting.clock
        if fit is None or not fit.span_s:
            return None
        start_at = fit.at(-chunk.epoch.shift)
        return FittedClock(start_at=start_at, fs_hz=fit.fs_hz, span_s=fit.span_s)

    def _first_epoch(self, frame: EcgFrame) -> None:
        """Go on with the recording on the disk if it is this patch's and not over."""
        fs_hz = self._info.fs_hz
        first_at = frame.received_at - timedelta(
            seconds=len(frame.counts) / fs_hz / self._speed
        )
        known = self._spool.current()
        if known is not None and self._is_mine(known.meta):
            elapsed_s = (first_at - known.meta.started_at).total_seconds()
            at = max(known.next_sample, round(elapsed_s * fs_hz * self._speed))
            if at < self._max_n:
                shift = at - frame.first_sample
                self._epochs.append(SampleClock(known.rid, frame.first_sample, shift))
                self._cause = self._cause or GapCause.UNKNOWN
                return
        self._begin(first_at, frame.first_sample)

    def _is_mine(self, meta: RecordingCreate) -> bool:
        info = self._info
        return (
            meta.serial == info.serial
            and meta.fs_hz == info.fs_hz
            and tuple(meta.lead_names) == info.lead_names
            and meta.gain_counts_per_mv == info.gain_counts_per_mv
        )

    def _begin(self, started_at: datetime, device_first: int) -> SampleClock:
        info = self._info
        rid = str(uuid.uuid4())
        meta = RecordingCreate(
            serial=info.serial,
            fs_hz=info.fs_hz,
            lead_names=list(info.lead_names),
            gain_counts_per_mv=info.gain_counts_per_mv,
            started_at=started_at,
            measures_contact=info.measures_contact,
        )
        over = self._epochs[-1:]
        self._spool.begin(rid, meta, still_open=over[0].rid if over else None)
        epoch = SampleClock(rid, device_first, -device_first)
        self._epochs = [*over, epoch]
        self._places_kept = ()
        self._since_late_n = 0
        return epoch

    def _next_day(self, device_first: int) -> SampleClock:
        return self._begin(self._clock(), device_first)

    def renew(self, device_first: int) -> None:
        """Begin another recording: the clinic closed this one and takes no backfill."""
        self.flush()
        self._epochs = []
        self._begin(self._clock(), device_first)


def _continues(chunk: _Chunk, at: int, frame: EcgFrame) -> bool:
    return (
        at == chunk.first_sample + chunk.n_samples
        and frame.contact == chunk.contact
        and chunk.n_samples + len(frame.counts) <= MAX_SAMPLES
    )


def _put(chunk: _Chunk, counts: Counts) -> None:
    chunk.pieces.append(counts)
    chunk.n_samples += len(counts)
