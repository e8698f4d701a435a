"""A physician's words to the patient that answer no alarm: a signed result, a notice."""

from datetime import datetime

from sqlmodel import Session

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
) -> AdviceRow:
    """Put a message into the patient's inbox.

    Parameters
    ----------
    kind : str
        ``report`` or ``notice``.
    text : str
        At most 1000 characters, in the patient's words.
    """
    row = AdviceRow(
        patient_id=patient_id,
        kind=kind,
        opinion=opinion.value,
        text=text[:1000],
        sent_by=staff.id or 0,
        sent_at=now,
    )
    session.add(row)
    session.flush()
    patients.record_case(
        session,
        patient_id,
        CaseVerb.ADVISE,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"kind": kind, "advice_id": row.id},
    )
    ring_after_commit(session, "inbox")
    return row
