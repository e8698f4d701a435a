"""A loan on paper: longer, signed for, photographed, printed."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.responses import Response

from clinic_server.deps import (
    App,
    AppDep,
    ClockDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.desk import reminders
from clinic_server.desk.terms import paragraphs
from clinic_server.devices import kits, loans
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue, PictureKind
from clinic_server.patients import service as patients
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import DeskStaff, Nurse
from clinic_server.staff.models import Staff
from clinic_server.staff.page import PageDep

router = APIRouter()


class ExtendRequest(BaseModel):
    """Until when, and why."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    due_on: Annotated[date, Field(le=date(2200, 1, 1))]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Extended(BaseModel):
    """The new due date."""

    due_on: date


def _loan_of(session: Session, staff: Staff, issue_id: int, now: datetime) -> Issue:
    loan = devices.issue_by_id(session, issue_id)
    patients.patient_for(session, staff, loan.patient_id, now)
    return loan


@router.post("/desk/issues/{issue_id}/extend")
def extend(
    issue_id: RowId,
    body: ExtendRequest,
    app: AppDep,
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
) -> Extended:
    """Let the patient keep the unit longer, and tell them until when."""
    loan = _loan_of(session, staff, issue_id, now)
    loans.extend(session, loan, staff, body.due_on, body.reason, now)
    reminders.tell_extended(session, loan, staff, ZoneInfo(app.settings.time_zone), now)
    return Extended(due_on=loan.due_on)


async def _picture(request: Request, _staff: Nurse) -> bytes:
    """Read the body before the writing transaction begins: a phone's network is slow."""
    return await request.body()


Picture = Annotated[bytes, Depends(_picture)]


@router.put(
    "/desk/issues/{issue_id}/pictures/{kind}",
    status_code=204,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"}
                }
            },
        }
    },
)
def keep_picture(
    issue_id: RowId,
    kind: PictureKind,
    body: Picture,
    session: WriteSession,
    staff: Nurse,
    now: ClockDep,
) -> None:
    """Keep a signature or a photo with the loan: PNG or JPEG."""
    loan = _loan_of(session, staff, issue_id, now)
    loans.add_picture(session, loan, kind, body, staff, now)


@router.get(
    "/desk/issues/{issue_id}/pictures/{kind}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}},
)
def picture(
    issue_id: RowId,
    kind: PictureKind,
    session: ReadSession,
    staff: DeskStaff,
    now: ClockDep,
) -> Response:
    """Give the newest picture of a kind."""
    loan = _loan_of(session, staff, issue_id, now)
    kept = loans.picture_of(session, loan.id or 0, kind)
    return Response(
        kept.body, media_type=kept.media_type, headers={"Cache-Control": "no-store"}
    )


@router.get("/desk/issues/{issue_id}/papers", include_in_schema=False)
def papers(
    frame: PageDep,
    issue_id: RowId,
    session: ReadSession,
    staff: DeskStaff,
) -> HTMLResponse:
    """Show the sheet of one loan, to read or to print: terms, parts, signatures, return."""
    loan = devices.issue_by_id(session, issue_id)
    patient = patients.patient_for(session, staff, loan.patient_id, frame.now)
    moved = loans.extensions_of(session, issue_id)
    signers = {loan.issued_by, loan.returned_by, *(one.staff_id for one in moved)}
    return frame.show(
        "desk_papers.html",
        loan=loan,
        patient=patient,
        unit=devices.unit_of(session, loan),
        terms=paragraphs(loan.terms_version),
        kit_words=[part.name for part in kits.DEFAULT],
        moved=moved,
        pictures=loans.kinds_of_pictures(session, issue_id),
        kinds=PictureKind,
        names=_names(session, signers),
        clock=_clock(frame.app),
        now=frame.now,
    )


@router.get("/desk/certificates/{certificate_id}", include_in_schema=False)
def certificate(
    frame: PageDep,
    certificate_id: RowId,
    session: ReadSession,
    staff: DeskStaff,
) -> HTMLResponse:
    """Show the certificate of a wipe, to print; it names no patient."""
    paper = devices.certificate_by_id(session, staff, certificate_id)
    return frame.show(
        "desk_certificate.html",
        paper=paper,
        unit=devices.unit_for(session, staff, paper.serial),
        names=_names(session, {paper.wiped_by}),
        clinic_name=frame.app.settings.clinic_name,
        clock=_clock(frame.app),
        now=frame.now,
    )


def _names(session: Session, ids: set[int | None]) -> dict[int | None, str]:
    known = ids - {None}
    return {one: staff_service.staff_by_id(session, one or 0).name for one in known}


def _clock(app: App) -> Callable[[datetime], str]:
    zone = ZoneInfo(app.settings.time_zone)
    return lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
