"""The live loop: recordings with new samples are stepped, newest data first.

For each recording the newest stretch goes first, from the cursor. What was stored before
the cursor and not analysed (a backlog that the phone sent later, a time when the server
was down) is owed and taken afterwards, one piece per round. One step is one transaction:
beats, episodes, trends, alarms, cursor and the memory of the rules move together or not
at all, so that a crash repeats a step and never an alarm.

One thread. A fault in one recording is logged, counted and shown; the others go on.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select

from clinic_server.alarms.raising import raise_condition
from clinic_server.analysis import reading, steps
from clinic_server.analysis.reading import Span
from clinic_server.analysis.steps import Backfill, Head, Task
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import Clock
from clinic_server.patients import service as patients_service
from clinic_server.recordings.models import Recording

TOPIC = "samples"
WAIT_S = 2.0
"""The loop also looks by itself this often: a lost ring loses nothing."""
QUIET = timedelta(seconds=5)
"""An owed stretch that grew within this time is still being sent: wait for more of it."""
LARGE_S = 120.0
"""…unless it is this long already."""
KEEP = timedelta(days=7)
_log = logging.getLogger(__name__)


class LiveAnalysis:
    """The live loop of one server process.

    Parameters
    ----------
    db : Database
    bus : Bus
        Its topic ``samples`` wakes the loop.
    clock : Clock
    zone : ZoneInfo
        Where it is night when the patient sleeps.
    """

    def __init__(self, db: Database, bus: Bus, clock: Clock, zone: ZoneInfo) -> None:
        self._db, self._bus, self._clock, self._zone = db, bus, clock, zone
        self._heads: dict[str, Head] = {}
        self._backfills: dict[str, Backfill] = {}
        self._rested: dict[str, tuple[int, bool]] = {}
        """Stored samples, and whether closed, when a recording had nothing left to do."""
        self._faults: dict[str, tuple[int, datetime]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_round_at: datetime | None = None
        """The loop was alive then: for readiness and the watchdog."""

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="analysis", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the step that runs."""
        self._stop.set()
        self._bus.ring(TOPIC)
        if self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            seen = self._bus.count(TOPIC)
            try:
                worked = self.round()
            except Exception:  # noqa: BLE001 - edge of the job runner: log and go on
                _log.exception("live analysis: a round failed")
                worked = 0
                self._stop.wait(1.0)
            if not worked:
                self._bus.wait(TOPIC, seen, WAIT_S)

    def round(self) -> int:
        """Step every head that has new samples, then one piece of what is owed.

        Returns
        -------
        int
            Steps taken; 0: nothing can be done now.
        """
        now = self._clock()
        self.last_round_at = now
        due = self._due(now)
        taken = sum(self._guarded(rid, self._head, now) for rid in due)
        for recording_id in due:
            if self._guarded(recording_id, self._owed, now):
                # fresh data of anybody goes before the next piece of backlog
                return taken + 1
        return taken

    def _due(self, now: datetime) -> list[str]:
        """Give the recordings of phones that changed since they had nothing left to do."""
        with self._db.read() as session:
            canary = patients_service.synthetic_patient(session)
            rows = session.exec(
                select(
                    Recording.id,
                    Recording.stored_samples,
                    col(Recording.closed_at).is_not(None),
                )
                .where(
                    or_(
                        col(Recording.issue_id).is_not(None),
                        col(Recording.patient_id) == (canary.id if canary else -1),
                    ),
                    Recording.stored_samples > 0,
                    col(Recording.last_received_at) > now - KEEP,
                )
                .order_by(col(Recording.last_received_at).desc())
            ).all()
        return [
            rid
            for rid, stored, closed in rows
            if self._rested.get(rid) != (stored, closed) and not self._resting(rid, now)
        ]

    def _resting(self, recording_id: str, now: datetime) -> bool:
        fault = self._faults.get(recording_id)
        if fault is None:
            return False
        return now - fault[1] < timedelta(seconds=min(60.0, 2.0 ** fault[0]))

    def _guarded(
        self, recording_id: str, work: Callable[[str, datetime], bool], now: datetime
    ) -> bool:
        try:
            worked = work(recording_id, now)
        except Exception:  # noqa: BLE001 - edge of the job runner: log, show, go on
            _log.exception("live analysis failed for recording %s", recording_id)
            count = self._faults.get(recording_id, (0, now))[0] + 1
            self._faults[recording_id] = (count, now)
            self._forget(recording_id)
            self._show(recording_id, now)
            return False
        if worked:
            self._faults.pop(recording_id, None)
        return worked

    def _forget(self, recording_id: str) -> None:
        self._heads.pop(recording_id, None)
        self._backfills.pop(recording_id, None)

    def _show(self, recording_id: str, now: datetime) -> None:
        with self._db.write() as session:
            recording = session.get(Recording, recording_id)
            raise_condition(
                session,
                rule_id="T5",
                code="alarms.analysis_failed",
                dedupe_key=f"analysis:{recording_id}:{now:%Y-%m-%dT%H}",
                patient_id=recording.patient_id if recording else None,
                recording_id=recording_id if recording else None,
                onset_at=now,
                now=now,
            )

    def _head(self, recording_id: str, now: datetime) -> bool:
        with self._db.read() as session:
            task = steps.load(session, recording_id, self._zone, now)
            expected = None if task.cursor is None else task.cursor.sample
            head = self._heads.get(recording_id)
            if head is None or head.cursor != expected:
                head = steps.revive(session, task)
            head, found = steps.head_step(session, task, head)
        if found is None:
            self._heads[recording_id] = head
            self._note_rest(task)
            return False
        with self._db.write() as session:
            # the time of raising is when it is written, not when the round began
            written = steps.write_head(session, task, head, expected, found, self._clock())
        if not written:
            self._forget(recording_id)
            return False
        self._heads[recording_id] = head
        return True

    def _owed(self, recording_id: str, now: datetime) -> bool:
        with self._db.read() as session:
            task = steps.load(session, recording_id, self._zone, now)
            owed = self._next_owed(session, task, now)
            if owed is None:
                return False
            running = self._backfills.get(recording_id)
            at = task.recording.started_at + timedelta(
                seconds=owed[0] / task.recording.fs_hz
            )
            task = steps.at_time(session, task, self._zone, at)
            running, found = steps.owed_step(session, task, running, owed)
        with self._db.write() as session:
            steps.write_owed(session, task, found, self._clock())
        self._backfills[recording_id] = running
        return True

    def _next_owed(self, session: Session, task: Task, now: datetime) -> Span | None:
        """Pick the newest owed stretch behind the cursor that has stopped growing."""
        for first, end in reversed(steps.owed_spans(session, task)):
            grown = reading.newest_receipt(session, task.recording, (first, end))
            large = end - first >= LARGE_S * task.recording.fs_hz
            if large or grown is None or now - grown >= QUIET:
                return first, end
        return None

    def _note_rest(self, task: Task) -> None:
        recording = task.recording
        if task.cursor is not None and task.owed_samples <= 0:
            closed = recording.closed_at is not None
            self._rested[recording.id] = (recording.stored_samples, closed)
            if closed:
                self._forget(recording.id)
