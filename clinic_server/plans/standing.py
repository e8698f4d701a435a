"""How plans stand: what was due, done and missed, per patient and in all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from clinic_server.plans.models import Plan, Task
from clinic_server.wire.care import TaskKind, TaskState

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


def of_all(session: Session) -> list[Standing]:
    """Give every running plan; three queries, however many there are."""
    counted = session.exec(
        select(Task.plan_id, Task.state, func.count())
        .join(Plan, col(Task.plan_id) == col(Plan.id))
        .where(col(Plan.ended_at).is_(None))
        .group_by(col(Task.plan_id), col(Task.state))
    ).all()
    states: dict[int, dict[TaskState, int]] = {}
    for plan_id, state, count in counted:
        states.setdefault(plan_id, {})[TaskState(state)] = count
    next_of = _next_appointments(session)
    running = session.exec(select(Plan).where(col(Plan.ended_at).is_(None))).all()
    return [
        _standing(plan, states.get(plan.id or 0, {}), next_of.get(plan.id or 0))
        for plan in running
    ]


def _standing(
    plan: Plan, states: Mapping[TaskState, int], coming: tuple[TaskKind, datetime] | None
) -> Standing:
    kind, at = coming or (None, None)
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


def _next_appointments(session: Session) -> dict[int, tuple[TaskKind, datetime]]:
    coming = session.exec(
        select(Task.plan_id, Task.kind, Task.opens_at)
        .where(
            col(Task.state).in_((TaskState.PLANNED, TaskState.DUE)),
            col(Task.kind).in_(_APPOINTMENTS),
        )
        .order_by(col(Task.opens_at).desc())
    ).all()
    return {plan_id: (TaskKind(kind), at) for plan_id, kind, at in coming}


def total(standings: Iterable[Standing]) -> Sequence[int]:
    """Add up done, missed, due and ahead."""
    rows = [(one.done, one.missed, one.due, one.ahead) for one in standings]
    return [sum(column) for column in zip(*rows, strict=True)] or [0, 0, 0, 0]
