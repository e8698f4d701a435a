"""The reading workstation: a day to look at, beats to edit, numbers that follow.

For technicians and physicians who may see the patient. Opening a day is audited, and so
is every edit; signing stays with `routes`.
"""

from datetime import timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from analytics.beat_groups import AFTER_S, BEFORE_S, waves_of
from clinic_server.deps import (
    AppDep,
    ClockDep,
    LocaleDep,
    ReadSession,
    RowId,
    WriteSession,
)
from clinic_server.patients import service as patients
from clinic_server.recordings import reading as recording_reading
from clinic_server.recordings import service as recordings
from clinic_server.reports import edits, kept, service
from clinic_server.reports.archive import in_uv
from clinic_server.reports.edits import EditSent
from clinic_server.reports.models import Report, ReportEdit
from clinic_server.reports.reading_desk import ReadingDesk
from clinic_server.reports.trail import audit_report
from clinic_server.staff import service as staff_service
from clinic_server.staff.auth import CsrfToken, CurrentStaff, require
from clinic_server.staff.models import Role, Staff
from clinic_server.templating import page
from clinic_server.wire.ecg import MAX_SAMPLE_INDEX

router = APIRouter()
SIGN_WITHIN = timedelta(hours=24)
"""From the draft to the signature: the house's promise, shown as a clock."""
WAVES_AT_ONCE = 72
"""Waves of one answer: two templates' cards."""


def _reader(staff: CurrentStaff) -> Staff:
    return require(staff, Role.TECHNICIAN, Role.PHYSICIAN)


Reader = Annotated[Staff, Depends(_reader)]
"""Who may read and edit a day."""


def _desk(request: Request) -> ReadingDesk:
    desk = request.app.state.reading
    assert isinstance(desk, ReadingDesk)  # noqa: S101 - set in main.create_app
    return desk


Desk = Annotated[ReadingDesk, Depends(_desk)]


@router.get("/console/reports/{report_id}/reading", include_in_schema=False)
def show(
    report_id: RowId,
    request: Request,
    app: AppDep,
    session: ReadSession,
    staff: Reader,
    csrf: CsrfToken,
    now: ClockDep,
    locale: LocaleDep,
) -> HTMLResponse:
    """Show the workstation; opening a day is an audited action."""
    report = service.report_for(session, staff, report_id, now)
    recording = recordings.recording_by_id(session, report.recording_id)
    patient = patients.patient_of_record(session, report.patient_id)
    born, today = patient.born_on, now.date()
    with app.db.write() as writing:
        audit_report(writing, report, "reading.open", staff, now)
    return page(
        request,
        "report_reading.html",
        locale=locale,
        viewer=staff,
        csrf=csrf,
        report=report,
        recording=recording,
        patient=patient,
        years=today.year - born.year - ((today.month, today.day) < (born.month, born.day)),
        ready=kept.is_kept(session, report.recording_id),
    )


@router.get("/console/reports/{report_id}/reading/day", include_in_schema=False)
def day(report_id: RowId, session: ReadSession, staff: Reader, now: ClockDep) -> Response:
    """Send the machine's beats, templates and grades (`clinic_server.reports.day`)."""
    report = service.report_for(session, staff, report_id, now)
    return Response(
        kept.day_of(session, report.recording_id),
        media_type="application/octet-stream",
        headers={"Content-Encoding": "gzip"},
    )


@router.get("/console/reports/{report_id}/reading/tiles/{block}", include_in_schema=False)
def tile(
    report_id: RowId,
    block: Annotated[int, Path(ge=0, le=100_000)],
    session: ReadSession,
    staff: Reader,
    now: ClockDep,
) -> Response:
    """Send ten minutes of trace as lows and highs."""
    report = service.report_for(session, staff, report_id, now)
    return Response(
        kept.tile_of(session, report.recording_id, block),
        media_type="application/octet-stream",
        headers={"Content-Encoding": "deflate"},
    )


class EditRow(BaseModel):
    """One step as the page gets it."""

    number: int
    author: int
    at_ms: int
    kind: str
    of_number: int | None
    to: str
    rhythm: str
    shape: int
    first: int
    end: int
    steps: list[int]


class ReadingState(BaseModel):
    """Where the reading stands: the script after a step, and what is owed."""

    state: str
    version: int
    newest: int
    measured: int
    """Step up to which the report's numbers count."""
    measuring: bool
    preread_by: str
    preread_at_ms: int | None
    read_by_patient: bool
    steps: list[EditRow]
    names: dict[int, str]


class ReadingMeta(ReadingState):
    """What the page needs beside the day itself."""

    start_ms: float
    fs_hz: float
    lead_names: list[str]
    gaps: list[tuple[int, int, str]]
    marks: list[tuple[int, str]]
    me: int
    sign_by_ms: int


def _row(row: ReportEdit) -> EditRow:
    return EditRow(
        number=row.number,
        author=row.author_id,
        at_ms=round(row.at.timestamp() * 1000),
        kind=row.kind,
        of_number=row.of_number,
        to=row.to,
        rhythm=row.rhythm,
        shape=row.shape,
        first=row.first_sample,
        end=row.end_sample,
        steps=np.diff(edits.unpack(row.samples), prepend=0).tolist(),
    )


def _state(session: Session, report: Report, after: int) -> ReadingState:
    rows = edits.script(session, report.recording_id, after=after)
    authors = {row.author_id for row in rows}
    by, at = report.preread_by, report.preread_at
    return ReadingState(
        state=report.state,
        version=report.version,
        newest=rows[-1].number if rows else edits.newest(session, report.recording_id),
        measured=report.edit_number,
        measuring=report.remeasure_at is not None,
        preread_by="" if by is None else staff_service.staff_by_id(session, by).name,
        preread_at_ms=None if at is None else round(at.timestamp() * 1000),
        read_by_patient=service.read_by_patient(session, report),
        steps=[_row(row) for row in rows],
        names={one: staff_service.staff_by_id(session, one).name for one in authors},
    )


