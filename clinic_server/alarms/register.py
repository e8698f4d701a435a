"""What alarms amount to: the critical-value register, load, delays, predictive value."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel
from sqlmodel import Session, col, select

from clinic_server.alarms.machine import FALSE_FINDINGS
from clinic_server.alarms.models import Alarm, AlarmEvent, AlarmKind
from clinic_server.patients import service as patients_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff


class CriticalValue(BaseModel):
    """One line of the register."""

    alarm_id: int
    patient_mrn: str
    rule: str
    code: str
    found_at: AwareDatetime
    reported_at: AwareDatetime
    reported_by: str
    told: str
    read_back: bool


class RuleRecord(BaseModel):
    """How one rule has done: adjudicated alarms only."""

    rule: str
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
    per_100_patient_days: float
    rules: list[RuleRecord]
    to_raised: Percentiles
    """From the last needed sample on disk."""
    to_notified: Percentiles
    to_acknowledged: Percentiles
    to_answered: Percentiles
    to_read: Percentiles


def entries(
    session: Session, staff: Staff, month: str, now: datetime
) -> list[CriticalValue]:
    """Give the register of a month, oldest first.

    Parameters
    ----------
    month : str
        ``YYYY-MM``, UTC.
    """
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
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
            found_at=alarm.onset_at,
            reported_at=event.at,
            reported_by=staff_service.staff_by_id(session, event.actor_id or 0).name,
            told=str(event.detail.get("told", "")),
            read_back=bool(event.detail.get("read_back")),
        )
        for event, alarm in rows
    ]


def rule_records(alarms: Iterable[Alarm]) -> list[RuleRecord]:
    """Count per rule."""
    groups: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault(alarm.rule, []).append(alarm)
    records: list[RuleRecord] = []
    for rule, rows in sorted(groups.items()):
        judged = [row for row in rows if row.adjudication is not None]
        true = sum(row.adjudication not in FALSE_FINDINGS for row in judged)
        records.append(
            RuleRecord(
                rule=rule,
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
    patients = [p.id or 0 for p in patients_service.patients_of(session, staff, now)]
    rows = session.exec(
        select(Alarm).where(
            Alarm.raised_at > now - timedelta(days=days),
            col(Alarm.patient_id).in_(patients),
        )
    ).all()
    heart = [row for row in rows if row.kind is AlarmKind.PHYSIOLOGICAL]

    def delays(begin: str, end: str) -> Percentiles:
        pairs = [(getattr(row, begin), getattr(row, end)) for row in heart]
        return percentiles(
            [(b - a).total_seconds() for a, b in pairs if a is not None and b is not None]
        )

    return Statistics(
        days=days,
        per_100_patient_days=round(100 * len(rows) / max(1, len(patients) * days), 2),
        rules=rule_records(rows),
        to_raised=delays("received_at", "raised_at"),
        to_notified=delays("raised_at", "notified_at"),
        to_acknowledged=delays("raised_at", "acknowledged_at"),
        to_answered=delays("raised_at", "answered_at"),
        to_read=delays("answered_at", "read_at"),
    )
