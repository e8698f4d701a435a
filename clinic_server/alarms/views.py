"""What a screen needs of an alarm, ready to be sent; reading only."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from clinic_server.alarms.log import state_of
from clinic_server.alarms.machine import is_acknowledged
from clinic_server.alarms.models import (
    Adjudication,
    AdviceRow,
    Alarm,
    AlarmEvent,
    AlarmKind,
    Tier,
)
from clinic_server.alarms.steps import CONTEXT_S, SETTLED, seven_steps, stored_percent
from clinic_server.errors import NotFound
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.staff.models import Staff
from clinic_server.wire.care import Advice, Opinion, StepState

TIER_RANK = {Tier.EMERGENCY: 0, Tier.URGENT: 1, Tier.DAILY: 2}
State = Literal["raised", "acknowledged", "snoozed", "decided", "advised", "read", "closed"]


class AlarmView(BaseModel):
    """One alarm as a card or a page shows it; codes, no sentences."""

    id: int
    patient_id: int | None
    patient_name: str
    patient_mrn: str
    patient_place: int | None
    rule: str
    tier: Tier
    kind: AlarmKind
    code: str
    """Key of the sentence; its placeholders are ``params``."""
    params: dict[str, Any]
    evidence: dict[str, Any]
    latching: bool
    state: State
    recording_id: str | None
    onset_sample: int | None
    offset_sample: int | None
    onset_at: AwareDatetime
    received_at: AwareDatetime
    raised_at: AwareDatetime
    notified_at: AwareDatetime | None
    notified_step: int
    next_step_at: AwareDatetime | None
    """When the next person is called; None while somebody has acknowledged."""
    next_step_to: list[str]
    """Roles of the next step: ``attending``, ``duty:2``, ``call_list`` …"""
    acknowledged_at: AwareDatetime | None
    acknowledged_by: int | None
    acknowledged_by_name: str
    ack_until: AwareDatetime | None
    snoozed_until: AwareDatetime | None
    decided_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    read_at: AwareDatetime | None
    cleared_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    outcome: str
    adjudication: Adjudication | None
    group_id: int | None
    repeats: int
    steps: list[StepState]
    """Empty where only cards are wanted: a thousand cards need no strip's percentage."""


def alarm_for(session: Session, staff: Staff, alarm_id: int, now: datetime) -> Alarm:
    """Give an alarm to a person who may see its patient; the plant's own to everybody.

    Raises
    ------
    NotFound
        ``alarms.unknown``, also when the patient is somebody else's.
    """
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        raise NotFound("alarms.unknown")
    if alarm.patient_id is not None:
        try:
            patients_service.patient_for(session, staff, alarm.patient_id, now)
        except NotFound as error:
            raise NotFound("alarms.unknown") from error
    return alarm


def alarm_view(session: Session, staff: Staff, alarm_id: int, now: datetime) -> AlarmView:
    """Give one alarm with its seven steps.

    Raises
    ------
    NotFound
        As `alarm_for`.
    """
    alarm = alarm_for(session, staff, alarm_id, now)
    return _views(session, [alarm], now, steps=True)[0]


def open_alarms(session: Session, staff: Staff, now: datetime) -> list[AlarmView]:
    """Give every open alarm this person may see, without steps.

    Sorted as the inbox shows them: tier, nobody's before somebody's, oldest first.
    """
    query = select(Alarm).where(_seen_by(session, staff, now), _is_open())
    return _sorted(session.exec(query).all(), session, now)


def open_ids(session: Session, staff: Staff, now: datetime) -> list[int]:
    """Give the numbers of `open_alarms`, in no order."""
    query = select(Alarm.id).where(_seen_by(session, staff, now), _is_open())
    return [alarm_id or 0 for alarm_id in session.exec(query)]


def alarms_named(
    session: Session, staff: Staff, alarm_ids: Sequence[int], now: datetime
) -> list[AlarmView]:
    """Give those of these alarms that this person may see, without steps."""
    query = select(Alarm).where(_seen_by(session, staff, now), col(Alarm.id).in_(alarm_ids))
    return _sorted(session.exec(query).all(), session, now)


