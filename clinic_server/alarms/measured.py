"""Measurements the patient sends, and those that do not come: U12 and T6.

A sweep over rows: each measurement and each missed window is one occurrence, named by its
task, so that looking twice raises nothing twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from clinic_server.alarms import thresholds
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.plans import results
from clinic_server.plans.models import Task
from clinic_server.wire.care import TaskState

LOOK_BACK = timedelta(hours=24)
WEIGHT_WITHIN = timedelta(days=3)
Found = tuple[str, float]
"""Code of the finding and the value that is out of its limits."""


def sweep(session: Session, now: datetime) -> None:
    """Judge what was measured and what was missed in the last day."""
    limits: dict[int, Limits] = {}
    taken = results.measured_since(session, now - LOOK_BACK - WEIGHT_WITHIN)
    for task in taken:
        if task.done_at is None or task.done_at <= now - LOOK_BACK:
            continue
        if task.patient_id not in limits:
            limits |= thresholds.limits_of_many(session, [task.patient_id], now)
        own = limits[task.patient_id]
        found = out_of_limits(task.result, own)
        gained_kg = _gained_kg(task, taken)
        if gained_kg is not None and gained_kg >= own["weight_gain_kg"]:
            found.append(("alarms.vital_weight", gained_kg))
        for code, value in found:
            _raise(session, task, code, value, now)
    _missed(session, now)


def out_of_limits(result: Mapping[str, Any], limits: Limits) -> list[Found]:
    """Compare one set of vital signs with the patient's limits.

    Parameters
    ----------
    result : mapping
        Fields of `wire.care.TaskDone`; what was not measured is absent.
    limits : Limits
    """
    found: list[Found] = []
    systolic = result.get("systolic_mmhg")
    if systolic is not None and (
        systolic >= limits["sbp_high_mmhg"] or systolic < limits["sbp_low_mmhg"]
    ):
        found.append(("alarms.vital_sbp", float(systolic)))
    spo2 = result.get("spo2_pct")
    if spo2 is not None and spo2 < limits["spo2_low_pct"]:
        found.append(("alarms.vital_spo2", float(spo2)))
    glucose = result.get("glucose_mmol_l")
    if glucose is not None and not (
        limits["glucose_low_mmol_l"] <= glucose <= limits["glucose_high_mmol_l"]
    ):
        found.append(("alarms.vital_glucose", float(glucose)))
    return found


def _gained_kg(task: Task, taken: Sequence[Task]) -> float | None:
    """Weight over the lowest of the three days before."""
    now_kg = task.result.get("weight_kg")
    if now_kg is None or task.done_at is None:
        return None
    before = [
        float(one.result["weight_kg"])
        for one in taken
        if one.patient_id == task.patient_id
        and one.result.get("weight_kg") is not None
        and one.done_at is not None
        and task.done_at - WEIGHT_WITHIN <= one.done_at < task.done_at
    ]
    return round(float(now_kg) - min(before), 1) if before else None


def _raise(session: Session, task: Task, code: str, value: float, now: datetime) -> None:
    raise_condition(
        session,
        rule_id="U12",
        code=code,
        dedupe_key=f"{code}:{task.id}",
        patient_id=task.patient_id,
        onset_at=task.done_at or now,
        now=now,
        params={"value": round(value, 1)},
        evidence={"severity": value, "task_id": task.id},
    )


def _missed(session: Session, now: datetime) -> None:
    for task in results.missed_since(session, now - LOOK_BACK):
        key = f"missed:{task.id}:{task.missed_at:%Y-%m-%dT%H:%M}"
        if task.state is TaskState.MISSED:
            raise_condition(
                session,
                rule_id="T6",
                code=f"alarms.missed_{task.kind.value}",
                dedupe_key=key,
                patient_id=task.patient_id,
                onset_at=task.due_at,
                now=now,
                evidence={"task_id": task.id},
            )
            continue
        late = session.exec(
            select(Alarm).where(Alarm.dedupe_key == key, col(Alarm.cleared_at).is_(None))
        ).first()
        if late is not None and late.closed_at is None:
            act(session, late, Clear(now), now)
