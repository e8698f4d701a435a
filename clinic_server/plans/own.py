"""Measurements nobody asked for: kept like those of a plan, and judged by the same rules.

One that falls into an open window of the plan does that task: done by doing.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from clinic_server.bounds import is_plausible
from clinic_server.errors import TooMany, Unprocessable
from clinic_server.plans.models import Task
from clinic_server.plans.service import finish
from clinic_server.wire.care import TaskDone, TaskKind, TaskState

DAY = timedelta(days=1)
MOST_A_DAY = 48
"""One every half hour; a phone that sends more has lost its way."""
_OPEN = (TaskState.PLANNED, TaskState.DUE)


def keep(
    session: Session, *, patient_id: int, actor: str, body: TaskDone, now: datetime
) -> Task:
    """Keep vital signs; the same ones sent again change nothing.

    Raises
    ------
    Unprocessable
        ``plans.needs_values`` without a number, ``plans.time_implausible``.
    TooMany
        ``plans.too_many_measured``: `MOST_A_DAY`.
    """
    values = body.model_dump(
        mode="json",
        exclude_none=True,
        exclude={"done_at", "recording_id", "first_sample", "n_samples", "answers"},
    )
    if not values:
        raise Unprocessable("plans.needs_values")
    if not is_plausible(body.done_at, now):
        raise Unprocessable("plans.time_implausible")
    at = min(body.done_at, now)
    known = session.exec(
        select(Task).where(
            Task.patient_id == patient_id,
            Task.kind == TaskKind.VITALS,
            Task.state == TaskState.DONE,
            Task.done_at == at,
        )
    ).first()
    if known is not None:
        return known
    task = _asked_for(session, patient_id, at) or _unasked(session, patient_id, at, now)
    finish(session, task, at=at, by=actor, result=values, now=now)
    session.flush()
    return task


def _asked_for(session: Session, patient_id: int, at: datetime) -> Task | None:
    """Find the task of the plan in whose window it was measured."""
    return session.exec(
        select(Task)
        .where(
            Task.patient_id == patient_id,
            Task.kind == TaskKind.VITALS,
            col(Task.state).in_(_OPEN),
            col(Task.plan_id).is_not(None),
            Task.opens_at <= at,
            Task.grace_until > at,
        )
        .order_by(col(Task.due_at), col(Task.id))
    ).first()


def _unasked(session: Session, patient_id: int, at: datetime, now: datetime) -> Task:
    lately = session.exec(
        select(func.count())
        .select_from(Task)
        .where(
            Task.patient_id == patient_id,
            col(Task.plan_id).is_(None),
            col(Task.done_at) > now - DAY,
        )
    ).one()
    if lately >= MOST_A_DAY:
        raise TooMany("plans.too_many_measured", most=MOST_A_DAY)
    return Task(
        patient_id=patient_id,
        kind=TaskKind.VITALS,
        opens_at=at,
        due_at=at,
        grace_until=at,
    )
