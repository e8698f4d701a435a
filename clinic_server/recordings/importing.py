"""A recording that comes from a file is stored as if a phone had sent it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlmodel import Session

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
_ROWS_AT_ONCE = 500


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
    if recording.closed_at is not None:
        return recording  # the same file a second time
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        session.execute(
            insert(Segment),
            [row | {"recording_id": recording.id, "received_at": now} for row in part],
        )
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
        patient_id=patient_id,
        detail={"source": source, "segments": len(rows)},
    )
    return recording


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
