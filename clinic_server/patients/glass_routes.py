"""Break-glass over HTTP: one page to open a patient in need, and to review it after."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clinic_server import timewords
from clinic_server.deps import (
    AppDep,
    ClockDep,
    LocaleDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.patients import glass
from clinic_server.staff.auth import CsrfToken, Physician
from clinic_server.templating import page

router = APIRouter(include_in_schema=False)


@router.get("/console/break-glass")
def show(
    request: Request,
    app: AppDep,
    session: ReadSession,
    staff: Physician,
    csrf: CsrfToken,
    now: ClockDep,
    locale: LocaleDep,
) -> HTMLResponse:
    """Ask for record number and reason; list what is open and what is to be reviewed."""
    zone = ZoneInfo(app.settings.time_zone)
    return page(
        request,
        "patients_break_glass.html",
        locale=locale,
        viewer=staff,
        csrf=csrf,
        minutes=round(glass.LASTS.total_seconds() / 60),
        open_now=glass.still_open(session, staff, now),
        to_review=glass.to_review(session, staff),
        findings=glass.FINDINGS,
        clock=lambda at: timewords.day_clock(at, now, zone, locale),
    )


@router.post("/console/break-glass")
def open_patient(
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
    mrn: Annotated[str, Form(min_length=1, max_length=32)],
    reason: Annotated[str, Form(min_length=4, max_length=400)],
) -> RedirectResponse:
    """Open a patient for an hour."""
    opened = glass.break_glass(session, staff, mrn, reason.strip(), now)
    return RedirectResponse(f"/console/patients/{opened.patient_id}", 303)


@router.post("/console/break-glass/{glass_id}/review")
def review(
    glass_id: RowId,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
    finding: Annotated[Literal["justified", "not_justified"], Form()],
) -> RedirectResponse:
    """Say whether it was justified."""
    glass.review(session, staff, glass_id, finding, now)
    return RedirectResponse("/console/break-glass", 303)
