"""What the page says. `FamilyPage` is every fact it can ever show, each with its level.

Nothing here comes from a raw algorithm alarm: an open one only keeps the page from saying
that all is calm. Waveforms, diagnoses and drugs are on no level.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from clinic_server.alarms import standing
from clinic_server.analysis import service as analysis
from clinic_server.devices import service as devices
from clinic_server.family.models import FamilyLink, FamilyNotice
from clinic_server.patients import service as patients
from clinic_server.plans import service as plans
from clinic_server.plans.models import Task
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import TaskKind, TaskState

STALE_AFTER = timedelta(minutes=15)
"""The clinic raises its own technical alarm at the same age (alarm-rules.md, T1)."""
AHEAD = timedelta(days=120)
SHOWN_AHEAD = 3
_APPOINTMENTS = (TaskKind.REMOTE_CALL, TaskKind.CLINIC_VISIT, TaskKind.RETURN_DEVICE)


class Mood(StrEnum):
    """The one headline of the page."""

    CALM = "calm"
    """Fresh, contact proven, no Emergency or Urgent alarm open."""
    WORN = "worn"
    """Fresh, but something is open: neither alarm nor false comfort."""
    CONTACT = "contact"
    """Fresh, but the patch has no contact."""
    STALE = "stale"
    NOT_WORN = "not_worn"
    """No loan is running, or the patch has not sent yet."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a clinician released."""

    id: int
    text: str
    urgent: bool
    from_name: str
    at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class FamilyPage:
    """Every fact the page can ever show; nothing else leaves the server."""

    masked_name: str
    label: str
    level: int
    mood: Mood
    last_data_at: datetime | None
    age_s: float | None
    nurse_knows_at: datetime | None
    patient_phone: str
    notice: Notice | None
    fetched_at: datetime
    battery_pct: int | None
    """From level 2 on, like all below."""
    rate_bpm: tuple[int, int] | None
    """Lowest and highest minute of today, by the machine."""
    tasks_done: int
    tasks_today: int
    undone: int
    """Measurements of today whose time is over."""
    coming: tuple[tuple[TaskKind, datetime], ...]
    """Level 3: the next calls, visits and the return."""


def mask(name: str) -> str:
    """Hide the given name: 李秀英 becomes 李*英, "Li Xiuying" becomes "L. X."."""
    name = name.strip()
    if name.isascii():
        return " ".join(f"{part[0]}." for part in name.split()) or "—"
    if len(name) <= 2:
        return name[:1] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def page_for(
    session: Session, link: FamilyLink, zone: ZoneInfo, now: datetime
) -> FamilyPage:
    """Collect what the page says on this link's level."""
    patient = patients.patient_of_record(session, link.patient_id)
    issue = devices.open_issue_of(session, link.patient_id)
    recording = recordings.latest_for(session, link.patient_id) if issue else None
    last_at = reading.newest_sample_at(recording) if recording else None
    age = (now - last_at).total_seconds() if last_at else None
    contact = recording is not None and recording.last_contact
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    second, third = link.level >= 2, link.level >= 3
    phone = devices.phone_state(session, issue.id or 0) if issue and second else None
    today = _today(session, link, midnight, now) if second else []
    notice = notice_of(session, link.patient_id)
    mood = _mood(session, link.patient_id, age, contact)
    if mood is Mood.CALM and notice is not None and notice.urgent:
        mood = Mood.WORN  # a clinician asks them to act: not all is calm
    return FamilyPage(
        masked_name=mask(patient.name),
        label=link.label,
        level=link.level,
        mood=mood,
        last_data_at=last_at,
        age_s=age,
        nurse_knows_at=standing.silence_known_since(session, link.patient_id),
        patient_phone=patient.phone,
        notice=notice,
        fetched_at=now,
        battery_pct=phone.battery_pct if phone else None,
        rate_bpm=analysis.rate_range(session, recording, midnight)
        if recording and second
        else None,
        tasks_done=sum(task.state is TaskState.DONE for task in today),
        tasks_today=len(today),
        undone=sum(
            task.due_at <= now and task.state is not TaskState.DONE for task in today
        ),
        coming=_coming(session, link, now) if third else (),
    )


def _mood(session: Session, patient_id: int, age_s: float | None, contact: bool) -> Mood:
    if age_s is None:
        return Mood.NOT_WORN
    if age_s > STALE_AFTER.total_seconds():
        return Mood.STALE
    if not contact:
        return Mood.CONTACT
    return Mood.WORN if standing.has_open_alarm(session, patient_id) else Mood.CALM


def _today(
    session: Session, link: FamilyLink, midnight: datetime, now: datetime
) -> list[Task]:
    """Give what the wearer was to do today until now."""
    return [
        task
        for task in plans.tasks_of(session, link.patient_id, since=midnight, until=now)
        if task.kind in plans.DONE_IN_APP and task.opens_at >= midnight
    ]


def _coming(
    session: Session, link: FamilyLink, now: datetime
) -> tuple[tuple[TaskKind, datetime], ...]:
    ahead = plans.tasks_of(session, link.patient_id, since=now, until=now + AHEAD)
    return tuple(
        (task.kind, task.opens_at)
        for task in ahead
        if task.kind in _APPOINTMENTS and task.state is not TaskState.DONE
    )[:SHOWN_AHEAD]


def released(session: Session, patient_id: int) -> FamilyNotice | None:
    """Find what a clinician released and nobody has replaced."""
    return session.exec(
        select(FamilyNotice)
        .where(
            FamilyNotice.patient_id == patient_id, col(FamilyNotice.withdrawn_at).is_(None)
        )
        .order_by(col(FamilyNotice.id).desc())
    ).first()


def notice_of(session: Session, patient_id: int) -> Notice | None:
    """Give it with the name of who released it."""
    row = released(session, patient_id)
    if row is None:
        return None
    return Notice(
        id=row.id or 0,
        text=row.text,
        urgent=row.urgent,
        from_name=staff_service.staff_by_id(session, row.released_by).name,
        at=row.released_at,
        seen_at=row.seen_at,
    )