def closed_alarms(
    session: Session, staff: Staff, since: datetime, now: datetime
) -> list[AlarmView]:
    """Give what was closed since then, for "ended today", without steps."""
    query = select(Alarm).where(
        _seen_by(session, staff, now), col(Alarm.closed_at) >= since
    )
    return _sorted(session.exec(query).all(), session, now)


def last_closed_at(session: Session, staff: Staff, now: datetime) -> datetime | None:
    """Say when an alarm this person may see was closed last."""
    query = select(func.max(Alarm.closed_at)).where(_seen_by(session, staff, now))
    return session.exec(query).one()


def daily_waiting(session: Session, staff: Staff, now: datetime) -> int:
    """Count the open daily findings this person may see: what the digest holds."""
    query = (
        select(func.count())
        .select_from(Alarm)
        .where(
            _seen_by(session, staff, now),
            _is_open(),
            Alarm.tier == Tier.DAILY,
            Alarm.kind == AlarmKind.PHYSIOLOGICAL,
        )
    )
    return session.exec(query).one()


def alarms_of_patient(
    session: Session, staff: Staff, patient_id: int, now: datetime, limit: int = 50
) -> list[AlarmView]:
    """Give a patient's alarms, newest first, open and closed."""
    patients_service.patient_for(session, staff, patient_id, now)
    rows = session.exec(
        select(Alarm)
        .where(Alarm.patient_id == patient_id)
        .order_by(col(Alarm.id).desc())
        .limit(limit)
    ).all()
    return _views(session, rows, now)


def events_after(
    session: Session, staff: Staff, last_id: int, limit: int, now: datetime
) -> list[AlarmEvent]:
    """Give the numbered changes after ``last_id`` that this person may see.

    The stream of a page: start at `last_event_id`, then ask again with the id of the last
    row that was sent.
    """
    visible = [p.id or 0 for p in patients_service.patients_of(session, staff, now)]
    rows = session.exec(
        select(AlarmEvent)
        .where(
            col(AlarmEvent.id) > last_id,
            col(AlarmEvent.patient_id).is_(None) | col(AlarmEvent.patient_id).in_(visible),
        )
        .order_by(col(AlarmEvent.id))
        .limit(limit)
    )
    return list(rows.all())


def last_event_id(session: Session) -> int:
    """Give the number of the newest change of any alarm; 0 when there is none."""
    newest = session.exec(
        select(AlarmEvent.id).order_by(col(AlarmEvent.id).desc()).limit(1)
    ).first()
    return newest or 0


def events_of(session: Session, alarm_id: int) -> Sequence[AlarmEvent]:
    """Give the log of one alarm, oldest first; check the reader with `alarm_for`."""
    return session.exec(
        select(AlarmEvent)
        .where(AlarmEvent.alarm_id == alarm_id)
        .order_by(col(AlarmEvent.id))
    ).all()


def newest_of_kinds(
    session: Session, alarm_ids: Sequence[int], kinds: Iterable[str]
) -> dict[int, AlarmEvent]:
    """Give each alarm's newest change of these kinds; check the reader before."""
    newest = (
        select(func.max(AlarmEvent.id))
        .where(
            col(AlarmEvent.alarm_id).in_(alarm_ids), col(AlarmEvent.kind).in_(list(kinds))
        )
        .group_by(col(AlarmEvent.alarm_id))
    )
    rows = session.exec(select(AlarmEvent).where(col(AlarmEvent.id).in_(newest)))
    return {row.alarm_id: row for row in rows}


def advice_of(session: Session, patient_id: int, limit: int = 100) -> list[Advice]:
    """Give a patient's inbox, newest first."""
    rows = session.exec(
        select(AdviceRow, Staff)
        .join(Staff, col(Staff.id) == col(AdviceRow.sent_by))
        .where(AdviceRow.patient_id == patient_id)
        .order_by(col(AdviceRow.id).desc())
        .limit(limit)
    ).all()
    return [advice_on_phone(row, staff) for row, staff in rows]


