"""``anxin import``: a WFDB, EDF+ or ISHNE record becomes a patient's recording."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from analytics.records_types import MISSING, RecordFile
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


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    recording: Recording
    left_out: tuple[str, ...]
    """Names of leads that are not stored: sampled slower than the others, missing for most
    of the record, or more than the store takes."""


def import_record(
    db: Database,
    path: Path,
    mrn: str,
    time_zone: str,
    now: datetime,
    progress: Callable[[str, float], None] = lambda recording_id, share: None,
) -> Imported:
    """Store a record from a file for the patient with this record number.

    The file is read twice, in blocks: first to the end, so that a bad one leaves nothing
    behind, then stored in short transactions, between which phones have their turn. One
    that was killed half way goes on when the same file comes again, and is removed after
    a day if it does not; the same file for the same patient is stored once.

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
        Hears the recording's id and the share that is stored, 0 to 1.

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
    with _reasons():
        file = records.open_record(path)
        leads, digest = _survey(file)
    dropped = [name for k, name in enumerate(file.lead_names) if k not in leads]
    left_out = (*file.left_out, *dropped)
    create = _describe(file, leads, time_zone, now)
    recording_id = str(uuid5(NAMESPACE_URL, f"anxin:{patient.id}:{file.name}:{digest}"))
    with db.read() as session:
        known = session.get(Recording, recording_id)
    if known is not None and importing.is_imported(known):
        return Imported(known, left_out)
    if known is not None:  # a file without a start got one when it came first
        create = create.model_copy(update={"started_at": known.started_at})
    progress(recording_id, 0.0)  # whoever gives up after a kill must know what to remove
    with db.write() as session:
        recordings_service.announce(
            session,
            recording_id,
            patient_id=patient.id,
            issue_id=None,
            create=create,
            now=now,
        )
    try:
        with _reasons():
            packed = _store(db, file, leads, recording_id, create, now, progress)
    except Unprocessable:
        with db.write() as session:
            importing.discard(session, recording_id)
        raise
    with db.write() as session:
        kept = recordings_service.recording_by_id(session, recording_id)
        if not importing.is_imported(kept):
            importing.finish(session, kept, packed, now, file.name, left_out)
    return Imported(kept, left_out)


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except AnalyticsError as error:
        reason = str(error.params.get("reason", error.code))
        raise Unprocessable("recordings.bad_file", reason=reason) from error
    except OSError as error:
        raise Unprocessable("recordings.bad_file", reason="unreadable") from error


def _blocks(file: RecordFile, leads: Sequence[int]) -> Iterator[NDArray[np.int32]]:
    step = max(1, round(importing.BLOCK_S * file.fs))
    for first in range(0, file.n_samples, step):
        yield file.read(first, min(first + step, file.n_samples), leads)


def _survey(file: RecordFile) -> tuple[list[int], str]:
    """Read a file to its end: which leads are kept, and a digest of all it says."""
    every = range(len(file.lead_names))
    there = np.zeros(len(every), np.int64)
    facts = (file.fs, file.lead_names, file.gain_counts_per_mv, file.zero_counts)
    digest = sha256(repr(facts).encode())
    for block in _blocks(file, every):
        there += (block != MISSING).sum(axis=0)
        digest.update(np.ascontiguousarray(block).tobytes())
    kept = [k for k in every if there[k] and there[k] >= MIN_LEAD_SHARE * file.n_samples]
    if not kept:
        raise Unprocessable("recordings.bad_file", reason="no_signal")
    return kept[:MAX_LEADS], digest.hexdigest()


def _store(
    db: Database,
    file: RecordFile,
    leads: list[int],
    recording_id: str,
    create: RecordingCreate,
    now: datetime,
    progress: Callable[[str, float], None],
) -> importing.Packer:
    packer = importing.Packer(create)
    for done, block in enumerate(_blocks(file, leads), 1):
        rows = packer.pack(*to_store(file, leads, block))
        for start in range(0, len(rows), importing.ROWS_AT_ONCE):
            part = rows[start : start + importing.ROWS_AT_ONCE]
            with db.write() as session:
                importing.add_rows(session, recording_id, part, now)
        share = done * importing.BLOCK_S * file.fs / file.n_samples
        progress(recording_id, min(1.0, share))
    if not packer.n_segments:
        raise Unprocessable("recordings.bad_file", reason="no_signal")
    return packer


def to_store(
    file: RecordFile, leads: list[int], block: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Bring all leads to one gain and to 0 mV = 0 counts.

    Leads whose gain is the largest are moved only, so their samples stay exact; the others
    are scaled up and rounded, an error below half a count of the finest lead.

    Parameters
    ----------
    block : ndarray of int32, shape (n_samples, n_leads)
        Columns are those of ``leads``.

    Returns
    -------
    counts : ndarray of int32, shape (n_samples, n_leads)
    present : ndarray of bool, shape (n_samples,)
        True where every lead has a sample.
    """
    gain = _gain(file, leads)
    counts = np.zeros(block.shape, np.int32)
    present = (block != MISSING).all(axis=1)
    for place, k in enumerate(leads):
        scaled = block[:, place].astype(np.float64) - file.zero_counts[k]
        scaled *= gain / file.gain_counts_per_mv[k]
        bound = 2**31 - 1
        counts[:, place] = np.rint(np.clip(scaled, -bound, bound)).astype(np.int32)
    counts[~present] = 0
    return counts, present


def _gain(file: RecordFile, leads: list[int]) -> float:
    return max(abs(file.gain_counts_per_mv[k]) for k in leads)


def _lead_names(file: RecordFile, leads: list[int]) -> list[str]:
    """Give each lead a name that can be shown and told apart."""
    names: list[str] = []
    for k in leads:
        shown = "".join(x for x in file.lead_names[k] if x.isprintable())[:16].strip()
        name, n = shown or f"lead{k + 1}", 1
        while name in names:
            n += 1
            name = f"{shown[:12]}({n})"
        names.append(name)
    return names


def _describe(
    source: RecordFile, leads: list[int], time_zone: str, now: datetime
) -> RecordingCreate:
    length = timedelta(seconds=source.n_samples / source.fs)
    start = (
        (now - length).replace(microsecond=0)
        if source.start_at is None
        else source.start_at.replace(tzinfo=ZoneInfo(time_zone))  # the file has no zone
    )
    try:
        return RecordingCreate(
            serial=f"{recordings_service.FILE_SERIAL}{source.name}"[:64],
            fs_hz=source.fs,
            lead_names=_lead_names(source, leads),
            gain_counts_per_mv=_gain(source, leads),
            started_at=start.astimezone(UTC),
            measures_contact=False,
        )
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise Unprocessable("recordings.bad_file", reason=field) from error
