"""The nurse's worklist: raised once, closed by a person or by what it waited for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.plans.models import WorkItem, WorkKind
from clinic_server.plans.trail import note as trail
from clinic_server.staff.models import Staff

OUTCOMES = ("reached", "not_reached", "call_back", "resolved", "no_action")
"""What a nurse may say; ``arrived_late``, ``rescheduled``, ``data_back`` and
``device_back`` are said by the system."""


def raise_work(
    session: Session,
    *,
    kind: WorkKind,
    patient_id: int,
    dedupe_key: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> WorkItem:
    """Put a line on the nurse's worklist, once per key."""
    found = by_key(session, dedupe_key)
    if found is not None:
        return found
    item = WorkItem(
        kind=kind,
        patient_id=patient_id,
        dedupe_key=dedupe_key,
        raised_at=now,
        detail=detail or {},
    )
    session.add(item)
    session.flush()
    return item


def by_key(session: Session, dedupe_key: str) -> WorkItem | None:
    """Find a line by what it was raised for."""
    return session.exec(select(WorkItem).where(WorkItem.dedupe_key == dedupe_key)).first()


def worklist(session: Session) -> Sequence[WorkItem]:
    """Say what the nurse has to do, oldest first."""
    return session.exec(
        select(WorkItem)
        .where(col(WorkItem.done_at).is_(None))
        .order_by(col(WorkItem.raised_at), col(WorkItem.id))
    ).all()


def work_by_id(session: Session, item_id: int) -> WorkItem:
    """Find a line of the worklist, or raise `NotFound` (``plans.unknown_work``)."""
    item = session.get(WorkItem, item_id)
    if item is None:
        raise NotFound("plans.unknown_work")
    return item


def settle(session: Session, item: WorkItem | None, outcome: str, now: datetime) -> None:
    """Close a line because what it waited for has happened; no person had to."""
    if item is not None and item.done_at is None:
        item.done_at = now
        item.outcome = outcome
        session.add(item)


def finish_work(
    session: Session,
    *,
    item: WorkItem,
    staff: Staff,
    outcome: str,
    note: str,
    now: datetime,
) -> WorkItem:
    """Close a line of the worklist with what came of it.

    Raises
    ------
    Conflict, Unprocessable
        Already done; unknown outcome.
    """
    if item.done_at is not None:
        raise Conflict("plans.work_done")
    if outcome not in OUTCOMES:
        raise Unprocessable("plans.unknown_outcome", outcome=outcome)
    item.done_at = now
    item.done_by = staff.id
    item.outcome = outcome
    item.note = note[:400]
    session.add(item)
    actor = f"staff:{staff.id}"
    trail(session, now, actor, "work.done", "work_item", item.id, item.patient_id)
    return item
