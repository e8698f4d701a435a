"""Erasure over HTTP: the wearer's request, the page about one patient, the paper.

Both people type their password again: an open screen is not a person.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.deps import App, AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.erasure import service
from clinic_server.erasure.deleting import Counts
from clinic_server.erasure.models import ErasureRequest
from clinic_server.errors import Forbidden
from clinic_server.patients import service as patients
from clinic_server.staff import house
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import Nurse, Physician
from clinic_server.staff.models import Role, Staff
from clinic_server.staff.page import PageDep, StaffPage
from clinic_server.staff.passwords import verify_password
from clinic_server.wire.erasure import ErasureStanding

router = APIRouter()
PHONE_PROOF = "paired phone"
"""Written as the proof of a request that came from the phone of a running loan."""
GROUPS: dict[str, tuple[str, ...]] = {
    "ecg": ("recording", "segment", "segment_conflict", "event_mark", "beat_chunk",
            "episode", "minute_trend", "analysed_range", "analysis_cursor"),
    "reports": ("report", "report_job", "report_edit", "report_reading", "report_tile"),
    "alarms": ("alarm", "alarm_event", "advice", "consult", "outbox", "limit_override"),
    "follow_up": ("case_file", "case_event", "plan", "task", "work_item", "diary_entry",
                  "rehab_prescription", "rehab_session", "time_point", "loan_reminder"),
    "file": ("patient", "care_team_member"),
    "family": ("family_link", "family_session", "family_view", "family_notice"),
    "loans": ("issue", "loan_extension", "loan_picture", "phone_state"),
    "proof": ("audit", "consent", "break_glass", "erasure_request", "legal_hold"),
}  # fmt: skip
"""Tables as a person speaks of them (``erasure.group_…``)."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Asked(_Body):
    """Who asked at the desk, and how they proved who they are."""

    proved_by: Annotated[str, Field(min_length=2, max_length=200)]


class Reason(_Body):
    """Why."""

    reason: Annotated[str, Field(min_length=2, max_length=200)]


class Proof(_Body):
    """The password once more."""

    password: Annotated[str, Field(min_length=1, max_length=256)]


class Agreement(Proof):
    """The first person's word."""

    copy_of_file: Literal["given", "declined"]


def _agreed(body: Agreement, app: AppDep, staff: Physician, now: ClockDep) -> Agreement:
    _prove(app, staff, body.password, now)
    return body


def _checked(body: Proof, app: AppDep, staff: Nurse, now: ClockDep) -> Proof:
    _prove(app, staff, body.password, now)
    return body


def _prove(app: App, staff: Staff, password: str, now: datetime) -> None:
    """Compare the password before the writing transaction begins: hashing is slow."""
    app.limits.sign_in_account.check(staff.username, now)
    if not verify_password(password, staff.password_hash):
        raise Forbidden("staff.wrong_old_password")
    app.limits.sign_in_account.forget(staff.username)


Agreed = Annotated[Agreement, Depends(_agreed)]
Checked = Annotated[Proof, Depends(_checked)]


# --- the wearer's phone ---------------------------------------------------------------


@router.get("/api/me/erasure", tags=["consents"])
def mine(session: ReadSession, issue: CurrentIssue) -> ErasureStanding:
    """Say where the wearer's own request stands."""
    return _standing(session, issue.patient_id)


@router.post("/api/me/erasure", tags=["consents"])
def ask(session: WriteSession, issue: CurrentIssue, now: ClockDep) -> ErasureStanding:
    """Ask; a nurse rings to say what goes, what a law keeps, and how to get a copy."""
    service.ask(
        session, issue.patient_id, by=f"phone:{issue.id}", proved_by=PHONE_PROOF, now=now
    )
    return _standing(session, issue.patient_id)


@router.delete("/api/me/erasure", tags=["consents"])
def take_back(session: WriteSession, issue: CurrentIssue, now: ClockDep) -> ErasureStanding:
    """Take the request back; without one nothing happens."""
    request = service.open_request(session, issue.patient_id)
    if request is not None:
        by = f"phone:{issue.id}"
        service.withdraw(session, request, by=by, why="", now=now)
    return _standing(session, issue.patient_id)


def _standing(session: Session, patient_id: int) -> ErasureStanding:
    request = service.open_request(session, patient_id)
    patient = patients.patient_of_record(session, patient_id)
    return ErasureStanding(
        asked_at=request.asked_at if request else None,
        agreed_at=request.agreed_at if request else None,
        keep_years=house.rules_of(session, patient.site_id).keep_years,
    )


# --- the clinic -----------------------------------------------------------------------


