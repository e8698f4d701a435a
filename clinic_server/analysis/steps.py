"""One step of one recording: what to read, what it says, what is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from analytics.types import Beat, Block, EpisodeEvent, LiveEvent
from clinic_server.alarms import raising, stream, thresholds
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.rules_work import Context
from clinic_server.alarms.stream import Stream
from clinic_server.analysis import reading, store
from clinic_server.analysis.models import AnalysisCursor
from clinic_server.analysis.reading import Span
from clinic_server.analysis.vitals import Vitals, columns, follow
from clinic_server.db import ring_after_commit
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.rehab import service as rehab_service

STEP_S = 60.0
"""At most this much signal in one transaction."""
BEHIND_S = 300.0
"""A head further behind than this jumps to the newest data and owes the rest."""
AFTER_S = 45.0
"""Signal after an owed stretch, looked at so that what began in it can be told."""
TOPIC = "analysis"


@dataclass(frozen=True, slots=True)
class Task:
    """A recording as one round sees it."""

    recording: Recording
    limits: Limits
    context: Context
    cursor: AnalysisCursor | None
    spans: list[Span]
    """Stored stretches from the cursor on."""
    owed_samples: int
    """Stored samples that have not been analysed."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is kept in memory of a recording; it can be lost at any time."""

    stream: Stream
    cursor: int | None
    """Where the stored cursor stands; None: there is none."""
    vitals: Vitals = field(default_factory=Vitals)
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a step says about ``span``."""

    span: Span
    events: tuple[LiveEvent, ...]
    candidates: tuple[Candidate, ...]


def load(session: Session, recording_id: str, zone: ZoneInfo, now: datetime) -> Task:
    """Read what a round needs to know of a recording."""
    recording = recordings_service.recording_by_id(session, recording_id)
    patient = patients_service.patient_of_record(session, recording.patient_id)
    limits = thresholds.limits_for(session, patient, now)
    newest = recordings_service.sample_time(recording, recording.end_sample)
    cursor = session.get(AnalysisCursor, recording_id)
    done = store.analysed(session, recording_id)
    # values from here on: the snapshot ends before the step is written
    session.expunge(recording)
    if cursor is not None:
        session.expunge(cursor)
    return Task(
        recording=recording,
        limits=limits,
        context=_context(session, patient, recording, limits, zone, newest),
        cursor=cursor,
        spans=recordings_service.spans(
            session, recording_id, cursor.sample - 1 if cursor else 0
        ),
        owed_samples=recording.stored_samples - sum(end - first for first, end in done),
    )


def _context(
    session: Session,
    patient: Patient,
    recording: Recording,
    limits: Limits,
    zone: ZoneInfo,
    at: datetime,
) -> Context:
    known = thresholds.context_for(session, patient, limits, zone, at)
    return replace(
        known,
        lead_names=tuple(recording.lead_names),
        # a fast rate is the purpose of a permitted session
        in_session=rehab_service.exercising(session, patient.id or 0, at),
    )


def owed_spans(session: Session, task: Task) -> list[Span]:
    """Give the stored stretches behind the cursor that are owed, oldest first."""
    if task.cursor is None or task.owed_samples <= 0:
        return []
    stored = recordings_service.spans(session, task.recording.id, 0, task.cursor.sample)
    owed = reading.subtract(stored, store.analysed(session, task.recording.id))
    ends = [(first, min(end, task.cursor.sample)) for first, end in owed]
    return [(first, end) for first, end in ends if first < end]


def at_time(session: Session, task: Task, zone: ZoneInfo, at: datetime) -> Task:
    """Give a task the context of another time: a backlog from the night is night."""
    patient = patients_service.patient_of_record(session, task.recording.patient_id)
    context = _context(session, patient, task.recording, task.limits, zone, at)
    return replace(task, context=context)


def _fresh(task: Task, stored: dict[str, Any] | None = None) -> Stream:
    recording = task.recording
    return stream.start(
        recording.fs_hz,
        task.limits,
        stored,
        n_leads=len(recording.lead_names),
        measures_contact=recording.measures_contact,
    )


def revive(session: Session, task: Task) -> Head:
    """Make a head from the stored cursor: memory of the rules, analysis warmed up."""
    recording, cursor = task.recording, task.cursor
    stored = dict(cursor.rule_state) if cursor else None
    fresh = _fresh(task, stored)
    if cursor is None:
        return Head(fresh, None)
    first = cursor.sample - round(stream.WARM_S * recording.fs_hz)
    blocks = reading.blocks(session, recording, max(0, first), cursor.sample)
    return Head(stream.warm(fresh, blocks), cursor.sample, Vitals(grade=cursor.grade))


def head_step(session: Session, task: Task, head: Head) -> tuple[Head, Found | None]:
    """Take the next stretch of the newest data.

    Returns
    -------
    head : Head
        To be kept only once `write_head` has committed.
    found : Found or None
        None: the head is where the data ends.
    """
    recording = task.recording
    fs, (low, high) = recording.fs_hz, task.spans[-1]
    head = replace(head, stream=_with_limits(head.stream, task.limits))
    start = low if head.cursor is None else head.cursor
    behind = start < low or high - start > BEHIND_S * fs
    events: tuple[LiveEvent, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    if behind:
        start = max(start, low, high - round(STEP_S * fs))
        head, events, candidates = _jump(session, task, head, start)
    end = min(high, start + round(STEP_S * fs))
    if end <= start:
        return _finish(task, head, start)
    for block in reading.blocks(session, recording, start, end):
        running, heard, said = stream.advance(head.stream, block, task.context)
        head = replace(head, stream=running)
        events, candidates = events + heard, candidates + said
    head = replace(
        head,
        cursor=end,
        finished=False,
        vitals=follow(head.vitals, events, fs, end),
    )
    return head, Found((start, end), events, candidates)


def _with_limits(running: Stream, limits: Limits) -> Stream:
    return replace(running, rules=replace(running.rules, limits=limits))


def _jump(
    session: Session, task: Task, head: Head, start: int
) -> tuple[Head, tuple[LiveEvent, ...], tuple[Candidate, ...]]:
    """Leave the old place (what ran there ends with it) and warm up at the new one."""
    recording = task.recording
    ended, events, candidates = stream.finish(head.stream, task.context)
    fresh = replace(_fresh(task), rules=ended.rules)
    first = max(task.spans[-1][0], start - round(stream.WARM_S * recording.fs_hz))
    blocks = reading.blocks(session, recording, first, start) if first < start else []
    return replace(head, stream=stream.warm(fresh, blocks)), events, candidates


def _finish(task: Task, head: Head, end: int) -> tuple[Head, Found | None]:
    if task.recording.closed_at is None or head.finished or head.cursor is None:
        return head, None
    running, events, candidates = stream.finish(head.stream, task.context)
    head = replace(head, stream=running, finished=True)
    if not events:
        return head, None
    return head, Found((end, end), events, candidates)


def write_head(
    session: Session,
    task: Task,
    head: Head,
    expected: int | None,
    found: Found,
    now: datetime,
) -> bool:
    """Write a head step; all of it, or (somebody else was here) nothing."""
    recording = task.recording
    moved = store.write_cursor(
        session,
        recording.id,
        expected=expected,
        sample=head.cursor or 0,
        rule_state=head.stream.rules.to_json(),
        values=columns(head.vitals, recording.last_contact),
        now=now,
    )
    if moved:
        _write(session, recording, found, now)
    return moved


@dataclass(frozen=True, slots=True)
class Backfill:
    """The analysis of owed signal, kept in memory while it goes on without a break."""

    stream: Stream
    first: int
    """Where it began: what began earlier was told by somebody else."""
    position: int


def owed_step(
    session: Session, task: Task, running: Backfill | None, owed: Span
) -> tuple[Backfill, Found]:
    """Take one piece of an owed stretch; see `AFTER_S` for its end.

    The context is that of the signal's own time; alarms come out marked late.
    """
    recording = task.recording
    fs, (first, last) = recording.fs_hz, owed
    if running is None or running.position != first:
        fresh = _fresh(task)
        warm_from = max(0, first - round(stream.WARM_S * fs))
        blocks = reading.blocks(session, recording, warm_from, first)
        running = Backfill(stream.warm(fresh, blocks), first, first)
    end = min(last, first + round(STEP_S * fs))
    after = end + round(AFTER_S * fs) if end == last else end
    events: tuple[LiveEvent, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    current = running.stream
    kept = current
    for block in reading.blocks(session, recording, first, after):
        for part in _cut(block, end):
            current, heard, said = stream.advance(current, part, task.context)
            if part.first_sample < end:
                kept = current
            events, candidates = events + heard, candidates + said
    inside = tuple(c for c in candidates if running.first <= c.onset_sample < end)
    return Backfill(kept, running.first, end), Found((first, end), events, inside)


def _cut(block: Block, at: int) -> list[Block]:
    """Split a block at a sample inside it."""
    size = at - block.first_sample
    if not 0 < size < len(block.ecg_mv):
        return [block]
    return [
        Block(block.first_sample, block.ecg_mv[:size], block.contact),
        Block(at, block.ecg_mv[size:], block.contact),
    ]


def write_owed(session: Session, task: Task, found: Found, now: datetime) -> None:
    """Write a piece of backlog."""
    _write(session, task.recording, found, now)


def _write(session: Session, recording: Recording, found: Found, now: datetime) -> None:
    low, high = found.span
    margin = round(5 * recording.fs_hz)  # beats come up to 2 s after their sample
    beats = [e for e in found.events if isinstance(e, Beat) and low - margin <= e.sample]
    if low < high:
        store.write_range(session, recording.id, found.span)
        beats = [b for b in beats if b.sample < high]
    beats = store.without_echo(session, recording.id, found.span, recording.fs_hz, beats)
    store.write_beats(session, recording.id, found.span, beats)
    store.write_minutes(session, recording.id, recording.fs_hz, beats)
    episodes = [e for e in found.events if isinstance(e, EpisodeEvent)]
    store.write_episodes(session, recording.id, episodes)
    _alarms(session, recording, found.candidates, max(low, high - 1), now)
    ring_after_commit(session, TOPIC)


def _alarms(
    session: Session,
    recording: Recording,
    candidates: Sequence[Candidate],
    newest: int,
    now: datetime,
) -> None:
    for one in candidates:
        if one.phase != "raised":
            raising.settle(session, one, recording, now)
            continue
        needed = min(one.decided_sample, newest)
        received = reading.received_at(session, recording, needed)
        raising.raise_(session, one, recording, received or now, now)
