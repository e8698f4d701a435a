"""Questions about stored recordings that later rooms ask: reports, the family page."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

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
