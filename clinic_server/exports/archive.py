"""One patient's file as a ZIP: ECG as EDF+, everything else as CSV, signed reports as PDF.

Column names and codes are those of the data model, in English, so that programs can read
them; ``README.txt`` explains the files in the reader's language.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from pathlib import PurePosixPath
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, SQLModel, col, select

from analytics.records_edf_write import write_edf
from clinic_server.alarms.models import AdviceRow, Alarm
from clinic_server.analysis import service as analysis_service
from clinic_server.consults.models import ConsultRow
from clinic_server.devices.models import Issue
from clinic_server.diary.models import DiaryEntry
from clinic_server.i18n import t
from clinic_server.patients.models import Patient
from clinic_server.plans.models import Task
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.rehab.models import RehabSession
from clinic_server.reports import service as reports_service

TABLES: dict[str, tuple[type[SQLModel], tuple[str, ...]]] = {
    "alarms.csv": (
        Alarm,
        ("id", "recording_id", "rule", "tier", "code", "params", "onset_at", "raised_at"),
    ),
    "advice.csv": (
        AdviceRow,
        ("id", "alarm_id", "kind", "opinion", "within_days", "text", "sent_at", "read_at"),
    ),
    "tasks.csv": (
        Task,
        ("id", "kind", "state", "opens_at", "due_at", "done_at", "missed_at", "result"),
    ),
    "diary.csv": (
        DiaryEntry,
        ("id", "noted_at", "first_at", "last_at", "symptoms", "severe", "note"),
    ),
    "rehab.csv": (
        RehabSession,
        ("id", "kind", "number", "asked_at", "permitted", "ended_at", "end", "borg"),
    ),
    "consults.csv": (
        ConsultRow,
        ("id", "recording_id", "question", "asked_at", "answered_at"),
    ),
    "loans.csv": (Issue, ("id", "serial", "issued_at", "due_on", "returned_at")),
}
"""Files of rows, with what they show of them."""
_BEATS_AT_ONCE_S = 3600
_QUICK = 1
"""Compression level: ECG shrinks little more for much more time."""


def write_archive(
    file: IO[bytes], session: Session, patient: Patient, locale: str, now: datetime
) -> None:
    """Write everything held of a patient; memory does not grow with its length.

    Parameters
    ----------
    file : binary file
        Open for writing.
    session : Session
        A snapshot.
    patient : Patient
        Whom the reader may see.
    locale : str
        Language of ``README.txt`` and of the reports.
    now : datetime
        When it is made.
    """
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        about = t(
            "exports.readme", locale, mrn=patient.mrn, at=now.isoformat("T", "minutes")
        )
        archive.writestr("README.txt", about)
        for name, (model, columns) in TABLES.items():
            rows = session.exec(
                select(model)
                .where(col(model.patient_id) == patient.id)  # type: ignore[attr-defined]
                .order_by(col(model.id))  # type: ignore[attr-defined]
            )
            archive.writestr(name, _table(columns, rows))
        for n, recording in enumerate(_oldest_first(session, patient), 1):
            _put_recording(archive, session, recording, PurePosixPath("ecg", f"{n:03d}"))
        for report in reports_service.reports_of(session, patient.id or 0):
            body = report.pdf_zh if locale == "zh_CN" else report.pdf_en
            if report.signed_at is not None and body:
                archive.writestr(f"reports/{report.id}-v{report.version}.pdf", body)


def _oldest_first(session: Session, patient: Patient) -> Sequence[Recording]:
    found = recordings_service.recordings_of(session, patient.id or 0)
    return [one for one in reversed(found) if one.end_sample]


def _put_recording(
    archive: ZipFile, session: Session, recording: Recording, where: PurePosixPath
) -> None:
    def read(first: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        window = recordings_service.window(session, recording.id, first, end)
        return window.counts, window.present

    gaps = recordings_service.gaps(session, recording.id)
    start_at = recordings_service.sample_time(recording, 0)
    with archive.open(f"{where}.edf", "w", force_zip64=True) as file:
        write_edf(
            file,  # type: ignore[arg-type]  # a ZIP member writes, typed as IO[bytes]
            read,
            n_samples=recording.end_sample,
            fs_hz=recording.clock_fs_hz or recording.fs_hz,
            lead_names=recording.lead_names,
            gain_counts_per_mv=recording.gain_counts_per_mv,
            start_at=start_at,
            gaps=[(gap.first_sample, gap.end_sample) for gap in gaps],
        )
    with archive.open(f"{where}-beats.csv", "w") as file:
        file.write(_line(("sample", "at", "aami", "rr_ms")))
        step = round(_BEATS_AT_ONCE_S * recording.fs_hz)
        for first in range(0, recording.end_sample, step):
            for beat in analysis_service.beats_in(
                session, recording.id, first, first + step
            ):
                at = recordings_service.sample_time(recording, beat.sample)
                file.write(_line((beat.sample, at, beat.aami, beat.rr_ms)))


def _table(columns: Sequence[str], rows: Iterable[SQLModel]) -> bytes:
    lines = [_line(columns)]
    lines += [_line([getattr(row, name) for name in columns]) for row in rows]
    return b"".join(lines)


def _line(cells: Iterable[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([_cell(value) for value in cells])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@" else text
