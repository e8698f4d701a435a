"""The device desk over HTTP: scan, issue, take back, prepare, admit."""

import io
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import segno
from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server import timewords
from clinic_server.analysis import service as analysis
from clinic_server.deps import (
    App,
    AppDep,
    ClockDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.desk import view
from clinic_server.desk.terms import CURRENT, paragraphs
from clinic_server.devices import kits
from clinic_server.devices import service as devices
from clinic_server.devices.kits import GivenPart
from clinic_server.devices.models import Issue, UnitState
from clinic_server.patients import service as patients
from clinic_server.patients.service import Admission
from clinic_server.recordings import service as recordings
from clinic_server.staff.auth import DeskStaff, Nurse
from clinic_server.staff.page import PageDep

router = APIRouter()
Serial = Annotated[str, Path(min_length=1, max_length=64)]
STAMPS_SHOWN = timedelta(days=1)


@router.get("/desk", include_in_schema=False)
def fleet(
    frame: PageDep,
    session: ReadSession,
    staff: DeskStaff,
) -> HTMLResponse:
    """Show the scan field, the fleet and what is due."""
    zone = frame.zone
    desk = view.desk(session, staff, frame.now, zone)
    out: dict[int | None, str] = {loan.patient_id: loan.serial for loan in desk.loans}
    return frame.show(
        "desk_fleet.html",
        zone=frame.app.settings.time_zone,
        clinic_phone=frame.app.settings.clinic_phone,
        desk=desk,
        states=view.STATES,
        soon_days=view.SOON_DAYS,
        today=view.today(frame.now, zone),
        day=lambda on: timewords.day(_noon(on, zone), zone, frame.locale),
        age=lambda seconds: timewords.age(seconds, frame.locale),
        span=lambda seconds: timewords.span(seconds, frame.locale),
        clock=lambda at: timewords.day_clock(at, frame.now, zone, frame.locale),
        clock_now=timewords.clock(frame.now, zone),
        terms=paragraphs(CURRENT),
        now=frame.now,
        patient_list=[
            {"id": one.id, "name": one.name, "mrn": one.mrn, "serial": out.get(one.id, "")}
            for one in desk.patients
        ],
    )


def _noon(on: date, zone: ZoneInfo) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=zone)


class Scanned(BaseModel):
    """What a scan means and what may follow."""

    kind: str
    """``unit`` or ``patient``."""
    serial: str = ""
    state: str = ""
    refusals: list[str] = Field(default_factory=list)
    issue_id: int | None = None
    patient_id: int | None = None
    patient_name: str = ""
    patient_line: str = ""
    due_on: date | None = None
    certificate: str = ""
    """Number of the wipe certificate that still holds."""
    deposit_cny: int = 0
    battery_pct: int | None = None
    clock_drift_s: float | None = None
    disinfected_at: AwareDatetime | None = None
    kit: list[kits.Part] = Field(default_factory=list)
    """What is lent with a unit of this model."""
    stamps: dict[str, AwareDatetime] = Field(default_factory=dict)
    """Steps of the last day for which the wristband was scanned."""


@router.get("/desk/lookup")
def lookup(
    scan: Annotated[str, Query(min_length=1, max_length=300)],
    session: ReadSession,
    staff: DeskStaff,
    now: ClockDep,
) -> Scanned:
    """Say what was scanned: a unit's label or a patient's wristband.

    A wristband that is also a family page holds the record number behind a ``#``.
    """
    _, mark, number = scan.rpartition("#")
    scan = unquote(number) if mark else scan
    patient = patients.patient_by_mrn(session, scan)
    if patient is not None:
        patient = patients.patient_for(session, staff, patient.id or 0, now)
        loan = devices.open_issue_of(session, patient.id or 0)
        return Scanned(
            kind="patient",
            patient_id=patient.id,
            patient_name=patient.name,
            patient_line=patient.procedure or patient.diagnosis,
            serial=loan.serial if loan else "",
            issue_id=loan.id if loan else None,
            due_on=loan.due_on if loan else None,
            deposit_cny=loan.deposit_cny if loan else 0,
            stamps={
                point.step: point.at
                for point in devices.time_points(session, patient.id or 0)
                if point.at > now - STAMPS_SHOWN
            },
        )
    unit = devices.unit_for(session, staff, scan)
    loan = devices.open_issue_of_unit(session, unit.serial)
    answer = Scanned(
        kind="unit",
        serial=unit.serial,
        state=unit.state.value,
        refusals=[] if loan else devices.refusals(session, unit),
        battery_pct=unit.battery_pct,
        clock_drift_s=unit.clock_drift_s,
        disinfected_at=unit.disinfected_at,
        kit=[] if loan else kits.kit_of(session, unit.model, unit.site_id),
    )
    certificate = devices.certificate_of(session, unit)
    answer.certificate = certificate.number if certificate else ""
    if loan is not None:
        holder = patients.patient_for(session, staff, loan.patient_id, now)
        answer.issue_id, answer.due_on = loan.id, loan.due_on
        answer.deposit_cny = loan.deposit_cny
        answer.patient_id, answer.patient_name = holder.id, holder.name
    return answer


