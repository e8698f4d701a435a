"""What a patient agreed to: decisions are appended, never changed."""

from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.bounds import is_plausible
from clinic_server.consents.models import Consent
from clinic_server.devices.models import Issue
from clinic_server.errors import Unprocessable
from clinic_server.staff.audit import audit
from clinic_server.wire.consent import ConsentDecision, ConsentState, Purpose


def states_of(session: Session, patient_id: int) -> list[ConsentState]:
    """Say where every purpose stands; what was never asked is not granted."""
    rows = session.exec(
        select(Consent).where(Consent.patient_id == patient_id).order_by(col(Consent.id))
    ).all()
    newest = {row.purpose: row for row in rows}
    return [
        ConsentState(
            purpose=purpose,
            granted=row.granted if row else None,
            version=row.version if row else None,
            decided_at=row.decided_at if row else None,
        )
        for purpose in Purpose
        for row in (newest.get(purpose.value),)
    ]


def granted(session: Session, patient_id: int, purpose: Purpose) -> bool:
    """Whether a purpose is agreed to now."""
    states = {state.purpose: state for state in states_of(session, patient_id)}
    return states[purpose].granted is True


def withheld(session: Session, patient_id: int, purpose: Purpose) -> bool:
    """Whether a purpose was refused or taken back; never asked is not refused."""
    states = {state.purpose: state for state in states_of(session, patient_id)}
    return states[purpose].granted is False


def decide(
    session: Session, issue: Issue, decisions: list[ConsentDecision], now: datetime
) -> list[Purpose]:
    """Append decisions; the same one sent again changes nothing.

    Returns
    -------
    list of Purpose
        Those taken back by this call.

    Raises
    ------
    Unprocessable
        ``consents.time_implausible``.
    """
    taken_back = []
    for one in decisions:
        if not is_plausible(one.decided_at, now):
            raise Unprocessable("consents.time_implausible")
        if _known(session, issue, one):
            continue
        before = granted(session, issue.patient_id, one.purpose)
        row = Consent(
            patient_id=issue.patient_id,
            issue_id=issue.id or 0,
            received_at=now,
            **one.model_dump(mode="python"),
        )
        session.add(row)
        session.flush()
        if before and not one.granted:
            taken_back.append(one.purpose)
        audit(
            session,
            at=now,
            actor_kind="phone",
            actor_id=issue.id or 0,
            action="consents.grant" if one.granted else "consents.withhold",
            object_kind="consent",
            object_id=row.id or 0,
            patient_id=issue.patient_id,
            detail={"purpose": one.purpose.value, "version": one.version},
        )
    return taken_back


def _known(session: Session, issue: Issue, one: ConsentDecision) -> bool:
    row = session.exec(
        select(Consent.id).where(
            Consent.issue_id == issue.id,
            Consent.purpose == one.purpose.value,
            Consent.decided_at == one.decided_at,
        )
    ).first()
    return row is not None
