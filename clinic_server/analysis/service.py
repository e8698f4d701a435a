"""What the live analysis knows of a recording, for screens and reports."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session, col, func, select

from analytics.types import Beat
from clinic_server.analysis.models import AnalysisCursor, BeatChunk, EpisodeRow, MinuteTrend
from clinic_server.analysis.store import BEAT, CLASSES, USABLE, WIDE, unpack
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording


@dataclass(frozen=True, slots=True)
class LiveView:
    """The newest state of one recording.

    Attributes
    ----------
    heart_rate_bpm : float or None
        None: not known now (no beats, poor signal).
    rhythm : str
        A code of `analytics.vocabulary.Rhythm`; ``N`` says that nothing else was found;
        empty: not known yet.
    grade : str
        ``A``, ``B``, ``C`` or ``X`` of the last ten seconds; empty: not graded yet.
    analysed_to : datetime
        Time of the newest sample that was analysed.
    """

    recording_id: str
    heart_rate_bpm: float | None
    heart_rate_at: datetime | None
    rhythm: str
    grade: str
    contact: bool
    analysed_sample: int
    analysed_to: datetime
    updated_at: datetime


def live_view(session: Session, recording_id: str) -> LiveView | None:
    """Give the newest state; None before the first step."""
    cursor = session.get(AnalysisCursor, recording_id)
    if cursor is None:
        return None
    recording = recordings_service.recording_by_id(session, recording_id)
    beat = cursor.heart_rate_sample
    return LiveView(
        recording_id=recording_id,
        heart_rate_bpm=cursor.heart_rate_bpm,
        heart_rate_at=None
        if beat is None
        else recordings_service.sample_time(recording, beat),
        rhythm=cursor.rhythm,
        grade=cursor.grade,
        contact=cursor.contact,
        analysed_sample=cursor.sample,
        analysed_to=recordings_service.sample_time(recording, cursor.sample),
        updated_at=cursor.updated_at,
    )


def worst_lag_s(session: Session, patient_ids: Collection[int]) -> float | None:
    """Give the longest stretch stored but not yet analysed, of some patients' recordings.

    Returns
    -------
    float or None
        Seconds of ECG; None when nothing of theirs is being recorded.
    """
    seen = func.coalesce(col(AnalysisCursor.sample), 0)
    lag_s = (col(Recording.end_sample) - seen) / col(Recording.fs_hz)
    worst = session.exec(
        select(func.max(lag_s))
        .select_from(Recording)
        .join(
            AnalysisCursor,
            col(AnalysisCursor.recording_id) == col(Recording.id),
            isouter=True,
        )
        .where(
            col(Recording.closed_at).is_(None),
            Recording.end_sample > 0,
            col(Recording.patient_id).in_(patient_ids),
        )
    ).one()
    return None if worst is None else max(0.0, float(worst))


def beats_in(session: Session, recording_id: str, first: int, end: int) -> list[Beat]:
    """Give the live beats with ``first <= sample < end``, in order, each once."""
    rows = session.exec(
        select(BeatChunk.body).where(
            BeatChunk.recording_id == recording_id,
            col(BeatChunk.end_sample) > first,
            col(BeatChunk.first_sample) < end,
        )
    ).all()
    packed = np.concatenate([unpack(body) for body in rows] or [np.empty(0, BEAT)])
    inside = packed[(packed["sample"] >= first) & (packed["sample"] < end)]
    _, once = np.unique(inside["sample"], return_index=True)
    return [
        Beat(
            sample=int(row["sample"]),
            aami=CLASSES[int(row["aami"])],
            confidence=1.0,
            rr_ms=None if np.isnan(row["rr_ms"]) else round(float(row["rr_ms"]), 1),
            wide=bool(row["flags"] & WIDE),
            usable=bool(row["flags"] & USABLE),
        )
        for row in inside[once]
    ]


def trend(session: Session, recording_id: str, since: datetime) -> Sequence[MinuteTrend]:
    """Give the minutes from ``since`` on, in order."""
    recording = recordings_service.recording_by_id(session, recording_id)
    minute = int((since - recording.started_at) / timedelta(minutes=1))
    return session.exec(
        select(MinuteTrend)
        .where(MinuteTrend.recording_id == recording_id, MinuteTrend.minute >= minute)
        .order_by(col(MinuteTrend.minute))
    ).all()


def rate_range(
    session: Session, recording: Recording, since: datetime
) -> tuple[int, int] | None:
    """Give the lowest and the highest minute's mean rate from ``since`` on, in bpm."""
    minute = max(0, int((since - recording.started_at) / timedelta(minutes=1)))
    low, high = session.exec(
        select(func.min(MinuteTrend.mean_bpm), func.max(MinuteTrend.mean_bpm)).where(
            MinuteTrend.recording_id == recording.id, MinuteTrend.minute >= minute
        )
    ).one()
    return None if low is None or high is None else (round(low), round(high))


def episodes_in(
    session: Session, recording_id: str, first: int, end: int
) -> Sequence[EpisodeRow]:
    """Give the live episodes that touch ``[first, end)``, in order of onset."""
    return session.exec(
        select(EpisodeRow)
        .where(
            EpisodeRow.recording_id == recording_id,
            col(EpisodeRow.onset_sample) < end,
            col(EpisodeRow.offset_sample).is_(None)
            | (col(EpisodeRow.offset_sample) > first),
        )
        .order_by(col(EpisodeRow.onset_sample))
    ).all()
