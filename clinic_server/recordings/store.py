"""Segments on disk: one row each, written once, never changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Insert, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from clinic_server.recordings.models import Recording, Segment, SegmentConflict
from clinic_server.staff.audit import audit
from clinic_server.wire.ecg import (
    MAX_SAMPLES,
    FittedClock,
    SegmentHeader,
    UploadState,
    decode_segment,
)

STORED = 201
SAME = 200
CONFLICT = 409
MAX_DRIFT_PPM = 2000.0
"""No quartz is so far off: something else is wrong."""
MAX_START_OFF = timedelta(minutes=5)
MAX_MISSING = 64
MAX_CONFLICTS = 200
"""Quarantined uploads kept per recording: enough to investigate, not to fill a disk."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One upload whose bytes were checked: hash, shape and payload fit."""

    recording_id: str
    seq: int
    header: SegmentHeader
    body: bytes
    sha256: str
    received_at: datetime


def _insert(session: Session) -> Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(Segment).on_conflict_do_nothing()
    return sqlite.insert(Segment).on_conflict_do_nothing()


def put(session: Session, recording: Recording, one: Incoming) -> int:
    """Store one segment in the caller's transaction and move the recording's marks.

    Parameters
    ----------
    recording : Recording
        Read in this transaction and, on PostgreSQL, locked (`service.locked`).

    Returns
    -------
    int
        `STORED`; `SAME` when this very content is there already; `CONFLICT` when other
        content has the number: the new bytes are then kept aside and never used.
    """
    header = one.header
    end_sample = header.first_sample + header.n_samples
    overlap = _overlap(session, recording.id, header.first_sample, end_sample)
    inserted = session.execute(
        _insert(session)
        .values(
            recording_id=recording.id,
            seq=one.seq,
            first_sample=header.first_sample,
            end_sample=end_sample,
            contact=header.contact,
            gap_cause=header.gap_cause,
            sha256=one.sha256,
            phone_at=header.phone_at,
            phone_mono_s=header.phone_mono_s,
            received_at=one.received_at,
            body=one.body,
        )
        .returning(col(Segment.seq))
    ).first()
    if inserted is None:
        return _already_there(session, recording, one)
    recording.max_seq = max(recording.max_seq, one.seq)
    if one.seq == recording.next_seq:
        recording.next_seq = _next_seq(session, recording)
    if end_sample > recording.end_sample:
        recording.end_sample = end_sample
        recording.last_contact = header.contact or not recording.measures_contact
    recording.stored_samples += header.n_samples - overlap
    if recording.last_received_at is None or one.received_at > recording.last_received_at:
        recording.last_received_at = one.received_at
    _follow_clock(recording, header.clock)
    session.add(recording)
    return STORED


def _follow_clock(recording: Recording, clock: FittedClock | None) -> None:
    """Take a fit over a longer stretch than the one before; a wild one is no clock."""
    if clock is None or clock.span_s <= recording.clock_span_s:
        return
    ppm = abs(clock.fs_hz / recording.fs_hz - 1) * 1e6
    if ppm <= MAX_DRIFT_PPM and abs(clock.start_at - recording.started_at) <= MAX_START_OFF:
        recording.clock_start_at = clock.start_at
        recording.clock_fs_hz = clock.fs_hz
        recording.clock_span_s = clock.span_s


def _already_there(session: Session, recording: Recording, one: Incoming) -> int:
    stored = session.exec(
        select(Segment.sha256).where(
            Segment.recording_id == recording.id, Segment.seq == one.seq
        )
    ).one()
    if stored == one.sha256:
        return SAME
    known = session.exec(
        select(SegmentConflict.sha256, SegmentConflict.seq).where(
            SegmentConflict.recording_id == recording.id
        )
    ).all()
    if (one.sha256, one.seq) not in known and len(known) < MAX_CONFLICTS:
        session.add(
            SegmentConflict(
                recording_id=recording.id,
                seq=one.seq,
                sha256=one.sha256,
                received_at=one.received_at,
                body=one.body,
            )
        )
        audit(
            session,
            at=one.received_at,
            actor_kind="phone",
            actor_id=recording.issue_id or "",
            action="ingest.conflict",
            object_kind="recording",
            object_id=recording.id,
            patient_id=recording.patient_id,
            detail={"seq": one.seq, "sha256": one.sha256},
        )
    return CONFLICT