class IssueRequest(BaseModel):
    """What is lent, to whom, until when."""

    model_config = ConfigDict(extra="forbid")

    serial: Annotated[str, Field(min_length=1, max_length=64)]
    patient_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    due_on: Annotated[date, Field(le=date(2200, 1, 1))]
    parts: Annotated[list[GivenPart], Field(max_length=kits.MOST_PARTS)] = []
    """What was put into the patient's hands; the model's kit must be complete."""
    deposit_cny: Annotated[int, Field(ge=0, le=100_000)] = 0
    terms_signed: bool = False
    signed_by: Annotated[str, Field(max_length=64)] = ""
    """Name of whoever signed the loan terms in force."""


class Pairing(BaseModel):
    """The code for the phone; it is shown once."""

    issue_id: int
    code: str
    qr_svg: str
    expires_at: AwareDatetime


def _pairing(app: App, loan: Issue, code: str) -> Pairing:
    out = io.BytesIO()
    # what the phone's scanner gives to the app: the clinic's address and the code
    content = f"anxin:{app.settings.base_url}?code={code}"
    segno.make(content, error="m").save(out, kind="svg", scale=5, border=2)
    assert loan.pairing_expires_at is not None  # noqa: S101 - set with every code
    return Pairing(
        issue_id=loan.id or 0,
        code=code,
        qr_svg=out.getvalue().decode(),
        expires_at=loan.pairing_expires_at,
    )


@router.post("/desk/issue", status_code=201)
def issue(
    body: IssueRequest, app: AppDep, session: WriteSession, staff: Nurse, now: ClockDep
) -> Pairing:
    """Lend a unit and give the pairing code."""
    loan, code = devices.issue(
        session,
        serial=body.serial,
        patient_id=body.patient_id,
        staff=staff,
        due_on=body.due_on,
        accessories={"parts": [part.model_dump() for part in body.parts]},
        deposit_cny=body.deposit_cny,
        terms_signed=body.terms_signed,
        terms_version=CURRENT if body.terms_signed else "",
        terms_signed_by=body.signed_by.strip(),
        now=now,
        code_minutes=app.settings.pairing_code_min,
    )
    unit = devices.unit_of(session, loan)
    kits.check_given(kits.kit_of(session, unit.model, unit.site_id), body.parts)
    return _pairing(app, loan, code)


@router.post("/desk/issues/{issue_id}/code")
def fresh_code(
    issue_id: RowId, app: AppDep, session: WriteSession, staff: Nurse, now: ClockDep
) -> Pairing:
    """Make another pairing code; the one before is dead."""
    loan = devices.issue_by_id(session, issue_id)
    patients.patient_for(session, staff, loan.patient_id, now)
    code = devices.new_code(session, loan, staff, now, app.settings.pairing_code_min)
    return _pairing(app, loan, code)


class Signal(BaseModel):
    """How the first minute looks."""

    enrolled: bool
    recorded_s: float
    heart_rate_bpm: float | None
    contact: bool
    grade: str


@router.get("/desk/issues/{issue_id}/signal")
def signal(
    issue_id: RowId, session: ReadSession, staff: DeskStaff, now: ClockDep
) -> Signal:
    """Say whether the patient may leave: a minute of signal, with contact."""
    loan = devices.issue_by_id(session, issue_id)
    patients.patient_for(session, staff, loan.patient_id, now)
    recording = recordings.latest_for(session, loan.patient_id)
    if recording is None or recording.issue_id != loan.id:
        return Signal(
            enrolled=loan.enrolled_at is not None,
            recorded_s=0.0,
            heart_rate_bpm=None,
            contact=False,
            grade="",
        )
    vital = analysis.live_view(session, recording.id)
    return Signal(
        enrolled=True,
        recorded_s=recording.stored_samples / recording.fs_hz,
        heart_rate_bpm=vital.heart_rate_bpm if vital else None,
        contact=recording.last_contact,
        grade=vital.grade if vital else "",
    )


