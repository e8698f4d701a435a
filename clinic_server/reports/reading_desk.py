"""Runs recounts for readers and re-measures drafts, beside the server's own process.

Two workers at most: one may be measuring a day while the other answers a reader. The rows
say what is owed (`Report.remeasure_at`); losing a worker loses nothing.
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime, timedelta
from multiprocessing import get_context
from threading import Lock
from typing import Any

from clinic_server.deps import App
from clinic_server.errors import Unavailable
from clinic_server.reports import edits, kept, recount
from clinic_server.reports.models import Report

log = logging.getLogger(__name__)
WORKERS = 2
WAIT_S = 30.0
"""Longest wait for a recount; the first one of a day also loads it."""
REMEMBERED = 16
"""Days whose newest recount is kept for whoever asks the same."""
NICENESS = 4
"""Behind the live analysis, before the first analyses: a person is waiting."""
AGAIN_AFTER = timedelta(minutes=1)
"""A measuring that failed is tried again after this."""


def _processes() -> Executor:
    # spawned, not forked: the server has threads and an open database
    return ProcessPoolExecutor(
        max_workers=WORKERS, mp_context=get_context("spawn"), initializer=_step_back
    )


def _step_back() -> None:
    os.nice(NICENESS)


def _failed(future: Future[dict[str, Any]]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


class ReadingDesk:
    """Hands work on edited beats to workers.

    Parameters
    ----------
    app : App
        Its settings name the database the workers read.
    pool : callable
        Makes the workers.
    """

    def __init__(self, app: App, pool: Callable[[], Executor] = _processes) -> None:
        self._app = app
        self.make_pool = pool
        self._pool: Executor | None = None
        self._lock = Lock()
        self._asked: OrderedDict[str, tuple[int, Future[dict[str, Any]]]] = OrderedDict()
        self._measuring: tuple[int, int, Future[dict[str, Any]]] | None = None

    def numbers(self, recording_id: str, upto: int) -> dict[str, Any]:
        """Count a recording again with the script up to a step.

        Raises
        ------
        Unavailable
            ``reports.recount_failed``.
        """
        try:
            return self._ask(recording_id, upto).result(timeout=WAIT_S)
        except TimeoutError as error:  # it goes on; whoever asks again gets its answer
            raise Unavailable("reports.recount_failed") from error
        except BrokenProcessPool as error:
            self._forget_pool(error)
            raise Unavailable("reports.recount_failed") from error

    def _ask(self, recording_id: str, upto: int) -> Future[dict[str, Any]]:
        """Begin a recount, or give the one that answers the same question."""
        with self._lock:
            known = self._asked.get(recording_id)
            if known is not None and known[0] == upto and not _failed(known[1]):
                self._asked.move_to_end(recording_id)
                return known[1]
            future = self._submit(recount.recount, recording_id, upto)
            self._asked[recording_id] = (upto, future)
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
            return future

    def _submit(
        self,
        work: Callable[[str, str, int, str], dict[str, Any]],
        recording_id: str,
        upto: int,
    ) -> Future[dict[str, Any]]:
        if self._pool is None:
            self._pool = self.make_pool()
        settings = self._app.settings
        return self._pool.submit(work, settings.url, recording_id, upto, settings.time_zone)

    def _forget_pool(self, error: BaseException) -> None:
        log.error("a recount failed: %s", type(error).__name__)
        if isinstance(error, BrokenProcessPool):
            with self._lock:
                self._pool = None

    def tick(self, now: datetime) -> None:
        """Store what was measured, then start on the draft that waits longest."""
        if self._measuring is not None:
            report_id, upto, future = self._measuring
            if not future.done():
                return
            self._measuring = None
            self._take(report_id, upto, future, now)
        with self._app.db.read() as session:
            waiting = kept.due(session, now)
            if not waiting:
                return
            report = waiting[0]
            upto = edits.newest(session, report.recording_id)
        with self._lock:
            future = self._submit(recount.remeasure, report.recording_id, upto)
        self._measuring = (report.id or 0, upto, future)

    def _take(
        self, report_id: int, upto: int, future: Future[dict[str, Any]], now: datetime
    ) -> None:
        error = future.exception()
        if error is not None:
            self._forget_pool(error)
        with self._app.db.write() as session:
            report = session.get_one(Report, report_id)
            if error is None:
                kept.settle(session, report, future.result(), upto)
            elif report.state == "draft":
                report.remeasure_at = now + AGAIN_AFTER
                session.add(report)

    def close(self) -> None:
        """Let go of the workers; what they were measuring stays owed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
