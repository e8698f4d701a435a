"""The nurse's worklist: raised once, closed by a person or by what it waited for.

A call that nobody answers does not end a line: it comes back, and after `TRIES` calls it
says that the emergency contact is to be rung.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select
from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.plans.models import WorkItem, WorkKind
from clinic_server.plans.trail import note as trail
from clinic_server.staff.models import Staff

OUTCOMES = ("reached", "not_reached", "call_back", "resolved", "no_action")
"""What a nurse may say; ``arrived_late``, ``rescheduled``, ``data_back``, ``extended`` and
``device_back`` are said by the system."""
_COMES_BACK = frozenset({"not_reached", "call_back"})
RING_AGAIN = timedelta(hours=2)
TRIES = 3
"""After so many calls without an answer the emergency contact is rung (our own limits)."""


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


def worklist(
    session: Session,
    *,
    patients: Select[Any] | None = None,
    kinds: Collection[WorkKind] = (),
) -> Sequence[WorkItem]:
    """Say what the nurse has to do, oldest first; some of it waits until ``next_at``.

    Parameters
    ----------
    patients : Select, optional
        Only about these: a subquery of their numbers.
    kinds : collection of WorkKind
        Only these; empty for all.
    """
    query = select(WorkItem).where(col(WorkItem.done_at).is_(None))
    if patients is not None:
        query = query.where(col(WorkItem.patient_id).in_(patients))
    if kinds:
        query = query.where(col(WorkItem.kind).in_(kinds))
    return session.exec(query.order_by(col(WorkItem.raised_at), col(WorkItem.id))).all()


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


def lines_about(session: Session, patient_id: int, prefix: str) -> Sequence[WorkItem]:
    """Give a patient's lines whose key begins so, closed ones too, oldest first."""
    return session.exec(
        select(WorkItem)
        .where(
            WorkItem.patient_id == patient_id,
            col(WorkItem.dedupe_key).startswith(prefix, autoescape=True),
        )
        .order_by(col(WorkItem.id))
    ).all()


def finish_work(
    session: Session,
    *,
    item: WorkItem,
    staff: Staff,
    outcome: str,
    note: str,
    now: datetime,
    again_at: datetime | None = None,
) -> WorkItem:
    """Write down what came of a call: the line closes, or comes back.

    Parameters
    ----------
    again_at : datetime, optional
        When to ring again after ``not_reached`` or ``call_back``; `RING_AGAIN` otherwise.

    Raises
    ------
    Conflict, Unprocessable
        Already done; unknown outcome; ``plans.again_in_past``.
    """
    if item.done_at is not None:
        raise Conflict("plans.work_done")
    if outcome not in OUTCOMES:
        raise Unprocessable("plans.unknown_outcome", outcome=outcome)
    actor = f"staff:{staff.id}"
    calls = [
        *item.detail.get("calls", []),
        {"at": now.isoformat(), "by": staff.id, "outcome": outcome, "note": note[:400]},
    ]
    item.detail = {**item.detail, "calls": calls}
    if outcome in _COMES_BACK:
        if again_at is not None and again_at <= now:
            raise Unprocessable("plans.again_in_past")
        item.tries += outcome == "not_reached"
        item.next_at = again_at or now + RING_AGAIN
    else:
        item.done_at = now
        item.done_by = staff.id
        item.outcome = outcome
        item.note = note[:400]
    session.add(item)
    action = "work.again" if item.done_at is None else "work.done"
    detail = {"outcome": outcome, "tries": item.tries}
    trail(session, now, actor, action, "work_item", item.id, item.patient_id, detail)
    return item
