"""Patients, who may see them, and the course of their case.

`patient_for` and `patients_of` are the only ways from a person of the clinic to a
`Patient`: an unknown patient and somebody else's give the same answer.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, exists, false, func, or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.errors import Conflict, Forbidden, NotFound, Unprocessable
from clinic_server.patients.models import (
    CareTeamMember,
    CaseEvent,
    CaseFile,
    CaseVerb,
    Patient,
)
from clinic_server.settings import Settings
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff
from clinic_server.staff.sites import within_reach
from clinic_server.wire.care import Contact

SYNTHETIC_MRN = "~canary"
EMERGENCY_NUMBER = "120"
"""Ambulance in mainland China."""


class Admission(BaseModel):
    """What is known of a patient at discharge."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    mrn: str = Field(min_length=1, max_length=32)
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
    known_af: bool = False
    locale: str = Field(default="zh_CN", pattern="^(zh_CN|en)$")
    discharged_on: date | None = None


def admit(session: Session, staff: Staff, fields: Admission, now: datetime) -> Patient:
    """Open the record of a patient; the next free square on the wall becomes theirs.

    Raises
    ------
    Conflict
        ``patients.mrn_taken``.
    Unprocessable
        ``patients.attending_role`` when the attending is no physician.
    Forbidden
        ``staff.wrong_role`` for an administrator.
    """
    if staff.role is Role.ADMIN:
        raise Forbidden("staff.wrong_role")
    if session.exec(select(Patient.id).where(Patient.mrn == fields.mrn)).first():
        raise Conflict("patients.mrn_taken", mrn=fields.mrn)
    attending = staff_service.staff_by_id(session, fields.attending_id)
    if attending.role is not Role.PHYSICIAN:
        raise Unprocessable("patients.attending_role", name=attending.name)
    highest = session.exec(
        select(func.max(Patient.place)).where(
            col(Patient.removed_at).is_(None), col(Patient.site_id) == staff.site_id
        )
    ).one()
    patient = Patient(
        **fields.model_dump(),
        place=(highest or 0) + 1,
        created_at=now,
        site_id=staff.site_id,
    )
    session.add(patient)
    session.flush()
    _audit(session, staff, patient, "patients.admit", now)
    return patient


def _audit(
    session: Session,
    staff: Staff,
    patient: Patient,
    action: str,
    now: datetime,
    **detail: Any,
) -> None:
    staff_service.audit(
        session,
        at=now,
        actor_kind="staff",
        actor_id=staff.id or 0,
        action=action,
        object_kind="patient",
        object_id=patient.id or 0,
        patient_id=patient.id,
        detail=detail,
    )


def _visible(
    session: Session, staff: Staff, now: datetime
) -> SelectOfScalar[Patient] | None:
    """Patients this person may see, as a query; None for nobody."""
    present = select(Patient).where(
        col(Patient.removed_at).is_(None), col(Patient.synthetic).is_(False)
    )
    if staff.role is Role.ADMIN or not staff.active:
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
    return present.where(or_(col(Patient.attending_id) == staff.id, in_team))


def patient_for(session: Session, staff: Staff, patient_id: int, now: datetime) -> Patient:
    """Give the patient, if this person may see them: the only way to one.

    Allowed: the attending physician, the care team; of the patient's own site (or of none)
    the physicians on duty while they are, nurses and technicians. Never: administrators.

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
    return patient


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


def record_case(
    session: Session,
    patient_id: int,
    verb: CaseVerb,
    *,
    at: datetime,
    actor: str,
    detail: Mapping[str, Any] | None = None,
) -> CaseEvent:
    """Write one of the twelve verbs on the patient's timeline.

    Opens the case when none is open (its first row is then ``open_file``);
    ``close_case`` closes it.

    Parameters
    ----------
    actor : str
        Who did it: ``staff:3``, ``phone:12`` or ``system``.
    """
    case = open_case(session, patient_id)
    if case is None:
        case = CaseFile(patient_id=patient_id, opened_at=at)
        session.add(case)
        session.flush()
        if verb is not CaseVerb.OPEN_FILE:
            session.add(
                CaseEvent(case_id=case.id or 0, verb=CaseVerb.OPEN_FILE, at=at, actor=actor)
            )
    row = CaseEvent(
        case_id=case.id or 0, verb=verb, at=at, actor=actor, detail=dict(detail or {})
    )
    session.add(row)
    if verb is CaseVerb.CLOSE_CASE:
        case.closed_at = at
        session.add(case)
    session.flush()
    return row


def open_case(session: Session, patient_id: int) -> CaseFile | None:
    """Find the case that is not closed."""
    return session.exec(
        select(CaseFile).where(
            CaseFile.patient_id == patient_id, col(CaseFile.closed_at).is_(None)
        )
    ).first()


def case_timeline(session: Session, patient_id: int) -> Sequence[CaseEvent]:
    """Give every verb done for the patient, oldest first, over all cases."""
    return session.exec(
        select(CaseEvent)
        .join(CaseFile, col(CaseFile.id) == col(CaseEvent.case_id))
        .where(CaseFile.patient_id == patient_id)
        .order_by(col(CaseEvent.at), col(CaseEvent.id))
    ).all()


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
                hours="24 h",
            )
        )
    contacts.append(
        Contact(role="emergency", name="", phone=EMERGENCY_NUMBER, hours="24 h")
    )
    return contacts
