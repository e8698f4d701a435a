"""What tasks came to, for the rules: what was measured, and which windows were missed."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.plans.models import Task
from clinic_server.wire.care import TaskKind, TaskState

MEASUREMENTS = (TaskKind.SPOT_ECG, TaskKind.HOLTER_24H, TaskKind.VITALS)


def measured_since(session: Session, since: datetime) -> Sequence[Task]:
    """Give the vital signs sent after a time, in the order in which they were taken."""
    return session.exec(
        select(Task)
        .where(
            Task.kind == TaskKind.VITALS,
            Task.state == TaskState.DONE,
            col(Task.done_at) > since,
        )
        .order_by(col(Task.done_at), col(Task.id))
    ).all()


def missed_since(session: Session, since: datetime) -> Sequence[Task]:
    """Give the measurements whose window closed unused after a time, also done since."""
    return session.exec(
        select(Task)
        .where(col(Task.kind).in_(MEASUREMENTS), col(Task.missed_at) > since)
        .order_by(col(Task.missed_at), col(Task.id))
    ).all()
