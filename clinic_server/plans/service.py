"""Prescribing, reminding, doing and missing: the server's copy of the schedule is truth."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb, Patient
from clinic_server.plans import house, questionnaire
from clinic_server.plans.models import Plan, Task, WorkKind
from clinic_server.plans.templates import Window, lay_out_lines
from clinic_server.plans.trail import note as trail
from clinic_server.plans.work import (
    OUTCOMES,
    by_key,
    finish_work,
    raise_work,
    settle,
    work_by_id,
    worklist,
)
from clinic_server.staff.models import Staff
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind, TaskState

__all__ = [
    "DONE_IN_APP",
    "OUTCOMES",
    "count_tasks",
    "done",
    "done_of",
    "end",
    "finish",
    "finish_work",
    "missed_key",
    "on_phone",
    "phone_tasks",
    "plan_of",
    "prescribe",
    "put",
    "raise_work",
    "running_plan",
    "sweep",
    "task_by_id",
    "task_for",
    "tasks_of",
    "tasks_of_plan",
    "work_by_id",
    "worklist",
]

SWEPT_AT_ONCE = 200
"""Uploads wait while a sweep writes: after an outage the rest follows in 10 s steps."""
DONE_IN_APP = frozenset(
    {TaskKind.SPOT_ECG, TaskKind.VITALS, TaskKind.QUESTIONNAIRE, TaskKind.REHAB}
)
_OPEN = (TaskState.PLANNED, TaskState.DUE)
_EARLY = timedelta(minutes=5)  # a phone clock a little ahead must not refuse a measurement


def prescribe(
    session: Session,
    *,
    patient: Patient,
    staff: Staff,
    template: str,
    starts_on: date,
    zone: ZoneInfo,
    now: datetime,
) -> Plan:
    """Start a plan; an earlier one of the same patient ends.

    Raises
    ------
    Unprocessable
        ``plans.unknown_template``.
    """
    lines = house.for_prescribing(session, template, staff)
    assert patient.id is not None  # noqa: S101 - stored
    assert staff.id is not None  # noqa: S101 - stored
    for running in session.exec(
        select(Plan).where(Plan.patient_id == patient.id, col(Plan.ended_at).is_(None))
    ):
        end(session, running, now)
    plan = Plan(
        patient_id=patient.id,
        template=template,
        starts_on=starts_on,
        prescribed_by=staff.id,
        prescribed_at=now,
    )
    session.add(plan)
    session.flush()
    put(session, plan, lay_out_lines(lines, starts_on, zone), now)
    patients.record_case(
        session,
        patient.id,
        CaseVerb.PRESCRIBE_PLAN,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"template": template, "plan_id": plan.id},
    )
    trail(session, now, f"staff:{staff.id}", "plan.prescribe", "plan", plan.id, patient.id)
    return plan


def put(
    session: Session, plan: Plan, windows: Sequence[Window], now: datetime
) -> list[Task]:
    """Put windows into a plan; what is already over was never owed and is left out."""
    tasks = [
        Task(
            plan_id=plan.id or 0,
            patient_id=plan.patient_id,
            kind=window.kind,
            opens_at=window.opens_at,
            due_at=window.due_at,
            grace_until=window.grace_until,
        )
        for window in windows
        if window.grace_until > now
    ]
    session.add_all(tasks)
    session.flush()
    return tasks


def end(session: Session, plan: Plan, now: datetime) -> None:
    """End a plan; what was not yet due is cancelled, what was missed stays missed."""
    plan.ended_at = now
    session.add(plan)
    for task in session.exec(
        select(Task).where(Task.plan_id == plan.id, col(Task.state).in_(_OPEN))
    ):
        task.state = TaskState.CANCELLED
        session.add(task)


def running_plan(session: Session, patient_id: int) -> Plan | None:
    """Find the plan in force."""
    return session.exec(
        select(Plan).where(Plan.patient_id == patient_id, col(Plan.ended_at).is_(None))
    ).first()


def plan_of(session: Session, task: Task) -> Plan | None:
    """Give the plan of a task; None: nobody asked for it."""
    return None if task.plan_id is None else session.get_one(Plan, task.plan_id)


def task_by_id(session: Session, task_id: int) -> Task:
    """Find a task, or raise `NotFound` (``plans.unknown_task``)."""
    task = session.get(Task, task_id)
    if task is None:
        raise NotFound("plans.unknown_task")
    return task


def task_for(session: Session, staff: Staff, task_id: int, now: datetime) -> Task:
    """Give a task of a patient whom this person may see.

    Raises
    ------
    NotFound
        ``plans.unknown_task``, also when it is somebody else's patient's.
    """
    task = task_by_id(session, task_id)
    try:
        patients.patient_for(session, staff, task.patient_id, now)
    except NotFound as error:
        raise NotFound("plans.unknown_task") from error
    return task


def count_tasks(session: Session, plan_id: int) -> int:
    """Count the tasks of a plan."""
    return session.exec(
        select(func.count()).select_from(Task).where(Task.plan_id == plan_id)
    ).one()


def tasks_of_plan(session: Session, plan_id: int) -> list[Task]:
    """Give every task of a plan, cancelled ones too, in order of opening."""
    return list(
        session.exec(
            select(Task)
            .where(Task.plan_id == plan_id)
            .order_by(col(Task.opens_at), col(Task.id))
        )
    )


def done_of(
    session: Session, patient_id: int, kinds: Sequence[TaskKind], *, limit: int
) -> Sequence[Task]:
    """Give the newest tasks of some kinds that were done, newest first."""
    return session.exec(
        select(Task)
        .where(
            Task.patient_id == patient_id,
            col(Task.kind).in_(kinds),
            Task.state == TaskState.DONE,
        )
        .order_by(col(Task.done_at).desc())
        .limit(limit)
    ).all()


def tasks_of(
    session: Session, patient_id: int, *, since: datetime, until: datetime
) -> list[Task]:
    """Tasks whose window touches the span, in order of opening; cancelled ones left out."""
    return list(
        session.exec(
            select(Task)
            .where(
                Task.patient_id == patient_id,
                Task.state != TaskState.CANCELLED,
                Task.opens_at < until,
                Task.grace_until >= since,
            )
            .order_by(col(Task.opens_at), col(Task.id))
        )
    )


def on_phone(task: Task) -> PatientTask:
    """Say a task the way the app gets it."""
    return PatientTask(
        id=task.id or 0,
        kind=task.kind,
        state=task.state,
        opens_at=task.opens_at,
        due_at=task.due_at,
        grace_until=task.grace_until,
        done_at=task.done_at,
        done_here=task.kind in DONE_IN_APP,
    )


def phone_tasks(session: Session, patient_id: int, now: datetime) -> list[PatientTask]:
    """Say what the app shows: the last two days and the coming two weeks."""
    tasks = tasks_of(
        session, patient_id, since=now - timedelta(days=2), until=now + timedelta(days=14)
    )
    return [on_phone(task) for task in tasks]


def done(
    session: Session,
    *,
    task_id: int,
    patient_id: int,
    actor: str,
    body: TaskDone,
    now: datetime,
) -> Task:
    """Record that the patient did it. Doing it twice keeps the first.

    A measurement made in its window counts even if it arrives late; the missed mark and
    its line on the worklist go away then.

    Raises
    ------
    NotFound
        ``plans.unknown_task``: also when it is another patient's.
    Conflict
        ``plans.not_yet_open`` or ``plans.cancelled``.
    Unprocessable
        ``plans.needs_values`` when vitals carry no number, ``plans.needs_answers`` when
        a questionnaire is not complete.
    """
    task = task_by_id(session, task_id)
    if task.patient_id != patient_id:
        raise NotFound("plans.unknown_task")
    if task.state is TaskState.DONE:
        return task
    if task.state is TaskState.CANCELLED:
        raise Conflict("plans.cancelled")
    if min(body.done_at, now) < task.opens_at - _EARLY:
        raise Conflict("plans.not_yet_open")
    values = body.model_dump(exclude_none=True, exclude={"done_at"})
    if task.kind is TaskKind.VITALS and not values:
        raise Unprocessable("plans.needs_values")
    if task.kind is TaskKind.QUESTIONNAIRE:
        questionnaire.require_all(body.answers)
    finish(session, task, at=min(body.done_at, now), by=actor, result=values, now=now)
    return task


def finish(
    session: Session,
    task: Task,
    *,
    at: datetime,
    by: str,
    result: dict[str, Any],
    now: datetime,
) -> None:
    """Write down that a task was done, by whom and with what result."""
    task.state = TaskState.DONE
    task.done_at = at
    task.done_by = by
    task.result = result
    session.add(task)
    settle(session, by_key(session, missed_key(task)), "arrived_late", now)
    if task.kind in DONE_IN_APP:
        patients.record_case(
            session,
            task.patient_id,
            CaseVerb.MEASURE,
            at=at,
            actor=by,
            detail={"task_id": task.id, "kind": task.kind},
        )
    if task.kind is TaskKind.QUESTIONNAIRE:
        out = questionnaire.standing_out(result.get("answers", {}))
        if out:
            raise_work(
                session,
                kind=WorkKind.CALL_PATIENT,
                patient_id=task.patient_id,
                dedupe_key=f"answers:{task.id}",
                detail={"why": "questionnaire", "task_id": task.id, "questions": out},
                now=now,
            )
    trail(session, now, by, "task.done", "task", task.id, task.patient_id)


def sweep(session: Session, now: datetime) -> int:
    """Open what is due and mark what was missed, a bounded part at a time.

    Safe to run twice and anywhere.

    Returns
    -------
    int
        Tasks changed.
    """
    changed = 0
    for task in session.exec(
        select(Task)
        .where(Task.state == TaskState.PLANNED, Task.opens_at <= now)
        .order_by(col(Task.opens_at))
        .limit(SWEPT_AT_ONCE)
    ).all():
        task.state = TaskState.DUE
        task.reminded_at = now
        session.add(task)
        patients.record_case(
            session,
            task.patient_id,
            CaseVerb.REMIND,
            at=now,
            actor="system",
            detail={"task_id": task.id, "kind": task.kind},
        )
        changed += 1
    for task in session.exec(
        select(Task)
        .where(Task.state == TaskState.DUE, Task.grace_until <= now)
        .order_by(col(Task.grace_until))
        .limit(SWEPT_AT_ONCE)
    ).all():
        task.state = TaskState.MISSED
        task.missed_at = now
        session.add(task)
        raise_work(
            session,
            kind=WorkKind.MISSED_TASK,
            patient_id=task.patient_id,
            dedupe_key=missed_key(task),
            detail={"task_id": task.id, "task": task.kind},
            now=now,
        )
        changed += 1
    return changed


def missed_key(task: Task) -> str:
    """Name the worklist line of a missed window; a moved task gets a new one."""
    return f"missed:{task.id}:{int(task.opens_at.timestamp())}"
