"""Made data do not grow for ever: the canary's old days are taken away, and only those.

Whatever refers to a recording or an alarm by its column goes with it, so that a table that
is added later cannot be forgotten here.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlmodel import Session

from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.tables import metadata

KEPT = timedelta(days=2)
"""Long enough to look at why a proof was missed."""


def sweep(session: Session, now: datetime) -> int:
    """Take away the oldest day of the canary that is past its time, if there is one.

    Returns
    -------
    int
        Recordings taken away: 0 or 1, so that no transaction becomes long.
    """
    canary = patients_service.synthetic_patient(session)
    if canary is None:
        return 0
    old = [
        recording.id
        for recording in recordings_service.recordings_of(session, canary.id or 0)
        if recordings_service.sample_time(recording, recording.end_sample) < now - KEPT
    ]
    if not old:
        return 0
    _forget(session, old[-1])
    return 1


def _forget(session: Session, recording_id: str) -> None:
    alarm, recording = metadata.tables["alarm"], metadata.tables["recording"]
    alarms = select(alarm.c.id).where(alarm.c.recording_id == recording_id)
    for table in reversed(metadata.sorted_tables):
        if table in (alarm, recording):
            continue
        if "alarm_id" in table.c:
            session.execute(delete(table).where(table.c.alarm_id.in_(alarms)))
        if "recording_id" in table.c:
            session.execute(delete(table).where(table.c.recording_id == recording_id))
    session.execute(delete(alarm).where(alarm.c.recording_id == recording_id))
    session.execute(delete(recording).where(recording.c.id == recording_id))
