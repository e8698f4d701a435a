"""Diary entries: kept once, placed on the trace, grave ones raise the alarm E10."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_server.alarms import sos
from clinic_server.alarms.models import Alarm
from clinic_server.bounds import is_plausible
from clinic_server.devices.models import Issue
from clinic_server.diary.models import DiaryEntry
from clinic_server.errors import Unprocessable
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import EventMark, Recording
from clinic_server.staff.audit import audit
from clinic_server.wire.care import Sos
from clinic_server.wire.diary import DiaryEntryView, DiaryNote, Symptom

PLACED_WITHIN = timedelta(days=7)
"""How long an entry waits for the recording that it names."""
_GRAVEST = (
    Symptom.SYNCOPE,
    Symptom.CHEST_PAIN,
    Symptom.DYSPNOEA,
    Symptom.PALPITATIONS,
    Symptom.DIZZY,
    Symptom.OTHER,
)


def note(session: Session, issue: Issue, body: DiaryNote, now: datetime) -> DiaryEntry:
    """Keep an entry; the same one sent again changes nothing.

    Raises
    ------
    Unprocessable
        ``diary.time_implausible``.
    """
    if not all(is_plausible(at, now) for at in (body.first_at, body.noted_at)):
        raise Unprocessable("diary.time_implausible")
    known = session.exec(
        select(DiaryEntry).where(
            DiaryEntry.issue_id == issue.id, DiaryEntry.client_id == body.client_id
        )
    ).first()
    if known is not None:
        return known
    entry = DiaryEntry(
        patient_id=issue.patient_id,
        issue_id=issue.id or 0,
        received_at=now,
        grave=body.grave,
        symptoms=[symptom.value for symptom in body.symptoms],
        **body.model_dump(exclude={"symptoms"}),
    )
    session.add(entry)
    session.flush()
    place(session, entry, now)
    if body.grave:
        _call_for_help(session, issue, body, now)
    audit(
        session,
        at=now,
        actor_kind="phone",
        actor_id=issue.id or 0,
        action="diary.note",
        object_kind="diary_entry",
        object_id=entry.id or 0,
        patient_id=issue.patient_id,
        detail={"grave": body.grave},
    )
    return entry


def _call_for_help(session: Session, issue: Issue, body: DiaryNote, now: datetime) -> None:
    """Raise E10; a call for help with the same number is the same alarm."""
    call = Sos(
        client_id=body.client_id,
        pressed_at=body.noted_at,
        recording_id=body.recording_id,
        sample=body.sample,
        symptoms=[symptom.value for symptom in body.symptoms],
    )
    sos.press(session, issue, call, now)


def place(session: Session, entry: DiaryEntry, now: datetime) -> bool:
    """Mark the moment on the recording it lies on, if that recording is here yet.

    Returns
    -------
    bool
        Whether the entry is on a trace.
    """
    if entry.mark_id is not None:
        return True
    found = _on_recording(session, entry)
    if found is None:
        return False
    recording, first, end = found
    mark = EventMark(
        recording_id=recording.id,
        sample=(first + end) // 2,
        kind=next(s.value for s in _GRAVEST if s.value in entry.symptoms),
        detail={
            "diary_entry_id": entry.id,
            "symptoms": entry.symptoms,
            "window_first_sample": first,
            "window_end_sample": end,
        },
        created_at=now,
    )
    session.add(mark)
    session.flush()
    entry.mark_id = mark.id
    session.add(entry)
    return True


def _on_recording(session: Session, entry: DiaryEntry) -> tuple[Recording, int, int] | None:
    """Find the recording of this loan that covers the middle of the window."""
    middle = entry.first_at + (entry.last_at - entry.first_at) / 2
    mine = [
        recording
        for recording in recordings.recordings_of(session, entry.patient_id)
        if recording.issue_id == entry.issue_id
    ]
    for recording in mine:
        offset = 0
        if recording.id == entry.recording_id and entry.sample is not None:
            # the sample clock is truer than the clock on the wall
            offset = entry.sample - recordings.sample_at(recording, entry.noted_at)
        first, end, at = (
            max(0, recordings.sample_at(recording, moment) + offset)
            for moment in (entry.first_at, entry.last_at, middle)
        )
        newest = recording.end_sample
        if recording.id == entry.recording_id and entry.sample is not None:
            newest = max(newest, entry.sample)
        if middle >= recording.started_at and at <= newest:
            return recording, min(first, newest), min(end, newest)
    return None


def place_waiting(session: Session, now: datetime) -> int:
    """Place entries whose recording has arrived since; give how many."""
    waiting = session.exec(
        select(DiaryEntry)
        .where(
            col(DiaryEntry.mark_id).is_(None),
            col(DiaryEntry.received_at) > now - PLACED_WITHIN,
        )
        .limit(200)
    ).all()
    return sum(place(session, entry, now) for entry in waiting)


def entries_of(session: Session, patient_id: int) -> Sequence[DiaryEntry]:
    """Give a patient's entries, newest first."""
    return session.exec(
        select(DiaryEntry)
        .where(DiaryEntry.patient_id == patient_id)
        .order_by(col(DiaryEntry.noted_at).desc())
        .limit(100)
    ).all()


def view(session: Session, entry: DiaryEntry, now: datetime) -> DiaryEntryView:
    """Say an entry as the phone shows it."""
    event = None
    if entry.grave:
        key = sos.key_of(entry.issue_id, entry.client_id)
        alarm = session.exec(select(Alarm).where(Alarm.dedupe_key == key)).first()
        event = None if alarm is None else sos.open_event(session, alarm, now)
    return DiaryEntryView(
        client_id=entry.client_id,
        noted_at=entry.noted_at,
        first_at=entry.first_at,
        last_at=entry.last_at,
        symptoms=[Symptom(symptom) for symptom in entry.symptoms],
        note=entry.note,
        on_trace=entry.mark_id is not None,
        event=event,
    )
