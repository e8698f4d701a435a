"""The record of everything that was done: rows chained by hash, never changed.

``hash = SHA-256(prev_hash + canonical JSON of the row)``, written in the transaction of
the change itself. The database refuses UPDATE and DELETE (triggers of the first
migration); `verify_audit` finds a row that was altered, removed or moved in spite of that.
A cut-off tail cannot be seen from inside: keep the newest hash somewhere else too.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from clinic_server.staff.models import AuditEntry

GENESIS = "0" * 64
_PG_LOCK = 0x616E78696E  # "anxin": one appender at a time, until its transaction ends
_PAGE = 5000


def _digest(entry: AuditEntry) -> str:
    row = {
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "action": entry.action,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "patient_id": entry.patient_id,
        "detail": entry.detail,
    }
    canonical = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256((entry.prev_hash + canonical).encode()).hexdigest()


def audit(
    session: Session,
    *,
    at: datetime,
    actor_kind: str,
    actor_id: str | int,
    action: str,
    object_kind: str,
    object_id: str | int,
    patient_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one action to the record, in the caller's transaction.

    Parameters
    ----------
    session : Session
        A writing session.
    at : datetime
        Aware time of the action.
    actor_kind : str
        ``staff``, ``phone``, ``family``, ``system`` or ``anonymous``.
    actor_id : str or int
        Number of the person, loan or link; empty for the system.
    action : str
        ``room.verb``, for example ``devices.issue``.
    object_kind, object_id : str
        What it was done to.
    patient_id : int or None
        Whose data it touched.
    detail : mapping
        What else must be known later; JSON values only.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_LOCK})
    last = session.exec(
        select(AuditEntry.hash).order_by(col(AuditEntry.id).desc()).limit(1)
    ).first()
    entry = AuditEntry(
        at=at,
        actor_kind=actor_kind,
        actor_id=str(actor_id),
        action=action,
        object_kind=object_kind,
        object_id=str(object_id),
        patient_id=patient_id,
        detail=json.loads(json.dumps(dict(detail or {}), default=str)),
        prev_hash=last or GENESIS,
        hash="",
    )
    entry.hash = _digest(entry)
    session.add(entry)
    session.flush()


def verify_audit(session: Session) -> int | None:
    """Walk the whole chain.

    Returns
    -------
    int or None
        Number of the first row that does not fit, None when all do.
    """
    expected = GENESIS
    after = 0
    while True:
        page = session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.id) > after)
            .order_by(col(AuditEntry.id))
            .limit(_PAGE)
        ).all()
        if not page:
            return None
        for entry in page:
            if entry.prev_hash != expected or entry.hash != _digest(entry):
                return entry.id
            expected = entry.hash
        after = page[-1].id or 0
        session.expunge_all()
