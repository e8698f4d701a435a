"""Opening the file of a patient who goes home, and correcting it: one form."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from clinic_server.alarms import service as alarms
from clinic_server.deps import ClockDep, ReadSession, RowId, WriteSession
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.patients.service import PatientFile
from clinic_server.staff import departments, house
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import Nurse
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep

router = APIRouter()
EMPTY: dict[str, Any] = {
    "name": "", "sex": "", "born_on": "", "phone": "", "emergency_name": "",
    "emergency_relation": "", "emergency_phone": "", "diagnosis": "", "procedure": "",
    "procedure_on": "", "drugs": "", "lvef_pct": "", "has_pacemaker": False,
    "pacemaker_lower_bpm": "", "alarm_template": "default",
    "known_af": False,
    "locale": "zh_CN", "attending_id": None, "care_team": (),
    "department_id": None,
}  # fmt: skip


@router.get("/desk/admit", include_in_schema=False)
def admit_page(
    frame: PageDep,
    session: ReadSession,
    staff: Nurse,
) -> HTMLResponse:
    """Show the empty form; whoever is a physician is the attending by default."""
    values = EMPTY | {
        "attending_id": staff.id if staff.role is Role.PHYSICIAN else None,
        "locale": house.rules_of(session, staff.site_id).locale,
    }
    return frame.show(
        "console_admit.html",
        after=alarms.last_event_id(session),
        patient=None,
        values=values,
        running=False,
        physicians=staff_service.physicians(session, staff),
        departments=departments.departments(session, staff),
        today=frame.now.astimezone(ZoneInfo(frame.app.settings.time_zone))
        .date()
        .isoformat(),
    )


@router.get("/desk/patients/{patient_id}/file", include_in_schema=False)
def file_page(
    frame: PageDep,
    patient_id: RowId,
    session: ReadSession,
    staff: Nurse,
) -> HTMLResponse:
    """Show the form with what stands in the file."""
    patient = patients.patient_for(session, staff, patient_id, frame.now)
    team = [one.staff_id for one in patients.team_of(session, patient_id)]
    return frame.show(
        "console_admit.html",
        after=alarms.last_event_id(session),
        patient=patient,
        values=_values(patient) | {"care_team": team},
        running=patients.open_case(session, patient_id) is not None,
        physicians=staff_service.physicians(session, staff),
        departments=departments.departments(session, staff),
        today=frame.now.astimezone(ZoneInfo(frame.app.settings.time_zone))
        .date()
        .isoformat(),
    )


def _values(patient: Patient) -> dict[str, Any]:
    stored = {name: getattr(patient, name) for name in EMPTY if name != "care_team"}
    return {name: "" if value is None else value for name, value in stored.items()}


class Correction(PatientFile):
    """What the file says now; and whether the patient goes home once more."""

    open_file: bool = False


class Corrected(BaseModel):
    """Whose file it is."""

    patient_id: int


@router.post("/desk/patients/{patient_id}/file")
def correct(
    patient_id: RowId, body: Correction, session: WriteSession, staff: Nurse, now: ClockDep
) -> Corrected:
    """Correct a file, or open a new follow-up of a known patient with it."""
    patient = patients.patient_for(session, staff, patient_id, now)
    fields = PatientFile(**body.model_dump(exclude={"open_file"}))
    patients.correct(session, staff, patient, fields, now)
    if body.open_file:
        patients.open_file(session, staff, patient, now)
    return Corrected(patient_id=patient_id)
