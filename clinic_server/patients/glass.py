"""Break-glass: a physician opens somebody else's patient in an emergency.

For an hour, with a reason, and seen by everybody it concerns: a row of the audit, a line
in what the patient reads about who looked, and a review by the attending physician.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound
from clinic_server.patients.models import BreakGlass, Patient
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import is_within_reach

LASTS = timedelta(hours=1)
ACTION = "patients.break_glass"
FINDINGS = ("justified", "not_justified")


@dataclass(frozen=True, slots=True)
class Broken:
    """One opening, for the physician who reviews it."""

    glass: BreakGlass
    patient: Patient
    by: str


def broken_for(staff: Staff, now: datetime) -> ColumnElement[bool]:
    """Give the condition on a patient that this person has broken the glass for."""
    return exists().where(
        col(BreakGlass.patient_id) == col(Patient.id),
        col(BreakGlass.staff_id) == staff.id,
        col(BreakGlass.until) > now,
    )


def break_glass(
    session: Session, staff: Staff, mrn: str, reason: str, now: datetime
) -> BreakGlass:
    """Open a patient by record number for `LASTS`; doing it again makes it last longer.

    Raises
    ------
    NotFound
        ``patients.unknown``, also for another site's patient.
    """
    patient = session.exec(
        select(Patient).where(
            Patient.mrn == mrn.strip(),
            col(Patient.removed_at).is_(None),
            col(Patient.synthetic).is_(False),
        )
    ).first()
    if patient is None or not is_within_reach(patient.site_id, staff):
        raise NotFound("patients.unknown")
    glass = BreakGlass(
        patient_id=patient.id or 0,
        staff_id=staff.id or 0,
        reason=reason[:400],
        at=now,
        until=now + LASTS,
    )
    session.add(glass)
    session.flush()
    _record(session, staff, glass, ACTION, now, reason=reason[:400], until=glass.until)
    return glass


def to_review(session: Session, staff: Staff) -> list[Broken]:
    """Give what a physician has to look at: glass broken for their own patients."""
    rows = session.exec(
        select(BreakGlass, Patient, Staff)
        .join(Patient, col(Patient.id) == col(BreakGlass.patient_id))
        .join(Staff, col(Staff.id) == col(BreakGlass.staff_id))
        .where(col(BreakGlass.reviewed_at).is_(None), Patient.attending_id == staff.id)
        .order_by(col(BreakGlass.at))
    ).all()
    return [Broken(glass, patient, by.name) for glass, patient, by in rows]


def still_open(
    session: Session, staff: Staff, now: datetime
) -> Sequence[tuple[BreakGlass, Patient]]:
    """Give the patients this person may see now for that reason only."""
    return session.exec(
        select(BreakGlass, Patient)
        .join(Patient, col(Patient.id) == col(BreakGlass.patient_id))
        .where(BreakGlass.staff_id == staff.id, col(BreakGlass.until) > now)
        .order_by(col(BreakGlass.until))
    ).all()


def review(
    session: Session, staff: Staff, glass_id: int, finding: str, now: datetime
) -> BreakGlass:
    """Say whether an opening was justified; only the attending physician may.

    Raises
    ------
    NotFound
        ``patients.unknown_glass``, also when the patient is somebody else's.
    Conflict
        ``patients.glass_reviewed``.
    """
    glass = session.exec(
        select(BreakGlass)
        .where(BreakGlass.id == glass_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    patient = session.get(Patient, glass.patient_id) if glass else None
    if glass is None or patient is None or patient.attending_id != staff.id:
        raise NotFound("patients.unknown_glass")
    if glass.reviewed_at is not None:
        raise Conflict("patients.glass_reviewed")
    glass.reviewed_at, glass.reviewed_by, glass.finding = now, staff.id, finding
    session.add(glass)
    session.flush()
    _record(session, staff, glass, "patients.review_glass", now, finding=finding)
    return glass


def _record(
    session: Session,
    staff: Staff,
    glass: BreakGlass,
    action: str,
    now: datetime,
    **detail: object,
) -> None:
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action=action,
        object_kind="break_glass",
        object_id=glass.id or 0,
        patient_id=glass.patient_id,
        detail=detail,
    )
