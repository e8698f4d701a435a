"""Recordings: announced, filled segment by segment, closed, read as windows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.bounds import is_plausible
from clinic_server.db import ring_after_commit
from clinic_server.errors import Conflict, Gone, NotFound, TooMany, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import CaseVerb
from clinic_server.recordings import store
from clinic_server.recordings.models import Recording, Segment
from clinic_server.recordings.store import Incoming, Window
from clinic_server.wire.ecg import RecordingCreate, UploadState

FULL_DAY_S = 24 * 3600
LATE_S = 6 * 3600
"""A recording with holes waits this long past 24 h for a phone that was offline."""
FRESH_S = 60
MAX_PER_ISSUE = 1000
TOPIC = "samples"
FILE_SERIAL = "file:"
"""Begins the serial number of a recording that no unit made."""


def announce(
    session: Session,
    recording_id: str,
    *,
    patient_id: int,
    issue_id: int | None,
    create: RecordingCreate,
    now: datetime,
) -> Recording:
    """Open a recording; saying the same again changes nothing.

    Raises
    ------
    Unprocessable
        ``recordings.bad_id`` when the id is no UUID, ``recordings.bad_start`` when the
        start lies more than a year from now: a wrong clock.
    NotFound
        The id belongs to somebody else's loan.
    Conflict
        ``recordings.other_content``: the id is known with other properties.
    TooMany
        ``recordings.too_many`` in one loan.
    """
    try:
        recording_id = str(UUID(recording_id))
    except ValueError as error:
        raise Unprocessable("recordings.bad_id") from error
    known = locked(session, recording_id)
    if known is not None:
        if known.issue_id != issue_id or known.patient_id != patient_id:
            raise NotFound("recordings.unknown")
        if not _same(known, create):
            raise Conflict("recordings.other_content")
        return known
    if issue_id is not None and not is_plausible(create.started_at, now):
        raise Unprocessable("recordings.bad_start")
    if issue_id is not None:
        count = session.exec(
            select(func.count())
            .select_from(Recording)
            .where(Recording.issue_id == issue_id)
        ).one()
        if count >= MAX_PER_ISSUE:
            raise TooMany("recordings.too_many", max=MAX_PER_ISSUE)
    recording = Recording(
        id=recording_id,
        patient_id=patient_id,
        issue_id=issue_id,
        serial=create.serial,
        fs_hz=create.fs_hz,
        lead_names=list(create.lead_names),
        gain_counts_per_mv=create.gain_counts_per_mv,
        started_at=create.started_at,
        measures_contact=create.measures_contact,
        created_at=now,
    )
    session.add(recording)
    session.flush()
    patients_service.record_case(
        session,
        patient_id,
        CaseVerb.MEASURE,
        at=now,
        actor="system" if issue_id is None else f"phone:{issue_id}",
        detail={"recording_id": recording_id},
    )
    return recording


def _same(recording: Recording, create: RecordingCreate) -> bool:
    return (
        recording.serial == create.serial
        and recording.fs_hz == create.fs_hz
        and recording.lead_names == list(create.lead_names)
        and recording.gain_counts_per_mv == create.gain_counts_per_mv
        and recording.started_at == create.started_at
    )


def locked(session: Session, recording_id: str) -> Recording | None:
    """Read a recording for change; other writers wait on PostgreSQL (SQLite has one)."""
    return session.exec(
        select(Recording)
        .where(Recording.id == recording_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def recording_by_id(session: Session, recording_id: str) -> Recording:
    """Find a recording for the system's own work; readers pass `patient_for` first.

    Raises
    ------
    NotFound
        ``recordings.unknown``.
    """
    recording = session.get(Recording, recording_id)
    if recording is None:
        raise NotFound("recordings.unknown")
    return recording


def recording_of_issue(session: Session, recording_id: str, issue_id: int) -> Recording:
    """Find a recording of one loan; another loan's is unknown."""
    recording = session.get(Recording, recording_id)
    if recording is None or recording.issue_id != issue_id:
        raise NotFound("recordings.unknown")
    return recording


def require_open_for(recording: Recording, one: Incoming) -> None:
    """Refuse a segment that can no longer belong to a recording.

    A recording closed for its length still takes what the phone had not sent; one that
    the phone closed takes what is below its last number. Nothing that was recorded is
    refused because the network was late.

    Raises
    ------
    Gone
        ``recordings.closed``.
    """
    if recording.closed_at is None:
        return
    if recording.close_reason == "full_day":
        late = one.header.first_sample < 2 * FULL_DAY_S * recording.fs_hz
        if late:
            return
    if (
        recording.close_reason == "phone"
        and recording.last_seq is not None
        and one.seq <= recording.last_seq
    ):
        return
    raise Gone("recordings.closed")


def upload_state(session: Session, recording: Recording, now: datetime) -> UploadState:
    """Say what of a recording is on disk: the phone may delete exactly that."""
    return store.upload_state(session, recording, now)


