"""A threshold replayed for all patients before it is saved, beside the live work.

A week of forty patients is tens of minutes of computing: one patient after the other, in a
worker process that steps back, while the page shows how far it is. What is asked and what
was found of each patient stands in a row: a restarted server goes on with the next patient.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from threading import Lock
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.alarms.models import LimitReplay
from clinic_server.analysis.preview import Preview, RuleChange, preview
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import App
from clinic_server.errors import NotFound
from clinic_server.patients import service as patients_service
from clinic_server.reports.worker import be_nice

PATIENT_BUDGET_S = 300.0
"""A week of one patient takes about 40 s; past this the rest is said to be missing."""
STALE = timedelta(hours=12)
"""A replay asked for so long ago is not taken up again: nobody waits for it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A threshold as it might become, and the time it is tried on."""

    name: str
    value: float
    since: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """How far one replay is."""

    patients: int
    done: int
    """Patients that are through, also those whose replay broke off."""
    failed: int
    found: list[Preview]


def replay_patient(url: str, patient_id: int, zone: str, question: Question) -> Preview:
    """Replay for one patient (entry of the worker process)."""
    database = Database(url, Bus())
    try:
        with database.read() as session:
            return preview(
                session,
                [patients_service.patient_of_record(session, patient_id)],
                name=question.name,
                value=question.value,
                since=question.since,
                zone=ZoneInfo(zone),
                now=question.now,
                budget_s=PATIENT_BUDGET_S,
            )
    finally:
        database.close()


class SiteReplay:
    """Runs one replay at a time; a new one takes the place of the old.

    Parameters
    ----------
    app : App
        Its settings name the database the worker reads.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._busy = self._closed = False

    def start(self, question: Question, asked_by: int, patients: Sequence[int]) -> str:
        """Begin; give the number to ask with."""
        number = uuid4().hex
        with self._app.db.write() as session:
            for row in session.exec(_unfinished()):
                row.ended_at = question.now
                session.add(row)
            session.add(
                LimitReplay(
                    number=number,
                    name=question.name,
                    value=question.value,
                    since=question.since,
                    asked_at=question.now,
                    asked_by=asked_by,
                    waiting=list(patients),
                    ended_at=None if patients else question.now,
                )
            )
        self.tick(question.now)
        return number

    def look(self, number: str, asked_by: int) -> Job:
        """Say how far a replay is.

        Raises
        ------
        NotFound
            ``alarms.replay_gone``: another one was begun since, or it is somebody else's.
        """
        with self._app.db.read() as session:
            row = session.get(LimitReplay, number)
            if row is None or row.asked_by != asked_by:
                raise NotFound("alarms.replay_gone")
            if row.ended_at is not None and row.waiting:
                raise NotFound("alarms.replay_gone")
            done = len(row.found) + row.failed
            found = [_restored(one) for one in row.found]
            return Job(done + len(row.waiting), done, row.failed, found)

    def tick(self, now: datetime) -> None:
        """Hand the next patient to the worker, if it is free; also after a restart."""
        with self._lock:
            if self._busy or self._closed:
                return
            with self._app.db.read() as session:
                row = session.exec(
                    _unfinished().where(col(LimitReplay.asked_at) > now - STALE)
                ).first()
                if row is None or not row.waiting:
                    return
                number, patient_id = row.number, int(row.waiting[0])
                question = Question(row.name, row.value, row.since, row.asked_at)
            if self._pool is None:
                # spawned, not forked: the server has threads and an open database
                self._pool = ProcessPoolExecutor(
                    max_workers=1, mp_context=get_context("spawn"), initializer=be_nice
                )
            settings = self._app.settings
            future = self._pool.submit(
                replay_patient, settings.url, patient_id, settings.time_zone, question
            )
            self._busy = True
        future.add_done_callback(lambda one: self._take(number, patient_id, one))

    def _take(self, number: str, patient_id: int, future: "Future[Preview]") -> None:
        with self._lock:
            self._busy = False
            if self._closed or future.cancelled():
                return
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                self._pool = None
            if error is not None:
                _log.error("replay failed: %s", type(error).__name__)
            now = self._app.clock()
            with self._app.db.write() as session:
                found = None if error is not None else future.result()
                _note(session, number, patient_id, found, now)
        self.tick(now)

    def close(self) -> None:
        """Let go of the worker; what is unfinished is taken up at the next start."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)


def _unfinished() -> SelectOfScalar[LimitReplay]:
    return (
        select(LimitReplay)
        .where(col(LimitReplay.ended_at).is_(None))
        .order_by(col(LimitReplay.asked_at).desc())
    )


def _note(
    session: Session, number: str, patient_id: int, found: Preview | None, now: datetime
) -> None:
    """Write down what came of one patient; once, whoever else did the same."""
    row = session.get(LimitReplay, number)
    if row is None or patient_id not in row.waiting:
        return
    row.waiting = [one for one in row.waiting if one != patient_id]
    if found is None:
        row.failed += 1
    else:
        row.found = [*row.found, asdict(found)]
    if not row.waiting and row.ended_at is None:
        row.ended_at = now
    session.add(row)


def _restored(stored: dict[str, Any]) -> Preview:
    rules = [RuleChange(**one) for one in stored["rules"]]
    return Preview(**{**stored, "rules": rules, "warnings": tuple(stored["warnings"])})
