"""A recording that comes from a file is stored as if a phone had sent it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert
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
ROWS_AT_ONCE = 60
"""Segments of one transaction: phones wait for no more than that."""
BLOCK_S = SEGMENT_S * ROWS_AT_ONCE
"""Length of what is in memory at once."""
KEEP = timedelta(days=1)


@dataclass
class Packer:
    """Cut consecutive blocks of samples into segments; slow, so done outside transactions.

    Parameters
    ----------
    create : RecordingCreate
        The recording they belong to.
    """

    create: RecordingCreate
    n_segments: int = 0
    end_sample: int = 0
    """One past the newest sample that exists."""
    stored_samples: int = 0
    _position: int = 0
    _hole: bool = False

    def pack(
        self, counts: NDArray[np.int32], present: NDArray[np.bool_]
    ) -> list[dict[str, Any]]:
        """Cut the next block.

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
        step = max(1, round(SEGMENT_S * self.create.fs_hz))
        rows = []
        for first, end in _pieces(present, step):
            after_hole = not present[first - 1] if first else self._hole
            rows.append(self._row(first, counts[first:end], after_hole=bool(after_hole)))
        self._position += len(present)
        self._hole = not present[-1]
        return rows

    def _row(
        self, first: int, counts: NDArray[np.int32], *, after_hole: bool
    ) -> dict[str, Any]:
        create, first = self.create, self._position + first
        end = first + len(counts)
        header = SegmentHeader(
            first_sample=first,
            n_samples=len(counts),
            n_leads=counts.shape[1],
            contact=False,  # a file does not prove electrode contact
            gap_cause="source" if after_hole else None,
            phone_at=create.started_at + timedelta(seconds=end / create.fs_hz),
            phone_mono_s=end / create.fs_hz,
        )
        body = encode_segment(header, counts)
        seq, self.n_segments = self.n_segments, self.n_segments + 1
        self.end_sample = end
        self.stored_samples += len(counts)
        return {
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


def _pieces(present: NDArray[np.bool_], step: int) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2).tolist():
        for first in range(start, stop, step):
            yield first, min(first + step, stop)


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
    packed: Packer,
    now: datetime,
    source: str,
    left_out: Sequence[str] = (),
) -> None:
    """Close an imported recording of which all segments are stored."""
    recording.next_seq = packed.n_segments
    recording.max_seq = packed.n_segments - 1
    recording.end_sample = packed.end_sample
    recording.stored_samples = packed.stored_samples
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
        detail={
            "source": source,
            "segments": packed.n_segments,
            "left_out": list(left_out),
        },
    )


def discard(session: Session, recording_id: str) -> None:
    """Leave nothing of an import that will not be finished."""
    recording = session.get(Recording, recording_id)
    if recording is None or recording.closed_at is not None:
        return
    session.execute(delete(Segment).where(col(Segment.recording_id) == recording_id))
    session.delete(recording)


def discard_stale(session: Session, now: datetime) -> None:
    """Remove imports that stopped half way and did not go on within `KEEP`."""
    stale = session.exec(
        select(Recording.id).where(
            col(Recording.closed_at).is_(None),
            col(Recording.serial).startswith(service.FILE_SERIAL),
            col(Recording.created_at) < now - KEEP,
        )
    ).all()
    for recording_id in stale:
        discard(session, recording_id)
