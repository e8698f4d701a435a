"""A recording that comes from a file is stored as if a phone had sent it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlmodel import Session, col, select

from clinic_server.recordings import service
from clinic_server.recordings.models import Recording, Segment
from clinic_server.staff.audit import audit
from clinic_server.wire.ecg import (
    RecordingCreate,
    SegmentHeader,
    encode_segment,
    sha256_hex,
)

SEGMENT_S = 10
ROWS_AT_ONCE = 200
"""Segments of one transaction: phones wait for no more than that."""


def pack(
    create: RecordingCreate, counts: NDArray[np.int32], present: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Cut samples into segments; slow, so done before the transaction.

    Parameters
    ----------
    counts : ndarray of int32, shape (n_samples, n_leads)
    present : ndarray of bool, shape (n_samples,)
        False where the file has no valid sample: those become holes.

    Returns
    -------
    list of dict
        Columns of `Segment` except recording and time of receipt.
    """
    step = max(1, round(SEGMENT_S * create.fs_hz))
    rows: list[dict[str, Any]] = []
    for seq, (first, end) in enumerate(_pieces(present, step)):
        header = SegmentHeader(
            first_sample=first,
            n_samples=end - first,
            n_leads=counts.shape[1],
            contact=False,  # a file does not prove electrode contact
            gap_cause="source" if first and not present[first - 1] else None,
            phone_at=create.started_at + timedelta(seconds=end / create.fs_hz),
            phone_mono_s=end / create.fs_hz,
        )
        body = encode_segment(header, counts[first:end])
        rows.append(
            {
                "seq": seq,
                "first_sample": first,
                "end_sample": end,
                "contact": False,
                "gap_cause": header.gap_cause,
                "sha256": sha256_hex(body),
                "phone_at": header.phone_at,
                "phone_mono_s": header.phone_mono_s,
                "body": body,
            }
        )
    return rows


def _pieces(present: NDArray[np.bool_], step: int) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2).tolist():
        for first in range(start, stop, step):
            yield first, min(first + step, stop)


def store_packed(
    session: Session,
    recording_id: str,
    *,
    patient_id: int,
    create: RecordingCreate,
    rows: list[dict[str, Any]],
    now: datetime,
    source: str = "",
) -> Recording:
    """Store packed segments as one closed recording, reason ``imported``.

    Raises
    ------
    Conflict
        ``recordings.other_content`` when the id is taken.
    """
    recording = service.announce(
        session, recording_id, patient_id=patient_id, issue_id=None, create=create, now=now
    )
    if is_imported(recording):
        return recording  # the same file a second time
    for start in range(0, len(rows), ROWS_AT_ONCE):
        add_rows(session, recording.id, rows[start : start + ROWS_AT_ONCE], now)
    finish(session, recording, rows, now, source)
    return recording


def is_imported(recording: Recording) -> bool:
    """Say whether all of a file is stored already."""
    return recording.closed_at is not None and recording.close_reason == "imported"


def add_rows(
    session: Session, recording_id: str, rows: list[dict[str, Any]], now: datetime
) -> None:
    """Store some segments; those that are there already stay as they are."""
    known = set(
        session.exec(
            select(Segment.seq).where(
                Segment.recording_id == recording_id,
                col(Segment.seq).in_([row["seq"] for row in rows]),
            )
        ).all()
    )
    fresh = [
        row | {"recording_id": recording_id, "received_at": now}
        for row in rows
        if row["seq"] not in known
    ]
    if fresh:
        session.execute(insert(Segment), fresh)


def finish(
    session: Session,
    recording: Recording,
    rows: list[dict[str, Any]],
    now: datetime,
    source: str,
) -> None:
    """Close an imported recording of which all segments are stored."""
    recording.next_seq = len(rows)
    recording.max_seq = len(rows) - 1
    recording.end_sample = rows[-1]["end_sample"] if rows else 0
    recording.stored_samples = sum(row["end_sample"] - row["first_sample"] for row in rows)
    recording.last_received_at = now
    session.add(recording)
    service.close(session, recording, "imported", now, last_seq=recording.max_seq)
    audit(
        session,
        at=now,
        actor_kind="system",
        actor_id="",
        action="recordings.import",
        object_kind="recording",
        object_id=recording.id,
        patient_id=recording.patient_id,
        detail={"source": source, "segments": len(rows)},
    )


def import_arrays(
    session: Session,
    recording_id: str,
    *,
    patient_id: int,
    create: RecordingCreate,
    counts: NDArray[np.int32],
    present: NDArray[np.bool_],
    now: datetime,
) -> Recording:
    """Pack and store in one go (short recordings, tests)."""
    rows = pack(create, counts, present)
    return store_packed(
        session, recording_id, patient_id=patient_id, create=create, rows=rows, now=now
    )
