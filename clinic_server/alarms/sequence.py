"""A hole in the numbers of a recording's uploads that nobody fills: T4."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.db import Database
from clinic_server.recordings import reading
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording

PATIENCE = timedelta(minutes=30)
"""A phone sends the newest first; what is missing so long after is not on its way."""
CODE = "alarms.sequence_gap"
BATCH = 50
"""Recordings in one transaction: bounds how long a sample waits to be stored."""


def sweep(db: Database, now: datetime) -> None:
    """Look at every recording that is open; a hole that fills ends its alarm."""
    with db.read() as session:
        looked = [
            (one, reading.missing_numbers(session, one.id, now - PATIENCE))
            for one in recordings_service.open_recordings(session)
        ]
        told = set(
            session.exec(
                select(Alarm.recording_id).where(
                    Alarm.code == CODE, col(Alarm.closed_at).is_(None)
                )
            )
        )
    owed = [(one, missing) for one, missing in looked if missing or one.id in told]
    for first in range(0, len(owed), BATCH):
        with db.write() as session:
            for recording, missing in owed[first : first + BATCH]:
                if missing:
                    _raise(session, recording, missing, now)
                else:
                    _end(session, recording.id, now)


def _raise(
    session: Session, recording: Recording, missing: list[int], now: datetime
) -> None:
    raise_condition(
        session,
        rule_id="T4",
        code=CODE,
        dedupe_key=f"hole:{recording.id}:{missing[0]}",
        patient_id=recording.patient_id,
        recording_id=recording.id,
        onset_at=recording.last_received_at or now,
        now=now,
        params={"seq": missing[0], "count": len(missing)},
    )


def _end(session: Session, recording_id: str, now: datetime) -> None:
    for alarm in session.exec(
        select(Alarm).where(
            Alarm.recording_id == recording_id,
            Alarm.code == CODE,
            col(Alarm.closed_at).is_(None),
        )
    ):
        alarm.latching = False  # the hole is filled: nothing is left to look at
        act(session, alarm, Clear(now), now)
