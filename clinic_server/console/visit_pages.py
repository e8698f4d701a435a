"""A follow-up while it happens: what came since the last one, what to ask, the record."""

from collections import Counter
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from clinic_server import timewords
from clinic_server.alarms import service as alarms
from clinic_server.console.detail import Page
from clinic_server.console.follow_up import CHANGEABLE, hours
from clinic_server.console.one_patient import page_about
from clinic_server.console.registers import alarm_rows
from clinic_server.deps import ReadSession, RowId
from clinic_server.diary import service as diary
from clinic_server.patients.models import Patient
from clinic_server.plans import service as plans
from clinic_server.plans import work
from clinic_server.plans.models import Task
from clinic_server.plans.visits import BY_STAFF, COMPLAINTS
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep
from clinic_server.wire.care import TaskKind, TaskState
from clinic_server.wire.questionnaire import EVERY_DAY, Question

router = APIRouter(include_in_schema=False)
_MEASURED = (TaskKind.VITALS, TaskKind.SPOT_ECG, TaskKind.HOLTER_24H, TaskKind.REHAB)


@router.get("/console/tasks/{task_id}")
def visit_page(
    frame: PageDep,
    task_id: RowId,
    session: ReadSession,
) -> HTMLResponse:
    """Show one task of a plan: its course, and the record of what came of it."""
    task = plans.task_for(session, frame.staff, task_id, frame.now)
    here, patient = page_about(session, frame, task.patient_id)
    return frame.show(
        "console_visit.html",
        after=alarms.last_event_id(session),
        patient=patient,
        task=task,
        what=here.say(f"plans.kind.{task.kind.value}"),
        day=timewords.day(task.opens_at, here.zone, frame.locale),
        hours=hours(here, task),
        done_at=here.near(task.done_at) if task.done_at else "",
        may_record=task.kind in BY_STAFF
        and task.state in CHANGEABLE
        and frame.staff.role in (Role.PHYSICIAN, Role.NURSE),
        since=_since(here, patient, task),
        course=_course(here, task),
        complaints=COMPLAINTS,
        questions=list(Question),
        answers=range(EVERY_DAY + 1),
        questionnaire=task.kind is TaskKind.QUESTIONNAIRE,
        today=frame.now.astimezone(here.zone).date().isoformat(),
        movable=task.state in CHANGEABLE
        and frame.staff.role in (Role.PHYSICIAN, Role.NURSE),
    )


def _since(here: Page, patient: Patient, task: Task) -> dict[str, Any]:
    """Collect what happened since the follow-up before this one."""
    before = [
        one
        for one in plans.done_of(
            here.session,
            task.patient_id,
            (TaskKind.REMOTE_CALL, TaskKind.CLINIC_VISIT),
            limit=9,
        )
        if one.id != task.id
    ]
    plan = plans.plan_of(here.session, task)
    start = plan.prescribed_at if plan else task.opens_at
    since = before[0].done_at if before and before[0].done_at else start
    owed = [
        one
        for one in plans.tasks_of(
            here.session, task.patient_id, since=since, until=here.now
        )
        if one.kind in _MEASURED
    ]
    count = Counter(one.state for one in owed)
    own = alarms.alarms_of_patient(
        here.session, here.reader.staff, task.patient_id, here.now
    )
    vitals = plans.done_of(here.session, task.patient_id, (TaskKind.VITALS,), limit=3)
    return {
        "at": here.near(since),
        "last_note": before[0].result.get("note", "") if before else "",
        "done": count[TaskState.DONE],
        "missed": count[TaskState.MISSED],
        "alarms": alarm_rows(here, [one for one in own if one.onset_at >= since]),
        "vitals": [(here.near(one.done_at or one.opens_at), one.result) for one in vitals],
        "felt": [
            (
                here.near(one.noted_at),
                [here.say(f"care.symptom_{name}") for name in one.symptoms],
            )
            for one in diary.entries_of(here.session, task.patient_id)
            if one.noted_at >= since
        ],
        "drugs": patient.drugs,
    }


def _course(here: Page, task: Task) -> list[tuple[str, str]]:
    """Say what became of the task: opened, missed, every call, moved, done."""
    steps: list[tuple[datetime, str]] = [
        (at, here.say(f"care.visit.{name}"))
        for name, at in (("opened", task.reminded_at), ("missed", task.missed_at))
        if at is not None
    ]
    for line in work.lines_about(here.session, task.patient_id, f"missed:{task.id}:"):
        for call in line.detail.get("calls", []):
            name = staff_service.staff_by_id(here.session, call["by"]).name
            said = here.say(f"plans.outcome.{call['outcome']}")
            text = " · ".join(part for part in (name, said, call["note"]) if part)
            steps.append((datetime.fromisoformat(call["at"]), text))
        if line.outcome in ("rescheduled", "arrived_late") and line.done_at is not None:
            steps.append((line.done_at, here.say(f"plans.outcome.{line.outcome}")))
    if task.done_at is not None:
        steps.append((task.done_at, here.say("plans.state.done")))
    return [(here.near(at), text) for at, text in sorted(steps)]
