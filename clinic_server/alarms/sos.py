"""The one button, and the events a patient may follow; never a diagnosis."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from clinic_server.alarms.log import append
from clinic_server.alarms.machine import Change
from clinic_server.alarms.models import Alarm, AlarmEvent, AlarmKind, Tier
from clinic_server.alarms.raising import raise_condition
from clinic_server.alarms.views import steps_of
from clinic_server.bounds import is_plausible
from clinic_server.consents import service as consents
from clinic_server.devices.models import Issue
from clinic_server.errors import Unavailable
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import OpenEvent, Sos
from clinic_server.wire.consent import Purpose

FOLLOWED = timedelta(hours=24)
"""A closed event stays visible to the patient this long."""
SOS_RULE = "E10"
_OPENED = ("acknowledged", "decided", "advised")
"""What the wearer sees as "a doctor has opened it"."""


def press(session: Session, issue: Issue, body: Sos, now: datetime) -> OpenEvent:
    """Raise an Emergency, exactly once per press.

    The recording and sample are kept when they are this loan's; whatever else is wrong
    with them, the alarm is raised. The same press sent again may say more, what is wrong
    or where the wearer is: the open alarm then carries it. A place is kept only with
    consent.
    """
    key = key_of(issue.id or 0, body.client_id)
    recording = None
    if body.recording_id is not None:
        known = recordings_service.recordings_of(session, issue.patient_id)
        recording = next((r for r in known if r.id == body.recording_id), None)
    plausible = is_plausible(body.pressed_at, now) and body.pressed_at <= now
    raise_condition(
        session,
        rule_id=SOS_RULE,
        code="alarms.sos",
        dedupe_key=key,
        patient_id=issue.patient_id,
        recording_id=recording.id if recording else None,
        onset_sample=body.sample if recording else None,
        onset_at=body.pressed_at if plausible else now,
        now=now,
        evidence=_said(session, issue, body),
    )
    alarm = session.exec(select(Alarm).where(Alarm.dedupe_key == key)).first()
    if alarm is None:
        raise Unavailable("alarms.sos_not_raised")
    _say_more(session, alarm, _said(session, issue, body), now)
    return open_event(session, alarm, now)


def _said(session: Session, issue: Issue, body: Sos) -> dict[str, Any]:
    """Give what the wearer said of the press; what was not said is left out."""
    said: dict[str, Any] = {"symptoms": list(body.symptoms)} if body.symptoms else {}
    agreed = consents.granted(session, issue.patient_id, Purpose.LOCATION)
    if body.place is not None and agreed:
        said["place"] = body.place.model_dump()
    return said


def key_of(issue_id: int, client_id: str) -> str:
    """Name one press of one loan."""
    return f"sos:{issue_id}:{client_id}"


def _say_more(session: Session, alarm: Alarm, said: dict[str, Any], now: datetime) -> None:
    """Keep what was said after the press; an empty choice takes nothing back."""
    new = {name: value for name, value in said.items() if alarm.evidence.get(name) != value}
    if alarm.closed_at is not None or not new:
        return
    alarm.evidence = dict(alarm.evidence) | new
    session.add(alarm)
    # the log is for ever: it says that a place came, not which
    told = new | ({"place": True} if "place" in new else {})
    append(session, alarm, [Change("updated", None, told)], now)


def open_event(session: Session, alarm: Alarm, now: datetime) -> OpenEvent:
    """Say where one alarm stands, as the patient sees it."""
    by_hand = alarm.rule == SOS_RULE
    first = _taken_up(session, alarm) if by_hand else None
    who = first.actor_id if first is not None else None
    return OpenEvent(
        alarm_id=alarm.id or 0,
        sos=by_hand,
        steps=steps_of(session, alarm, now),
        opened_at=first.at if first is not None else None,
        opened_by=staff_service.staff_by_id(session, who).name if who else "",
    )


def _taken_up(session: Session, alarm: Alarm) -> AlarmEvent | None:
    """Find when somebody first took a call up; the log knows it after it expired."""
    return session.exec(
        select(AlarmEvent)
        .where(AlarmEvent.alarm_id == alarm.id, col(AlarmEvent.kind).in_(_OPENED))
        .order_by(col(AlarmEvent.id))
        .limit(1)
    ).first()


def open_events(session: Session, patient_id: int, now: datetime) -> list[OpenEvent]:
    """Give the events a patient may follow: E and U of the heart, newest first."""
    rows = session.exec(
        select(Alarm)
        .where(
            Alarm.patient_id == patient_id,
            Alarm.kind == AlarmKind.PHYSIOLOGICAL,
            col(Alarm.tier).in_((Tier.EMERGENCY, Tier.URGENT)),
            or_(col(Alarm.closed_at).is_(None), col(Alarm.closed_at) > now - FOLLOWED),
        )
        .order_by(col(Alarm.id).desc())
        .limit(20)
    ).all()
    return [open_event(session, row, now) for row in rows]
