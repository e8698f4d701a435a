"""The pages of the physician's console, and the JSON their scripts ask for."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from clinic_server.alarms import service as alarms_service
from clinic_server.console.cards import Reader, cards, reader_for
from clinic_server.console.consult_pages import waiting
from clinic_server.console.detail import live_part, page_of, whole
from clinic_server.console.moments import epoch_ms
from clinic_server.console.proofs import proofs
from clinic_server.console.registers import alarm_rows, patient_file, patient_rows
from clinic_server.console.stream import MINIS, changed_cards
from clinic_server.console.wall import tiles
from clinic_server.deps import ClockDep, LocaleDep, ReadSession
from clinic_server.staff.auth import CurrentStaff
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
ENDED = timedelta(hours=24)
EMERGENCIES = timedelta(days=30)


def _all_cards(session: Session, reader: Reader, now: ClockDep) -> dict[str, Any]:
    # the number first: what happens after it is sent again, never left out
    last_id = alarms_service.last_event_id(session)
    views = alarms_service.open_alarms(session, reader.staff, now)
    return {
        "server_ms": epoch_ms(now),
        "last_id": last_id,
        "cards": cards(session, reader, views, now),
        "open_ids": [view.id for view in views],
        "proofs": proofs(session, reader, now),
    }


@router.get("/console/wall.json")
def wall_json(
    session: ReadSession, staff: CurrentStaff, locale: LocaleDep, now: ClockDep
) -> dict[str, Any]:
    """Give every square of the wall."""
    reader = reader_for(session, staff, locale, now)
    return {"server_ms": epoch_ms(now), "tiles": tiles(session, reader, MINIS), "gone": []}


@router.get("/console/alarms.json")
def alarms_json(
    session: ReadSession,
    staff: CurrentStaff,
    locale: LocaleDep,
    now: ClockDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> dict[str, Any]:
    """Give the open alarms; with ``after`` only the changed ones, and which are open."""
    reader = reader_for(session, staff, locale, now)
    if after == 0:
        return _all_cards(session, reader, now)
    changed, last_id = changed_cards(session, reader, after, now)
    return {
        "server_ms": epoch_ms(now),
        "last_id": last_id,
        "cards": changed,
        # only when nothing is still to be fetched is this list the whole truth
        "open_ids": alarms_service.open_ids(session, staff, now)
        if last_id >= alarms_service.last_event_id(session)
        else None,
        "proofs": proofs(session, reader, now),
    }


@router.get("/console")
def wall(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """Show the wall and the inbox."""
    reader = reader_for(session, frame.staff, frame.locale, frame.now)
    start = {
        "wall": {"tiles": tiles(session, reader, MINIS), "gone": []},
        "alarms": _all_cards(session, reader, frame.now),
        "consults": waiting(session, reader, frame.now),
    }
    return frame.show("console_wall.html", start=start)


@router.get("/console/alarms")
def alarms_page(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """List what is open, daily ones too, and what ended in the last day."""
    here = page_of(session, frame)
    return frame.show(
        "console_alarms.html",
        after=alarms_service.last_event_id(session),
        open_rows=alarm_rows(
            here, alarms_service.open_alarms(session, frame.staff, frame.now)
        ),
        ended_rows=alarm_rows(
            here,
            alarms_service.closed_alarms(
                session, frame.staff, frame.now - ENDED, frame.now
            ),
        ),
    )


@router.get("/console/alarms/{alarm_id}")
def alarm(
    frame: PageDep,
    alarm_id: int,
    session: ReadSession,
) -> HTMLResponse:
    """Show one alarm: evidence, context, and what to do."""
    here = page_of(session, frame)
    view = alarms_service.alarm_view(session, frame.staff, alarm_id, frame.now)
    return frame.show(
        "console_alarm.html",
        after=alarms_service.last_event_id(session),
        **whole(here, view),
    )


@router.get("/console/alarms/{alarm_id}/live")
def alarm_live(
    frame: PageDep,
    alarm_id: int,
    session: ReadSession,
) -> HTMLResponse:
    """Give the parts of an alarm's page that change, as elements to put in place."""
    here = page_of(session, frame)
    view = alarms_service.alarm_view(session, frame.staff, alarm_id, frame.now)
    return frame.show("console_alarm_fragment.html", **live_part(here, view))


@router.get("/console/patients")
def patients_page(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """List my patients by who needs somebody first."""
    here = page_of(session, frame)
    return frame.show(
        "console_patients.html",
        after=alarms_service.last_event_id(session),
        rows=patient_rows(here),
    )


@router.get("/console/patients/{patient_id}")
def patient_page(
    frame: PageDep,
    patient_id: int,
    session: ReadSession,
) -> HTMLResponse:
    """Show one patient: recordings, reports, plan, alarms, course."""
    here = page_of(session, frame)
    return frame.show(
        "console_patient.html",
        after=alarms_service.last_event_id(session),
        may_prescribe=frame.staff.role is Role.PHYSICIAN,
        may_nurse=frame.staff.role in (Role.PHYSICIAN, Role.NURSE),
        **patient_file(here, patient_id),
    )


@router.get("/console/chest-pain")
def chest_pain(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """Show emergencies and calls for help with every delay of the chain."""
    here = page_of(session, frame)
    views = [
        *alarms_service.open_alarms(session, frame.staff, frame.now),
        *alarms_service.closed_alarms(
            session, frame.staff, frame.now - EMERGENCIES, frame.now
        ),
    ]
    return frame.show(
        "console_chest_pain.html",
        after=alarms_service.last_event_id(session),
        rows=alarm_rows(here, [view for view in views if view.tier == "E"]),
        days=EMERGENCIES.days,
    )


@router.get("/console/calibration")
def calibration(
    frame: PageDep,
) -> HTMLResponse:
    """Show a line to measure, so that 25 mm/s are 25 mm on this screen."""
    return frame.show("console_calibration.html", after=0)
