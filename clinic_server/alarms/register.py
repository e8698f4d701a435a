"""What alarms amount to: the critical-value register, load, delays, predictive value."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel
from sqlmodel import Session, col, select

from clinic_server.alarms.machine import FALSE_FINDINGS
from clinic_server.alarms.models import Alarm, AlarmEvent, AlarmKind
from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff

LEAST_DAYS = 0.5
MONTH = r"^20\d{2}-(0[1-9]|1[0-2])$"


class CriticalValue(BaseModel):
    """One line of the register."""

    alarm_id: int
    patient_mrn: str
    rule: str
    code: str
    params: dict[str, Any]
    found_at: AwareDatetime
    reported_at: AwareDatetime
    reported_by: str
    told: str
    read_back: bool


class TrackRecord(BaseModel):
    """How one rule, unit or patient has done."""

    key: str
    """The rule, the unit's serial or the patient's number."""
    raised: int
    """Alarms, repeats not counted."""
    events: int
    """With repeats."""
    judged: int
    true: int
    ppv_pct: float | None
    """Of those judged; None when none was. Below 20 judged it says little."""


class Percentiles(BaseModel):
    """Seconds; None without any."""

    n: int
    p50_s: float | None
    p95_s: float | None
    max_s: float | None


class Statistics(BaseModel):
    """The last days in numbers."""

    days: int
    patients: int
    patient_days: float
    """Time recorded, by the ECG's own clock."""
    alarms: int
    per_100_patient_days: float | None
    """None below `LEAST_DAYS`: a rate of minutes says nothing."""
    rules: list[TrackRecord]
    units: list[TrackRecord]
    by_patient: list[TrackRecord]
    """Only of patients whom the reader may see."""
    to_screen: Percentiles
    """From the heart to the first screen or channel, of alarms that were not late."""
    to_raised: Percentiles
    """From the last needed sample on disk."""
    to_notified: Percentiles
    to_acknowledged: Percentiles
    to_answered: Percentiles
    to_read: Percentiles


def entries(
    session: Session, staff: Staff, month: str, zone: ZoneInfo, now: datetime
) -> list[CriticalValue]:
    """Give the register of a month, oldest first.

    Parameters
    ----------
    month : str
        ``YYYY-MM`` of the clinic's calendar.
    """
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    end = (first + timedelta(days=32)).replace(day=1)
    patients = {p.id: p for p in patients_service.patients_of(session, staff, now)}
    rows = session.exec(
        select(AlarmEvent, Alarm)
        .join(Alarm, col(Alarm.id) == col(AlarmEvent.alarm_id))
        .where(
            AlarmEvent.kind == "critical_value",
            AlarmEvent.at >= first,
            AlarmEvent.at < end,
            col(AlarmEvent.patient_id).in_(list(patients)),
        )
        .order_by(col(AlarmEvent.id))
    ).all()
    return [
        CriticalValue(
            alarm_id=alarm.id or 0,
            patient_mrn=patients[alarm.patient_id].mrn,
            rule=alarm.rule,
            code=alarm.code,
            params=dict(alarm.params),
            found_at=alarm.onset_at,
            reported_at=event.at,
            reported_by=staff_service.staff_by_id(session, event.actor_id or 0).name,
            told=str(event.detail.get("told", "")),
            read_back=bool(event.detail.get("read_back")),
        )
        for event, alarm in rows
    ]


def track_records(keyed: Iterable[tuple[str, Alarm]]) -> list[TrackRecord]:
    """Count per key: most alarms first."""
    groups: dict[str, list[Alarm]] = {}
    for key, alarm in keyed:
        groups.setdefault(key, []).append(alarm)
    records: list[TrackRecord] = []
    for key, rows in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        judged = [row for row in rows if row.adjudication is not None]
        true = sum(row.adjudication not in FALSE_FINDINGS for row in judged)
        records.append(
            TrackRecord(
                key=key,
                raised=len(rows),
                events=sum(row.repeats for row in rows),
                judged=len(judged),
                true=true,
                ppv_pct=round(100 * true / len(judged), 1) if judged else None,
            )
        )
    return records


def percentiles(seconds: Sequence[float]) -> Percentiles:
    """Give the middle, the slowest twentieth and the slowest (nearest rank)."""
    if not seconds:
        return Percentiles(n=0, p50_s=None, p95_s=None, max_s=None)
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return round(ordered[max(0, -(-round(share * 100) * len(ordered) // 100) - 1)], 3)

    return Percentiles(
        n=len(ordered), p50_s=rank(0.5), p95_s=rank(0.95), max_s=round(ordered[-1], 3)
    )


def statistics(session: Session, staff: Staff, days: int, now: datetime) -> Statistics:
    """Sum up the alarms of the last days of the patients a person may see."""
    patients = patients_service.ids_for_figures(session, staff, now)
    since = now - timedelta(days=days)
    rows = session.exec(
        select(Alarm).where(Alarm.raised_at > since, col(Alarm.patient_id).in_(patients))
    ).all()
    recorded, serials = _recorded(session, patients, since, now)
    seen = {p.id for p in patients_service.patients_of(session, staff, now)}
    heart = [row for row in rows if row.kind is AlarmKind.PHYSIOLOGICAL]

    def delays(begin: str, end: str) -> Percentiles:
        pairs = [(getattr(row, begin), getattr(row, end)) for row in heart]
        return percentiles(
            [(b - a).total_seconds() for a, b in pairs if a is not None and b is not None]
        )

    return Statistics(
        days=days,
        patients=len(patients),
        patient_days=round(recorded, 2),
        alarms=len(rows),
        per_100_patient_days=round(100 * len(rows) / recorded, 2)
        if recorded >= LEAST_DAYS
        else None,
        rules=track_records((row.rule, row) for row in rows),
        units=track_records(
            (serials[row.recording_id], row) for row in rows if row.recording_id in serials
        ),
        by_patient=track_records(
            (str(row.patient_id), row) for row in rows if row.patient_id in seen
        ),
        to_screen=percentiles(
            [
                (row.notified_at - row.onset_at).total_seconds()
                for row in heart
                if row.notified_at is not None and "late_s" not in row.evidence
            ]
        ),
        to_raised=delays("received_at", "raised_at"),
        to_notified=delays("raised_at", "notified_at"),
        to_acknowledged=delays("raised_at", "acknowledged_at"),
        to_answered=delays("raised_at", "answered_at"),
        to_read=delays("answered_at", "read_at"),
    )


def _recorded(
    session: Session, patients: Sequence[int], since: datetime, now: datetime
) -> tuple[float, dict[str, str]]:
    """Give the days recorded since then, and the unit of each recording."""
    days, serials = 0.0, {}
    for patient_id in patients:
        for one in recordings_service.recordings_of(session, patient_id):
            end = min(now, recordings_service.sample_time(one, one.end_sample))
            days += max(timedelta(), end - max(since, one.started_at)) / timedelta(days=1)
            serials[one.id] = one.serial
    return days, serials
