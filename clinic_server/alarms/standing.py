"""How a patient stands with respect to alarms, in one word, for pages without details."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.alarms.models import Alarm, AlarmKind, Tier


def has_open_alarm(session: Session, patient_id: int) -> bool:
    """Say whether an Emergency or Urgent alarm of the patient is open."""
    found = session.exec(
        select(Alarm.id)
        .where(
            Alarm.patient_id == patient_id,
            col(Alarm.closed_at).is_(None),
            col(Alarm.tier).in_([Tier.EMERGENCY, Tier.URGENT]),
        )
        .limit(1)
    ).first()
    return found is not None


def silence_known_since(session: Session, patient_id: int) -> datetime | None:
    """Say since when the clinic knows that the patient's data stand still."""
    return session.exec(
        select(Alarm.raised_at)
        .where(
            Alarm.patient_id == patient_id,
            col(Alarm.closed_at).is_(None),
            col(Alarm.cleared_at).is_(None),
            Alarm.kind == AlarmKind.TECHNICAL,
            Alarm.rule == "T1",
        )
        .order_by(col(Alarm.raised_at))
        .limit(1)
    ).first()


def alarms_of_recording(session: Session, recording_id: str) -> Sequence[Alarm]:
    """Give every alarm that was raised on a recording, in order of its event."""
    return session.exec(
        select(Alarm)
        .where(Alarm.recording_id == recording_id)
        .order_by(col(Alarm.onset_at))
    ).all()
