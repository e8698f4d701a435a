"""Patients, who may see them, and the course of their case.

`patient_for` and `patients_of` are the only ways from a person of the clinic to a
`Patient`: an unknown patient and somebody else's give the same answer.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, exists, false, func, or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.deps import LOOKED, Look
from clinic_server.errors import Conflict, Forbidden, NotFound, Unprocessable
from clinic_server.patients.cases import case_timeline as case_timeline
from clinic_server.patients.cases import open_case as open_case
from clinic_server.patients.cases import record_case as record_case
from clinic_server.patients.glass import broken_for
from clinic_server.patients.models import CareTeamMember, CaseVerb, Patient
from clinic_server.settings import Settings
from clinic_server.staff import service as staff_service
from clinic_server.staff.departments import department_by_id
from clinic_server.staff.models import CLINICAL, Role, Staff
from clinic_server.staff.sites import within_reach
from clinic_server.wire.care import ALL_DAY, Contact

SYNTHETIC_MRN = "~canary"
FIRST_BIRTHDAY = date(1900, 1, 1)
EMERGENCY_NUMBER = "120"
"""Ambulance in mainland China."""


class PatientFile(BaseModel):
    """What is known of a patient at discharge, and may be corrected later."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=64)
    sex: str = Field(pattern="^[FM]$")
    born_on: date
    attending_id: int
    phone: str = Field(default="", max_length=32)
    emergency_name: str = Field(default="", max_length=64)
    emergency_relation: str = Field(default="", max_length=32)
    emergency_phone: str = Field(default="", max_length=32)
    diagnosis: str = Field(default="", max_length=200)
    procedure: str = Field(default="", max_length=200)
    procedure_on: date | None = None
    drugs: str = Field(default="", max_length=400)
    lvef_pct: int | None = Field(default=None, ge=5, le=90)
    has_pacemaker: bool = False
    pacemaker_lower_bpm: int | None = Field(default=None, ge=20, le=120)
    known_af: bool = False
    alarm_template: str = Field(
        default="default", pattern="^(default|after_infarction|long_qt)$"
    )
    locale: str = Field(default="zh_CN", pattern="^(zh_CN|en)$")
    department_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    discharged_on: date | None = None
    care_team: list[int] = Field(default_factory=list, max_length=20)
    """Who else may see the patient; numbers of staff."""


class Admission(PatientFile):
    """A file that is opened under its record number."""

    mrn: str = Field(min_length=1, max_length=32)


def admit(session: Session, staff: Staff, fields: Admission, now: datetime) -> Patient:
    """Open the file of a patient; the next free square on the wall becomes theirs.

    Raises
    ------
    Conflict
        ``patients.mrn_taken``; ``patients.file_put_away`` when the file under that number
        is shown to nobody since its patient asked for erasure.
    Unprocessable
        ``patients.attending_role`` when the attending is no physician,
        ``patients.dates`` when a day cannot be right.
    Forbidden
        ``staff.wrong_role`` for who may open no patient.
    """
    if staff.role not in CLINICAL:
        raise Forbidden("staff.wrong_role")
    known = session.exec(select(Patient).where(Patient.mrn == fields.mrn)).first()
    if known is not None:
        put_away = known.removed_at is not None
        code = "patients.file_put_away" if put_away else "patients.mrn_taken"
        raise Conflict(code, mrn=fields.mrn)
    _check(session, staff, fields, now)
    highest = session.exec(
        select(func.max(Patient.place)).where(
            col(Patient.removed_at).is_(None), col(Patient.site_id) == staff.site_id
        )
    ).one()
    patient = Patient(
        **fields.model_dump(exclude={"care_team"}),
        place=(highest or 0) + 1,
        created_at=now,
        site_id=staff.site_id,
    )
    session.add(patient)
    session.flush()
    _audit(session, staff, patient, "patients.admit", now)
    set_team(session, staff, patient, fields.care_team, now)
    open_file(session, staff, patient, now)
    return patient


def open_file(session: Session, staff: Staff, patient: Patient, now: datetime) -> None:
    """Begin a follow-up: at admission, or when a known patient goes home once more.

    Raises
    ------
    Conflict
        ``patients.case_open`` while one is running.
    """
    record_case(
        session, patient.id or 0, CaseVerb.OPEN_FILE, at=now, actor=f"staff:{staff.id}"
    )


def correct(
    session: Session, staff: Staff, patient: Patient, fields: PatientFile, now: datetime
) -> None:
    """Put what was entered over what stood in the file; the audit names the fields.

    Raises
    ------
    Unprocessable
        As for `admit`.
    """
    _check(session, staff, fields, now)
    entered = fields.model_dump(exclude={"care_team"})
    changed = [name for name, value in entered.items() if getattr(patient, name) != value]
    for name in changed:
        setattr(patient, name, entered[name])
    session.add(patient)
    session.flush()
    if changed:
        _audit(session, staff, patient, "patients.correct", now, fields=changed)
    set_team(session, staff, patient, fields.care_team, now)


