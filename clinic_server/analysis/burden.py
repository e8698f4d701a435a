"""Share of each day in AF: a day unlike the week before (D1), a week of mostly AF (D2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import Session

from analytics.vocabulary import Rhythm
from clinic_server.alarms.raising import raise_condition
from clinic_server.analysis import service, store
from clinic_server.analysis.reading import merge
from clinic_server.db import Database
from clinic_server.devices import service as devices_service
from clinic_server.patients.service import alarm_files
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording

HIGH_PCT, LOW_PCT = 50.0, 25.0
DAYS = 7
CHANGE_PTS = 10.0
"""Percentage points by which the last day differs from the mean of the days before."""
LEAST_H = 12.0
"""Analysed hours without which a day has no burden."""
AF = (Rhythm.AFIB.value, Rhythm.AFL.value)
BATCH = 50
"""Alarms in one transaction: bounds how long a sample waits to be stored."""


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of one patient."""

    on: date
    analysed_h: float
    af_h: float

    @property
    def burden_pct(self) -> float | None:
        """Share of the analysed time; None when too little was analysed."""
        if self.analysed_h < LEAST_H:
            return None
        return 100.0 * self.af_h / self.analysed_h


def sweep(db: Database, now: datetime, zone: ZoneInfo) -> None:
    """Look at the last two weeks of every patient with a unit."""
    today = now.astimezone(zone).date()
    with db.read() as session:
        weeks = {
            issue.patient_id: burden_days(session, issue.patient_id, today, zone)
            for issue in devices_service.open_issues(session)
        }
        known = {number for number, (af, _) in alarm_files(session).items() if af}
    changed = {
        patient: (days[-1], *both)
        for patient, days in weeks.items()
        if patient in known and (both := change(days)) is not None
    }
    risen = {patient: days[-DAYS:] for patient, days in weeks.items() if rose(days)}
    owed = [partial(_tell_change, patient, *what) for patient, what in changed.items()]
    owed += [partial(_tell_rise, patient, week) for patient, week in risen.items()]
    for first in range(0, len(owed), BATCH):
        with db.write() as session:
            for tell in owed[first : first + BATCH]:
                tell(session, now, zone)


def _tell_change(
    patient_id: int,
    day: Day,
    before: float,
    after: float,
    session: Session,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    raise_condition(
        session,
        rule_id="D1",
        code="alarms.af_burden_change",
        dedupe_key=f"af_change:{patient_id}:{day.on:%Y-%m-%d}",
        patient_id=patient_id,
        onset_at=datetime.combine(day.on, time(), tzinfo=zone),
        now=now,
        params={"before": round(before), "percent": round(after)},
        evidence={"severity": abs(after - before)},
    )


def _tell_rise(
    patient_id: int, days: Sequence[Day], session: Session, now: datetime, zone: ZoneInfo
) -> None:
    shares = [day.burden_pct or 0.0 for day in days]
    raise_condition(
        session,
        rule_id="D2",
        code="alarms.af_burden",
        dedupe_key=f"af_burden:{patient_id}:{days[0].on:%Y-%m-%d}",
        patient_id=patient_id,
        onset_at=datetime.combine(days[0].on, time(), tzinfo=zone),
        now=now,
        params={"percent": round(sum(shares) / DAYS)},
        evidence={"severity": sum(shares) / DAYS},
    )


def change(days: Sequence[Day]) -> tuple[float, float] | None:
    """Give the mean of the week before and the last day, where they differ clearly."""
    last = days[-1].burden_pct if days else None
    before = [d.burden_pct for d in days[-DAYS - 1 : -1] if d.burden_pct is not None]
    if last is None or not before:
        return None
    usual = sum(before) / len(before)
    return (usual, last) if abs(last - usual) >= CHANGE_PTS else None


def rose(days: Sequence[Day]) -> bool:
    """Say whether the last seven days are above 50 % after days of 25 % or less.

    Parameters
    ----------
    days : sequence of Day
        The last fourteen complete days in order.
    """
    last = [day.burden_pct for day in days[-DAYS:]]
    before = [day.burden_pct for day in days[:-DAYS] if day.burden_pct is not None]
    if len(last) < DAYS or not before:
        return False
    high = all(share is not None and share > HIGH_PCT for share in last)
    return high and sum(before) / len(before) <= LOW_PCT


def burden_days(
    session: Session, patient_id: int, today: date, zone: ZoneInfo
) -> list[Day]:
    """Measure the fourteen days before ``today``."""
    first = today - timedelta(days=2 * DAYS)
    since = datetime.combine(first, time(), tzinfo=zone)
    recordings = [
        one
        for one in recordings_service.recordings_of(session, patient_id)
        if one.end_sample and recordings_service.sample_time(one, one.end_sample) > since
    ]
    done = [(one, store.analysed(session, one.id)) for one in recordings]
    af = [(one, _fibrillation(session, one)) for one in recordings]
    days = []
    for k in range(2 * DAYS):
        on = first + timedelta(days=k)
        begin = datetime.combine(on, time(), tzinfo=zone)
        end = datetime.combine(on + timedelta(days=1), time(), tzinfo=zone)
        hours = [
            sum(_inside_h(one, span, begin, end) for one, spans in rows for span in spans)
            for rows in (done, af)
        ]
        days.append(Day(on, *hours))
    return days


def _fibrillation(session: Session, recording: Recording) -> list[tuple[int, int]]:
    rows = service.episodes_in(session, recording.id, 0, recording.end_sample)
    return merge(
        (row.onset_sample, row.offset_sample or recording.end_sample)
        for row in rows
        if row.rhythm in AF
    )


def _inside_h(
    recording: Recording, span: tuple[int, int], begin: datetime, end: datetime
) -> float:
    low, high = (recordings_service.sample_time(recording, sample) for sample in span)
    return max(timedelta(), min(high, end) - max(low, begin)).total_seconds() / 3600