def advice_on_phone(row: AdviceRow, staff: Staff) -> Advice:
    """Say one answer as the patient's app shows it."""
    return Advice.model_validate(
        {
            "id": row.id,
            "alarm_id": row.alarm_id,
            "kind": row.kind,
            "opinion": Opinion(row.opinion),
            "within_days": row.within_days,
            "text": row.text,
            "from_name": staff.name,
            "sent_at": row.sent_at,
            "read_at": row.read_at,
            "reply": row.reply,
        }
    )


def steps_of(session: Session, alarm: Alarm, now: datetime) -> list[StepState]:
    """Give the seven steps of one alarm."""
    recording = session.get(Recording, alarm.recording_id) if alarm.recording_id else None
    percent = 100
    onset = alarm.onset_sample
    if recording is not None and onset is not None and now - alarm.raised_at < SETTLED:
        reach = round(CONTEXT_S * recording.fs_hz)
        spans = recordings_service.spans(
            session, recording.id, max(0, onset - reach), onset + reach
        )
        percent = stored_percent(onset, recording.fs_hz, spans)
    since = recording.started_at if recording else None
    return seven_steps(alarm, percent, since, now)


def _seen_by(session: Session, staff: Staff, now: datetime) -> ColumnElement[bool]:
    """Give the condition: of a patient this person may see, or of the plant."""
    visible = [p.id or 0 for p in patients_service.patients_of(session, staff, now)]
    return col(Alarm.patient_id).is_(None) | col(Alarm.patient_id).in_(visible)


def _is_open() -> ColumnElement[bool]:
    return col(Alarm.closed_at).is_(None)


def _sorted(rows: Iterable[Alarm], session: Session, now: datetime) -> list[AlarmView]:
    return sorted(
        _views(session, list(rows), now),
        key=lambda v: (TIER_RANK[v.tier], v.state != "raised", v.onset_at, v.id),
    )


def _views(
    session: Session, rows: Sequence[Alarm], now: datetime, *, steps: bool = False
) -> list[AlarmView]:
    patients = {
        pid: patients_service.patient_of_record(session, pid)
        for pid in {row.patient_id for row in rows}
        if pid is not None
    }
    staff_ids = {row.acknowledged_by for row in rows if row.acknowledged_by is not None}
    people = {i: session.get(Staff, i) for i in staff_ids}
    return [
        _view(
            row,
            patients.get(row.patient_id or 0),
            people.get(row.acknowledged_by or 0),
            steps_of(session, row, now) if steps else [],
            now,
        )
        for row in rows
    ]


def _state(alarm: Alarm, now: datetime) -> State:
    if alarm.closed_at is not None:
        return "closed"
    if alarm.read_at is not None:
        return "read"
    if alarm.answered_at is not None:
        return "advised"
    if alarm.decided_at is not None:
        return "decided"
    if is_acknowledged(state_of(alarm), now):
        return "acknowledged"
    if alarm.snoozed_until is not None and alarm.snoozed_until > now:
        return "snoozed"
    return "raised"


def _view(
    alarm: Alarm,
    patient: Patient | None,
    holder: Staff | None,
    steps: list[StepState],
    now: datetime,
) -> AlarmView:
    values = alarm.model_dump(include=set(AlarmView.model_fields))
    step = alarm.notified_step
    following = alarm.policy[min(step, len(alarm.policy) - 1)] if alarm.policy else {}
    return AlarmView.model_validate(
        values
        | {
            "patient_name": patient.name if patient else "",
            "patient_mrn": patient.mrn if patient else "",
            "patient_place": patient.place if patient else None,
            "state": _state(alarm, now),
            "next_step_to": following.get("to", []) if alarm.next_step_at else [],
            "acknowledged_by_name": holder.name if holder else "",
            "steps": steps,
        }
    )
