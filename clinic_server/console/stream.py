"""The line to the console: numbered rows over server-sent events, and the heartbeat.

Event ids are `AlarmEvent.id`: a page that was away says where it stopped
(``Last-Event-ID``, or ``after`` in the address) and gets the rest. The bell only wakes
this reader; it also looks by itself, so a lost ring loses nothing.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from clinic_server.alarms import service as alarms_service
from clinic_server.console.cards import Reader, cards, reader_for
from clinic_server.console.consult_pages import waiting
from clinic_server.console.moments import epoch_ms
from clinic_server.console.proofs import DUTY_WORD
from clinic_server.console.wall import MiniTraces, tiles
from clinic_server.deps import App, AppDep, LocaleDep
from clinic_server.errors import ClinicError
from clinic_server.notify import service as notify_service
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import CurrentStaff, cookie_name
from clinic_server.staff.models import Staff

router = APIRouter()
MINIS = MiniTraces()
"""Traces are named by recording and sample: the same for every process and reader."""

HEARTBEAT_S = 5.0
TILES_S = 1.0
GATHER_S = 0.25
"""Changes that follow each other faster come to the page together."""
BATCH = 500
FRESH_S = 60.0
DISK_LOW_BYTES = 256 * 2**20
"""About an hour of uploads of a hundred patients: stop and make room before it is gone."""
EVENT_STREAM = "text/event-stream"


@dataclass(slots=True)
class Line:
    """One connected page: what it has had."""

    staff: Staff
    locale: str
    token: str
    wants_tiles: bool
    last_id: int
    behind: bool = False
    """More changes are waiting than went into the last message."""
    sent: dict[int, dict[str, Any]] = field(default_factory=dict)
    rings: tuple[int, int] = (-1, -1)


def frame(event: str, data: object, event_id: int | None = None) -> str:
    """Write one event as it goes over the wire."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {event}\ndata: {body}\n\n"


def changed_cards(
    session: Session, reader: Reader, last_id: int, now: datetime
) -> tuple[list[dict[str, Any]], int]:
    """Give the cards of alarms that changed after an event, and the newest event's id."""
    events = alarms_service.events_after(session, reader.staff, last_id, BATCH, now)
    if not events:
        return [], last_id
    ids = sorted({event.alarm_id for event in events})
    views = alarms_service.alarms_named(session, reader.staff, ids, now)
    return cards(session, reader, views, now), events[-1].id or last_id


def delay_s(session: Session, reader: Reader, now: datetime) -> float | None:
    """Give the usual time from a sample to the clinic's disk, of what is fresh."""
    delays = []
    for recording in recordings_service.open_recordings(session, reader.patients):
        received = recording.last_received_at
        if received is None:
            continue
        if (now - received).total_seconds() > FRESH_S:
            continue
        newest = recordings_service.sample_time(recording, recording.end_sample)
        delays.append(max(0.0, (received - newest).total_seconds()))
    return round(median(delays), 2) if delays else None


def faults(app: App, session: Session) -> dict[str, bool]:
    """Say what makes the screen alone not enough: no channel works, nothing is stored."""
    folder = app.settings.data_dir
    free = shutil.disk_usage(folder).free if folder.exists() else DISK_LOW_BYTES
    return {
        "channels": notify_service.all_failing(session),
        "disk": free < DISK_LOW_BYTES or not app.writer.alive,
    }


def heartbeat(app: App, line: Line) -> dict[str, Any]:
    """Say that the server lives, what time it has, and who is on duty.

    Raises
    ------
    NotSignedIn
        The session has ended: the page must say so.
    """
    now = app.clock()
    with app.db.read() as session:
        staff, row = staff_service.session_for(
            session, line.token, app.settings, now, app.seen
        )
        app.seen[row.token_hash] = now
        reader = reader_for(session, staff, line.locale, now)
        duty = {
            DUTY_WORD[step]: person.name
            for step, person in reader.duty.items()
            if step in DUTY_WORD
        }
        return {
            "server_ms": epoch_ms(app.clock()),
            "duty": {"first": None, "second": None, "head": None} | duty,
            "on_duty": bool(duty),
            "delay_s": delay_s(session, reader, now),
            "faults": faults(app, session),
            "consults": waiting(session, reader, now) if line.wants_tiles else None,
        }


