"""The plan on a calendar, what a template would ask for, and the record of a follow-up."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from clinic_server import timewords
from clinic_server.alarms import service as alarms
from clinic_server.console.detail import Page
from clinic_server.console.follow_up import CHANGEABLE, findings, hours
from clinic_server.console.one_patient import page_about
from clinic_server.deps import AppDep, ClockDep, LocaleDep, ReadSession, RowId
from clinic_server.devices import service as devices
from clinic_server.i18n import t
from clinic_server.patients import service as patients
from clinic_server.plans import house, words
from clinic_server.plans import service as plans
from clinic_server.plans.linter import lint
from clinic_server.plans.models import Task
from clinic_server.plans.routes import FIRST_DAY, LAST_DAY
from clinic_server.plans.templates import Basis, last_day, lay_out_lines, outline
from clinic_server.rehab import service as rehab
from clinic_server.staff.auth import Physician
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep
from clinic_server.wire.care import TaskKind, TaskState

router = APIRouter(include_in_schema=False)
MOST_WEEKS = 60
"""Longest calendar; a plan that goes on for longer is cut here and says so."""


class TemplateLine(BaseModel):
    """One line of a template, in words."""

    what: str
    days: str
    basis: str
    sourced: bool


class PlanPreview(BaseModel):
    """What a template would ask for, what it rests on, and what would not fit."""

    tasks: int
    lines: list[TemplateLine]
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
    asked = house.for_prescribing(session, template, staff)
    zone = ZoneInfo(app.settings.time_zone)
    windows = [w for w in lay_out_lines(asked, starts_on, zone) if w.grace_until > now]
    loan = devices.open_issue_of(session, patient_id)
    found = lint(
        windows,
        zone=zone,
        loan_due_on=loan.due_on if loan else None,
        ends_on=last_day(asked, starts_on),
        exercise=rehab.running(session, patient_id) is not None,
    )
    return PlanPreview(
        tasks=len(windows),
        lines=[
            TemplateLine(
                what=t(f"plans.kind.{kind.value}", locale),
                days=t("plans.days", locale, days=_days(days, locale)),
                basis=t(f"plans.basis.{basis.value}", locale),
                sourced=basis is not Basis.OWN,
            )
            for kind, basis, days in outline(asked)
        ],
        findings=[words.say(one, zone, locale) for one in found],
    )


def _days(days: list[int], locale: str) -> str:
    """Say ``1–14`` for a run and ``1, 3, 7`` for single days."""
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{days[0]}–{days[-1]}"
    return t("plans.comma", locale).join(str(day) for day in days)


@router.get("/console/patients/{patient_id}/calendar")
def calendar(
    frame: PageDep,
    patient_id: RowId,
    session: ReadSession,
) -> HTMLResponse:
    """Show the running plan on a calendar; tasks are dragged, or moved by keys."""
    here, patient = page_about(session, frame, patient_id)
    plan = plans.running_plan(session, patient_id)
    tasks = plans.tasks_of_plan(session, plan.id or 0) if plan else []
    return frame.show(
        "console_calendar.html",
        after=alarms.last_event_id(session),
        patient=patient,
        plan=plan,
        weeks=_weeks(here, tasks),
        findings=findings(here, plan, devices.open_issue_of(session, patient_id))
        if plan
        else [],
        kinds=list(TaskKind),
        today=frame.now.astimezone(here.zone).date().isoformat(),
        may_nurse=frame.staff.role in (Role.PHYSICIAN, Role.NURSE),
        may_prescribe=frame.staff.role is Role.PHYSICIAN,
    )


def _weeks(here: Page, tasks: list[Task]) -> list[list[dict[str, Any]]]:
    """Lay tasks on weeks from Monday to Sunday, from the first day to a week after."""
    shown = [task for task in tasks if task.state is not TaskState.CANCELLED]
    if not shown:
        return []
    by_day: dict[date, list[Task]] = {}
    for task in shown:
        by_day.setdefault(task.opens_at.astimezone(here.zone).date(), []).append(task)
    today = here.now.astimezone(here.zone).date()
    first = min(*by_day, today)
    last = max(*by_day, today) + timedelta(days=7)
    monday = first - timedelta(days=first.weekday())
    count = min(MOST_WEEKS, (last - monday).days // 7 + 1)
    return [
        [
            _day(here, monday + timedelta(days=7 * week + day), by_day, today)
            for day in range(7)
        ]
        for week in range(count)
    ]


def _day(
    here: Page, on: date, by_day: dict[date, list[Task]], today: date
) -> dict[str, Any]:
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=here.zone)
    return {
        "on": on.isoformat(),
        "label": timewords.day(noon, here.zone, here.reader.locale),
        "short": f"{on.month}-{on.day:02d}" if on.day == 1 else f"{on.day}",
        "past": on < today,
        "today": on == today,
        "tasks": [
            {
                "id": task.id,
                "what": here.say(f"plans.kind.{task.kind.value}"),
                "hours": hours(here, task),
                "state": task.state.value,
                "movable": task.state in CHANGEABLE,
            }
            for task in by_day.get(on, [])
        ],
    }
