"""Plans over HTTP: the phone's tasks, prescribing, the nurse's worklist."""

from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server.deps import AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.errors import NotFound
from clinic_server.patients import service as patients
from clinic_server.plans import changes, own, service, visits
from clinic_server.plans.visits import VisitRecord
from clinic_server.staff.auth import Nurse, Physician
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind

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


@router.post("/api/me/measurements", status_code=201)
def measured(
    body: TaskDone, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> PatientTask:
    """Keep vital signs nobody asked for; sending them again changes nothing."""
    task = own.keep(
        session,
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


class MoreTasks(BaseModel):
    """Tasks of one kind, once or again and again."""

    model_config = ConfigDict(extra="forbid")

    kind: TaskKind
    on: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
    every_days: Annotated[int, Field(ge=1, le=90)] = 1
    times: Annotated[int, Field(ge=1, le=72)] = 1


@router.post("/console/patients/{patient_id}/tasks", status_code=204)
def add_tasks(
    patient_id: RowId,
    body: MoreTasks,
    app: AppDep,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Put more into the running plan: training days, another visit."""
    patient = patients.patient_for(session, staff, patient_id, now)
    changes.add(
        session,
        patient_id=patient.id or 0,
        staff=staff,
        kind=body.kind,
        days=[body.on + timedelta(days=body.every_days * n) for n in range(body.times)],
        zone=ZoneInfo(app.settings.time_zone),
        now=now,
    )


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
    task = service.task_for(session, staff, task_id, now)
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
    task = service.task_for(session, staff, task_id, now)
    zone = ZoneInfo(app.settings.time_zone)
    changes.reschedule(session, task=task, staff=staff, on=body.on, zone=zone, now=now)


@router.post("/console/patients/{patient_id}/close-case", status_code=204)
def close_case(
    patient_id: RowId, session: WriteSession, staff: Physician, now: ClockDep
) -> None:
    """End the follow-up once the unit is back."""
    patient = patients.patient_for(session, staff, patient_id, now)
    changes.close_case(session, patient=patient, staff=staff, now=now)


@router.post("/desk/tasks/{task_id}/done", status_code=204)
def follow_up_done(
    task_id: RowId, body: VisitRecord, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Record what came of a call, a visit or a questionnaire asked on the telephone."""
    task = service.task_for(session, staff, task_id, now)
    visits.record(session, task=task, staff=staff, body=body, now=now)


class Unplanned(VisitRecord):
    """A call or visit that nobody had planned."""

    kind: Literal[TaskKind.REMOTE_CALL, TaskKind.CLINIC_VISIT]


@router.post("/desk/patients/{patient_id}/follow-up", status_code=204)
def follow_up_unplanned(
    patient_id: RowId, body: Unplanned, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Record a call or visit that nobody had planned."""
    patient = patients.patient_for(session, staff, patient_id, now)
    visits.unplanned(
        session,
        patient_id=patient.id or 0,
        kind=body.kind,
        staff=staff,
        body=VisitRecord(**body.model_dump(exclude={"kind"})),
        now=now,
    )


class WorkDone(BaseModel):
    """What came of a line of the worklist."""

    model_config = ConfigDict(extra="forbid")

    outcome: Annotated[str, Field(min_length=1, max_length=32)]
    note: Annotated[str, Field(max_length=400)] = ""
    again_at: AwareDatetime | None = None
    """When to ring again, if nobody answered or a time was agreed."""


@router.post("/desk/work/{item_id}/done", status_code=204)
def work_done(
    item_id: RowId, body: WorkDone, session: WriteSession, staff: Nurse, now: ClockDep
) -> None:
    """Write down a call about a line of the worklist: it closes, or comes back."""
    item = service.work_by_id(session, item_id)
    try:
        patients.patient_for(session, staff, item.patient_id, now)
    except NotFound as error:
        raise NotFound("plans.unknown_work") from error
    service.finish_work(
        session,
        item=item,
        staff=staff,
        outcome=body.outcome,
        note=body.note,
        now=now,
        again_at=body.again_at,
    )
