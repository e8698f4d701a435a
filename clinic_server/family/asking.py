"""What clinicians and relatives tell each other through the page."""

from datetime import datetime, timedelta

from sqlmodel import Session

from clinic_server.errors import Unprocessable
from clinic_server.family.facts import released
from clinic_server.family.models import FamilyLink, FamilyNotice, FamilySession
from clinic_server.family.service import record
from clinic_server.patients.models import Patient
from clinic_server.plans import service as plans
from clinic_server.plans import work
from clinic_server.plans.models import WorkKind
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Staff

SNOOZE_HOURS = (1, 8)
"""How long a follower may pause requests: it always ends by itself."""


def release_notice(
    session: Session,
    *,
    patient: Patient,
    staff: Staff,
    text: str,
    urgent: bool,
    now: datetime,
) -> FamilyNotice:
    """Put a clinician's own words on the family page; an earlier notice is withdrawn."""
    withdraw_notice(session, patient=patient, staff=staff, now=now)
    notice = FamilyNotice(
        patient_id=patient.id or 0,
        text=text,
        urgent=urgent,
        released_by=staff.id or 0,
        released_at=now,
    )
    session.add(notice)
    session.flush()
    audit_by(
        session,
        staff,
        at=now,
        action="family.release",
        object_kind="family_notice",
        object_id=str(notice.id),
        patient_id=patient.id,
    )
    return notice


def withdraw_notice(
    session: Session, *, patient: Patient, staff: Staff, now: datetime
) -> None:
    """Take what was released from the family page; nothing to take is fine."""
    row = released(session, patient.id or 0)
    if row is None:
        return
    row.withdrawn_at = now
    session.add(row)
    audit_by(
        session,
        staff,
        at=now,
        action="family.withdraw",
        object_kind="family_notice",
        object_id=str(row.id),
        patient_id=patient.id,
    )


def seen(session: Session, link: FamilyLink, now: datetime) -> None:
    """Record that a relative confirmed the notice, and tell the nurse; once per notice."""
    row = released(session, link.patient_id)
    if row is None or row.seen_at is not None:
        return
    row.seen_at = now
    session.add(row)
    record(session, link, "family.seen", "family", now)
    plans.raise_work(
        session,
        kind=WorkKind.FAMILY_SEEN,
        patient_id=link.patient_id,
        dedupe_key=f"seen:{row.id}",
        detail={"label": link.label, "urgent": row.urgent},
        now=now,
    )


def call_me(session: Session, link: FamilyLink, now: datetime) -> None:
    """Ask the nurse to ring: one line on the worklist per link and hour."""
    plans.raise_work(
        session,
        kind=WorkKind.CALL_FAMILY,
        patient_id=link.patient_id,
        dedupe_key=f"family:{link.id}:{now:%Y%m%d%H}",
        detail={"label": link.label},
        now=now,
    )
    record(session, link, "family.call_me", "family", now)


def waits_for_call(session: Session, link: FamilyLink) -> bool:
    """Say whether somebody behind this link still waits for a nurse to ring."""
    lines = work.lines_about(session, link.patient_id, f"family:{link.id}:")
    return any(line.done_at is None for line in lines)


def snooze(
    session: Session, link: FamilyLink, opened: FamilySession, hours: int, now: datetime
) -> None:
    """Pause requests on this browser; 0 ends the pause. A released notice stays.

    Raises
    ------
    Unprocessable
        ``family.snooze_hours`` for another length than `SNOOZE_HOURS`.
    """
    if hours not in (0, *SNOOZE_HOURS):
        raise Unprocessable("family.snooze_hours")
    opened.snoozed_until = now + timedelta(hours=hours) if hours else None
    session.add(opened)
    record(session, link, "family.snooze", "family", now)
