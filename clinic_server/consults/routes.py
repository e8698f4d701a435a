"""Consults over HTTP: the phone asks and looks, the physician answers."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from clinic_server.alarms.views import advice_on_phone
from clinic_server.consults import screening, service
from clinic_server.deps import AppDep, ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.recordings import service as recordings_service
from clinic_server.staff.auth import Physician
from clinic_server.wire.care import Advice, Opinion
from clinic_server.wire.consult import (
    Consult,
    ConsultAsked,
    ConsultCreate,
    ConsultTime,
    Screening,
)
from clinic_server.wire.ecg import MAX_SAMPLE_INDEX

router = APIRouter(tags=["consults"])
Sample = Annotated[int, Query(ge=0, le=MAX_SAMPLE_INDEX)]


class AnswerBody(BaseModel):
    """The opinion, and the words the patient will read."""

    model_config = ConfigDict(extra="forbid")

    opinion: Opinion
    within_days: int | None = Field(default=None, ge=0, le=365)
    text: str = Field(min_length=1, max_length=1000)


@router.post("/api/me/consults", status_code=201)
def ask(
    body: ConsultCreate,
    session: WriteSession,
    app: AppDep,
    issue: CurrentIssue,
    now: ClockDep,
) -> ConsultAsked:
    """Ask the physician about a stretch; the answer comes to the inbox."""
    zone = ZoneInfo(app.settings.time_zone)
    row = service.ask(session, issue, body, zone, now)
    return ConsultAsked(id=row.id or 0, answer_by=row.answer_by)


@router.get("/api/me/consults")
def mine(session: ReadSession, issue: CurrentIssue) -> list[Consult]:
    """List what was asked, newest first."""
    return [service.view(row) for row in service.of_patient(session, issue.patient_id)]


@router.get("/api/me/consults/time")
def time(app: AppDep, issue: CurrentIssue, now: ClockDep) -> ConsultTime:
    """Say until when a question asked now would be answered."""
    del issue  # any phone of a loan may ask
    zone = ZoneInfo(app.settings.time_zone)
    return ConsultTime(answer_by=service.answer_by(now, zone))


@router.get("/api/me/recordings/{recording_id}/screening")
def screen(
    recording_id: Annotated[str, Path(max_length=36)],
    first: Sample,
    end: Sample,
    session: ReadSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> Screening:
    """Say what the live analysis makes of a stretch, as soon as it can."""
    recording = recordings_service.recording_of_issue(session, recording_id, issue.id or 0)
    return screening.screen(session, recording, first, end, now)


@router.post("/console/consults/{consult_id}/answer")
def answer(
    consult_id: RowId,
    body: AnswerBody,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> Advice:
    """Answer a question."""
    row = service.answer(
        session, staff, consult_id, body.opinion, body.within_days, body.text, now
    )
    return advice_on_phone(row, staff)
