"""The segment writer: one thread, one transaction for all uploads that wait.

Uploads of many phones queue here; whatever waits is committed together, so that one
fdatasync pays for up to `BATCH` segments, and each is answered only after it. A segment
that cannot be stored fails alone, in its own savepoint. When the thread itself fails,
everybody who waits is refused and the process is told to end: a server that takes uploads
and does not store them must not look alive.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlmodel import Session

from clinic_server.db import Database, ring_after_commit
from clinic_server.deps import Clock
from clinic_server.errors import ClinicError, NotFound, Unavailable
from clinic_server.ingest.check import check_fits, check_segment
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings import store
from clinic_server.recordings.models import Recording
from clinic_server.recordings.store import Incoming
from clinic_server.wire.ecg import UploadState

BATCH = 128
QUEUE_MAX = 512
"""Uploads that may wait: 512 bodies of at most 256 kB."""
ANSWER_TIMEOUT_S = 60.0
Answer = tuple[int, UploadState]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Item:
    one: Incoming
    issue_id: int | None
    answer: Future[Answer]
    status: int = 0
    refusal: ClinicError | None = None


@dataclass
class WriterStats:
    """Counters for `/readyz` and the benchmarks."""

    commits: int = 0
    segments: int = 0
    failed: int = 0
    last_commit_s: float = 0.0


@dataclass
class SegmentWriter:
    """Stores segments; the durable door of `ingest.routes`.

    Parameters
    ----------
    db : Database
    clock : Clock
    on_death : callable
        Called once, from the thread, when it dies of an unexpected fault.
    """

    db: Database
    clock: Clock
    on_death: Callable[[], None] = lambda: None
    stats: WriterStats = field(default_factory=WriterStats)

    def __post_init__(self) -> None:
        self._queue: queue.Queue[_Item | None] = queue.Queue(QUEUE_MAX)
        self._thread = threading.Thread(target=self._run, name="segments", daemon=True)
        self._dead = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether segments can be stored."""
        return self._thread.is_alive() and not self._dead.is_set()

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self) -> None:
        """Store what waits, then end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    async def store(
        self, recording_id: str, issue_id: int | None, seq: int, body: bytes, sha256: str
    ) -> Answer:
        """Put one segment on disk.

        Parameters
        ----------
        body : bytes
            A packed segment, see `wire.ecg`.
        sha256 : str
            Digest of ``body`` as the sender computed it.

        Returns
        -------
        status : int
            201 stored, 200 was there, 409 other content has the number (kept aside).
        state : UploadState
            What is on disk, after this commit.

        Raises
        ------
        Unprocessable, TooLarge
            The bytes are not what they claim to be.
        NotFound, Gone
            No such recording of this loan; a closed recording.
        Unavailable
            Nothing was stored: disk full, writer dead, too many waiting.
        """
        received_at = self.clock()
        header = await asyncio.to_thread(check_segment, body, sha256)
        one = Incoming(recording_id, seq, header, body, sha256, received_at)
        item = _Item(one, issue_id, Future())
        if not self.alive:
            raise Unavailable("ingest.writer_dead")
        try:
            self._queue.put_nowait(item)
        except queue.Full as full:
            raise Unavailable("ingest.busy", retry_after_s=2) from full
        if not self.alive:  # died between the look and the put: nobody will answer
            self._refuse_all_waiting()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await asyncio.wrap_future(item.answer)
        except TimeoutError as late:
            raise Unavailable("ingest.busy", retry_after_s=5) from late

    def _run(self) -> None:
        stopping = False
        try:
            while not stopping:
                first = self._queue.get()
                batch: list[_Item] = []
                stopping = self._collect(first, batch)
                live = [i for i in batch if i.answer.set_running_or_notify_cancel()]
                if live:
                    self._store_batch(live)
        finally:
            self._dead.set()
            self._refuse_all_waiting()
            if not stopping:
                _log.critical("the segment writer died")
                self.on_death()

    def _collect(self, first: _Item | None, batch: list[_Item]) -> bool:
        """Take what waits; True when the end was asked for."""
        item = first
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH:
                return False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return False
        return True

    def _refuse_all_waiting(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                _answer(item, Unavailable("ingest.writer_dead"))

    def _store_batch(self, batch: list[_Item]) -> None:
        began = monotonic()
        try:
            states = self._commit(batch)
        except (SQLAlchemyError, OSError, ClinicError) as error:
            # disk full, I/O error, database gone: nothing of the batch is promised
            _log.error("segments were not stored: %s", error)
            self.stats.failed += len(batch)
            refusal = (
                error
                if isinstance(error, ClinicError)
                else Unavailable("ingest.not_stored", retry_after_s=10)
            )
            for item in batch:
                _answer(item, refusal)
            return
        except BaseException:
            for item in batch:
                _answer(item, Unavailable("ingest.writer_dead"))
            raise
        self.stats.commits += 1
        self.stats.segments += sum(item.status == store.STORED for item in batch)
        self.stats.last_commit_s = monotonic() - began
        for item in batch:
            _answer(item, item.refusal or (item.status, states[item.one.recording_id]))

    def _commit(self, batch: list[_Item]) -> dict[str, UploadState]:
        """One transaction; when it returns, the segments are on disk."""
        states: dict[str, UploadState] = {}
        by_recording: dict[str, list[_Item]] = {}
        for item in batch:
            item.status, item.refusal = 0, None
            by_recording.setdefault(item.one.recording_id, []).append(item)
        now = self.clock()
        with self.db.write() as session:
            # sorted: two processes on PostgreSQL lock recordings in the same order
            for recording_id in sorted(by_recording):
                items = by_recording[recording_id]
                recording = recordings_service.locked(session, recording_id)
                for item in items:
                    self._store_one(session, recording, item)
                if recording is not None:
                    states[recording_id] = store.upload_state(session, recording, now)
            if any(item.status == store.STORED for item in batch):
                ring_after_commit(session, recordings_service.TOPIC)
        return states

    def _store_one(
        self, session: Session, recording: Recording | None, item: _Item
    ) -> None:
        if recording is None or recording.issue_id != item.issue_id:
            item.refusal = NotFound("recordings.unknown")
            return
        try:
            with session.begin_nested():
                check_fits(recording, item.one)
                item.status = store.put(session, recording, item.one)
        except ClinicError as refusal:
            item.refusal = refusal
        except DBAPIError as error:
            if _is_fatal(error):
                raise
            _log.error("segment %s/%s: %s", recording.id, item.one.seq, error)
            item.refusal = Unavailable("ingest.not_stored", retry_after_s=10)
            session.refresh(recording)


def _is_fatal(error: DBAPIError) -> bool:
    """Whether the whole transaction is lost: disk full, I/O error, connection gone."""
    return error.connection_invalidated or not isinstance(
        error, (DataError, IntegrityError)
    )


def _answer(item: _Item, answer: Answer | ClinicError) -> None:
    """Wake the one who waits; somebody who went away is no trouble."""
    try:
        if isinstance(answer, ClinicError):
            item.answer.set_exception(answer)
        else:
            item.answer.set_result(answer)
    except InvalidStateError:
        _log.info("nobody waits for segment %s any more", item.one.seq)
