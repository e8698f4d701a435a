"""The way up for a phone: announce a recording, put its segments, close it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from clinic_server.deps import AppDep, ClockDep, LocaleDep, ReadSession, WriteSession
from clinic_server.devices import service as devices_service
from clinic_server.devices.auth import CurrentIssue
from clinic_server.devices.models import Issue
from clinic_server.errors import Gone, TooLarge, Unprocessable
from clinic_server.i18n import t
from clinic_server.recordings import service, store
from clinic_server.recordings.models import Recording
from clinic_server.wire.ecg import (
    MAX_BODY_BYTES,
    MAX_SEQ,
    SHA256_HEADER,
    RecordingClose,
    RecordingCreate,
    UploadState,
)
from clinic_server.wire.problem import MEDIA_TYPE

router = APIRouter(prefix="/api/me/recordings", tags=["ingest"])
RecordingId = Annotated[str, Path(min_length=36, max_length=36, pattern="^[0-9a-fA-F-]+$")]
SeqPath = Annotated[int, Path(ge=0, le=MAX_SEQ)]


def _still_lent(session: WriteSession, issue: Issue) -> Issue:
    """Look again inside the transaction: the desk may have taken the unit back."""
    loan = devices_service.issue_by_id(session, issue.id or 0)
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    return loan


def _own(session: ReadSession, issue: Issue, recording_id: str) -> Recording:
    return service.recording_of_issue(session, recording_id.lower(), issue.id or 0)


@router.post("/{recording_id}")
def announce(
    recording_id: RecordingId,
    create: RecordingCreate,
    issue: CurrentIssue,
    session: WriteSession,
    now: ClockDep,
) -> UploadState:
    """Announce a recording of the issued unit; sending it again is harmless."""
    loan = _still_lent(session, issue)
    if create.serial != loan.serial:
        raise Unprocessable("ingest.wrong_unit", serial=create.serial, issued=loan.serial)
    recording = service.announce(
        session,
        recording_id,
        patient_id=loan.patient_id,
        issue_id=loan.id,
        create=create,
        now=now,
    )
    return service.upload_state(session, recording, now)


@router.put(
    "/{recording_id}/segments/{seq}",
    response_model=UploadState,
    responses={201: {"model": UploadState}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def put_segment(
    recording_id: RecordingId,
    seq: SeqPath,
    request: Request,
    issue: CurrentIssue,
    app: AppDep,
    locale: LocaleDep,
    now: ClockDep,
) -> JSONResponse:
    """Store one segment; 2xx means that it is on disk."""
    app.limits.uploads.check(str(issue.id), now)
    sha256 = request.headers.get(SHA256_HEADER, "")
    if len(sha256) != 64 or not sha256.isascii():
        raise Unprocessable("ingest.hash_missing")
    body = await _read_body(request)
    status, state = await app.writer.store(
        recording_id.lower(), issue.id, seq, body, sha256
    )
    answer: dict[str, Any] = jsonable_encoder(state)
    if status == store.CONFLICT:
        code = "ingest.conflict"
        problem = {
            "code": code,
            "status": status,
            "title": t(code, locale, seq=seq),
            "params": {"seq": str(seq)},
        }
        return JSONResponse(problem | answer, status, media_type=MEDIA_TYPE)
    return JSONResponse(answer, status)


async def _read_body(request: Request) -> bytes:
    """Read at most what a segment may have; never hold more."""
    claimed = request.headers.get("content-length", "0")
    if claimed.isdecimal() and int(claimed) > MAX_BODY_BYTES:
        raise TooLarge("ingest.too_large", max_bytes=MAX_BODY_BYTES)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge("ingest.too_large", max_bytes=MAX_BODY_BYTES)
    return bytes(body)


@router.get("/{recording_id}")
def upload_state(
    recording_id: RecordingId, issue: CurrentIssue, session: ReadSession, now: ClockDep
) -> UploadState:
    """Say what of a recording is on disk (after a restart of the phone)."""
    return service.upload_state(session, _own(session, issue, recording_id), now)


@router.post("/{recording_id}/close")
def close(
    recording_id: RecordingId,
    closing: RecordingClose,
    issue: CurrentIssue,
    session: WriteSession,
    now: ClockDep,
) -> UploadState:
    """Close a recording: nothing follows its last segment."""
    loan = _still_lent(session, issue)
    _own(session, loan, recording_id)
    recording = service.locked(session, recording_id.lower())
    if recording is not None:
        service.close(session, recording, "phone", now, last_seq=closing.last_seq)
    return service.upload_state(session, _own(session, loan, recording_id), now)
