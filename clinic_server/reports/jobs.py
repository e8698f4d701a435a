"""Runs the owed analyses, one at a time, in a worker process.

Called by a tick. The rows say what is owed; this only looks whether the worker is free.
"""

import logging
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from multiprocessing import get_context

from clinic_server.deps import App
from clinic_server.reports import kept, service, worker

log = logging.getLogger(__name__)


class ReportRunner:
    """Hands one owed recording at a time to a worker process.

    Parameters
    ----------
    app : App
        Its settings name the database the worker reads.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._pool: ProcessPoolExecutor | None = None
        self._running: tuple[str, Future[worker.Study]] | None = None

    def tick(self, now: datetime) -> None:
        """Store what is finished, then start what is owed next."""
        if self._running is not None:
            recording_id, future = self._running
            if not future.done():
                return
            self._running = None
            self._finish(recording_id, future, now)
        with self._app.db.read() as session:
            idle = not service.anything_owed(session)
        if idle:
            return
        with self._app.db.write() as session:
            service.owe(session, now)
            service.give_up(session, now)
            claimed = service.claim(session, now)
        if claimed is not None:
            settings = self._app.settings
            pool = self._pool or self._start()
            future = pool.submit(worker.study, settings.url, claimed, settings.time_zone)
            self._running = (claimed, future)

    def _start(self) -> ProcessPoolExecutor:
        # spawned, not forked: the server has threads and an open database
        self._pool = ProcessPoolExecutor(
            max_workers=1, mp_context=get_context("spawn"), initializer=worker.be_nice
        )
        return self._pool

    def _finish(
        self, recording_id: str, future: Future[worker.Study], now: datetime
    ) -> None:
        error = future.exception()
        if error is None:
            found = future.result()
            with self._app.db.write() as session:
                kept.keep(session, recording_id, found.kept, now)
                service.store_draft(session, recording_id, found.result, now)
            return
        log.error("analysis of %s failed: %s", recording_id, type(error).__name__)
        if isinstance(error, BrokenProcessPool):
            self._pool = None
        with self._app.db.write() as session:
            service.failed(session, recording_id, type(error).__name__)

    def close(self) -> None:
        """Let go of the worker; what it was doing stays owed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