def news(app: App, line: Line) -> dict[str, Any] | None:
    """Give changed cards since the page's last event; None when there are none."""
    now = app.clock()
    with app.db.read() as session:
        reader = reader_for(session, line.staff, line.locale, now)
        changed, last_id = changed_cards(session, reader, line.last_id, now)
        line.behind = last_id < alarms_service.last_event_id(session)
    if last_id == line.last_id:
        return None
    line.last_id = last_id
    return {"cards": changed, "last_id": last_id, "open_ids": None}


def note_delivery(app: App, line: Line, alarm_ids: list[int]) -> None:
    """Write down that alarms are on this person's screen."""
    if not alarm_ids or line.staff.id is None:
        return
    with app.db.write() as session:
        alarms_service.reached_console(session, line.staff.id, alarm_ids, app.clock())


def changed_tiles(app: App, line: Line) -> dict[str, Any] | None:
    """Give the squares that differ from what this page has."""
    now = app.clock()
    with app.db.read() as session:
        reader = reader_for(session, line.staff, line.locale, now)
        current = {square["patient_id"]: square for square in tiles(session, reader, MINIS)}
    fresh = [square for pid, square in current.items() if line.sent.get(pid) != square]
    gone = [pid for pid in line.sent if pid not in current]
    line.sent = current
    return {"tiles": fresh, "gone": gone} if fresh or gone else None


class _Rhythm:
    """When this line beats, shows its squares, and reads them all anew."""

    def __init__(self, now_s: float) -> None:
        self.beat_at = self.tiles_at = self.whole_at = now_s


async def _squares(app: App, line: Line, due: _Rhythm, now_s: float) -> str:
    """Give the squares that changed, as a frame; empty when none has."""
    due.tiles_at = now_s + TILES_S
    rings = (app.bus.count("samples"), app.bus.count("devices"))
    # beats and batteries change without a ring: look at least this often
    if rings == line.rings and now_s < due.whole_at:
        return ""
    line.rings = rings
    due.whole_at = now_s + HEARTBEAT_S
    squares = await run_in_threadpool(changed_tiles, app, line)
    return frame("tiles", squares) if squares is not None else ""


async def _events(request: Request, app: App, line: Line) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    loop = asyncio.get_running_loop()
    due = _Rhythm(loop.time())
    while not await request.is_disconnected():
        rung = app.bus.count("alarms")
        # before the news: a flood of alarms must not make the page believe it is cut off
        if loop.time() >= due.beat_at:
            try:
                beat = await run_in_threadpool(heartbeat, app, line)
            except ClinicError:
                return  # signed out: the page's next poll is told so
            yield frame("heartbeat", beat)
            due.beat_at = loop.time() + HEARTBEAT_S
        message = await run_in_threadpool(news, app, line)
        if message is not None:
            yield frame("alarms", message, line.last_id)
            calling = [c["id"] for c in message["cards"] if not c["closed"]]
            await run_in_threadpool(note_delivery, app, line, calling)
        if line.wants_tiles and loop.time() >= due.tiles_at:
            squares = await _squares(app, line, due, loop.time())
            if squares:
                yield squares
        if message is None:
            until = min(due.beat_at, due.tiles_at) if line.wants_tiles else due.beat_at
            await app.bus.wait_async("alarms", rung, max(0.01, until - loop.time()))
        elif not line.behind:
            await asyncio.sleep(GATHER_S)


@router.get("/console/stream", include_in_schema=False)
async def stream(
    request: Request,
    app: AppDep,
    staff: CurrentStaff,
    locale: LocaleDep,
    tiles: Annotated[bool, Query()] = False,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Open the line of one page."""
    resumed = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    line = Line(
        staff=staff,
        locale=locale,
        token=request.cookies.get(cookie_name(app.settings), ""),
        wants_tiles=tiles,
        last_id=min(max(after, resumed), 2**53),
    )
    return StreamingResponse(
        _events(request, app, line),
        media_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
