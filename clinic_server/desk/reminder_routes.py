"""Reminders over HTTP: see what will go out, send it early."""

from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from clinic_server.deps import AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.desk import reminders
from clinic_server.devices import service as devices
from clinic_server.devices.loans import open_issues_of
from clinic_server.patients import service as patients
from clinic_server.staff.auth import DeskStaff, Nurse

router = APIRouter()


class Preview(BaseModel):
    """The next message of one loan, word for word."""

    issue_id: int
    serial: str
    patient_name: str
    rung: int
    at: AwareDatetime
    text: str
    may_send: bool
    """Owed within a day: a nurse may send it now."""


@router.get("/desk/reminders")
def preview(
    app: AppDep, session: ReadSession, staff: DeskStaff, now: ClockDep
) -> list[Preview]:
    """Show what will be sent next, soonest first."""
    zone = ZoneInfo(app.settings.time_zone)
    known = {one.id: one for one in patients.patients_of(session, staff, now)}
    loans = open_issues_of(session, patients.ids_of(session, staff, now))
    standings = reminders.standings(session, loans, zone)
    found = []
    for loan in loans:
        rung = standings[loan.id or 0].next
        if rung is None:
            continue
        patient = known[loan.patient_id]
        phone = app.settings.clinic_phone
        found.append(
            Preview(
                issue_id=loan.id or 0,
                serial=loan.serial,
                patient_name=patient.name,
                rung=rung.days,
                at=rung.at,
                text=reminders.text(loan, rung.days, patient, zone, phone),
                may_send=rung.at - now <= reminders.BY_HAND,
            )
        )
    return sorted(found, key=lambda one: (one.at, one.serial))


@router.post("/desk/issues/{issue_id}/remind", status_code=204)
def send(
    issue_id: RowId, app: AppDep, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Send a loan's next reminder now."""
    loan = devices.issue_by_id(session, issue_id)
    patients.patient_for(session, staff, loan.patient_id, now)
    zone = ZoneInfo(app.settings.time_zone)
    reminders.send_now(session, loan, staff, zone, app.settings.clinic_phone, now)
