"""Questions about stored recordings that later rooms ask: reports, the family page."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.recordings import service
from clinic_server.recordings.models import EventMark, Recording, Segment, SegmentConflict


def closed_recordings(session: Session) -> Sequence[Recording]:
    """Give every recording that is closed, oldest first."""
    return session.exec(
        select(Recording)
        .where(col(Recording.closed_at).is_not(None))
        .order_by(col(Recording.closed_at))
    ).all()


def latest_of_issues(session: Session, issue_ids: Collection[int]) -> dict[int, Recording]:
    """Give the newest recording of each of some loans, by loan."""
    newest = (
        select(
            Recording.id,
            func.row_number()
            .over(
                partition_by=col(Recording.issue_id),
                order_by=(col(Recording.created_at).desc(), col(Recording.id).desc()),
            )
            .label("age"),
        )
        .where(col(Recording.issue_id).in_(issue_ids))
        .subquery()
    )
    rows = session.exec(
        select(Recording).join(newest, newest.c.id == Recording.id).where(newest.c.age == 1)
    )
    return {row.issue_id: row for row in rows if row.issue_id is not None}


def seconds_of_issues(
    session: Session, issue_ids: Collection[int]
) -> dict[int, tuple[float, float]]:
    """Give what each loan has on disk and what its sample clocks ran, in seconds."""
    rows = session.exec(
        select(
            Recording.issue_id,
            func.sum(col(Recording.stored_samples) / col(Recording.fs_hz)),
            func.sum(col(Recording.end_sample) / col(Recording.fs_hz)),
        )
        .where(col(Recording.issue_id).in_(issue_ids))
        .group_by(col(Recording.issue_id))
    )
    return {loan: (float(stored), float(ran)) for loan, stored, ran in rows if loan}


def newest_sample_at(recording: Recording) -> datetime | None:
    """Say when the newest stored sample was taken; None before the first one."""
    if recording.end_sample <= 0:
        return None
    return service.sample_time(recording, recording.end_sample)


def marks_of(session: Session, recording_id: str) -> Sequence[EventMark]:
    """Give the moments somebody marked, in order of time."""
    return session.exec(
        select(EventMark)
        .where(EventMark.recording_id == recording_id)
        .order_by(col(EventMark.sample))
    ).all()


def mark_by_id(session: Session, mark_id: int) -> EventMark:
    """Give a marked moment."""
    return session.get_one(EventMark, mark_id)


def digest(session: Session, recording_id: str) -> str:
    """Hash all stored samples of a recording through their segments' own digests."""
    rows = session.exec(
        select(Segment.seq, Segment.sha256)
        .where(Segment.recording_id == recording_id)
        .order_by(col(Segment.seq))
    ).all()
    content = "\n".join(f"{seq} {sha256}" for seq, sha256 in rows)
    return hashlib.sha256(content.encode()).hexdigest()


def conflicts_since(
    session: Session, since: datetime
) -> Sequence[tuple[Recording, SegmentConflict]]:
    """Give uploads kept aside because their number had other content, oldest first."""
    return session.exec(
        select(Recording, SegmentConflict)
        .join(SegmentConflict, col(SegmentConflict.recording_id) == col(Recording.id))
        .where(SegmentConflict.received_at > since)
        .order_by(col(SegmentConflict.id))
    ).all()


def missing_numbers(session: Session, recording_id: str, before: datetime) -> list[int]:
    """Give the segment numbers not there although a later one arrived before a time.

    The first twenty: a long hole is one fault, not thousands.
    """
    # from the last number down: of a long recording only the last half hour is read
    newest = session.exec(
        select(Segment.seq)
        .where(Segment.recording_id == recording_id, Segment.received_at <= before)
        .order_by(col(Segment.seq).desc())
        .limit(1)
    ).first()
    if newest is None:
        return []
    here = (Segment.recording_id == recording_id, Segment.seq <= newest)
    if session.exec(select(func.count()).where(*here)).one() == newest + 1:
        return []
    stored = set(session.exec(select(Segment.seq).where(*here)).all())
    return [seq for seq in range(newest) if seq not in stored][:20]