def _check(session: Session, staff: Staff, fields: PatientFile, now: datetime) -> None:
    if fields.department_id is not None:
        department_by_id(session, fields.department_id, staff)
    attending = staff_service.staff_by_id(session, fields.attending_id)
    if attending.role is not Role.PHYSICIAN:
        raise Unprocessable("patients.attending_role", name=attending.name)
    tomorrow = now.date() + timedelta(days=1)  # a day of slack: the clinic's time zone
    days = (fields.procedure_on, fields.discharged_on)
    if not FIRST_BIRTHDAY <= fields.born_on <= tomorrow or any(
        day is not None and not fields.born_on <= day <= tomorrow for day in days
    ):
        raise Unprocessable("patients.dates")


def _audit(
    session: Session,
    staff: Staff,
    patient: Patient,
    action: str,
    now: datetime,
    **detail: Any,
) -> None:
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action=action,
        object_kind="patient",
        object_id=patient.id or 0,
        patient_id=patient.id,
        detail=detail,
    )


def _visible(
    session: Session, staff: Staff, now: datetime, *, put_away: bool = False
) -> SelectOfScalar[Patient] | None:
    """Patients this person may see, as a query; None for nobody."""
    removed = col(Patient.removed_at)
    present = select(Patient).where(
        removed.is_not(None) if put_away else removed.is_(None),
        col(Patient.synthetic).is_(False),
    )
    if staff.role not in CLINICAL or not staff.active:
        return None
    here = present.where(within_reach(col(Patient.site_id), staff))
    if staff.role in (Role.NURSE, Role.TECHNICIAN):
        return here
    duty = staff_service.on_duty(session, now, staff.site_id)
    if any(person.id == staff.id for person in duty.values()):
        return here
    in_team = exists().where(
        col(CareTeamMember.patient_id) == col(Patient.id),
        col(CareTeamMember.staff_id) == staff.id,
        col(CareTeamMember.removed_at).is_(None),
    )
    return present.where(
        or_(col(Patient.attending_id) == staff.id, in_team, broken_for(staff, now))
    )


def patient_for(session: Session, staff: Staff, patient_id: int, now: datetime) -> Patient:
    """Give the patient, if this person may see them: the only way to one.

    Allowed: the attending physician, the care team; of the patient's own site (or of none)
    the physicians on duty while they are, nurses and technicians; for an hour a physician
    who broke the glass (`glass`). Never: anybody else.

    Raises
    ------
    NotFound
        ``patients.unknown``, also when the patient is somebody else's.
    """
    query = _visible(session, staff, now)
    patient = (
        None
        if query is None
        else session.exec(query.where(col(Patient.id) == patient_id)).first()
    )
    if patient is None:
        raise NotFound("patients.unknown")
    looked: set[Look] = session.info.setdefault(LOOKED, set())
    looked.add((staff.id or 0, patient_id))
    return patient


def put_away_for(
    session: Session, staff: Staff, now: datetime, patient_id: int | None = None
) -> list[Patient]:
    """Give the patients this person might see had they not asked for erasure.

    For the pages about erasure alone: to say what was done, and to open a file again.
    """
    query = _visible(session, staff, now, put_away=True)
    if query is None:
        return []
    if patient_id is not None:
        query = query.where(col(Patient.id) == patient_id)
    return list(session.exec(query.order_by(col(Patient.id))).all())


def patients_of(session: Session, staff: Staff, now: datetime) -> list[Patient]:
    """Give every patient this person may see, by their square on the wall."""
    query = _visible(session, staff, now)
    if query is None:
        return []
    return list(session.exec(query.order_by(col(Patient.place), col(Patient.id))).all())


def ids_of(session: Session, staff: Staff, now: datetime) -> Select[Any]:
    """Give `patients_of` as a subquery of their numbers, for ``IN``: no list is fetched."""
    query = _visible(session, staff, now)
    if query is None:
        return sa_select(col(Patient.id)).where(false())
    return query.with_only_columns(col(Patient.id))


def ids_for_figures(session: Session, staff: Staff, now: datetime) -> list[int]:
    """Give whom figures are made of: a person's patients; for quality, all of their site.

    Of these ids only sums may be shown to somebody for whom `patient_for` finds nobody.
    """
    if staff.role is not Role.QUALITY:
        return [patient.id or 0 for patient in patients_of(session, staff, now)]
    query = select(Patient.id).where(
        col(Patient.synthetic).is_(False), within_reach(col(Patient.site_id), staff)
    )
    return [patient_id or 0 for patient_id in session.exec(query)]


