"""The report on the console: read, annotate, sign, amend, print."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from clinic_server.deps import (
    App,
    AppDep,
    ClockDep,
    LocaleDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.fonts import font_folders
from clinic_server.i18n import LOCALES, t
from clinic_server.reports import pdf, render, service
from clinic_server.reports.document import Document
from clinic_server.reports.models import Report
from clinic_server.reports.paper import polylines
from clinic_server.reports.trail import audit_report
from clinic_server.staff.auth import CsrfToken, CurrentStaff, Physician
from clinic_server.staff.models import Staff
from clinic_server.templating import page

router = APIRouter()


class Note(BaseModel):
    """The physician's own words."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=4000)]


class Signature(BaseModel):
    """Signing asks for the password once more."""

    model_config = ConfigDict(extra="forbid")

    password: Annotated[str, Field(min_length=1, max_length=256)]
    patient_text: Annotated[str, Field(min_length=1, max_length=1000)]
    """What the patient will read."""


class Reason(BaseModel):
    """Why a signed report is changed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=400)]


class ReportState(BaseModel):
    """Where a report stands."""

    id: int
    version: int
    state: str
    sha256: str


def _state(report: Report) -> ReportState:
    return ReportState(
        id=report.id or 0, version=report.version, state=report.state, sha256=report.sha256
    )


@router.get("/console/reports/{report_id}.pdf", include_in_schema=False)
def print_pdf(
    report_id: RowId,
    app: AppDep,
    session: ReadSession,
    staff: CurrentStaff,
    now: ClockDep,
    locale: LocaleDep,
    lang: Annotated[str, Query(pattern="^(zh_CN|en)$")] = "",
) -> Response:
    """Give the report as PDF/A; of a signed one always the same bytes."""
    report = service.report_for(session, staff, report_id, now)
    chosen = lang if lang in LOCALES else locale
    body = report.pdf_zh if chosen == "zh_CN" else report.pdf_en
    if body is None:
        document = render.document(
            session, report, chosen, ZoneInfo(app.settings.time_zone)
        )
        body = pdf.render(document, font_folders())
        keep = report.state != "draft"
        _after(app, report, staff, now, "report.print", (chosen, body) if keep else None)
    else:
        _after(app, report, staff, now, "report.print")
    name = f"report-{report_id}-v{report.version}.pdf"
    return Response(
        body,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


@router.get("/console/reports/{report_id}", include_in_schema=False)
def show(
    report_id: RowId,
    request: Request,
    app: AppDep,
    session: ReadSession,
    staff: CurrentStaff,
    csrf: CsrfToken,
    now: ClockDep,
    locale: LocaleDep,
) -> HTMLResponse:
    """Show the report as a page; reading it is an audited action."""
    report = service.report_for(session, staff, report_id, now)
    document = render.document(session, report, locale, ZoneInfo(app.settings.time_zone))
    _after(app, report, staff, now, "report.read")
    return page(
        request,
        "report_page.html",
        locale=locale,
        viewer=staff,
        csrf=csrf,
        zone=app.settings.time_zone,
        clinic_phone=app.settings.clinic_phone,
        report=report,
        document=document,
        drawings=[(strip, polylines(strip)) for strip in document.strips],
        chart=_chart(document),
        versions=service.versions_of(session, report.recording_id),
        patient_default=t("reports.patient_default", locale),
    )


def _chart(document: Document) -> list[dict[str, float | str | None]]:
    """Place the trend in a 1000 x 130 drawing: 30 to 160 bpm, one column an hour."""
    hours = document.trend
    if len(hours) < 2:
        return []
    most = max(1, *(hour.v for hour in hours))
    width = 1000 / len(hours)

    def y(bpm: float | None) -> float | None:
        return None if bpm is None else round(160 - max(30.0, min(160.0, bpm)), 1)

    return [
        {
            "x": round(n * width, 1),
            "width": round(width, 1),
            "label": hour.label,
            "mean": y(hour.mean),
            "low": y(hour.low),
            "high": y(hour.high),
            "v": round(26 * hour.v / most, 1),
        }
        for n, hour in enumerate(hours)
    ]


@router.post("/console/reports/{report_id}/note")
def note(
    report_id: RowId, body: Note, session: WriteSession, staff: Physician, now: ClockDep
) -> ReportState:
    """Change the physician's words on a draft."""
    report = service.report_for(session, staff, report_id, now)
    service.edit_note(session, report, staff, body.text, now)
    return _state(report)


@router.post("/console/reports/{report_id}/sign")
def sign(
    report_id: RowId,
    body: Signature,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> ReportState:
    """Sign: the version is locked and the patient gets the result."""
    report = service.report_for(session, staff, report_id, now)
    service.sign(
        session,
        report,
        staff,
        password=body.password,
        patient_text=body.patient_text,
        now=now,
    )
    return _state(report)


@router.post("/console/reports/{report_id}/amend", status_code=201)
def amend(
    report_id: RowId,
    body: Reason,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> ReportState:
    """Start the next version; the signed one stays."""
    report = service.report_for(session, staff, report_id, now)
    return _state(service.amend(session, report, staff, body.reason, now))


def _after(
    app: App,
    report: Report,
    staff: Staff,
    now: datetime,
    action: str,
    printed: tuple[str, bytes] | None = None,
) -> None:
    """Audit a reading in a short transaction of its own.

    Setting a report takes longer than alarms may wait for the one writer, so these two
    routes read in a snapshot and write afterwards.
    """
    with app.db.write() as session:
        if printed is not None:
            service.keep_pdf(session, report.id or 0, *printed)
        audit_report(session, report, action, staff, now)
