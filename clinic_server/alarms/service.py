"""What people do about alarms; raising is in `raising`, reading in `views`.

Every function works in the caller's transaction, appends its rows to the log and rings
``alarms`` after the commit.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from clinic_server.alarms.delivery import reached_console
from clinic_server.alarms.escalation import hand_over_message
from clinic_server.alarms.log import act, append
from clinic_server.alarms.machine import (
    FALSE_FINDINGS,
    NOT_REACHED,
    Acknowledge,
    Adjudicate,
    Change,
    Close,
    Decide,
    HandOver,
    Read,
    Snooze,
)
from clinic_server.alarms.models import (
    Adjudication,
    AdviceRow,
    Alarm,
    AlarmEvent,
    AlarmKind,
    Tier,
)
from clinic_server.alarms.raising import raise_, raise_condition, settle
from clinic_server.alarms.views import (
    AlarmView,
    advice_of,
    advice_on_phone,
    alarm_for,
    alarm_view,
    alarms_named,
    alarms_of_patient,
    closed_alarms,
    daily_waiting,
    events_after,
    events_of,
    last_closed_at,
    last_event_id,
    newest_of_kinds,
    open_alarms,
    open_ids,
    steps_of,
)
from clinic_server.errors import Conflict, Forbidden, NotFound, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import CaseVerb
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff
from clinic_server.wire.care import Opinion

__all__ = [
    "AlarmView",
    "acknowledge",
    "adjudicate",
    "advice_of",
    "advice_on_phone",
    "alarm_for",
    "alarm_view",
    "alarms_named",
    "alarms_of_patient",
    "close",
    "closed_alarms",
    "daily_waiting",
    "decide_and_advise",
    "events_after",
    "events_of",
    "hand_over",
    "last_closed_at",
    "last_event_id",
    "log_call",
    "mark_read",
    "newest_of_kinds",
    "note",
    "open_alarms",
    "open_ids",
    "raise_",
    "raise_condition",
    "reached_console",
    "register_critical_value",
    "settle",
    "snooze",
    "steps_of",
]

OUTCOMES = (
    "treated",
    "observed",
    "clinic_visit",
    "emergency",
    "false_alarm",
    "patient_fine",
    "not_reached",
    "equipment",
)
"""What an alarm can have come to; words in the locale files."""
SOS_RULE = "E10"
_TOLD = frozenset({"called", "critical_value"})
"""Changes that closing an Emergency asks for."""
CALLS = ("answered", "no_answer", "busy", "wrong_number")


def _for_action(session: Session, staff: Staff, alarm_id: int, now: datetime) -> Alarm:
    """Give an alarm to somebody who may act on it.

    Technicians look; an administrator handles only the plant's own alarms; a nurse
    acknowledges but only physicians decide (checked where it matters).
    """
    alarm = alarm_for(session, staff, alarm_id, now)
    physiological = alarm.kind is AlarmKind.PHYSIOLOGICAL
    if staff.role is Role.TECHNICIAN and physiological:
        raise Forbidden("staff.wrong_role")
    if staff.role is Role.ADMIN and alarm.patient_id is not None:
        raise Forbidden("staff.wrong_role")
    return alarm


def _physician(staff: Staff) -> None:
    if staff.role is not Role.PHYSICIAN:
        raise Forbidden("staff.wrong_role")


def acknowledge(
    session: Session,
    staff: Staff,
    alarm_id: int,
    now: datetime,
    minutes: int | None = None,
    instead_of: int | None = None,
) -> Alarm:
    """Take responsibility for this alarm, for a time; one's own is extended by it.

    Parameters
    ----------
    minutes : int, optional
        Shorter than the tier's time (E 15 min, U 4 h, D 24 h).
    instead_of : int, optional
        Whose acknowledgement is taken over, as this person saw it.

    Raises
    ------
    Conflict
        ``alarms.already_acknowledged`` (``by`` is the other person), ``alarms.closed``.
    Unprocessable
        ``alarms.minutes_not_allowed``.
    """
    alarm = _for_action(session, staff, alarm_id, now)
    act(session, alarm, Acknowledge(staff.id or 0, minutes, instead_of), now)
    return alarm


def hand_over(
    session: Session, staff: Staff, alarm_id: int, to_staff_id: int, now: datetime
) -> Alarm:
    """Offer responsibility to somebody, who is called at once and must acknowledge.

    Raises
    ------
    NotFound
        ``staff.unknown``, or the receiver may not see the patient.
    """
    alarm = _for_action(session, staff, alarm_id, now)
    receiver = staff_service.staff_by_id(session, to_staff_id)
    _for_action(session, receiver, alarm_id, now)
    act(session, alarm, HandOver(staff.id or 0, to_staff_id), now)
    hand_over_message(session, alarm, receiver, now)
    return alarm


def snooze(
    session: Session, staff: Staff, alarm_id: int, until: datetime, now: datetime
) -> Alarm:
    """Pause reminders of this rule for this patient; never of an Emergency."""
    alarm = _for_action(session, staff, alarm_id, now)
    act(session, alarm, Snooze(staff.id or 0, until), now)
    return alarm


def decide_and_advise(
    session: Session,
    staff: Staff,
    alarm_id: int,
    opinion: Opinion,
    within_days: int | None,
    text: str,
    now: datetime,
) -> AdviceRow:
    """Write an opinion and send it to the patient's inbox, in one step.

    Raises
    ------
    Forbidden
        ``staff.wrong_role``: only physicians decide.
    Unprocessable
        ``alarms.text_missing``, ``alarms.days_missing`` for a clinic visit without days,
        ``alarms.no_patient`` for an alarm of the plant.
    """
    _physician(staff)
    alarm = _for_action(session, staff, alarm_id, now)
    text = text.strip()
    if alarm.patient_id is None:
        raise Unprocessable("alarms.no_patient")
    if not text:
        raise Unprocessable("alarms.text_missing")
    if opinion is Opinion.CLINIC_VISIT and within_days is None:
        raise Unprocessable("alarms.days_missing")
    row = AdviceRow(
        patient_id=alarm.patient_id,
        alarm_id=alarm.id,
        kind="alarm",
        opinion=opinion.value,
        within_days=within_days,
        text=text,
        sent_by=staff.id or 0,
        sent_at=now,
    )
    session.add(row)
    session.flush()
    act(session, alarm, Decide(staff.id or 0, opinion.value, row.id), now)
    patients_service.record_case(
        session,
        alarm.patient_id,
        CaseVerb.ADVISE,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"alarm_id": alarm.id, "opinion": opinion.value},
    )
    return row


def mark_read(
    session: Session, patient_id: int, advice_id: int, reply: str | None, now: datetime
) -> AdviceRow:
    """Note that the patient has opened an answer, and what they said to it.

    Parameters
    ----------
    patient_id : int
        Of the phone that says so: another patient's answer is unknown to it.
    """
    row = session.get(AdviceRow, advice_id)
    if row is None or row.patient_id != patient_id:
        raise NotFound("alarms.advice_unknown")
    row.read_at = row.read_at or now
    row.reply = reply or row.reply
    session.add(row)
    session.flush()
    alarm = session.get(Alarm, row.alarm_id) if row.alarm_id else None
    if alarm is not None and alarm.answered_at is not None:
        act(session, alarm, Read(reply), now)
    return row


def adjudicate(
    session: Session, staff: Staff, alarm_id: int, finding: Adjudication, now: datetime
) -> Alarm:
    """Say what an alarm was; may be said again, also after closing."""
    alarm = _for_action(session, staff, alarm_id, now)
    act(session, alarm, Adjudicate(staff.id or 0, finding), now)
    return alarm


def close(
    session: Session,
    staff: Staff,
    alarm_id: int,
    outcome: str,
    now: datetime,
    *,
    patient_reached: bool | None = None,
) -> Alarm:
    """End an alarm with what it came to.

    Raises
    ------
    Unprocessable
        ``alarms.outcome_unknown``.
    Conflict
        ``alarms.close_needs_decision`` (E and U that were not found false),
        ``alarms.close_needs_reached`` (E: the patient has neither read nor been reached),
        ``alarms.close_needs_register`` (E of the ECG: no entry of critical values yet),
        ``alarms.close_needs_call`` (E, nobody reached: no call has been logged).
    """
    if outcome not in OUTCOMES:
        raise Unprocessable("alarms.outcome_unknown", outcome=outcome)
    alarm = _for_action(session, staff, alarm_id, now)
    told = [event for event in events_of(session, alarm_id) if event.kind in _TOLD]
    if _owes_register(alarm, told):
        raise Conflict("alarms.close_needs_register")
    calls = [event for event in told if event.kind == "called"]
    if alarm.tier is Tier.EMERGENCY and outcome == NOT_REACHED and not calls:
        raise Conflict("alarms.close_needs_call")
    if any(
        event.detail.get("outcome") == "answered"
        and event.detail.get("whom") in ("patient", "emergency_contact")
        for event in calls
    ):
        patient_reached = True
    act(session, alarm, Close(staff.id or 0, outcome, patient_reached), now)
    return alarm


def _owes_register(alarm: Alarm, told: Sequence[AlarmEvent]) -> bool:
    """Say whether a finding is a critical value that nobody has registered yet.

    A call for help is none: it is a person's word, no finding of the ECG.
    """
    critical = alarm.tier is Tier.EMERGENCY and alarm.kind is AlarmKind.PHYSIOLOGICAL
    if not critical or alarm.rule == SOS_RULE or alarm.adjudication in FALSE_FINDINGS:
        return False
    if alarm.decided_at is None or alarm.closed_at is not None:
        return False  # refused for that, first
    return not any(event.kind == "critical_value" for event in told)


def log_call(
    session: Session, staff: Staff, alarm_id: int, whom: str, outcome: str, now: datetime
) -> Alarm:
    """Note a telephone call for an alarm: to whom and what came of it.

    Parameters
    ----------
    whom : str
        ``patient``, ``emergency_contact`` or ``ambulance``.
    outcome : str
        Of `CALLS`.
    """
    if outcome not in CALLS or whom not in ("patient", "emergency_contact", "ambulance"):
        raise Unprocessable("alarms.call_unknown")
    alarm = _for_action(session, staff, alarm_id, now)
    detail = {"whom": whom, "outcome": outcome}
    append(session, alarm, [Change("called", staff.id, detail)], now)
    return alarm


def note(session: Session, staff: Staff, alarm_id: int, text: str, now: datetime) -> Alarm:
    """Write down what was done, for whoever looks next.

    Raises
    ------
    Unprocessable
        ``alarms.text_missing``.
    """
    if not text.strip():
        raise Unprocessable("alarms.text_missing")
    alarm = _for_action(session, staff, alarm_id, now)
    append(session, alarm, [Change("noted", staff.id, {"text": text.strip()})], now)
    return alarm


def register_critical_value(
    session: Session,
    staff: Staff,
    alarm_id: int,
    told: str,
    read_back: bool,
    now: datetime,
) -> Alarm:
    """Enter an Emergency into the critical-value register: who was told, and repeated it.

    The finding and its time are the alarm's own; `register.entries` exports the month.
    """
    alarm = _for_action(session, staff, alarm_id, now)
    if alarm.tier is not Tier.EMERGENCY:
        raise Unprocessable("alarms.not_critical")
    detail = {"told": told.strip()[:64], "read_back": read_back}
    append(session, alarm, [Change("critical_value", staff.id, detail)], now)
    return alarm


def audit_channel(session: Session, staff: Staff, name: str, now: datetime) -> None:
    """Note that the administrator set a way out of the house; the address stays secret."""
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action="notify.channel",
        object_kind="channel",
        object_id=name,
    )
