"""How plans stand: what was due, done and missed, per patient and in all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from clinic_server.plans.models import Plan, Task
from clinic_server.wire.care import TaskKind, TaskState

FEW = 500
"""Patients named one by one in a query; more are sorted out here: it is faster."""
_APPOINTMENTS = (TaskKind.REMOTE_CALL, TaskKind.CLINIC_VISIT, TaskKind.RETURN_DEVICE)


@dataclass(frozen=True, slots=True)
class Standing:
    """One running plan in numbers."""

    patient_id: int
    template: str
    starts_on: date
    done: int
    missed: int
    due: int
    """Open now, neither done nor missed."""
    ahead: int
    next_kind: TaskKind | None
    next_at: datetime | None
    """The next call, visit or return."""

    @property
    def share(self) -> float:
        """Done of what was to be done by now, 0 to 1; 1 when nothing was."""
        owed = self.done + self.missed
        return self.done / owed if owed else 1.0


def of_patients(session: Session, patient_ids: Collection[int]) -> list[Standing]:
    """Give the running plans of these patients; three queries, however many there are."""
    asked: ColumnElement[bool] = col(Plan.ended_at).is_(None)
    if len(patient_ids) <= FEW:
        asked = asked & col(Plan.patient_id).in_(patient_ids)
    plan_ids = select(Plan.id).where(asked)
    running = [
        plan
        for plan in session.exec(select(Plan).where(asked)).all()
        if plan.patient_id in patient_ids
    ]
    counted = session.exec(
        select(Task.plan_id, Task.state, func.count())
        .where(col(Task.plan_id).in_(plan_ids))
        .group_by(col(Task.plan_id), col(Task.state))
    ).all()
    states: dict[int | None, dict[TaskState, int]] = {}
    for plan_id, state, count in counted:
        states.setdefault(plan_id, {})[TaskState(state)] = count
    coming = session.exec(
        select(Task.plan_id, Task.kind, func.min(Task.opens_at))
        .where(
            col(Task.plan_id).in_(plan_ids),
            col(Task.state).in_((TaskState.PLANNED, TaskState.DUE)),
            col(Task.kind).in_(_APPOINTMENTS),
        )
        .group_by(col(Task.plan_id), col(Task.kind))
    ).all()
    next_of: dict[int | None, tuple[datetime, TaskKind]] = {}
    for plan_id, kind, at in coming:
        one = (at, TaskKind(kind))
        next_of[plan_id] = min(next_of.get(plan_id, one), one)
    return [
        _standing(plan, states.get(plan.id, {}), next_of.get(plan.id)) for plan in running
    ]


def _standing(
    plan: Plan, states: Mapping[TaskState, int], coming: tuple[datetime, TaskKind] | None
) -> Standing:
    at, kind = coming or (None, None)
    return Standing(
        patient_id=plan.patient_id,
        template=plan.template,
        starts_on=plan.starts_on,
        done=states.get(TaskState.DONE, 0),
        missed=states.get(TaskState.MISSED, 0),
        due=states.get(TaskState.DUE, 0),
        ahead=states.get(TaskState.PLANNED, 0),
        next_kind=kind,
        next_at=at,
    )


def total(standings: Iterable[Standing]) -> Sequence[int]:
    """Add up done, missed, due and ahead."""
    rows = [(one.done, one.missed, one.due, one.ahead) for one in standings]
    return [sum(column) for column in zip(*rows, strict=True)] or [0, 0, 0, 0]
