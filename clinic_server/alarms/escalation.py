"""Who is called when: one step per sweep, its messages in the same transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import and_, case, or_
from sqlmodel import Session, col, select

from clinic_server.alarms.log import act, append
from clinic_server.alarms.machine import Change, Sweep
from clinic_server.alarms.models import Alarm, Tier
from clinic_server.db import Database
from clinic_server.notify import service as notify_service
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff

BATCH = 50
"""Alarms per sweep: bounds a transaction, not the work (`sweep_all` goes on)."""


def sweep(session: Session, now: datetime) -> int:
    """Move every alarm whose time has come by one step.

    Safe to run twice and on every node: an alarm that has been moved is no longer due.

    Returns
    -------
    int
        Alarms touched.
    """
    open_ = (col(Alarm.closed_at).is_(None), col(Alarm.decided_at).is_(None))
    due = session.exec(
        select(Alarm)
        .where(
            *open_,
            or_(
                col(Alarm.next_step_at) <= now,
                col(Alarm.ack_until) <= now,
                col(Alarm.snoozed_until) <= now,
                # further off than any step can be: the clock was set back
                and_(
                    col(Alarm.tier) == Tier.EMERGENCY,
                    col(Alarm.next_step_at) > now + timedelta(minutes=10),
                ),
                col(Alarm.next_step_at) > now + timedelta(hours=4),
            ),
        )
        .order_by(case((col(Alarm.tier) == Tier.EMERGENCY, 0), else_=1), col(Alarm.id))
        .limit(BATCH)
    ).all()
    touched = 0
    for alarm in due:
        touched += bool(advance(session, alarm, now))
    return touched


def sweep_all(db: Database, now: datetime) -> None:
    """Sweep until nothing is due, each batch on disk before the next begins."""
    touched = BATCH
    while touched == BATCH:
        with db.write() as session:
            touched = sweep(session, now)


def advance(session: Session, alarm: Alarm, now: datetime) -> bool:
    """Let time act on one alarm and queue what its new step owes.

    Returns
    -------
    bool
        Whether anything changed.
    """
    changes = act(session, alarm, Sweep(), now)
    for change in changes:
        if change.kind == "notified":
            _notify(session, alarm, change, now)
    return bool(changes)


def hand_over_message(session: Session, alarm: Alarm, to: Staff, now: datetime) -> None:
    """Queue the call to somebody who is offered an alarm."""
    _queue(session, alarm, 0, [to], now)


def people(session: Session, alarm: Alarm, to: Iterable[str], now: datetime) -> list[Staff]:
    """Resolve the roles of a step to persons, by the roster of this moment.

    A role that nobody fills falls to whoever is on duty, else to the attending physician:
    a step never calls nobody while somebody exists.
    """
    duty = staff_service.on_duty(session, now, _site(session, alarm))
    found: dict[int, Staff] = {}
    for role in to:
        for person in _fill(session, alarm, role, duty):
            found[person.id or 0] = person
    if not found:
        fallback = _fill(session, alarm, "attending", duty) or list(duty.values())
        found = {person.id or 0: person for person in fallback}
    return list(found.values())


def _site(session: Session, alarm: Alarm) -> int | None:
    if alarm.patient_id is None:
        return None
    return patients_service.patient_of_record(session, alarm.patient_id).site_id


def _fill(session: Session, alarm: Alarm, role: str, duty: dict[int, Staff]) -> list[Staff]:
    if role == "attending":
        if alarm.patient_id is None:
            return []
        patient = patients_service.patient_of_record(session, alarm.patient_id)
        attending = staff_service.staff_by_id(session, patient.attending_id)
        # one who has left answers no more: the step falls to whoever is on duty
        return [attending] if attending.active else []
    if role.startswith("duty:"):
        person = duty.get(int(role.removeprefix("duty:")))
        return [person] if person else []
    if role == "nurse":
        return [person for person in duty.values() if person.role is Role.NURSE]
    if role == "admin":
        return staff_service.administrators(session)
    return []  # call_list is telephone numbers


def _notify(session: Session, alarm: Alarm, change: Change, now: datetime) -> None:
    step, to = int(change.detail["step"]), list(change.detail["to"])
    staff = people(session, alarm, to, now)
    _queue(session, alarm, step, staff, now)
    if "call_list" in to:
        detail = {"step": step, "numbers": _numbers(session, alarm)}
        append(session, alarm, [Change("call_due", None, detail)], now)


def _numbers(session: Session, alarm: Alarm) -> list[str]:
    if alarm.patient_id is None:
        return []
    patient = patients_service.patient_of_record(session, alarm.patient_id)
    return [n for n in (patient.phone, patient.emergency_phone) if n]


def _queue(
    session: Session,
    alarm: Alarm,
    step: int,
    staff: Iterable[Staff],
    now: datetime,
) -> None:
    for person in staff:
        notify_service.owe(
            session,
            alarm_id=alarm.id,
            step=step,
            staff_id=person.id,
            # this step of this moment: a repeat after an expired acknowledgement is new
            occurrence=f"{alarm.id}:{step}:{now.isoformat()}",
            code=f"notify.alarm_{alarm.tier.value.lower()}",
            params={"number": alarm.id, "tier": alarm.tier.value},
            now=now,
        )
