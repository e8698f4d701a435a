"""``anxin import``: a WFDB, EDF+ or ISHNE record becomes a patient's recording."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from analytics import records
from analytics.errors import AnalyticsError
from analytics.records_types import MISSING
from analytics.records_types import Recording as FileRecording
from clinic_server.db import Database
from clinic_server.errors import NotFound, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.recordings import importing
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.wire.ecg import MAX_LEADS, RecordingCreate

MIN_LEAD_SHARE = 0.5
"""A lead that is missing for more than half of the record is left out as a whole: a
sample of the store has all leads or none."""


def import_record(
    db: Database,
    path: Path,
    mrn: str,
    time_zone: str,
    now: datetime,
    progress: Callable[[float], None] = lambda share: None,
) -> Recording:
    """Store a record from a file for the patient with this record number.

    Everything is read and packed first, so that a bad file leaves nothing behind. Then
    short transactions store it, between which phones have their turn. One that was
    killed half way goes on when the same file comes again; the same file for the same
    patient is stored once.

    Parameters
    ----------
    db : Database
    path : Path
        WFDB record, EDF or ISHNE file.
    mrn : str
        The patient's record number.
    time_zone : str
        In which the recorder's clock was set.
    now : datetime
    progress : callable
        Hears the share that is stored, 0 to 1.

    Raises
    ------
    Unprocessable
        ``recordings.bad_file`` with a ``reason``.
    NotFound
        ``patients.unknown``.
    """
    with db.read() as session:
        patient = patients_service.patient_by_mrn(session, mrn)
    if patient is None or patient.id is None:
        raise NotFound("patients.unknown")
    try:
        source = records.read_record(path)
    except AnalyticsError as error:
        reason = str(error.params.get("reason", error.code))
        raise Unprocessable("recordings.bad_file", reason=reason) from error
    except OSError as error:
        raise Unprocessable("recordings.bad_file", reason="unreadable") from error
    leads = _leads(source)
    gain, counts, present = to_store(source, leads)
    if not present.any():
        raise Unprocessable("recordings.bad_file", reason="no_signal")
    create = _describe(source, leads, gain, time_zone, now)
    digest = sha256(counts.tobytes() + present.tobytes()).hexdigest()
    recording_id = str(uuid5(NAMESPACE_URL, f"anxin:{patient.id}:{source.name}:{digest}"))
    with db.read() as session:
        known = session.get(Recording, recording_id)
    if known is not None and importing.is_imported(known):
        return known
    if known is not None:  # a file without a start got one when it came first
        create = create.model_copy(update={"started_at": known.started_at})
    rows = importing.pack(create, counts, present)
    with db.write() as session:
        recording = recordings_service.announce(
            session,
            recording_id,
            patient_id=patient.id,
            issue_id=None,
            create=create,
            now=now,
        )
    if importing.is_imported(recording):
        return recording
    for start in range(0, len(rows), importing.ROWS_AT_ONCE):
        part = rows[start : start + importing.ROWS_AT_ONCE]
        with db.write() as session:
            importing.add_rows(session, recording.id, part, now)
        progress((start + len(part)) / len(rows))
    with db.write() as session:
        kept = recordings_service.recording_by_id(session, recording_id)
        importing.finish(session, kept, rows, now, source.name)
    return kept


def _leads(source: FileRecording) -> list[int]:
    share = (source.counts != MISSING).mean(axis=0) if source.n_samples else np.zeros(0)
    kept = [k for k in range(len(source.lead_names)) if share[k] >= MIN_LEAD_SHARE]
    if not kept:
        raise Unprocessable("recordings.bad_file", reason="no_signal")
    return kept[:MAX_LEADS]


def to_store(
    source: FileRecording, leads: list[int]
) -> tuple[float, NDArray[np.int32], NDArray[np.bool_]]:
    """Bring all leads to one gain and to 0 mV = 0 counts.

    Leads whose gain is the largest are moved only, so their samples stay exact; the others
    are scaled up and rounded, an error below half a count of the finest lead.

    Returns
    -------
    gain_counts_per_mv : float
    counts : ndarray of int32, shape (n_samples, n_leads)
    present : ndarray of bool, shape (n_samples,)
        True where every lead has a sample.
    """
    gain = max(source.gain_counts_per_mv[k] for k in leads)
    counts = np.zeros((source.n_samples, len(leads)), np.int32)
    present = np.ones(source.n_samples, np.bool_)
    for place, k in enumerate(leads):
        column = source.counts[:, k]
        present &= column != MISSING
        scaled = column.astype(np.float64) - source.zero_counts[k]
        scaled *= gain / source.gain_counts_per_mv[k]
        bound = 2**31 - 1
        counts[:, place] = np.rint(np.clip(scaled, -bound, bound)).astype(np.int32)
    counts[~present] = 0
    return gain, counts, present


def _describe(
    source: FileRecording, leads: list[int], gain: float, time_zone: str, now: datetime
) -> RecordingCreate:
    length = timedelta(seconds=source.n_samples / source.fs)
    start = (
        (now - length).replace(microsecond=0)
        if source.start_at is None
        else source.start_at.replace(tzinfo=ZoneInfo(time_zone))  # the file has no zone
    )
    try:
        return RecordingCreate(
            serial=f"file:{source.name}"[:64],
            fs_hz=source.fs,
            lead_names=[source.lead_names[k][:16] or f"lead{k + 1}" for k in leads],
            gain_counts_per_mv=gain,
            started_at=start.astimezone(UTC),
        )
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise Unprocessable("recordings.bad_file", reason=field) from error