class ReturnRequest(BaseModel):
    """How a unit came back."""

    model_config = ConfigDict(extra="forbid")

    condition: Annotated[str, Field(pattern="^(good|worn|damaged|incomplete)$")]
    note: Annotated[str, Field(max_length=400)] = ""
    signed_by: Annotated[str, Field(max_length=64)] = ""
    """Name of whoever handed it back and signed."""
    accessories_back: bool | None = None
    deposit_back_cny: Annotated[int, Field(ge=0, le=100_000)] = 0


class Returned(BaseModel):
    """The loan has ended; the phone's token is dead."""

    serial: str
    returned_at: AwareDatetime


@router.post("/desk/issues/{issue_id}/return")
def take_back(
    issue_id: RowId, body: ReturnRequest, session: WriteSession, staff: Nurse, now: ClockDep
) -> Returned:
    """Take a unit back."""
    loan = devices.return_(
        session,
        issue_id,
        staff,
        body.condition,
        now,
        body.note,
        body.signed_by.strip(),
        body.accessories_back,
        body.deposit_back_cny,
    )
    return Returned(serial=loan.serial, returned_at=now)


class NewUnit(BaseModel):
    """A unit that has passed its acceptance test."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    serial: Annotated[str, Field(min_length=1, max_length=64)]
    model: Annotated[str, Field(min_length=1, max_length=64)]
    fs_hz: Annotated[float, Field(ge=100, le=1000)]
    lead_names: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=8)]],
        Field(min_length=1, max_length=12),
    ]


@router.post("/desk/units", status_code=204)
def add_unit(body: NewUnit, session: WriteSession, staff: DeskStaff, now: ClockDep) -> None:
    """Take a unit into the fleet of this person's site."""
    devices.register_unit(session, **body.model_dump(), now=now, by=staff)


class Move(BaseModel):
    """A step of preparing a unit."""

    model_config = ConfigDict(extra="forbid")

    state: UnitState
    battery_pct: Annotated[int, Field(ge=0, le=100)] | None = None
    clock_drift_s: (
        Annotated[float, Field(ge=-86_400, le=86_400, allow_inf_nan=False)] | None
    ) = None


@router.post("/desk/units/{serial}/state", status_code=204)
def move(
    serial: Serial, body: Move, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Move a unit by hand: disinfect, test, repair, lost, retired."""
    devices.set_state(
        session,
        serial,
        body.state,
        staff,
        now,
        battery_pct=body.battery_pct,
        clock_drift_s=body.clock_drift_s,
    )


class Wiped(BaseModel):
    """The paper that says so."""

    certificate: str
    certificate_id: int
    wiped_at: AwareDatetime


@router.post("/desk/units/{serial}/wipe")
def wiped(serial: Serial, session: WriteSession, staff: Nurse, now: ClockDep) -> Wiped:
    """Record that a unit's memory was erased; give the certificate's number."""
    paper = devices.wipe(session, serial, staff, now)
    return Wiped(
        certificate=paper.number, certificate_id=paper.id or 0, wiped_at=paper.wiped_at
    )


class Admitted(BaseModel):
    """The new record."""

    patient_id: int
    place: int


@router.post("/desk/patients", status_code=201)
def admit(body: Admission, session: WriteSession, staff: Nurse, now: ClockDep) -> Admitted:
    """Open the follow-up file of a patient who goes home."""
    patient = patients.admit(session, staff, body, now)
    return Admitted(patient_id=patient.id or 0, place=patient.place)


@router.post("/desk/patients/{patient_id}/stamp/{step}", status_code=204)
def stamp(
    patient_id: RowId,
    step: Annotated[str, Path(pattern="^(arrive|teach|leave|return|visit)$")],
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
) -> None:
    """Stamp a time point: the wristband was scanned at this step."""
    devices.time_point(session, patient_id, step, staff, now)
