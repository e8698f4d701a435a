"""Thresholds of a patient: what holds, what may be, and what a change would have done."""

import re
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.alarms import service as alarms_service
from clinic_server.alarms import thresholds
from clinic_server.alarms.limits import LIMITS, Limit
from clinic_server.alarms.models import LimitOverride
from clinic_server.analysis.preview import NOT_REPLAYED, preview
from clinic_server.deps import AppDep, ClockDep, LocaleDep, ReadSession
from clinic_server.i18n import t
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import CsrfToken, CurrentStaff, Physician
from clinic_server.staff.models import Role
from clinic_server.templating import page

router = APIRouter(include_in_schema=False)
ONE_PATIENT = timedelta(hours=24)
ALL_PATIENTS = timedelta(days=7)


class PreviewBody(BaseModel):
    """A threshold as it might become; no patient: all of the reader's own."""

    model_config = ConfigDict(extra="forbid")

    patient_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    name: str = Field(min_length=1, max_length=48)
    value: float = Field(allow_inf_nan=False)


class RuleView(BaseModel):
    """Alarms of one rule, before and after."""

    rule: str
    before: int
    after: int


class PreviewView(BaseModel):
    """What the change would have done; codes, no sentences."""

    name: str
    current: float
    proposed: float
    warnings: list[str]
    patients: int
    hours: float
    complete: bool
    rules: list[RuleView]
    true_alarms: int
    missed: list[int]


@router.post("/console/limits/preview")
def preview_limit(
    body: PreviewBody, session: ReadSession, app: AppDep, staff: Physician, now: ClockDep
) -> PreviewView:
    """Replay a threshold before it is saved; nothing is changed."""
    if body.patient_id is None:
        patients = patients_service.patients_of(session, staff, now)
        since = now - ALL_PATIENTS
    else:
        patients = [patients_service.patient_for(session, staff, body.patient_id, now)]
        since = now - ONE_PATIENT
    found = preview(
        session,
        patients,
        name=body.name,
        value=body.value,
        since=since,
        zone=ZoneInfo(app.settings.time_zone),
        now=now,
    )
    return PreviewView(
        name=found.name,
        current=found.current,
        proposed=found.proposed,
        warnings=list(found.warnings),
        patients=found.patients,
        hours=round(found.hours, 2),
        complete=found.complete,
        rules=[RuleView(rule=r.rule, before=r.before, after=r.after) for r in found.rules],
        true_alarms=found.true_alarms,
        missed=found.missed,
    )


@router.get("/console/patients/{patient_id}/limits")
def limits_page(
    request: Request,
    patient_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    session: ReadSession,
    app: AppDep,
    staff: CurrentStaff,
    csrf: CsrfToken,
    locale: LocaleDep,
    now: ClockDep,
) -> HTMLResponse:
    """Show the thresholds of one patient; physicians may try and save a change."""
    patient = patients_service.patient_for(session, staff, patient_id, now)
    limits = thresholds.limits_for(session, patient, now)
    set_by = {row.name: row for row in thresholds.in_force(session, patient_id, now)}
    zone = ZoneInfo(app.settings.time_zone)
    rows = [
        _row(session, limit, limits[limit.name], set_by.get(limit.name), locale, zone)
        for limit in LIMITS.values()
    ]
    return page(
        request,
        "console_limits.html",
        locale=locale,
        viewer=staff,
        csrf=csrf,
        after=alarms_service.last_event_id(session),
        patient=patient,
        rows=rows,
        may_set=staff.role is Role.PHYSICIAN,
    )


def number(value: float) -> str:
    """Write a threshold without needless decimals."""
    return f"{value:g}"


def _row(
    session: Session,
    limit: Limit,
    value: float,
    own: LimitOverride | None,
    locale: str,
    zone: ZoneInfo,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": limit.name,
        "words": t(f"limits.{limit.name}", locale),
        "rules": limit.rules,
        "value": number(value),
        "default": number(limit.default),
        "absolute": [number(v) for v in limit.absolute],
        "recommended": [number(v) for v in limit.recommended],
        "emergency": limit.emergency,
        "source": re.sub(r"[^a-z0-9]+", "_", limit.source.lower()).strip("_"),
        "replayable": not set(limit.rules.split()) <= NOT_REPLAYED,
        "own": None,
    }
    if own is not None:
        end = own.expires_at
        row["own"] = {
            "by": staff_service.staff_by_id(session, own.set_by).name,
            "at": own.set_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            "reason": own.reason,
            "until": end.astimezone(zone).strftime("%Y-%m-%d %H:%M") if end else "",
        }
    return row
