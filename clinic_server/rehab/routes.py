"""Rehab over HTTP: progress, the gate, the summary; prescription and override."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from clinic_server.deps import ClockDep, ReadSession, RowId, WriteSession
from clinic_server.devices.auth import CurrentIssue
from clinic_server.patients import service as patients
from clinic_server.rehab import service
from clinic_server.rehab.limits import LIMITS
from clinic_server.rehab.models import RehabPrescription
from clinic_server.staff.auth import Physician
from clinic_server.wire.rehab import (
    RehabAsk,
    RehabGate,
    RehabProgress,
    RehabRecord,
    RehabSummary,
)

router = APIRouter(tags=["rehab"])


@router.get("/api/me/rehab")
def mine(session: ReadSession, issue: CurrentIssue) -> RehabProgress:
    """Say how far the wearer got."""
    return service.progress(session, issue.patient_id)


@router.post("/api/me/rehab/gate")
def gate(
    body: RehabAsk, session: WriteSession, issue: CurrentIssue, now: ClockDep
) -> RehabGate:
    """Permit or refuse a session, with every reason."""
    return service.ask(session, issue, body, now)


@router.post("/api/me/rehab/{session_id}/summary")
def summary(
    session_id: RowId,
    body: RehabSummary,
    session: WriteSession,
    issue: CurrentIssue,
    now: ClockDep,
) -> RehabRecord:
    """Keep what came of a session; sending it again changes nothing."""
    return service.finish(session, issue, session_id, body, now)


class Exercise(BaseModel):
    """A physician's prescription; bounds are those of the consensus papers."""

    model_config = ConfigDict(extra="forbid")

    sessions: Annotated[int, Field(ge=1, le=72)] = 36
    risk: Literal["low", "medium", "high"] = "low"
    max_bpm: Annotated[int, Field(ge=80, le=220)] | None = None
    low_pct: Annotated[int, Field(ge=40, le=80)] = 40
    high_pct: Annotated[int, Field(ge=40, le=80)] = 60
    rpe_low: Annotated[int, Field(ge=9, le=16)] = LIMITS.rpe_low
    rpe_high: Annotated[int, Field(ge=9, le=16)] = LIMITS.rpe_high
    rest_low_bpm: Annotated[int, Field(ge=40, le=60)] = LIMITS.rest_low_bpm
    warm_up_s: Annotated[int, Field(ge=120, le=900)] = 300
    work_s: Annotated[int, Field(ge=60, le=1800)] = 300
    easy_s: Annotated[int, Field(ge=30, le=600)] = 60
    repeats: Annotated[int, Field(ge=1, le=10)] = 3
    cool_down_s: Annotated[int, Field(ge=120, le=900)] = 300


@router.post("/console/patients/{patient_id}/rehab", status_code=204)
def prescribe(
    patient_id: RowId,
    body: Exercise,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Prescribe exercise; the prescription before it ends."""
    patient = patients.patient_for(session, staff, patient_id, now)
    prescription = RehabPrescription(
        patient_id=patient.id or 0,
        prescribed_by=staff.id or 0,
        prescribed_at=now,
        **body.model_dump(),
    )
    service.prescribe(session, prescription, staff, now)


class Permission(BaseModel):
    """Why a physician lets a refused session start."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=400)]


@router.post("/console/rehab/{session_id}/permit", status_code=204)
def permit(
    session_id: RowId,
    body: Permission,
    session: WriteSession,
    staff: Physician,
    now: ClockDep,
) -> None:
    """Permit a session that the rules refused."""
    service.permit(session, staff, session_id, body.reason, now)
