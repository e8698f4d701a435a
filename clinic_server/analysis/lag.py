"""How far the live analysis is behind what has arrived; too far is an alarm of the plant.

A sample waits for its analysis from the moment it is on the clinic's disk. What a phone
sends late, from before the newest data, is backlog and not counted here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.analysis.models import AnalysisCursor
from clinic_server.db import Database
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording, Segment

BEHIND = timedelta(minutes=5)
SHARE = 0.95
"""Of the recordings that send; fewer than twenty: the slowest decides."""
FRESH = timedelta(hours=1)
CODE = "alarms.analysis_behind"


def sweep(db: Database, now: datetime) -> None:
    """Raise T5 while the analysis is behind, and end it when it has caught up."""
    with db.read() as session:
        late = behind(session, now)
        open_ = session.exec(_open()).first() is not None
    if (late > BEHIND) is open_:
        return
    with db.write() as session:
        if late > BEHIND:
            raise_condition(
                session,
                rule_id="T5",
                code=CODE,
                dedupe_key=f"behind:{now.isoformat()}",
                patient_id=None,
                onset_at=now - late,
                now=now,
                params={"seconds": round(late.total_seconds())},
            )
            return
        for alarm in session.exec(_open()):
            alarm.latching = False  # it has caught up: nothing is left to look at
            act(session, alarm, Clear(now), now)


def behind(session: Session, now: datetime) -> timedelta:
    """Give the wait of the slowest of the first 95 % of the recordings that send."""
    waits = [
        _wait(session, one, now)
        for one in recordings_service.open_recordings(session)
        if one.issue_id is not None
        and one.last_received_at is not None
        and now - one.last_received_at < FRESH
    ]
    return _percentile(waits)


def _percentile(waits: Sequence[timedelta]) -> timedelta:
    if not waits:
        return timedelta()
    ordered = sorted(waits)
    return ordered[min(len(ordered) - 1, int(SHARE * len(ordered)))]


def _wait(session: Session, recording: Recording, now: datetime) -> timedelta:
    cursor = session.get(AnalysisCursor, recording.id)
    done = cursor.sample if cursor else 0
    if recording.end_sample <= done:
        return timedelta()
    oldest = session.exec(
        select(func.min(Segment.received_at)).where(
            Segment.recording_id == recording.id, col(Segment.end_sample) > done
        )
    ).one()
    return timedelta() if oldest is None else max(timedelta(), now - oldest)


def _open() -> SelectOfScalar[Alarm]:
    return select(Alarm).where(Alarm.code == CODE, col(Alarm.closed_at).is_(None))
