"""What a step found, written in the caller's transaction: beats, episodes, minutes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from analytics.types import Beat, EpisodeEvent, LiveEvent
from analytics.vocabulary import Aami
from clinic_server.analysis.models import (
    AnalysedRange,
    AnalysisCursor,
    BeatChunk,
    EpisodeRow,
    MinuteTrend,
)
from clinic_server.analysis.reading import Span, merge

ALGORITHM = "live-2"
CHUNK_BEATS = 256
"""Beats per row: a row grows until then, so that a day is hundreds of rows."""
BEAT = np.dtype([("sample", "<i8"), ("aami", "u1"), ("flags", "u1"), ("rr_ms", "<f4")])
CLASSES = tuple(Aami)
REFRACTORY_S = 0.15
"""No heart beats twice within this time."""
WIDE, USABLE = 1, 2


def pack(beats: Sequence[Beat]) -> bytes:
    """Pack beats into 14 bytes each; the inverse of `unpack`."""
    rows = np.zeros(len(beats), BEAT)
    for i, one in enumerate(beats):
        rr_ms = np.nan if one.rr_ms is None else one.rr_ms
        flags = WIDE * one.wide + USABLE * one.usable
        rows[i] = (one.sample, CLASSES.index(one.aami), flags, rr_ms)
    return rows.tobytes()


def unpack(body: bytes) -> NDArray[np.void]:
    """Read packed beats.

    Returns
    -------
    structured ndarray
        ``sample``, ``aami`` (index of `CLASSES`), ``flags``, ``rr_ms`` (NaN: unknown).
    """
    return np.frombuffer(body, BEAT)


def without_echo(
    session: Session, recording_id: str, span: Span, fs: float, found: list[Beat]
) -> list[Beat]:
    """Leave out a beat that was stored by the step before, a few milliseconds elsewhere.

    Only at the seam of a restart, where the analysis warmed up anew can place the same
    beat differently.
    """
    body = session.exec(
        select(BeatChunk.body)
        .where(
            BeatChunk.recording_id == recording_id,
            # a step without beats leaves no row: the last one may lie further back
            col(BeatChunk.end_sample) > span[0] - round(10 * fs),
            col(BeatChunk.end_sample) <= span[0],
        )
        .order_by(col(BeatChunk.end_sample).desc())
    ).first()
    if body is None:
        return found
    last = int(unpack(body)["sample"][-1])
    return [one for one in found if one.sample > last + REFRACTORY_S * fs]


def write_beats(session: Session, recording_id: str, span: Span, found: list[Beat]) -> None:
    """Append beats; the row before grows when it ends where this span begins."""
    if not found:
        return
    last = session.exec(
        select(BeatChunk)
        .where(BeatChunk.recording_id == recording_id, BeatChunk.end_sample == span[0])
        .order_by(col(BeatChunk.id).desc())
    ).first()
    if last is not None and last.n_beats < CHUNK_BEATS:
        last.body += pack(found)
        last.n_beats += len(found)
        last.end_sample = span[1]
        session.add(last)
        return
    session.add(
        BeatChunk(
            recording_id=recording_id,
            # a beat is reported up to two seconds after it happened
            first_sample=min(span[0], found[0].sample),
            end_sample=span[1],
            n_beats=len(found),
            body=pack(found),
        )
    )


def write_episodes(
    session: Session, recording_id: str, events: Sequence[EpisodeEvent]
) -> None:
    """Open, update and close rows.

    An episode keeps its row when its onset moved because the analysis was restarted in
    the middle of it.
    """
    for event in events:
        found = event.episode
        row = _episode_row(session, recording_id, event)
        if row is None:
            row = EpisodeRow(
                recording_id=recording_id,
                rhythm=found.rhythm.value,
                onset_sample=found.onset_sample,
                confidence=found.confidence,
                algorithm=ALGORITHM,
            )
        row.offset_sample = found.offset_sample
        row.confidence = found.confidence
        row.evidence = dict(found.evidence)
        session.add(row)
        session.flush()


def _episode_row(
    session: Session, recording_id: str, event: EpisodeEvent
) -> EpisodeRow | None:
    found = event.episode
    same = select(EpisodeRow).where(
        EpisodeRow.recording_id == recording_id, EpisodeRow.rhythm == found.rhythm.value
    )
    row = session.exec(same.where(EpisodeRow.onset_sample == found.onset_sample)).first()
    if row is not None or event.phase == "opened":
        return row
    return session.exec(
        same.where(
            col(EpisodeRow.offset_sample).is_(None),
            col(EpisodeRow.onset_sample) <= found.onset_sample,
        ).order_by(col(EpisodeRow.onset_sample).desc())
    ).first()


def write_minutes(
    session: Session, recording_id: str, fs: float, found: Sequence[Beat]
) -> None:
    """Add beats to their minutes; rates are of trusted normal intervals."""
    minutes: dict[int, list[Beat]] = {}
    for one in found:
        minutes.setdefault(int(one.sample / fs / 60), []).append(one)
    for minute, beats in minutes.items():
        row = session.get(MinuteTrend, (recording_id, minute))
        if row is None:
            row = MinuteTrend(recording_id=recording_id, minute=minute)
        rates = [
            60_000.0 / b.rr_ms
            for b in beats
            if b.usable and b.rr_ms is not None and b.aami is Aami.N
        ]
        if rates:
            before = row.n_beats if row.mean_bpm is not None else 0
            total = (row.mean_bpm or 0.0) * before + sum(rates)
            row.mean_bpm = round(total / (before + len(rates)), 2)
            row.min_bpm = round(min([*rates, row.min_bpm or rates[0]]), 1)
            row.max_bpm = round(max([*rates, row.max_bpm or rates[0]]), 1)
        row.n_beats += len(beats)
        row.n_v += sum(b.aami is Aami.V for b in beats)
        row.n_s += sum(b.aami is Aami.S for b in beats)
        session.add(row)


def write_range(session: Session, recording_id: str, span: Span) -> None:
    """Note that stored samples have been analysed; touching stretches become one row."""
    rows = session.exec(
        select(AnalysedRange).where(
            AnalysedRange.recording_id == recording_id,
            col(AnalysedRange.first_sample) <= span[1],
            col(AnalysedRange.end_sample) >= span[0],
        )
    ).all()
    first = min([span[0], *(row.first_sample for row in rows)])
    end = max([span[1], *(row.end_sample for row in rows)])
    keep = (
        rows[0]
        if rows
        else AnalysedRange(recording_id=recording_id, first_sample=first, end_sample=end)
    )
    keep.first_sample, keep.end_sample = first, end
    session.add(keep)
    for row in rows[1:]:
        session.delete(row)


def analysed(session: Session, recording_id: str) -> list[Span]:
    """Give the stretches that have been analysed, merged and sorted."""
    rows = session.exec(
        select(AnalysedRange.first_sample, AnalysedRange.end_sample).where(
            AnalysedRange.recording_id == recording_id
        )
    ).all()
    return merge((first, end) for first, end in rows)


def split(
    events: Sequence[LiveEvent], first: int, end: int | None
) -> tuple[list[Beat], list[EpisodeEvent]]:
    """Take the beats and episodes that begin in ``[first, end)`` out of a step's events."""
    high = np.inf if end is None else end
    beats = [e for e in events if isinstance(e, Beat) and first <= e.sample < high]
    episodes = [
        e
        for e in events
        if isinstance(e, EpisodeEvent) and first <= e.episode.onset_sample < high
    ]
    return beats, episodes


def write_cursor(
    session: Session,
    recording_id: str,
    *,
    expected: int | None,
    sample: int,
    rule_state: dict[str, Any],
    values: dict[str, Any],
    now: datetime,
) -> bool:
    """Move a recording's cursor, if nobody else has moved it.

    Parameters
    ----------
    expected : int or None
        Where the step began; None: there was no cursor.
    values : dict
        Other columns of `AnalysisCursor` to set.

    Returns
    -------
    bool
        False: another process was here; nothing of this step may be written.
    """
    row = session.get(AnalysisCursor, recording_id, with_for_update=True)
    if (None if row is None else row.sample) != expected:
        return False
    if row is None:
        row = AnalysisCursor(recording_id=recording_id, algorithm=ALGORITHM, updated_at=now)
    row.sample = sample
    row.algorithm = ALGORITHM
    row.updated_at = now
    row.rule_state = rule_state
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    return True
