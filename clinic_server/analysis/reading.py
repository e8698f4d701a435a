"""From the recordings' disk to blocks: gaps kept, contact kept, millivolts."""

import itertools
from collections.abc import Iterable
from datetime import datetime

import numpy as np
from sqlalchemy import func
from sqlmodel import Session, col, select

from analytics.types import Block
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording, Segment

LEAD = 0
"""The live stream finds beats in the first lead; ST is measured in all of them."""
Span = tuple[int, int]


def blocks(session: Session, recording: Recording, first: int, end: int) -> list[Block]:
    """Read ``[first, end)`` as blocks that break at every gap and change of contact."""
    window = recordings_service.window(session, recording.id, first, end)
    if not window.present.any():
        return []
    mv = window.counts.astype(np.float64) / recording.gain_counts_per_mv
    kind = window.present.astype(np.int8) * (1 + window.contact.astype(np.int8))
    edges = np.flatnonzero(np.diff(kind)) + 1
    bounds = [0, *edges.tolist(), len(kind)]
    return [
        Block(first + low, mv[low:high], bool(window.contact[low]))
        for low, high in itertools.pairwise(bounds)
        if kind[low]
    ]


def received_at(session: Session, recording: Recording, sample: int) -> datetime | None:
    """When the segment with this sample was on disk; None when it is not."""
    return session.exec(
        select(func.min(Segment.received_at)).where(
            Segment.recording_id == recording.id,
            col(Segment.first_sample) <= sample,
            col(Segment.end_sample) > sample,
        )
    ).one()


def newest_receipt(session: Session, recording: Recording, span: Span) -> datetime | None:
    """When the last segment inside a stretch arrived."""
    return session.exec(
        select(func.max(Segment.received_at)).where(
            Segment.recording_id == recording.id,
            col(Segment.first_sample) < span[1],
            col(Segment.end_sample) > span[0],
        )
    ).one()


def subtract(spans: Iterable[Span], done: Iterable[Span]) -> list[Span]:
    """Take stretches away from stretches; both sorted and not overlapping."""
    left: list[Span] = []
    taken = list(done)
    for first, end in spans:
        position = first
        for low, high in taken:
            if high <= position or low >= end:
                continue
            if low > position:
                left.append((position, low))
            position = max(position, high)
        if position < end:
            left.append((position, end))
    return left


def merge(spans: Iterable[Span]) -> list[Span]:
    """Join stretches that touch or overlap; sorted."""
    merged: list[Span] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    return merged
