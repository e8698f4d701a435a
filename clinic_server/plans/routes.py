"""Plans over HTTP: the phone's tasks, prescribing, the nurse's worklist."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.deps import AppDep, ClockDep, LocaleDep, ReadSession, RowId, WriteSession
from clinic_server.devices import service as devices
from clinic_server.devices.auth import CurrentIssue
from clinic_server.errors import NotFound, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.plans import changes, service, words
from clinic_server.plans.linter import lint
from clinic_server.plans.models import Task
from clinic_server.plans.templates import TEMPLATES, ends_on, lay_out
from clinic_server.staff.auth import Nurse, Physician
from clinic_server.staff.models import Staff
from clinic_server.wire.care import PatientTask, TaskDone

router = APIRouter()
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)
"""Days a plan may be about; others are slips of the keyboard."""


@router.get("/api/me/tasks")
def my_tasks(session: ReadSession, issue: CurrentIssue, now: ClockDep) -> list[PatientTask]:
    """List what is asked of the patient: the last two days and the coming two weeks."""
    return service.phone_tasks(session, issue.patient_id, now)


@router.post("/api/me/tasks/{task_id}/done")
def task_done(
    task_id: RowId,
    body: TaskDone,
    session: WriteSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> PatientTask:
    """Record a measurement; sending it again changes nothing."""
    task = service.done(
        session,
        task_id=task_id,
        patient_id=issue.patient_id,
        actor=f"phone:{issue.id}",
        body=body,
        now=now,
    )
    return service.on_phone(task)


class Prescription(BaseModel):
    """Which plan, from which day."""

    model_config = ConfigDict(extra="forbid")

    template: Annotated[str, Field(min_length=1, max_length=32)]
    starts_on: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class PlanMade(BaseModel):
    """The plan in force."""

    id: int
    template: str
    tasks: int


@router.post("/console/patients/{patient_id}/plan", status_code=201)
def prescribe(
    patient_id: RowId,
    body: Prescription,
    app: AppDep,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> PlanMade:
    """Start a follow-up plan from a template."""
    patient = patients.patient_for(session, staff, patient_id, now)
    plan = service.prescribe(
        session,
        patient=patient,
        staff=staff,
        template=body.template,
        starts_on=body.starts_on,
        zone=ZoneInfo(app.settings.time_zone),
        now=now,
    )
    assert plan.id is not None  # noqa: S101 - flushed by the service
    count = service.count_tasks(session, plan.id)
    return PlanMade(id=plan.id, template=plan.template, tasks=count)


class PlanPreview(BaseModel):
    """What a template would ask for, and what would not fit."""

    tasks: int
    findings: list[str]


@router.get("/console/patients/{patient_id}/plan-preview")
def preview(
    patient_id: RowId,
    template: Annotated[str, Query(min_length=1, max_length=32)],
    starts_on: Annotated[date, Query(ge=FIRST_DAY, le=LAST_DAY)],
    app: AppDep,
    session: ReadSession,
    staff: Physician,
    now: ClockDep,
    locale: LocaleDep,
) -> PlanPreview:
    """Lint a plan before it is prescribed."""
    patients.patient_for(session, staff, patient_id, now)
    if template not in TEMPLATES:
        raise Unprocessable("plans.unknown_template", template=template)
    zone = ZoneInfo(app.settings.time_zone)
    windows = [w for w in lay_out(template, starts_on, zone) if w.grace_until > now]
    loan = devices.open_issue_of(session, patient_id)
    found = lint(
        windows,
        zone=zone,
        loan_due_on=loan.due_on if loan else None,
        ends_on=ends_on(template, starts_on),
    )
    return PlanPreview(
        tasks=len(windows), findings=[words.say(one, zone, locale) for one in found]
    )


def _task(session: Session, staff: Staff, task_id: int, now: datetime) -> Task:
    task = service.task_by_id(session, task_id)
    try:
        patients.patient_for(session, staff, task.patient_id, now)
    except NotFound as error:
        raise NotFound("plans.unknown_task") from error
    return task


class Cancellation(BaseModel):
    """Why a task is not needed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=200)] = ""


@router.post("/console/tasks/{task_id}/cancel", status_code=204)
def cancel(
    task_id: RowId,
    body: Cancellation,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Take a task out of the plan."""
    task = _task(session, staff, task_id, now)
    changes.cancel(session, task=task, staff=staff, reason=body.reason, now=now)


class NewDay(BaseModel):
    """Where a task moves to."""

    model_config = ConfigDict(extra="forbid")

    on: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


@router.post("/console/tasks/{task_id}/reschedule", status_code=204)
def reschedule(
    task_id: RowId,
    body: NewDay,
    app: AppDep,
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
) -> None:
    """Move a task to another day."""
    task = _task(session, staff, task_id, now)
    zone = ZoneInfo(app.settings.time_zone)
    changes.reschedule(session, task=task, staff=staff, on=body.on, zone=zone, now=now)


@router.post("/console/patients/{patient_id}/close-case", status_code=204)
def close_case(
    patient_id: RowId, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """End the follow-up once the unit is back."""
    patient = patients.patient_for(session, staff, patient_id, now)
    changes.close_case(session, patient=patient, staff=staff, now=now)


class FollowUpNote(BaseModel):
    """What came of a call or a visit."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=1000)] = ""


@router.post("/desk/tasks/{task_id}/done", status_code=204)
def follow_up_done(
    task_id: RowId, body: FollowUpNote, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Record that a remote call or a clinic visit took place."""
    task = _task(session, staff, task_id, now)
    service.done_by_staff(session, task=task, staff=staff, note=body.note, now=now)


class WorkDone(BaseModel):
    """What came of a line of the worklist."""

    model_config = ConfigDict(extra="forbid")

    outcome: Annotated[str, Field(min_length=1, max_length=32)]
    note: Annotated[str, Field(max_length=400)] = ""


@router.post("/desk/work/{item_id}/done", status_code=204)
def work_done(
    item_id: RowId, body: WorkDone, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Close a line of the nurse's worklist."""
    item = service.work_by_id(session, item_id)
    try:
        patients.patient_for(session, staff, item.patient_id, now)
    except NotFound as error:
        raise NotFound("plans.unknown_work") from error
    service.finish_work(
        session, item=item, staff=staff, outcome=body.outcome, note=body.note, now=now
    )
