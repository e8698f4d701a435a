"""A threshold replayed for all patients before it is saved, beside the live work.

A week of forty patients is tens of minutes of computing: one patient after the other, in a
worker process that steps back, while the page shows how far it is. Nothing is written; a
restarted server has forgotten the replay and the page starts it again.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from threading import Lock
from uuid import uuid4
from zoneinfo import ZoneInfo

from clinic_server.analysis.preview import Preview, preview
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.deps import App
from clinic_server.errors import NotFound
from clinic_server.patients import service as patients_service
from clinic_server.reports.worker import be_nice

PATIENT_BUDGET_S = 300.0
"""A week of one patient takes about 40 s; past this the rest is said to be missing."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A threshold as it might become, and the time it is tried on."""

    name: str
    value: float
    since: datetime
    now: datetime


@dataclass
class Job:
    """One replay, patient after patient."""

    question: Question
    asked_by: int
    waiting: list[int]
    found: list[Preview] = field(default_factory=list)
    failed: int = 0
    """Patients whose replay broke off."""

    @property
    def done(self) -> int:
        """Patients that are through."""
        return len(self.found) + self.failed


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
    """Runs one job at a time; a new one takes the place of the old.

    Parameters
    ----------
    app : App
        Its settings name the database the worker reads.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._job: tuple[str, Job] | None = None

    def start(self, question: Question, asked_by: int, patients: Sequence[int]) -> str:
        """Begin; give the number to ask with."""
        number = uuid4().hex
        with self._lock:
            self._job = (number, Job(question, asked_by, list(patients)))
        self._next(number)
        return number

    def look(self, number: str, asked_by: int) -> tuple[Job, int]:
        """Give a job and its number of patients.

        Raises
        ------
        NotFound
            ``alarms.replay_gone``: another one was begun since, or the server restarted.
        """
        with self._lock:
            if self._job is None or self._job[0] != number:
                raise NotFound("alarms.replay_gone")
            job = self._job[1]
        if job.asked_by != asked_by:
            raise NotFound("alarms.replay_gone")
        return job, job.done + len(job.waiting)

    def _next(self, number: str) -> None:
        with self._lock:
            if self._job is None or self._job[0] != number or not self._job[1].waiting:
                return
            job = self._job[1]
            settings = self._app.settings
            if self._pool is None:
                # spawned, not forked: the server has threads and an open database
                self._pool = ProcessPoolExecutor(
                    max_workers=1, mp_context=get_context("spawn"), initializer=be_nice
                )
            future = self._pool.submit(
                replay_patient,
                settings.url,
                job.waiting[0],
                settings.time_zone,
                job.question,
            )
        future.add_done_callback(lambda one: self._take(number, job, one))

    def _take(self, number: str, job: Job, future: "Future[Preview]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        with self._lock:
            job.waiting.pop(0)
            if error is None:
                job.found.append(future.result())
            else:
                job.failed += 1
                _log.error("replay failed: %s", type(error).__name__)
            if isinstance(error, BrokenProcessPool):
                self._pool = None
        self._next(number)

    def close(self) -> None:
        """Let go of the worker."""
        with self._lock:
            self._job = None
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