@router.get("/console/patients/{patient_id}/erasure", include_in_schema=False)
def patient_page(
    here: PageDep, patient_id: RowId, session: ReadSession, _staff: Nurse
) -> HTMLResponse:
    """Show what erasing this patient would do, who asked, and what is in the way."""
    patient = patients.patient_for(session, here.staff, patient_id, here.now)
    found = service.outlook(session, patient, here.zone, here.now)
    return here.show(
        "erasure_patient.html",
        patient=patient,
        outlook=found,
        goes=grouped(found.goes),
        stays=grouped(found.stays),
        keep_years=house.rules_of(session, patient.site_id).keep_years,
        asked=service.open_request(session, patient_id),
        before=[one for one in service.requests_of(session, [patient_id]) if one.ended_at],
        holds=service.holds_on(session, patient_id),
        **_words(here, session),
    )


def grouped(counts: Counts) -> list[tuple[str, int]]:
    """Add the rows of tables up under the names people have for them."""
    sums = [
        (group, sum(counts.get(name, 0) for name in names))
        for group, names in GROUPS.items()
    ]
    return [(group, rows) for group, rows in sums if rows]


def _words(here: StaffPage, session: Session) -> dict[str, Any]:
    def name_of(staff_id: int | None) -> str:
        return staff_service.staff_by_id(session, staff_id).name if staff_id else "—"

    def asked_by(request: ErasureRequest) -> str:
        kind, _, number = request.asked_by.partition(":")
        return name_of(int(number)) if kind == "staff" else ""

    def day(on: date) -> str:
        return on.isoformat()

    return {
        "name_of": name_of,
        "asked_by": asked_by,
        "day": day,
        "clock": here.clock,
        "by_phone": PHONE_PROOF,
        "physician": here.staff.role is Role.PHYSICIAN,
    }


@router.post("/console/patients/{patient_id}/erasure", status_code=204)
def ask_at_desk(
    patient_id: RowId, body: Asked, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Write down that a patient asked in person or by letter."""
    patients.patient_for(session, staff, patient_id, now)
    by = f"staff:{staff.id}"
    service.ask(session, patient_id, by=by, proved_by=body.proved_by, now=now)


@router.post("/console/patients/{patient_id}/erasure/hold", status_code=204)
def hold(
    patient_id: RowId, body: Reason, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """Forbid erasure while a dispute lasts."""
    patients.patient_for(session, staff, patient_id, now)
    service.hold(session, patient_id, staff, body.reason, now)


@router.post("/console/patients/{patient_id}/erasure/hold/{hold_id}/lift", status_code=204)
def lift(
    patient_id: RowId,
    hold_id: RowId,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """End a hold."""
    patients.patient_for(session, staff, patient_id, now)
    service.lift(session, patient_id, hold_id, staff, now)


@router.get("/erasures", include_in_schema=False)
def overview(here: PageDep, session: ReadSession, _staff: Nurse) -> HTMLResponse:
    """List the requests about this person's patients, those put away too."""
    known = {
        one.id or 0: one
        for one in (
            *patients.patients_of(session, here.staff, here.now),
            *patients.put_away_for(session, here.staff, here.now),
        )
    }
    return here.show(
        "erasure_list.html",
        requests=service.requests_of(session, list(known)),
        patients=known,
        **_words(here, session),
    )


@router.get("/erasures/{erasure_id}", include_in_schema=False)
def paper(
    here: PageDep, erasure_id: RowId, session: ReadSession, _staff: Nurse
) -> HTMLResponse:
    """Show the paper about one request: what was erased, what stays, until when."""
    request = service.request_for(session, here.staff, erasure_id, here.now)
    patient = patients.patient_of_record(session, request.patient_id)
    return here.show(
        "erasure_paper.html",
        asked=request,
        patient=patient,
        put_away=patient.removed_at is not None,
        erased=grouped(request.erased),
        kept=grouped(request.kept),
        clinic_name=here.app.settings.clinic_name,
        **_words(here, session),
    )


@router.post("/erasures/{erasure_id}/agree", status_code=204)
def agree(
    erasure_id: RowId,
    body: Agreed,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Agree, as the first of two."""
    request = service.request_for(session, staff, erasure_id, now)
    service.agree(session, request, staff, copy=body.copy_of_file == "given", now=now)


@router.post("/erasures/{erasure_id}/carry-out", status_code=204)
def carry_out(
    erasure_id: RowId,
    checked: Checked,  # before the session
    app: AppDep,
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
) -> None:
    """Erase, as the second of two."""
    request = service.request_for(session, staff, erasure_id, now)
    service.carry_out(session, request, staff, ZoneInfo(app.settings.time_zone), now)


@router.post("/erasures/{erasure_id}/withdraw", status_code=204)
def withdraw(
    erasure_id: RowId, body: Reason, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Take a request back for the patient."""
    request = service.request_for(session, staff, erasure_id, now)
    service.withdraw(session, request, by=f"staff:{staff.id}", why=body.reason, now=now)


@router.post("/erasures/{erasure_id}/reopen", status_code=204)
def reopen(
    erasure_id: RowId, body: Reason, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """Show what was kept again: the patient came back, or the law asks for it."""
    request = service.request_for(session, staff, erasure_id, now)
    service.reopen(session, request, staff, body.reason, now)
