"""From the spool to the clinic: newest first, then the backlog, at least once.

A segment that was never tried goes before all others, so that the doctor sees now first;
otherwise the oldest one goes. After a failure everything waits: exponential back-off with
full jitter, 1 s to 5 min, never less than what ``Retry-After`` asks. Sending twice does no
harm (the clinic knows number and hash), so an answer that was lost is simply asked again.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np

from app.errors import Offline, ServerRefused, SpoolFull
from app.spool import Spool, SpooledSegment
from clinic_server.wire.ecg import RecordingCreate, UploadState

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 300.0
_LOG = logging.getLogger(__name__)


class Sink(Protocol):
    """What the uplink needs of the clinic."""

    async def announce(self, rid: str, recording: RecordingCreate) -> UploadState:
        """Announce a recording; says what is stored."""
        ...

    async def put_segment(self, rid: str, seq: int, body: bytes) -> UploadState:
        """Send one segment."""
        ...

    async def close_recording(self, rid: str, last_seq: int) -> None:
        """Say that nothing follows."""
        ...


class Outcome(StrEnum):
    """What one step of the uplink did."""

    SENT = "sent"
    IDLE = "idle"
    FAILED = "failed"
    STOPPED = "stopped"


class Uplink:
    """Drain one spool.

    Parameters
    ----------
    spool : Spool
        Where segments wait.
    sink : Sink
        The clinic.
    rng : numpy.random.Generator
        Jitter.
    clock : callable
        Now, aware UTC.
    in_flight : int
        Uploads at the same time, at most 4.
    """

    def __init__(
        self,
        spool: Spool,
        sink: Sink,
        rng: np.random.Generator,
        clock: Callable[[], datetime],
        in_flight: int = 4,
    ) -> None:
        self._spool = spool
        self._sink = sink
        self._rng = rng
        self._clock = clock
        self._in_flight = in_flight
        self._taken: set[int] = set()
        self._announced: set[str] = set()
        self._announcing = asyncio.Lock()
        self._choosing = asyncio.Lock()
        self._fresh_above = -1
        self._failures = 0
        self._retry_after_s = 0.0
        self._wake = asyncio.Event()
        self.revoked = False
        """The loan ended: nothing is sent any more."""
        self.newest_stored_at: datetime | None = None
        """When the newest sample that is on the clinic's disk came in here."""
        self.closed: set[str] = set()
        """Recordings the clinic has closed: the phone must begin another."""
        self.failing_since: datetime | None = None
        self.last_refusal: str | None = None

    def ring(self) -> None:
        """Say that a segment was spooled."""
        self._wake.set()

    def hurry(self) -> None:
        """Try again now: the network came back, or somebody asked for help."""
        self._failures = 0
        self._retry_after_s = 0.0
        self._wake.set()

    def backoff_s(self) -> float:
        """Draw how long to wait after the failures so far."""
        if self._failures == 0:
            return 0.0
        ceiling = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(self._failures, 12))
        jitter = float(self._rng.uniform(0.0, ceiling))
        return min(BACKOFF_CAP_S, max(jitter, BACKOFF_BASE_S / 2, self._retry_after_s))

    def _choose(self) -> SpooledSegment | None:
        taken = frozenset(self._taken)
        newest = self._spool.newest(taken)
        if newest is None:
            return None
        if newest.place > self._fresh_above:
            self._fresh_above = newest.place
            return newest
        return self._spool.oldest(taken)

    async def step(self) -> Outcome:
        """Send one segment, or close one recording that is complete."""
        if self.revoked:
            return Outcome.STOPPED
        async with self._choosing:
            segment = await asyncio.to_thread(self._choose)
            if segment is not None:
                self._taken.add(segment.place)
        if segment is None:
            return Outcome.IDLE if self._taken else await self._close_ended()
        try:
            await self._announce(segment.rid)
            state = await self._sink.put_segment(segment.rid, segment.seq, segment.body)
            await asyncio.to_thread(self._spool.confirm, segment.rid, state, segment.seq)
        except Offline:
            return self._failed(0.0)
        except SpoolFull:  # a full disk also refuses the note that something was stored
            return self._failed(BACKOFF_BASE_S)
        except ServerRefused as refused:
            return await self._refused(segment, refused)
        finally:
            self._taken.discard(segment.place)
        self._succeeded(segment)
        return Outcome.SENT

    async def _announce(self, rid: str) -> None:
        """Announce a recording once per run; the answer also reconciles the spool."""
        async with self._announcing:
            if rid in self._announced:
                return
            recordings = await asyncio.to_thread(self._spool.recordings)
            known = {one.rid: one.meta for one in recordings}
            state = await self._sink.announce(rid, known[rid])
            await asyncio.to_thread(self._spool.confirm, rid, state, None)
            self._announced.add(rid)

    async def _close_ended(self) -> Outcome:
        """Close the recordings at the clinic of which everything arrived."""
        for one in await asyncio.to_thread(self._spool.recordings):
            if not one.ended:
                continue
            waiting = await asyncio.to_thread(self._spool.waiting, one.rid)
            if waiting > 0:
                continue
            try:
                if one.next_seq > 0:
                    await self._sink.close_recording(one.rid, one.next_seq - 1)
            except Offline:
                return self._failed(0.0)
            except ServerRefused as refused:
                if refused.revoked:
                    self.revoked = True
                    return Outcome.STOPPED
                if refused.passing:
                    return self._failed(refused.retry_after_s or 0.0)
            await asyncio.to_thread(self._spool.forget, one.rid)
        return Outcome.IDLE

    async def _refused(self, segment: SpooledSegment, refused: ServerRefused) -> Outcome:
        self.last_refusal = refused.problem.code
        if refused.revoked:
            self.revoked = True
            return Outcome.STOPPED
        if refused.passing:
            return self._failed(refused.retry_after_s or 0.0)
        if refused.problem.status == 404:  # the clinic forgot the recording: announce anew
            self._announced.discard(segment.rid)
            return self._failed(0.0)
        _LOG.warning("segment %s/%s refused: %s", segment.rid, segment.seq, refused)
        await asyncio.to_thread(self._spool.set_aside, segment.place, refused.problem.code)
        if refused.problem.status == 410:  # closed over there: the next one is a new one
            self.closed.add(segment.rid)
            await asyncio.to_thread(self._spool.end, segment.rid)
        return Outcome.SENT

    def _failed(self, retry_after_s: float) -> Outcome:
        self._failures += 1
        self._retry_after_s = retry_after_s
        self._fresh_above = -1  # after an outage the newest goes first again
        if self.failing_since is None:
            self.failing_since = self._clock()
        return Outcome.FAILED

    def _succeeded(self, segment: SpooledSegment) -> None:
        self._failures = 0
        self._retry_after_s = 0.0
        self.failing_since = None
        if self.newest_stored_at is None or segment.at > self.newest_stored_at:
            self.newest_stored_at = segment.at

    async def run(self) -> None:
        """Drain for ever, or until the loan is revoked."""
        async with asyncio.TaskGroup() as lanes:
            for lane in range(self._in_flight):
                lanes.create_task(self._lane(lane))

    async def _lane(self, lane: int) -> None:
        while not self.revoked:
            if self._failures and lane > 0:  # one lane probes a dead line, not four
                await asyncio.sleep(0.2)
                continue
            outcome = await self.step()
            if outcome is Outcome.SENT:
                continue
            self._wake.clear()
            wait_s = self.backoff_s() if outcome is Outcome.FAILED else 2.0 + lane
            try:
                async with asyncio.timeout(wait_s):
                    await self._await_wake(outcome)
            except TimeoutError:
                pass

    async def _await_wake(self, outcome: Outcome) -> None:
        """Return when there is reason to try before the wait is over."""
        while True:
            await self._wake.wait()
            if outcome is Outcome.IDLE or self._failures == 0:
                return
            self._wake.clear()  # new ECG does not shorten a back-off; `hurry` does
