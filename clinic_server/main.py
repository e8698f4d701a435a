"""The wiring of the server: the only place that knows every room."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clinic_server import problems, synthetic, templating
from clinic_server.administration import audit_pages, house_routes
from clinic_server.administration import routes as administration_routes
from clinic_server.alarms import routes as alarms_routes
from clinic_server.alarms import routes_me as alarms_routes_me
from clinic_server.analysis.canary import Canary
from clinic_server.analysis.live import LiveAnalysis
from clinic_server.analysis.wearer import WearerWatch
from clinic_server.bus import Bus
from clinic_server.consents import routes as consents_routes
from clinic_server.console import admission_pages as console_admission_pages
from clinic_server.console import boards as console_boards
from clinic_server.console import consult_pages as console_consults
from clinic_server.console import diary_pages as console_diary_pages
from clinic_server.console import ecg as console_ecg
from clinic_server.console import limits as console_limits
from clinic_server.console import pages as console_pages
from clinic_server.console import plan_pages as console_plan_pages
from clinic_server.console import rehab_pages as console_rehab_pages
from clinic_server.console import roster as console_roster
from clinic_server.console import site_replay as console_site_replay
from clinic_server.console import stream as console_stream
from clinic_server.console import visit_pages as console_visit_pages
from clinic_server.console import ward_pages as console_ward_pages
from clinic_server.consults import routes as consults_routes
from clinic_server.db import Database
from clinic_server.deps import App, AppDep, Clock, system_clock
from clinic_server.desk import labels as desk_labels
from clinic_server.desk import loan_routes as desk_loan_routes
from clinic_server.desk import reminder_routes as desk_reminder_routes
from clinic_server.desk import routes as desk_routes
from clinic_server.desk import routes_import as desk_import_routes
from clinic_server.desk import statistics as desk_statistics
from clinic_server.devices import routes as devices_routes
from clinic_server.diary import routes as diary_routes
from clinic_server.diary import service as diary_service
from clinic_server.erasure import deleting as erasure_deleting
from clinic_server.erasure import routes as erasure_routes
from clinic_server.errors import NotFound
from clinic_server.exports import routes as exports_routes
from clinic_server.family import consent_routes
from clinic_server.family import routes as family_routes
from clinic_server.family import sheet as family_sheet
from clinic_server.ingest import routes as ingest_routes
from clinic_server.ingest.writer import SegmentWriter
from clinic_server.migrations import run as migrations
from clinic_server.patients import glass_routes as patients_glass_routes
from clinic_server.plans import routes as plans_routes
from clinic_server.rehab import routes as rehab_routes
from clinic_server.reports import reading_routes
from clinic_server.reports import routes as reports_routes
from clinic_server.reports.jobs import ReportRunner
from clinic_server.reports.reading_desk import ReadingDesk
from clinic_server.security import Shield
from clinic_server.settings import VERSION, Settings
from clinic_server.staff import factor_routes as staff_factor_routes
from clinic_server.staff import routes as staff_routes
from clinic_server.ticks import TICKS, Tick, TickRunner, in_session

ROUTERS: tuple[APIRouter, ...] = (
    devices_routes.router,
    ingest_routes.router,
    alarms_routes_me.router,
    alarms_routes.router,
    consults_routes.router,
    plans_routes.router,
    diary_routes.router,
    consent_routes.router,
    consents_routes.router,
    rehab_routes.router,
    family_routes.router,
    family_sheet.router,
    reading_routes.router,
    reports_routes.router,
    desk_routes.router,
    desk_import_routes.router,
    desk_reminder_routes.router,
    desk_labels.router,
    desk_loan_routes.router,
    desk_statistics.router,
    console_boards.router,
    console_consults.router,
    console_limits.router,
    console_pages.router,
    console_admission_pages.router,
    console_plan_pages.router,
    console_visit_pages.router,
    console_ward_pages.router,
    console_diary_pages.router,
    console_rehab_pages.router,
    console_roster.router,
    console_stream.router,
    console_ecg.router,
    exports_routes.router,
    erasure_routes.router,
    administration_routes.router,
    house_routes.router,
    audit_pages.router,
    staff_routes.router,
    staff_factor_routes.router,
    patients_glass_routes.router,
)
system = APIRouter(include_in_schema=False)


@system.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return Response("ok", media_type="text/plain")


@system.get("/readyz")
def readyz(request: Request, app: AppDep) -> JSONResponse:
    """Say whether uploads are stored and what that runs by itself is failing."""
    try:
        with app.db.read() as session:
            session.execute(text("SELECT 1"))
        database = True
    except SQLAlchemyError:
        database = False
    ready = database and app.writer.alive
    runner: TickRunner = request.app.state.runner
    live: LiveAnalysis = request.app.state.live
    body = {
        "ready": ready,
        "database": database,
        "writer": app.writer.alive,
        "analysis": live.alive,
        "failing": sorted(runner.faults),
    }
    return JSONResponse(body, 200 if ready else 503)


@system.get("/")
def start_page() -> RedirectResponse:
    """Lead staff to their console."""
    return RedirectResponse("/console", 303)


@system.get("/patient")
def patient_app(app: AppDep) -> RedirectResponse:
    """Lead a patient to the app in the browser."""
    if not app.settings.patient_app_url:
        raise NotFound("errors.no_patient_app")
    return RedirectResponse(app.settings.patient_app_url, 303)


def end_process() -> None:
    """Stop this server: something that must never fail has failed.

    Whoever supervises the process starts it again (systemd, docker, `scripts/demo`).
    """
    os.kill(os.getpid(), signal.SIGTERM)


def create_app(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    background: bool = True,
    on_writer_death: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Build the server.

    Parameters
    ----------
    settings : Settings
    clock : callable
        Gives aware UTC now; tests pass their own.
    background : bool
        Whether ticks and the live analysis run by themselves; tests drive them by hand.
    on_writer_death : callable
        What to do when segments can no longer be stored; `end_process` when serving.

    Returns
    -------
    FastAPI
        Its lifespan migrates the database, starts and stops what runs beside the routes.
        ``app.state.clinic`` is the `App`, ``app.state.runner`` the `TickRunner`,
        ``app.state.live`` the `LiveAnalysis`.
    """
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    bus = Bus()
    db = Database(settings.url, bus)
    writer = SegmentWriter(db, clock, on_writer_death)
    clinic = App(settings=settings, db=db, bus=bus, clock=clock, writer=writer)
    live = LiveAnalysis(db, bus, clock, ZoneInfo(settings.time_zone))
    reports = ReportRunner(clinic)
    reading = ReadingDesk(clinic)
    replays = console_site_replay.SiteReplay(clinic)
    canary = (_canary_tick(Canary(clinic)), _FORGET_CANARY) if settings.canary else ()
    wearers = Tick("analysis.wearer", 60, WearerWatch().sweep)
    replay = Tick("alarms.replay", 5, lambda _app, now: replays.tick(now))
    ticks = (
        *TICKS,
        _report_tick(reports),
        _reading_tick(reading),
        _PLACE_DIARY,
        _SCRUB,
        wearers,
        replay,
        *canary,
    )
    runner = TickRunner(clinic, ticks)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        migrations.upgrade(db)
        db.self_check()
        writer.start()
        if background:
            live.start()
            runner.start()
        try:
            yield
        finally:
            runner.stop()
            live.stop()
            reports.close()
            app.state.reading.close()
            replays.close()
            writer.stop()
            db.close()

    app = FastAPI(
        title="Anxin clinic server",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses=problems.DOCUMENTED,
    )
    app.state.clinic = clinic
    app.state.runner = runner
    app.state.live = live
    app.state.replays = replays
    app.state.reading = reading
    problems.install(app)
    app.add_middleware(Shield, tls=settings.secure_cookies)
    for router in (system, *ROUTERS):
        app.include_router(router)
    app.mount(templating.STATIC_PATH, templating.static_files(), name="static")
    return app


_PLACE_DIARY = Tick("diary.place", 10, in_session(diary_service.place_waiting))


_SCRUB = Tick("erasure.scrub", 30, lambda app, now: erasure_deleting.scrub(app.db, now))


_FORGET_CANARY = Tick("alarms.forget_canary", 3600, in_session(synthetic.sweep))


def _canary_tick(canary: Canary) -> Tick:
    def run(_app: App, now: datetime) -> None:
        canary.tick(now)

    return Tick("alarms.canary", 5, run)


def _report_tick(reports: ReportRunner) -> Tick:
    def run(_app: App, now: datetime) -> None:
        reports.tick(now)

    return Tick("reports.run", 2, run)


def _reading_tick(reading: ReadingDesk) -> Tick:
    def run(_app: App, now: datetime) -> None:
        reading.tick(now)

    return Tick("reports.remeasure", 1, run)