After = Annotated[int, Query(ge=0, le=edits.MAX_STEPS)]


@router.get("/console/reports/{report_id}/reading/meta", include_in_schema=False)
def meta(
    report_id: RowId, session: ReadSession, staff: Reader, now: ClockDep
) -> ReadingMeta:
    """Send the script and what the page needs beside the day."""
    report = service.report_for(session, staff, report_id, now)
    recording = recordings.recording_by_id(session, report.recording_id)
    marks = recording_reading.marks_of(session, recording.id)
    return ReadingMeta(
        **_state(session, report, 0).model_dump(),
        start_ms=recordings.sample_time(recording, 0).timestamp() * 1000,
        fs_hz=recording.fs_hz,
        lead_names=list(recording.lead_names),
        gaps=[
            (gap.first_sample, gap.end_sample, gap.cause or "")
            for gap in recordings.gaps(session, recording.id)
        ],
        marks=[(mark.sample, mark.kind) for mark in marks],
        me=staff.id or 0,
        sign_by_ms=round((report.created_at + SIGN_WITHIN).timestamp() * 1000),
    )


@router.get("/console/reports/{report_id}/reading/edits", include_in_schema=False)
def look(
    report_id: RowId, after: After, session: ReadSession, staff: Reader, now: ClockDep
) -> ReadingState:
    """Send what was added to the script, and whether the numbers have followed."""
    return _state(session, service.report_for(session, staff, report_id, now), after)


class EditAnswer(BaseModel):
    """The step is on disk."""

    number: int
    unseen: list[EditRow]
    """Other people's steps that the page did not know of."""
    names: dict[int, str]


@router.post("/console/reports/{report_id}/reading/edits", status_code=201)
def edit(
    report_id: RowId, body: EditSent, session: WriteSession, staff: Reader, now: ClockDep
) -> EditAnswer:
    """Add one step to the script; the same key again changes nothing."""
    report = service.report_for(session, staff, report_id, now)
    added = edits.append(session, report, staff, body, now)
    authors = {row.author_id for row in added.unseen}
    return EditAnswer(
        number=added.row.number,
        unseen=[_row(row) for row in added.unseen],
        names={one: staff_service.staff_by_id(session, one).name for one in authors},
    )


@router.get("/console/reports/{report_id}/reading/numbers", include_in_schema=False)
def numbers(
    report_id: RowId,
    upto: After,
    session: ReadSession,
    staff: Reader,
    now: ClockDep,
    desk: Desk,
) -> dict[str, Any]:
    """Count again with the script up to a step."""
    report = service.report_for(session, staff, report_id, now)
    kept.require(session, report.recording_id)
    known = min(upto, edits.newest(session, report.recording_id))
    return desk.numbers(report.recording_id, known)


class Beats(BaseModel):
    """Beats whose waves are wanted."""

    model_config = ConfigDict(extra="forbid")

    samples: Annotated[
        list[Annotated[int, Field(ge=0, le=MAX_SAMPLE_INDEX)]],
        Field(min_length=1, max_length=WAVES_AT_ONCE),
    ]


@router.post("/console/reports/{report_id}/reading/waves")
def waves(
    report_id: RowId, body: Beats, session: ReadSession, staff: Reader, now: ClockDep
) -> list[list[int]]:
    """Give the waves around some beats in µV, for a template that was made by hand."""
    report = service.report_for(session, staff, report_id, now)
    recording = recordings.recording_by_id(session, report.recording_id)
    lead = kept.lead_of(report)
    fs = recording.fs_hz
    before, after = round((BEFORE_S + 0.1) * fs), round((AFTER_S + 0.1) * fs)
    found = []
    for sample in body.samples:
        first = max(0, sample - before)
        part = recordings.window(session, recording.id, first, sample + after)
        if not part.counts.shape[0]:
            continue
        ecg_mv = part.counts[:, lead] / recording.gain_counts_per_mv
        ecg_mv[~part.present] = np.nan
        wave = waves_of(ecg_mv, np.array([sample - first], np.int64), fs)
        found.append(in_uv(wave)[0].tolist())
    return found


@router.post("/console/reports/{report_id}/reading/measure", status_code=202)
def measure(
    report_id: RowId, session: WriteSession, staff: Reader, now: ClockDep
) -> ReadingState:
    """Ask for the report's numbers now, not after a quiet while."""
    report = service.report_for(session, staff, report_id, now)
    kept.hurry(session, report, now)
    return _state(session, report, edits.newest(session, report.recording_id))


@router.post("/console/reports/{report_id}/reading/preread")
def preread(
    report_id: RowId, session: WriteSession, staff: Reader, now: ClockDep
) -> ReadingState:
    """Note that the whole day was read; the physician may sign."""
    report = service.report_for(session, staff, report_id, now)
    kept.preread(session, report, staff, now)
    return _state(session, report, edits.newest(session, report.recording_id))


@router.post("/console/reports/{report_id}/reading/prepare", status_code=202)
def prepare(
    report_id: RowId, session: WriteSession, staff: Reader, now: ClockDep
) -> Response:
    """Have the beats of a report of an earlier release found again."""
    report = service.report_for(session, staff, report_id, now)
    kept.prepare(session, report, staff, now)
    return Response(status_code=202)
