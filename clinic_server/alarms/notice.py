"""A physician's words that answer no alarm: a signed result, a notice, a consult."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.alarms.models import AdviceRow
from clinic_server.db import ring_after_commit
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb
from clinic_server.staff.models import Staff
from clinic_server.wire.care import Opinion


def send_notice(
    session: Session,
    *,
    patient_id: int,
    staff: Staff,
    kind: str,
    opinion: Opinion,
    text: str,
    now: datetime,
    within_days: int | None = None,
    verb: CaseVerb = CaseVerb.ADVISE,
) -> AdviceRow:
    """Put a message into the patient's inbox.

    Parameters
    ----------
    kind : str
        ``report``, ``notice`` or ``consult``.
    text : str
        At most 1000 characters, in the patient's words.
    verb : CaseVerb
        What it is in the patient's case: advice, or a reminder.
    """
    row = AdviceRow(
        patient_id=patient_id,
        kind=kind,
        opinion=opinion.value,
        within_days=within_days,
        text=text[:1000],
        sent_by=staff.id or 0,
        sent_at=now,
    )
    session.add(row)
    session.flush()
    patients.record_case(
        session,
        patient_id,
        verb,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"kind": kind, "advice_id": row.id},
    )
    ring_after_commit(session, "inbox")
    return row


def notice_read_at(
    session: Session, *, patient_id: int, kind: str, sent_at: datetime
) -> datetime | None:
    """Say when the patient read what was sent then; None while nobody has."""
    return session.exec(
        select(AdviceRow.read_at).where(
            AdviceRow.patient_id == patient_id,
            AdviceRow.kind == kind,
            AdviceRow.sent_at == sent_at,
        )
    ).first()


def read_at(session: Session, advice_ids: Sequence[int]) -> dict[int, datetime]:
    """Say which messages were opened on the phone, and when."""
    rows = session.exec(
        select(AdviceRow.id, AdviceRow.read_at).where(
            col(AdviceRow.id).in_(advice_ids), col(AdviceRow.read_at).is_not(None)
        )
    )
    return {row_id: at for row_id, at in rows if row_id is not None and at is not None}
