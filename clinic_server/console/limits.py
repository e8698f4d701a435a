"""Thresholds of a patient: what holds, what may be, and what a change would have done."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.alarms import limits as guard
from clinic_server.alarms import service as alarms_service
from clinic_server.alarms import thresholds
from clinic_server.alarms.catalogue import NOT_ASSESSED
from clinic_server.alarms.limits import LIMITS, Limit
from clinic_server.alarms.models import LimitOverride
from clinic_server.analysis.preview import NOT_REPLAYED, Preview, preview
from clinic_server.analysis.preview import check as preview_check
from clinic_server.console.site_replay import Question, SiteReplay
from clinic_server.deps import AppDep, ClockDep, ReadSession
from clinic_server.i18n import t
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import Physician
from clinic_server.staff.models import Role
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
ONE_PATIENT = timedelta(hours=24)
ALL_PATIENTS = timedelta(days=7)


class SitePreviewBody(BaseModel):
    """A threshold as it might become for everybody."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=48)
    value: float = Field(allow_inf_nan=False)


class PreviewBody(SitePreviewBody):
    """A threshold as it might become for one patient."""

    patient_id: int = Field(ge=1, le=2**31 - 1)


class RuleView(BaseModel):
    """Alarms of one rule, before and after."""

    rule: str
    before: int
    after: int
    patients_before: int
    """How many patients had them."""
    patients_after: int


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
    patient = patients_service.patient_for(session, staff, body.patient_id, now)
    found = preview(
        session,
        [patient],
        name=body.name,
        value=body.value,
        since=now - ONE_PATIENT,
        zone=ZoneInfo(app.settings.time_zone),
        now=now,
    )
    return _sum([found])


def _sum(parts: Sequence[Preview]) -> PreviewView:
    """Add up replays of one patient each."""
    first = parts[0]
    rules = []
    for nth, one in enumerate(first.rules):
        counts = [part.rules[nth] for part in parts]
        rules.append(
            RuleView(
                rule=one.rule,
                before=sum(count.before for count in counts),
                after=sum(count.after for count in counts),
                patients_before=sum(count.before > 0 for count in counts),
                patients_after=sum(count.after > 0 for count in counts),
            )
        )
    return PreviewView(
        name=first.name,
        current=first.current,
        proposed=first.proposed,
        warnings=list(first.warnings),
        patients=sum(part.patients for part in parts),
        hours=round(sum(part.hours for part in parts), 2),
        complete=all(part.complete for part in parts),
        rules=rules,
        true_alarms=sum(part.true_alarms for part in parts),
        missed=[alarm_id for part in parts for alarm_id in part.missed],
    )


class SitePreviewView(BaseModel):
    """How far the replay for all patients is, and what it found so far."""

    number: str
    done: int
    patients: int
    failed: int
    found: PreviewView | None


def _replays(request: Request) -> SiteReplay:
    replays = request.app.state.replays
    assert isinstance(replays, SiteReplay)  # noqa: S101 - set in main.create_app
    return replays


Replays = Annotated[SiteReplay, Depends(_replays)]


@router.post("/console/limits/site-preview")
def preview_site(
    body: SitePreviewBody,
    session: ReadSession,
    replays: Replays,
    staff: Physician,
    now: ClockDep,
) -> SitePreviewView:
    """Begin to replay a threshold for all of the reader's patients; nothing is changed.

    Raises
    ------
    Unprocessable
        As `preview_limit`, before anything is begun.
    """
    preview_check(body.name, body.value)
    question = Question(body.name, body.value, now - ALL_PATIENTS, now)
    patients = [p.id or 0 for p in patients_service.patients_of(session, staff, now)]
    number = replays.start(question, staff.id or 0, patients)
    return SitePreviewView(
        number=number, done=0, patients=len(patients), failed=0, found=None
    )


@router.get("/console/limits/site-preview/{number}")
def look_at_site_preview(
    number: Annotated[str, Path(max_length=32)], replays: Replays, staff: Physician
) -> SitePreviewView:
    """Say how far it is."""
    job = replays.look(number, staff.id or 0)
    return SitePreviewView(
        number=number,
        done=job.done,
        patients=job.patients,
        failed=job.failed,
        found=_sum(job.found) if job.found else None,
    )


@router.get("/console/limits")
def site_limits_page(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """Show the thresholds of the house; physicians may try and save a change."""
    values = guard.resolve(site=_pairs(thresholds.in_force(session, None, frame.now)))
    set_by = {row.name: row for row in thresholds.in_force(session, None, frame.now)}
    zone = frame.zone
    return frame.show(
        "console_limits.html",
        after=alarms_service.last_event_id(session),
        patient=None,
        templates=(),
        rows=[
            _row(
                session,
                limit,
                values[limit.name],
                set_by.get(limit.name),
                frame.locale,
                zone,
            )
            for limit in LIMITS.values()
        ],
        may_set=frame.staff.role is Role.PHYSICIAN,
        not_assessed=NOT_ASSESSED,
    )


def _pairs(rows: Sequence[LimitOverride]) -> list[tuple[str, float]]:
    return [(row.name, row.value) for row in rows]


@router.get("/console/patients/{patient_id}/limits")
def limits_page(
    frame: PageDep,
    patient_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    session: ReadSession,
) -> HTMLResponse:
    """Show the thresholds of one patient; physicians may try and save a change."""
    patient = patients_service.patient_for(session, frame.staff, patient_id, frame.now)
    limits = thresholds.limits_for(session, patient, frame.now)
    set_by = {row.name: row for row in thresholds.in_force(session, patient_id, frame.now)}
    zone = frame.zone
    rows = [
        _row(session, limit, limits[limit.name], set_by.get(limit.name), frame.locale, zone)
        for limit in LIMITS.values()
    ]
    return frame.show(
        "console_limits.html",
        after=alarms_service.last_event_id(session),
        patient=patient,
        templates=thresholds.templates_of(patient),
        rows=rows,
        may_set=frame.staff.role is Role.PHYSICIAN,
        not_assessed=NOT_ASSESSED,
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