def window(
    session: Session, recording_id: str, first_sample: int, end_sample: int
) -> Window:
    """Read samples ``[first_sample, end_sample)`` with their holes.

    Returns
    -------
    Window
        ``counts`` int32 (n_samples, n_leads), ``present`` and ``contact`` bool.
    """
    recording = recording_by_id(session, recording_id)
    return store.window(session, recording, first_sample, end_sample)


def spans(
    session: Session, recording_id: str, first: int = 0, end: int | None = None
) -> list[tuple[int, int]]:
    """Give the stored stretches ``[first, end)``, merged, in order of time."""
    return store.spans(session, recording_id, first, end)


@dataclass(frozen=True, slots=True)
class GapRow:
    """A stretch that is not stored (yet)."""

    first_sample: int
    end_sample: int
    cause: str | None
    """What the phone said, when it knew."""


def gaps(session: Session, recording_id: str) -> list[GapRow]:
    """Give the holes between the first and the newest stored sample, sample 0 included."""
    named = session.exec(
        select(Segment.first_sample, Segment.gap_cause).where(
            Segment.recording_id == recording_id, col(Segment.gap_cause).is_not(None)
        )
    ).all()
    causes: dict[int, str | None] = dict(named)
    holes: list[GapRow] = []
    position = 0
    for first, end in store.spans(session, recording_id):
        if first > position:
            holes.append(GapRow(position, first, causes.get(first)))
        position = end
    return holes


def sample_time(recording: Recording, sample: int) -> datetime:
    """Say when a sample was taken, by the patch's clock fitted against the phone's.

    Before a fit is known: by the phone's clock at the start and the nominal rate.
    """
    start_at, fs_hz = _line(recording)
    return start_at + timedelta(seconds=sample / fs_hz)


def sample_at(recording: Recording, at: datetime) -> int:
    """Say which sample was taken at a time (may lie outside the recording)."""
    start_at, fs_hz = _line(recording)
    return round((at - start_at).total_seconds() * fs_hz)


def _line(recording: Recording) -> tuple[datetime, float]:
    if recording.clock_start_at is None or recording.clock_fs_hz is None:
        return recording.started_at, recording.fs_hz
    return recording.clock_start_at, recording.clock_fs_hz


def latest_for(session: Session, patient_id: int) -> Recording | None:
    """Give the patient's newest recording that came from a phone or a file."""
    return session.exec(
        select(Recording)
        .where(Recording.patient_id == patient_id)
        .order_by(col(Recording.created_at).desc(), col(Recording.id).desc())
        .limit(1)
    ).first()


def recordings_of(session: Session, patient_id: int) -> Sequence[Recording]:
    """Give all recordings of a patient, newest first."""
    return session.exec(
        select(Recording)
        .where(Recording.patient_id == patient_id)
        .order_by(col(Recording.created_at).desc(), col(Recording.id).desc())
    ).all()


def open_recordings(
    session: Session, patient_ids: Collection[int] | None = None
) -> Sequence[Recording]:
    """Give every recording that is not closed; those of some patients only, if asked."""
    query = select(Recording).where(col(Recording.closed_at).is_(None))
    if patient_ids is not None:
        query = query.where(col(Recording.patient_id).in_(patient_ids))
    return session.exec(query).all()


def open_of_issue(session: Session, issue_id: int) -> Sequence[Recording]:
    """Give the recordings of a loan that are not closed."""
    return session.exec(
        select(Recording).where(
            Recording.issue_id == issue_id, col(Recording.closed_at).is_(None)
        )
    ).all()


def close(
    session: Session,
    recording: Recording,
    reason: str,
    now: datetime,
    last_seq: int | None = None,
) -> None:
    """Close a recording once; the first reason stays.

    Parameters
    ----------
    reason : str
        ``full_day``, ``returned``, ``phone`` or ``imported``.
    last_seq : int or None
        What the phone said is its last segment.
    """
    if recording.closed_at is not None:
        return
    recording.closed_at = now
    recording.close_reason = reason
    recording.last_seq = last_seq
    session.add(recording)
    session.flush()
    ring_after_commit(session, TOPIC)
    ring_after_commit(session, "recordings")


def close_due(session: Session, now: datetime) -> list[Recording]:
    """Close recordings that have their 24 hours.

    One that is complete and fresh closes on time; one with missing segments, or whose
    phone is behind, waits up to `LATE_S` for them.
    """
    closed: list[Recording] = []
    for recording in open_recordings(session):
        if recording.serial.startswith(FILE_SERIAL):
            continue  # it is being imported, whatever its age
        age_s = (now - recording.started_at).total_seconds()
        if age_s < FULL_DAY_S:
            continue
        whole = recording.next_seq == recording.max_seq + 1
        reached = recording.end_sample >= (FULL_DAY_S - FRESH_S) * recording.fs_hz
        if (whole and reached) or age_s >= FULL_DAY_S + LATE_S:
            close(session, recording, "full_day", now)
            closed.append(recording)
    return closed
