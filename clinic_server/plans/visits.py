"""What came of a follow-up: a call, a visit, a questionnaire asked on the telephone."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.errors import Conflict, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb
from clinic_server.plans import questionnaire, service
from clinic_server.plans.models import Task
from clinic_server.staff.models import Staff
from clinic_server.wire.care import TaskKind, TaskState
from clinic_server.wire.questionnaire import Answer, Question

_VERB = {
    TaskKind.REMOTE_CALL: CaseVerb.FOLLOW_UP_REMOTE,
    TaskKind.CLINIC_VISIT: CaseVerb.FOLLOW_UP_CLINIC,
}
BY_STAFF = frozenset({*_VERB, TaskKind.QUESTIONNAIRE})
"""What a person of the clinic may record as done."""
Complaint = Literal[
    "chest_pain", "dyspnoea", "dizzy", "syncope", "palpitations", "swelling", "bleeding"
]
COMPLAINTS: tuple[str, ...] = get_args(Complaint)
"""In the order they are asked."""
Mmhg = Annotated[int, Field(ge=30, le=300)]


class VisitRecord(BaseModel):
    """What was asked, said and agreed; empty fields were not asked."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    how: Literal["phone", "video", "in_person"] | None = None
    spoke_with: Literal["patient", "family"] | None = None
    complaints: list[Complaint] | None = Field(default=None, max_length=7)
    """An empty list: asked, and there are none."""
    drugs: Literal["all", "partly", "none"] | None = None
    systolic_mmhg: Mmhg | None = None
    diastolic_mmhg: Mmhg | None = None
    pulse_bpm: Annotated[int, Field(ge=20, le=300)] | None = None
    weight_kg: Annotated[float, Field(ge=20, le=350, allow_inf_nan=False)] | None = None
    answers: dict[Question, Answer] | None = None
    agreed: Literal["as_planned", "sooner", "drugs", "emergency"] | None = None
    note: Annotated[str, Field(max_length=1000)] = ""


def record(
    session: Session, *, task: Task, staff: Staff, body: VisitRecord, now: datetime
) -> None:
    """Keep what came of a follow-up; each counts once.

    Raises
    ------
    Conflict
        ``plans.already_done`` or ``plans.cancelled``.
    Unprocessable
        ``plans.not_by_staff`` for what only the patient can do, ``plans.needs_answers``.
    """
    if task.kind not in BY_STAFF:
        raise Unprocessable("plans.not_by_staff")
    if task.state is TaskState.DONE:
        raise Conflict("plans.already_done")
    if task.state is TaskState.CANCELLED:
        raise Conflict("plans.cancelled")
    if task.kind is TaskKind.QUESTIONNAIRE:
        questionnaire.require_all(body.answers)
    actor = f"staff:{staff.id}"
    result = body.model_dump(mode="json", exclude_none=True)
    service.finish(session, task, at=now, by=actor, result=result, now=now)
    verb = _VERB.get(task.kind)  # a questionnaire counts as a measurement: `finish`
    if verb is not None:
        detail = {"task_id": task.id}
        patients.record_case(
            session, task.patient_id, verb, at=now, actor=actor, detail=detail
        )


def unplanned(
    session: Session,
    *,
    patient_id: int,
    kind: Literal[TaskKind.REMOTE_CALL, TaskKind.CLINIC_VISIT],
    staff: Staff,
    body: VisitRecord,
    now: datetime,
) -> Task:
    """Keep a call or visit that nobody had planned, as a task of the running plan.

    Raises
    ------
    Conflict
        ``plans.no_plan`` without a running plan.
    """
    plan = service.running_plan(session, patient_id)
    if plan is None:
        raise Conflict("plans.no_plan")
    task = Task(
        plan_id=plan.id or 0,
        patient_id=patient_id,
        kind=kind,
        state=TaskState.DUE,
        opens_at=now,
        due_at=now + timedelta(hours=1),
        grace_until=now + timedelta(hours=1),
    )
    session.add(task)
    session.flush()
    record(session, task=task, staff=staff, body=body, now=now)
    return task
