"""A Holter recorder's file comes in over the desk's page: chunks, progress, resume."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from clinic_server.deps import App, AppDep, ClockDep, LocaleDep, ReadSession, WriteSession
from clinic_server.desk import import_job
from clinic_server.desk.uploads import CHUNK_BYTES, SUFFIXES, FileClaim, Upload, Uploads
from clinic_server.errors import Conflict
from clinic_server.i18n import LOCALES, catalogue, t
from clinic_server.patients import service as patients
from clinic_server.staff.audit import audit
from clinic_server.staff.auth import DeskStaff
from clinic_server.staff.page import PageDep

router = APIRouter()
UploadId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


def _uploads(app: App) -> Uploads:
    return Uploads(app.settings.data_dir / import_job.FOLDER)


@router.get("/desk/import", include_in_schema=False)
def import_page(
    frame: PageDep,
    session: ReadSession,
    staff: DeskStaff,
) -> HTMLResponse:
    """Show the page: whose record, which files."""
    return frame.show(
        "desk_import.html",
        patients=patients.patients_of(session, staff, frame.now),
        suffixes=",".join(SUFFIXES),
        chunk_bytes=CHUNK_BYTES,
    )


class ImportRequest(BaseModel):
    """Whose record, and which files it has."""

    model_config = ConfigDict(extra="forbid")

    patient_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    files: Annotated[list[FileClaim], Field(min_length=1, max_length=16)]


class ImportState(BaseModel):
    """How far it is."""

    id: str
    state: str
    """``receiving``, ``storing``, ``done`` or ``failed``."""
    received: list[int]
    """Bytes of each file that are here: go on from there."""
    stored_share: float
    reason: str
    """Why it failed, in the reader's words."""
    recording_id: str | None
    patient_id: int
    left_out: list[str]
    """Leads of the file that are not stored."""


def _say(uploads: Uploads, upload: Upload, locale: str) -> ImportState:
    params: dict[str, object] = dict(upload.params)
    if (reason := upload.params.get("reason")) is not None:
        key = f"recordings.bad_file.{reason}"
        params["reason"] = t(key, locale) if key in catalogue(_known(locale)) else reason
    return ImportState(
        id=upload.id,
        state=upload.state,
        received=uploads.received(upload),
        stored_share=upload.stored_share,
        reason=t(upload.code, locale, **params) if upload.code else "",
        recording_id=upload.recording_id,
        patient_id=upload.patient_id,
        left_out=upload.left_out,
    )


def _known(locale: str) -> str:
    return locale if locale in LOCALES else LOCALES[0]


@router.post("/desk/imports", status_code=201)
def begin(
    body: ImportRequest,
    app: AppDep,
    session: WriteSession,
    staff: DeskStaff,
    now: ClockDep,
    locale: LocaleDep,
) -> ImportState:
    """Announce files."""
    patient = patients.patient_for(session, staff, body.patient_id, now)
    uploads = _uploads(app)
    upload = uploads.create(
        staff.id or 0, patient.id or 0, patient.mrn, list(body.files), now
    )
    _note(session, upload, "desk.import", now)
    return _say(uploads, upload, locale)


@router.get("/desk/imports/{import_id}")
def state(
    import_id: UploadId, app: AppDep, staff: DeskStaff, locale: LocaleDep
) -> ImportState:
    """Say how far an upload is."""
    uploads = _uploads(app)
    return _say(uploads, uploads.get(import_id, staff.id or 0), locale)


class Received(BaseModel):
    """Bytes of the file that are here."""

    received: int


@router.put("/desk/imports/{import_id}/files/{number}")
async def put_chunk(
    import_id: UploadId,
    number: Annotated[int, Path(ge=0, le=64)],
    request: Request,
    app: AppDep,
    staff: DeskStaff,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Received:
    """Take one chunk; the body is the bytes."""
    chunk = await request.body()  # bounded by the shield

    def append() -> int:
        uploads = _uploads(app)
        upload = uploads.get(import_id, staff.id or 0)
        return uploads.append(upload, number, offset, chunk)

    return Received(received=await run_in_threadpool(append))


class Finish(BaseModel):
    """What the browser read, to compare."""

    model_config = ConfigDict(extra="forbid")

    sha256: Annotated[
        list[Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]], Field(max_length=16)
    ]


@router.post("/desk/imports/{import_id}/finish", status_code=202)
def finish(
    import_id: UploadId,
    body: Finish,
    app: AppDep,
    session: ReadSession,
    staff: DeskStaff,
    now: ClockDep,
    locale: LocaleDep,
) -> ImportState:
    """Compare the files and begin to store the record."""
    uploads = _uploads(app)
    upload = uploads.get(import_id, staff.id or 0)
    patients.patient_for(session, staff, upload.patient_id, now)
    if upload.state != "receiving":
        raise Conflict("desk.import_closed")
    uploads.verify(upload, body.sha256)
    import_job.start(app, upload, now)
    return _say(uploads, upload, locale)


@router.delete("/desk/imports/{import_id}", status_code=204)
def give_up(
    import_id: UploadId, app: AppDep, session: WriteSession, staff: DeskStaff, now: ClockDep
) -> None:
    """Remove an upload that is not wanted."""
    uploads = _uploads(app)
    upload = uploads.get(import_id, staff.id or 0)
    if upload.state == "storing":
        raise Conflict("desk.import_closed")
    _note(session, upload, "desk.import_given_up", now)
    uploads.discard(upload)


def _note(session: Session, upload: Upload, action: str, now: datetime) -> None:
    audit(
        session,
        at=now,
        actor_kind="staff",
        actor_id=upload.staff_id,
        action=action,
        object_kind="upload",
        object_id=upload.id,
        patient_id=upload.patient_id,
        detail={"files": len(upload.files)},
    )
