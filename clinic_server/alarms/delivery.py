"""Alarms on their way out: the outbox is emptied, and what was taken is noted.

``notified_at`` of an alarm is the first moment at which its call reached somebody: the
event was written to the connected console of a person who was called, or a channel outside
accepted the message.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.alarms.log import append
from clinic_server.alarms.machine import Change
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.db import Database
from clinic_server.notify import channels
from clinic_server.notify import service as notify_service
from clinic_server.notify.service import Send


def deliver(db: Database, now: datetime, base_url: str, send: Send = channels.send) -> int:
    """Send what is owed; the tick behind the outbox.

    Killed between sending and writing that down, a message is sent once more: at most one
    duplicate per kill and channel, never a loss.

    Returns
    -------
    int
        Messages tried.
    """
    with db.read() as session:
        parcels = notify_service.due(session, now, base_url)

    def note(errors: Mapping[int, str]) -> None:
        with db.write() as session:
            _settle(session, errors, now)

    notify_service.send_all(parcels, send, note)
    return len(parcels)


def _settle(session: Session, errors: Mapping[int, str], now: datetime) -> None:
    settled = notify_service.settle(session, errors, now)
    _mark(session, sorted(settled.sent), "channel", now)
    for alarm_id in settled.exhausted:
        _next_step_now(session, alarm_id, now)
    if settled.exhausted and notify_service.all_failing(session):
        raise_condition(
            session,
            rule_id="T5",
            code="alarms.channels_down",
            dedupe_key=f"channels:{now:%Y-%m-%dT%H}",
            patient_id=None,
            onset_at=now,
            now=now,
        )


def reached_console(
    session: Session, staff_id: int, alarm_ids: Sequence[int], now: datetime
) -> int:
    """Note that alarms are on the connected screen of a person who was called for them.

    Called by the console's stream after it has written their events to the connection.

    Returns
    -------
    int
        Alarms that had not reached this screen before.
    """
    reached = notify_service.put_on_console(session, staff_id, alarm_ids, now)
    _mark(session, reached, "console", now)
    return len(reached)


def _mark(session: Session, alarm_ids: Sequence[int], via: str, now: datetime) -> None:
    if not alarm_ids:
        return
    rows = session.exec(
        select(Alarm).where(col(Alarm.id).in_(alarm_ids), col(Alarm.notified_at).is_(None))
    ).all()
    for alarm in rows:
        alarm.notified_at = now
        session.add(alarm)
        append(session, alarm, [Change("delivered", None, {"via": via})], now)


def _next_step_now(session: Session, alarm_id: int, now: datetime) -> None:
    """Do not wait for somebody whom no channel reaches: the next step is due."""
    alarm = session.get(Alarm, alarm_id)
    if alarm is None or alarm.notified_at is not None or alarm.next_step_at is None:
        return
    if alarm.notified_step < len(alarm.policy) and alarm.next_step_at > now:
        alarm.next_step_at = now
        session.add(alarm)