def _next_seq(session: Session, recording: Recording) -> int:
    """Lowest number not stored, knowing that everything below ``next_seq`` is."""
    session.flush()
    expected = recording.next_seq
    for seq in session.exec(
        select(Segment.seq)
        .where(Segment.recording_id == recording.id, Segment.seq >= expected)
        .order_by(col(Segment.seq))
    ):
        if seq != expected:
            break
        expected += 1
    return expected


def _overlap(session: Session, recording_id: str, first: int, end: int) -> int:
    """How many of these samples are stored already, under other numbers."""
    covered = 0
    position = first
    for start, stop in spans(session, recording_id, first, end):
        covered += max(0, min(stop, end) - max(start, position))
    return covered


def spans(
    session: Session, recording_id: str, first: int = 0, end: int | None = None
) -> list[tuple[int, int]]:
    """Give the stored stretches ``[first, end)``, merged, in order of time.

    Parameters
    ----------
    first, end : int
        Only stretches that touch this range (they are not cut to it).
    """
    query = (
        select(Segment.first_sample, Segment.end_sample)
        .where(
            Segment.recording_id == recording_id,
            # a segment is at most MAX_SAMPLES long: the index is entered near the range
            Segment.first_sample > first - MAX_SAMPLES,
            Segment.end_sample > first,
        )
        .order_by(col(Segment.first_sample))
    )
    if end is not None:
        query = query.where(Segment.first_sample < end)
    merged: list[tuple[int, int]] = []
    for start, stop in session.exec(query):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged


def upload_state(session: Session, recording: Recording, now: datetime) -> UploadState:
    """Say what of a recording is on disk."""
    missing: list[tuple[int, int]] = []
    if recording.max_seq >= recording.next_seq:
        expected = recording.next_seq
        for seq in session.exec(
            select(Segment.seq)
            .where(Segment.recording_id == recording.id, Segment.seq > expected)
            .order_by(col(Segment.seq))
        ):
            if seq > expected:
                missing.append((expected, seq - 1))
                if len(missing) == MAX_MISSING:
                    break
            expected = seq + 1
    return UploadState(
        next=recording.next_seq,
        missing=missing,
        server_at=now,
        closed=recording.closed_at is not None,
    )


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of a stretch of a recording, holes and all."""

    first_sample: int
    counts: NDArray[np.int32]
    """Shape (n_samples, n_leads); 0 where nothing is stored."""
    present: NDArray[np.bool_]
    """Shape (n_samples,): stored at all."""
    contact: NDArray[np.bool_]
    """Shape (n_samples,): contact of every electrode was measured."""
    measures_contact: bool

    @property
    def touching(self) -> NDArray[np.bool_]:
        """Shape (n_samples,): nothing says that an electrode is off."""
        return self.contact if self.measures_contact else np.ones_like(self.contact)


def window(
    session: Session, recording: Recording, first_sample: int, end_sample: int
) -> Window:
    """Read samples ``[first_sample, end_sample)``.

    Where segments overlap, the one with the lowest number counts, so that the same
    question always gets the same answer.
    """
    n_samples = max(0, end_sample - first_sample)
    counts = np.zeros((n_samples, len(recording.lead_names)), np.int32)
    present = np.zeros(n_samples, np.bool_)
    contact = np.zeros(n_samples, np.bool_)
    rows = session.exec(
        select(Segment.body)
        .where(
            Segment.recording_id == recording.id,
            Segment.first_sample > first_sample - MAX_SAMPLES,
            Segment.first_sample < end_sample,
            Segment.end_sample > first_sample,
        )
        .order_by(col(Segment.seq).desc())
    )
    for body in rows:
        header, samples = decode_segment(body)
        low = max(first_sample, header.first_sample)
        high = min(end_sample, header.first_sample + header.n_samples)
        to = slice(low - first_sample, high - first_sample)
        counts[to] = samples[low - header.first_sample : high - header.first_sample]
        present[to] = True
        contact[to] = header.contact
    return Window(first_sample, counts, present, contact, recording.measures_contact)


def count_conflicts(session: Session, recording_id: str) -> int:
    """How many uploads were put aside because other content had their number."""
    return session.exec(
        select(func.count())
        .select_from(SegmentConflict)
        .where(SegmentConflict.recording_id == recording_id)
    ).one()
