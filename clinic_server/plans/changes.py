"""Changing a running plan: move or cancel a task, notice what fulfilled itself, close."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from clinic_server.devices import service as devices
from clinic_server.devices.loans import last_returns
from clinic_server.errors import Conflict, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb, Patient
from clinic_server.plans import service
from clinic_server.plans.models import Task
from clinic_server.plans.templates import windows_of
from clinic_server.plans.trail import note as trail
from clinic_server.plans.work import by_key, settle
from clinic_server.recordings import service as recordings
from clinic_server.staff.models import Staff
from clinic_server.wire.care import TaskKind, TaskState

HOLTER_ENOUGH_S = 22 * 3600.0
"""Stored seconds within the window that count as a 24-h recording (our own limit)."""
_CHANGEABLE = frozenset({TaskState.PLANNED, TaskState.DUE, TaskState.MISSED})


def add(
    session: Session,
    *,
    patient_id: int,
    staff: Staff,
    kind: TaskKind,
    days: Sequence[date],
    zone: ZoneInfo,
    now: datetime,
) -> list[Task]:
    """Put more tasks of one kind into the running plan.

    Raises
    ------
    Conflict
        ``plans.no_plan``.
    Unprocessable
        ``plans.day_is_over`` when none of the days can still be done.
    """
    plan = service.running_plan(session, patient_id)
    if plan is None:
        raise Conflict("plans.no_plan")
    windows = windows_of(((kind, day) for day in days), zone)
    tasks = service.put(session, plan, windows, now)
    if not tasks:
        raise Unprocessable("plans.day_is_over")
    detail = {"kind": kind, "tasks": len(tasks), "first": tasks[0].opens_at}
    trail(
        session, now, f"staff:{staff.id}", "plan.add", "plan", plan.id, patient_id, detail
    )
    return tasks


def cancel(
    session: Session, *, task: Task, staff: Staff, reason: str, now: datetime
) -> None:
    """Take one task out of the plan; its line on the worklist goes.

    Raises
    ------
    Conflict
        ``plans.already_done`` or ``plans.cancelled``.
    """
    _require_changeable(task)
    settle(session, by_key(session, service.missed_key(task)), "no_action", now)
    before = task.state
    task.state = TaskState.CANCELLED
    session.add(task)
    trail(
        session,
        now,
        f"staff:{staff.id}",
        "task.cancel",
        "task",
        task.id,
        task.patient_id,
        {"kind": task.kind, "before": before, "reason": reason},
    )


def reschedule(
    session: Session, *, task: Task, staff: Staff, on: date, zone: ZoneInfo, now: datetime
) -> None:
    """Move a task to another day, at the same time of day and as long.

    Raises
    ------
    Conflict
        ``plans.already_done`` or ``plans.cancelled``.
    Unprocessable
        ``plans.day_is_over`` when the new window has already closed.
    """
    _require_changeable(task)
    local = task.opens_at.astimezone(zone)
    opens_at = datetime.combine(on, local.time(), tzinfo=zone)
    due_at = (opens_at + (task.due_at.astimezone(zone) - local)).astimezone(ZoneInfo("UTC"))
    if due_at <= now:
        raise Unprocessable("plans.day_is_over")
    settle(session, by_key(session, service.missed_key(task)), "rescheduled", now)
    grace = task.grace_until - task.due_at
    before = task.opens_at
    task.opens_at = opens_at.astimezone(ZoneInfo("UTC"))
    task.due_at = due_at
    task.grace_until = due_at + grace
    task.state = TaskState.PLANNED
    task.missed_at = task.reminded_at = None
    session.add(task)
    trail(
        session,
        now,
        f"staff:{staff.id}",
        "task.reschedule",
        "task",
        task.id,
        task.patient_id,
        {"kind": task.kind, "before": before, "after": task.opens_at},
    )


def _require_changeable(task: Task) -> None:
    if task.state not in _CHANGEABLE:
        done = task.state is TaskState.DONE
        raise Conflict("plans.already_done" if done else "plans.cancelled")


def fulfil(session: Session, now: datetime) -> int:
    """Mark as done what nobody has to report: a unit that is back, a day that is stored.

    Returns
    -------
    int
        Tasks that were done.
    """
    changed = 0
    open_tasks = select(Task).where(
        col(Task.state).in_(_CHANGEABLE),
        (col(Task.kind) == TaskKind.RETURN_DEVICE)
        | ((col(Task.kind) == TaskKind.HOLTER_24H) & (col(Task.opens_at) <= now)),
    )
    tasks = session.exec(open_tasks).all()
    back = last_returns(
        session,
        {task.patient_id for task in tasks if task.kind is TaskKind.RETURN_DEVICE},
    )
    for task in tasks:
        at = (
            _returned_at(session, task, back.get(task.patient_id))
            if task.kind is TaskKind.RETURN_DEVICE
            else _recorded_at(session, task, now)
        )
        if at is not None:
            service.finish(session, task, at=at, by="system", result={}, now=now)
            changed += 1
    return changed


def _returned_at(session: Session, task: Task, back: datetime | None) -> datetime | None:
    """When the loan of this plan came back; a loan that ended before it does not count."""
    plan = service.plan_of(session, task)
    if back is None or plan is None:
        return None
    return back if back >= plan.prescribed_at else None


def _recorded_at(session: Session, task: Task, now: datetime) -> datetime | None:
    """When a day of signal within the window was stored."""
    for recording in recordings.recordings_of(session, task.patient_id):
        if recording.stored_samples / recording.fs_hz < HOLTER_ENOUGH_S:
            continue
        stored_s = 0.0
        for first, end in recordings.spans(session, recording.id):
            begins = recordings.sample_time(recording, first)
            ends = recordings.sample_time(recording, end)
            inside = min(ends, task.grace_until) - max(begins, task.opens_at)
            stored_s += max(timedelta(), inside).total_seconds()
        if stored_s >= HOLTER_ENOUGH_S:
            return now
    return None


def close_case(session: Session, *, patient: Patient, staff: Staff, now: datetime) -> None:
    """End the follow-up: the plan ends, the case is closed.

    Raises
    ------
    Conflict
        ``plans.unit_still_out`` while the patient has a unit, ``patients.no_open_case``
        when none is open.
    """
    assert patient.id is not None  # noqa: S101 - stored
    loan = devices.open_issue_of(session, patient.id)
    if loan is not None:
        raise Conflict("plans.unit_still_out", serial=loan.serial)
    plan = service.running_plan(session, patient.id)
    if plan is not None:
        service.end(session, plan, now)
    actor = f"staff:{staff.id}"
    patients.record_case(session, patient.id, CaseVerb.CLOSE_CASE, at=now, actor=actor)
    trail(session, now, actor, "case.close", "patient", patient.id, patient.id)
