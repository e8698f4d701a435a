"""The follow-up part of a patient's page: plan against done, what clashes, the steps."""

from collections import Counter
from datetime import datetime
from typing import Any

from clinic_server import timewords
from clinic_server.console.detail import Page
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb, Patient
from clinic_server.plans import house, words
from clinic_server.plans import service as plans
from clinic_server.plans.linter import lint
from clinic_server.plans.models import Plan, Task
from clinic_server.plans.visits import BY_STAFF
from clinic_server.rehab import service as rehab
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import TaskState

SHOWN_AT_ONCE = 8
CHANGEABLE = frozenset({TaskState.PLANNED, TaskState.DUE, TaskState.MISSED})


def follow_up(page: Page, patient: Patient, loan: Issue | None) -> dict[str, Any]:
    """Give what the plan, case and family cards show."""
    patient_id = patient.id or 0
    plan = plans.running_plan(page.session, patient_id)
    return {
        "plan_card": _plan(page, plan, loan) if plan else None,
        "templates": house.offered(page.session, page.reader.staff),
        "today": page.now.astimezone(page.zone).date().isoformat(),
        "steps_done": _verbs(page, patient_id),
        "course": _course(page, patient_id),
        "case_open": patients.open_case(page.session, patient_id) is not None,
    }


def _plan(page: Page, plan: Plan, loan: Issue | None) -> dict[str, Any]:
    tasks = plans.tasks_of_plan(page.session, plan.id or 0)
    count = Counter(task.state for task in tasks)
    ahead = [_row(page, task) for task in tasks if task.grace_until > page.now]
    past = [_row(page, task) for task in tasks if task.grace_until <= page.now]
    noon = datetime(
        plan.starts_on.year, plan.starts_on.month, plan.starts_on.day, 12, tzinfo=page.zone
    )
    return {
        "template": words.template(page.session, plan.template, page.reader.locale),
        "starts": timewords.day(noon, page.zone, page.reader.locale),
        "by": staff_service.staff_by_id(page.session, plan.prescribed_by).name,
        "due": count[TaskState.DONE] + count[TaskState.MISSED] + count[TaskState.DUE],
        "done": count[TaskState.DONE],
        "missed": count[TaskState.MISSED],
        "ahead": count[TaskState.PLANNED],
        "findings": findings(page, plan, loan),
        "coming": ahead[:SHOWN_AT_ONCE],
        "later": ahead[SHOWN_AT_ONCE:],
        "past": past[::-1],
    }


def findings(page: Page, plan: Plan, loan: Issue | None) -> list[str]:
    """Say what does not fit among what is still to be done."""
    found = lint(
        [
            task
            for task in plans.tasks_of_plan(page.session, plan.id or 0)
            if task.state in (TaskState.PLANNED, TaskState.DUE)
        ],
        zone=page.zone,
        loan_due_on=loan.due_on if loan else None,
        ends_on=house.ends_on(page.session, plan.template, plan.starts_on),
        exercise=rehab.running(page.session, plan.patient_id) is not None,
    )
    return [words.say(one, page.zone, page.reader.locale) for one in found]


def _row(page: Page, task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "what": page.say(f"plans.kind.{task.kind.value}"),
        "state": task.state.value,
        "day": timewords.day(task.opens_at, page.zone, page.reader.locale),
        "on": task.opens_at.astimezone(page.zone).date().isoformat(),
        "hours": hours(page, task),
        "result": _result(page, task),
        "changeable": task.state in CHANGEABLE,
        "by_staff": task.kind in BY_STAFF and task.opens_at <= page.now,
    }


def hours(page: Page, task: Task) -> str:
    """Say a window's hours, with its last day if that is another one."""
    begins, ends = (at.astimezone(page.zone) for at in (task.opens_at, task.due_at))
    if begins.date() == ends.date():
        return f"{begins:%H:%M}–{ends:%H:%M}"
    last = timewords.day(task.due_at, page.zone, page.reader.locale)
    return f"{begins:%H:%M} – {last} {ends:%H:%M}"


def _result(page: Page, task: Task) -> str:
    if task.state is not TaskState.DONE or task.done_at is None:
        return ""
    parts = [page.near(task.done_at)]
    result = task.result
    if "systolic_mmhg" in result and "diastolic_mmhg" in result:
        parts.append(
            page.say(
                "plans.panel.values",
                systolic=result["systolic_mmhg"],
                diastolic=result["diastolic_mmhg"],
            )
        )
    if "pulse_bpm" in result:
        parts.append(page.say("plans.panel.pulse", n=result["pulse_bpm"]))
    if result.get("note"):
        parts.append(str(result["note"]))
    return " · ".join(parts)


def _verbs(page: Page, patient_id: int) -> list[dict[str, str]]:
    """Say for each of the twelve verbs how often and when last."""
    events = patients.case_timeline(page.session, patient_id)
    count = Counter(event.verb for event in events)
    last = {event.verb: event.at for event in events}
    return [
        {
            "name": page.say(f"console.verb_{verb.value}"),
            "state": "done" if verb in last else "to_come",
            "line": page.say("plans.case.times", n=count[verb], at=page.near(last[verb]))
            if verb in last
            else page.say("plans.case.not_yet"),
        }
        for verb in CaseVerb
    ]


def _course(page: Page, patient_id: int) -> list[tuple[str, str, str]]:
    """Give every verb and every stamp of the wristband: when, what, who; oldest first."""
    events = [
        (one.at, page.say(f"console.verb_{one.verb.value}"), one.actor)
        for one in patients.case_timeline(page.session, patient_id)
    ]
    stamps = [
        (one.at, page.say(f"desk.stamp.{one.step}"), f"staff:{one.staff_id}")
        for one in devices.time_points(page.session, patient_id)
    ]
    names: dict[str, str] = {}
    for _, _, actor in (*events, *stamps):
        if actor not in names:
            names[actor] = _who(page, actor)
    return [
        (page.near(at), what, names[actor]) for at, what, actor in sorted(events + stamps)
    ]


def _who(page: Page, actor: str) -> str:
    kind, _, number = actor.partition(":")
    if kind == "staff":
        return staff_service.staff_by_id(page.session, int(number)).name
    return page.say("care.by_phone" if kind == "phone" else "console.the_system")
