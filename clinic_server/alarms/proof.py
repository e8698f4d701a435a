"""That the path to the inbox works: the canary's alarm, seen, closed, or missed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.alarms.log import act, append
from clinic_server.alarms.machine import Change, Clear
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.alarms.views import events_of, steps_of
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient

RULE = "E2"
PASSED = "canary"
STRAY = "canary_stray"
"""Another alarm than the one that was sent: closed too, proves nothing."""
GRACE = timedelta(seconds=90)
MISSING = "alarms.canary_missing"


@dataclass(frozen=True, slots=True)
class Proof:
    """When the path was last proven."""

    passed_at: datetime | None
    since: datetime
    """The canary exists since then."""


def newest(session: Session) -> Proof | None:
    """Say when the canary last passed; None while there is none."""
    patient = patients_service.synthetic_patient(session)
    if patient is None:
        return None
    return Proof(_passed_at(session, patient.id or 0), patient.created_at)


def _passed_at(session: Session, patient_id: int) -> datetime | None:
    return session.exec(
        select(func.max(Alarm.closed_at)).where(
            Alarm.patient_id == patient_id, Alarm.outcome == PASSED
        )
    ).one()


def is_waiting(session: Session, patient_id: int) -> bool:
    """Say whether an alarm of the canary is open."""
    return (
        session.exec(
            select(Alarm.id)
            .where(Alarm.patient_id == patient_id, col(Alarm.closed_at).is_(None))
            .limit(1)
        ).first()
        is not None
    )


def settle(
    session: Session, patient_id: int, expected: Callable[[int], bool], now: datetime
) -> bool:
    """Close the canary's alarms; True when one of them proves the path.

    Parameters
    ----------
    expected : callable
        Whether an onset (sample) is where the canary put its run.
    """
    rows = session.exec(
        select(Alarm).where(Alarm.patient_id == patient_id, col(Alarm.closed_at).is_(None))
    ).all()
    proven = False
    for alarm in rows:
        onset = alarm.onset_sample
        told = any(event.kind == "raised" for event in events_of(session, alarm.id or 0))
        passed = (
            alarm.rule == RULE
            and onset is not None
            and expected(onset)
            and told
            and bool(steps_of(session, alarm, now))
        )
        alarm.outcome = PASSED if passed else STRAY
        alarm.closed_at, alarm.next_step_at = now, None
        session.add(alarm)
        append(session, alarm, [Change("closed", None, {"outcome": alarm.outcome})], now)
        proven = proven or passed
    return proven


def is_overdue(
    session: Session,
    patient: Patient | None,
    since: datetime,
    every: timedelta,
    now: datetime,
) -> bool:
    """Say whether the canary should have passed, or its absence is still open."""
    if patient is None:
        return False
    return _late(session, patient, since, every, now) or bool(_missing(session))


def watch(
    session: Session, patient: Patient, since: datetime, every: timedelta, now: datetime
) -> None:
    """Raise T5 when the canary has not passed in time; end it when it has."""
    open_ = _missing(session)
    if not _late(session, patient, since, every, now):
        for alarm in open_:
            # T5 latches, because most plant faults need a look; a proven path needs none
            alarm.latching = False
            act(session, alarm, Clear(now), now)
        return
    if open_:
        return
    raise_condition(
        session,
        rule_id="T5",
        code=MISSING,
        dedupe_key=f"canary:{now.isoformat()}",
        patient_id=None,
        onset_at=now,
        now=now,
        params={"minutes": round(every.total_seconds() / 60)},
    )


def _late(
    session: Session, patient: Patient, since: datetime, every: timedelta, now: datetime
) -> bool:
    passed_at = _passed_at(session, patient.id or 0)
    began = max(t for t in (passed_at, since, patient.created_at) if t is not None)
    return now - began > every + GRACE


def _missing(session: Session) -> list[Alarm]:
    return list(
        session.exec(
            select(Alarm).where(Alarm.code == MISSING, col(Alarm.closed_at).is_(None))
        ).all()
    )
