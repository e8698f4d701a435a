"""Clocks that disagree and uploads that contradict each other: T4, and T5 for our clock."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.alarms.steady import FOLLOW_S
from clinic_server.devices import service as devices_service
from clinic_server.devices.loans import phone_states
from clinic_server.recordings import reading

AHEAD_S, BEHIND_S = 2.0, 10.0
"""A report takes its time to travel, so that a clock looks late that is not; early it never
looks without being so."""
LOOK_BACK = timedelta(hours=24)
DRIFT = "alarms.clock_drift"
JUMP = "alarms.clock_jump"


def sweep(session: Session, now: datetime) -> None:
    """Look at the phones' clocks and at uploads kept aside."""
    enrolled = {
        issue.id or 0: issue
        for issue in devices_service.open_issues(session)
        if issue.enrolled_at is not None
    }
    for issue_id, phone in phone_states(session, enrolled).items():
        issue = enrolled[issue_id]
        off_s = (phone.phone_at - phone.reported_at).total_seconds()
        if off_s > AHEAD_S or off_s < -BEHIND_S:
            raise_condition(
                session,
                rule_id="T4",
                code=DRIFT,
                dedupe_key=f"drift:{issue.id}:{phone.reported_at:%Y-%m-%d}",
                patient_id=issue.patient_id,
                onset_at=phone.reported_at,
                now=now,
                params={"seconds": round(off_s)},
            )
    for recording, conflict in reading.conflicts_since(session, now - LOOK_BACK):
        raise_condition(
            session,
            rule_id="T4",
            code="alarms.segment_conflict",
            dedupe_key=f"conflict:{conflict.id}",
            patient_id=recording.patient_id,
            recording_id=recording.id,
            onset_at=conflict.received_at,
            now=now,
            params={"seq": conflict.seq},
        )


def own_clock(session: Session, offset_s: float, now: datetime) -> None:
    """Raise T5 while the system's clock has jumped away from the steady one.

    Parameters
    ----------
    offset_s : float
        Of `steady.SteadyClock`: how far the system's clock is ahead.
    """
    open_ = session.exec(
        select(Alarm).where(Alarm.code == JUMP, col(Alarm.closed_at).is_(None))
    ).all()
    if abs(offset_s) <= FOLLOW_S:
        for alarm in open_:
            alarm.latching = False
            act(session, alarm, Clear(now), now)
    elif not open_:
        raise_condition(
            session,
            rule_id="T5",
            code=JUMP,
            dedupe_key=f"jump:{now.isoformat()}",
            patient_id=None,
            onset_at=now,
            now=now,
            params={"seconds": round(offset_s)},
        )
