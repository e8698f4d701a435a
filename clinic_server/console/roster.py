"""Who is on duty now and in the next hours, and who may change it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime

from clinic_server import timewords
from clinic_server.alarms import service as alarms_service
from clinic_server.bounds import is_plausible
from clinic_server.deps import AppDep, ClockDep, ReadSession, WriteSession
from clinic_server.errors import Unprocessable
from clinic_server.staff import service
from clinic_server.staff.auth import CurrentStaff, require
from clinic_server.staff.models import Duty, Role, Staff
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
AHEAD = timedelta(hours=12)
WEEK = timedelta(days=7)
SHORTEST_GAP = timedelta(minutes=1)
STEPS = (1, 2, 3)
_SETTERS = (Role.PHYSICIAN, Role.ADMIN)
Span = tuple[datetime, datetime]


def _setter(staff: CurrentStaff) -> Staff:
    return require(staff, *_SETTERS)


Setter = Annotated[Staff, Depends(_setter)]
"""Who may set duties."""


def gaps(spans: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """Find when nobody is there.

    Parameters
    ----------
    spans : sequence of (datetime, datetime)
        Duties, in any order; they may overlap.
    start, end : datetime
        What is looked at.

    Returns
    -------
    list of (datetime, datetime)
        Uncovered stretches within ``[start, end)``, in order.
    """
    found = []
    at = start
    for begins, ends in sorted(spans):
        if begins >= end:
            break
        if begins > at:
            found.append((at, begins))
        at = max(at, ends)
    if at < end:
        found.append((at, end))
    return found


def _bars(duties: Sequence[tuple[Duty, Staff]], now: datetime) -> list[dict[str, Any]]:
    """Lay the duties of each step on a line of minutes from now."""

    def minute(at: datetime) -> int:
        return round(max(timedelta(), min(AHEAD, at - now)).total_seconds() / 60)

    rows = []
    for step in STEPS:
        own = [(duty, staff) for duty, staff in duties if duty.step == step]
        bars = [
            (minute(duty.starts_at), minute(duty.ends_at), staff.name)
            for duty, staff in own
            if duty.starts_at < now + AHEAD
        ]
        names = list(dict.fromkeys(name for _, _, name in bars))
        rows.append({"step": step, "bars": bars, "names": names})
    return rows


@router.get("/console/roster")
def roster(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """Show the roster; it holds no patient's data."""
    zone = frame.zone
    duties = service.duties_between(session, frame.now, frame.now + WEEK, frame.staff)
    on_duty = service.on_duty(session, frame.now, frame.staff.site_id)
    until = {
        (duty.step, person.id): duty.ends_at
        for duty, person in duties
        if duty.starts_at <= frame.now
    }
    first = [(d.starts_at, d.ends_at) for d, _ in duties if d.step == STEPS[0]]
    local = frame.now.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
    return frame.show(
        "console_roster.html",
        after=alarms_service.last_event_id(session),
        steps=STEPS,
        on_duty=on_duty,
        until={step: until.get((step, one.id)) for step, one in on_duty.items()},
        bars=_bars(duties, frame.now),
        hours=[
            (60 * n, timewords.clock(frame.now + timedelta(hours=n), zone))
            for n in (0, 3, 6, 9, 12)
        ],
        gaps=[
            (begins, ends)
            for begins, ends in gaps(first, frame.now, frame.now + AHEAD)
            if ends - begins >= SHORTEST_GAP
        ],
        duties=duties,
        people=service.who_may_be_on_duty(session, frame.staff),
        may_set=frame.staff.role in _SETTERS,
        starts=local.isoformat(timespec="minutes"),
        ends=(local + AHEAD).isoformat(timespec="minutes"),
        clock=lambda at: timewords.day_clock(at, frame.now, zone, frame.locale),
    )


class NewDuty(BaseModel):
    """Who, at which step, from when to when: wall-clock times of the clinic."""

    model_config = ConfigDict(extra="forbid")

    staff_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    step: Annotated[int, Field(ge=1, le=3)]
    starts_at: NaiveDatetime
    ends_at: NaiveDatetime


@router.post("/console/roster", status_code=204)
def set_duty(
    body: NewDuty, app: AppDep, session: WriteSession, staff: Setter, now: ClockDep
) -> None:
    """Put somebody on duty."""
    zone = ZoneInfo(app.settings.time_zone)
    starts_at, ends_at = (at.replace(tzinfo=zone) for at in (body.starts_at, body.ends_at))
    if not (is_plausible(starts_at, now) and is_plausible(ends_at, now)):
        raise Unprocessable("staff.duty_times")
    service.set_duty(
        session,
        staff_id=body.staff_id,
        step=body.step,
        starts_at=starts_at,
        ends_at=ends_at,
        now=now,
        by=staff,
    )


@router.post("/console/roster/{duty_id}/end", status_code=204)
def end_duty(
    duty_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    session: WriteSession,
    staff: Setter,
    now: ClockDep,
) -> None:
    """End a duty now."""
    service.end_duty(session, duty_id, staff, now)
