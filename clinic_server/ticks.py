"""What happens by itself, and how often: one table.

Ticks hold no truth. Each looks at rows that say what is owed, does a bounded part of it,
and may run twice or on every node. A tick that fails is logged, counted and shown on
`/readyz`; the next one runs anyway.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from sqlmodel import Session

from clinic_server.alarms import (
    delivery,
    digest,
    escalation,
    faults,
    measured,
    sequence,
    watchdog,
)
from clinic_server.alarms.steady import SteadyClock
from clinic_server.analysis import burden, lag
from clinic_server.consents import trace
from clinic_server.consults import service as consults_service
from clinic_server.deps import App
from clinic_server.desk import import_job, reminders
from clinic_server.desk import watch as loan_watch
from clinic_server.family.routes import flush_looks
from clinic_server.plans import changes as plans_changes
from clinic_server.plans import service as plans_service
from clinic_server.recordings import service as recordings_service
from clinic_server.staff.auth import flush_last_use

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """One repeated look."""

    name: str
    every_s: float
    fn: Callable[[App, datetime], object]


def in_session(
    fn: Callable[[Session, datetime], object],
) -> Callable[[App, datetime], None]:
    """Give a sweep ``(session, now)`` its own transaction."""

    def run(app: App, now: datetime) -> None:
        with app.db.write() as session:
            fn(session, now)

    return run


def _escalate(app: App, now: datetime) -> None:
    escalation.sweep_all(app.db, now)


def _deliver(app: App, now: datetime) -> None:
    delivery.deliver(app.db, now, app.settings.base_url)


def _digest(app: App, now: datetime) -> None:
    with app.db.write() as session:
        digest.sweep(session, now, ZoneInfo(app.settings.time_zone))


def _watch(app: App, now: datetime) -> None:
    watchdog.sweep(app.db, now, ZoneInfo(app.settings.time_zone))


def _clocks(app: App, now: datetime) -> None:
    with app.db.write() as session:
        faults.sweep(session, now)
        if isinstance(app.clock, SteadyClock):
            faults.own_clock(session, app.clock.offset_s, now)


def _remind(app: App, now: datetime) -> None:
    zone = ZoneInfo(app.settings.time_zone)
    with app.db.write() as session:
        reminders.sweep(session, now, zone, app.settings.clinic_phone)


def _burden(app: App, now: datetime) -> None:
    burden.sweep(app.db, now, ZoneInfo(app.settings.time_zone))


def _watch_loans(app: App, now: datetime) -> None:
    with app.db.write() as session:
        loan_watch.sweep(session, now, ZoneInfo(app.settings.time_zone))


TICKS: tuple[Tick, ...] = (
    Tick("alarms.escalate", 1, _escalate),
    Tick("alarms.deliver", 1, _deliver),
    Tick("alarms.watch", 5, _watch),
    Tick("alarms.clocks", 15, _clocks),
    Tick("alarms.digest", 60, _digest),
    Tick("alarms.measured", 30, in_session(measured.sweep)),
    Tick("alarms.sequence", 300, lambda app, now: sequence.sweep(app.db, now)),
    Tick("analysis.burden", 3600, _burden),
    Tick("analysis.lag", 30, lambda app, now: lag.sweep(app.db, now)),
    Tick("consults.late", 60, in_session(consults_service.sweep)),
    Tick("plans.sweep", 10, in_session(plans_service.sweep)),
    Tick("plans.fulfil", 60, in_session(plans_changes.fulfil)),
    Tick("desk.remind", 60, _remind),
    Tick("desk.watch", 30, _watch_loans),
    Tick("desk.imports", 30, import_job.revive),
    Tick("recordings.close_due", 30, in_session(recordings_service.close_due)),
    Tick("staff.last_use", 5, flush_last_use),
    Tick("family.looks", 2, flush_looks),
    Tick("patients.looks", 5, trace.write_looks),
)
"""Those that need nothing but the application; `main` adds those that own something."""


@dataclass
class TickRunner:
    """Runs ticks on APScheduler (interval jobs, in memory).

    Parameters
    ----------
    app : App
    ticks : sequence of Tick
    """

    app: App
    ticks: Sequence[Tick]
    faults: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        """Begin."""
        for tick in self.ticks:
            self._scheduler.add_job(
                self.run, "interval", (tick,), seconds=tick.every_s, id=tick.name
            )
        self._scheduler.start()

    def stop(self) -> None:
        """End; waits for ticks that are running."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def run(self, tick: Tick) -> bool:
        """Run one tick now; False when it failed.

        The named edge of background work: a fault in one tick must not end the others.
        """
        try:
            tick.fn(self.app, self.app.clock())
        except Exception:  # noqa: BLE001 - the job runner's edge
            self.faults[tick.name] = self.faults.get(tick.name, 0) + 1
            _log.exception("tick %s failed", tick.name)
            return False
        self.faults.pop(tick.name, None)
        return True
