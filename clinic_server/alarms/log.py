"""Between the row and the pure state: load, apply, write back, append to the log."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlmodel import Session

from clinic_server.alarms.machine import Action, AlarmState, Change, apply
from clinic_server.alarms.models import Alarm, AlarmEvent
from clinic_server.db import ring_after_commit
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service

TOPIC = "alarms"
_COLUMNS = tuple(f.name for f in fields(AlarmState))
_UNAUDITED = frozenset({"notified", "grouped", "delivered", "updated"})
"""Steps of the machine itself: `AlarmEvent` is their record, the audit is for people."""


def state_of(alarm: Alarm) -> AlarmState:
    """Read the deciding columns of a row."""
    values = {name: getattr(alarm, name) for name in _COLUMNS}
    values["policy"] = tuple(alarm.policy)
    return AlarmState(**values)


def is_synthetic(session: Session, alarm: Alarm) -> bool:
    """Say whether an alarm is the canary's."""
    if alarm.patient_id is None:
        return False
    return patients_service.patient_of_record(session, alarm.patient_id).synthetic


def append(
    session: Session, alarm: Alarm, changes: Iterable[Change], now: datetime
) -> list[AlarmEvent]:
    """Append changes to the log (and to the audit what people should be able to trace).

    What happens to the canary is in the log only: the audit is for ever, and made events
    every ten minutes would bury those of people.
    """
    made = is_synthetic(session, alarm)
    rows: list[AlarmEvent] = []
    for change in changes:
        row = AlarmEvent(
            alarm_id=alarm.id or 0,
            patient_id=alarm.patient_id,
            kind=change.kind,
            at=now,
            actor_id=change.actor_id,
            detail=dict(change.detail),
        )
        session.add(row)
        rows.append(row)
        if made or change.kind in _UNAUDITED:
            continue
        staff_service.audit(
            session,
            at=now,
            actor_kind="system" if change.actor_id is None else "staff",
            actor_id="" if change.actor_id is None else str(change.actor_id),
            action=f"alarms.{change.kind}",
            object_kind="alarm",
            object_id=str(alarm.id),
            patient_id=alarm.patient_id,
            detail=_audit_detail(change),
        )
    if rows:
        session.flush()
        ring_after_commit(session, TOPIC)
    return rows


def _audit_detail(change: Change) -> dict[str, Any]:
    return {k: v for k, v in change.detail.items() if v is not None}


def act(
    session: Session, alarm: Alarm, action: Action, now: datetime
) -> tuple[Change, ...]:
    """Apply an action to a row and append what it changed.

    Raises
    ------
    Conflict, Unprocessable
        As `machine.apply`; the row is then untouched.
    """
    before = state_of(alarm)
    after, changes = apply(before, action, now)
    for name in _COLUMNS:
        if name != "policy" and getattr(after, name) != getattr(before, name):
            setattr(alarm, name, getattr(after, name))
    session.add(alarm)
    append(session, alarm, changes, now)
    return changes