def attended_by(session: Session, staff: Staff) -> Sequence[Patient]:
    """Give the patients whose attending physician this is, by their square."""
    return session.exec(
        select(Patient)
        .where(
            Patient.attending_id == staff.id,
            col(Patient.removed_at).is_(None),
            col(Patient.synthetic).is_(False),
        )
        .order_by(col(Patient.place))
    ).all()


def patient_of_record(session: Session, patient_id: int) -> Patient:
    """Give the patient for the system's own work (device, alarm, report), with no reader.

    Nobody's screen may be filled from it without `patient_for`.
    """
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFound("patients.unknown")
    return patient


def alarm_files(session: Session) -> dict[int, tuple[bool, str]]:
    """Give known fibrillation and alarm template by patient, for the system's work."""
    rows = session.exec(select(Patient.id, Patient.known_af, Patient.alarm_template))
    return {number: (af, name) for number, af, name in rows if number is not None}


def synthetic_patient(session: Session) -> Patient | None:
    """Give the canary; None before it was admitted. It is visible to nobody."""
    return session.exec(
        select(Patient).where(col(Patient.synthetic).is_(True)).order_by(col(Patient.id))
    ).first()


def admit_synthetic(session: Session, now: datetime) -> Patient | None:
    """Open the record of the canary; None while no physician works here."""
    attending = next(iter(staff_service.physicians(session)), None)
    if attending is None:
        return None
    patient = Patient(
        mrn=SYNTHETIC_MRN,
        name="canary",
        sex="F",
        born_on=date(1970, 1, 1),
        attending_id=attending.id or 0,
        place=0,
        created_at=now,
        synthetic=True,
    )
    session.add(patient)
    session.flush()
    return patient


def patient_by_mrn(session: Session, mrn: str) -> Patient | None:
    """Find a patient by record number (command line, desk scan); check the reader after."""
    return session.exec(select(Patient).where(Patient.mrn == mrn.strip())).first()


def team_of(session: Session, patient_id: int) -> Sequence[CareTeamMember]:
    """Give who may see the patient besides the attending physician."""
    return session.exec(
        select(CareTeamMember)
        .where(
            CareTeamMember.patient_id == patient_id,
            col(CareTeamMember.removed_at).is_(None),
        )
        .order_by(col(CareTeamMember.id))
    ).all()


def set_team(
    session: Session,
    staff: Staff,
    patient: Patient,
    members: Sequence[int],
    now: datetime,
) -> None:
    """Let exactly these see the patient besides the attending physician."""
    standing = {one.staff_id: one for one in team_of(session, patient.id or 0)}
    for member_id in dict.fromkeys(members):
        if member_id not in standing:
            add_to_team(session, staff, patient, member_id, now)
    for member_id, one in standing.items():
        if member_id not in members:
            one.removed_at = now
            session.add(one)
            _audit(session, staff, patient, "patients.leave_team", now, member=member_id)
    session.flush()


def add_to_team(
    session: Session, staff: Staff, patient: Patient, member_id: int, now: datetime
) -> None:
    """Let one more person see the patient; doing it twice is doing it once."""
    staff_service.staff_by_id(session, member_id)
    known = session.exec(
        select(CareTeamMember).where(
            CareTeamMember.patient_id == patient.id,
            CareTeamMember.staff_id == member_id,
            col(CareTeamMember.removed_at).is_(None),
        )
    ).first()
    if known is None:
        session.add(
            CareTeamMember(patient_id=patient.id or 0, staff_id=member_id, added_at=now)
        )
        _audit(session, staff, patient, "patients.add_to_team", now, member=member_id)
        session.flush()


def contacts_for(
    session: Session, patient: Patient, settings: Settings, now: datetime
) -> list[Contact]:
    """Say whom the patient rings, nearest first; the ambulance is always last.

    Numbers that the clinic has not entered are left out, not invented.
    """
    contacts: list[Contact] = []
    duty = staff_service.on_duty(session, now, patient.site_id)
    nurse = next(
        (one for one in duty.values() if one.role is Role.NURSE and one.phone), None
    )
    if nurse is not None:
        contacts.append(Contact(role="nurse", name=nurse.name, phone=nurse.phone, hours=""))
    attending = staff_service.staff_by_id(session, patient.attending_id)
    if attending.phone:
        contacts.append(
            Contact(role="attending", name=attending.name, phone=attending.phone, hours="")
        )
    if settings.clinic_phone:
        contacts.append(
            Contact(
                role="clinic",
                name=settings.clinic_name,
                phone=settings.clinic_phone,
                hours=ALL_DAY,
            )
        )
    contacts.append(
        Contact(role="emergency", name="", phone=EMERGENCY_NUMBER, hours=ALL_DAY)
    )
    return contacts
