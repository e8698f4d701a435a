"""Measurements the patient sends, and those that do not come: U12 and T6.

A sweep over rows: each measurement and each missed window is one occurrence, named by its
task, so that looking twice raises nothing twice.
"""

from collections import defaultdict
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
RAISED = 2 * LOOK_BACK
WEIGHT_WITHIN = timedelta(days=3)
Found = tuple[str, float]
"""Code of the finding and the value that is out of its limits."""


def sweep(session: Session, now: datetime) -> None:
    """Judge what was measured and what was missed in the last day."""
    taken: defaultdict[int, list[Task]] = defaultdict(list)
    for task in results.measured_since(session, now - LOOK_BACK - WEIGHT_WITHIN):
        taken[task.patient_id].append(task)
    limits = thresholds.limits_of_many(session, taken, now)
    for task in (one for theirs in taken.values() for one in theirs):
        if task.done_at is None or task.done_at <= now - LOOK_BACK:
            continue
        own = limits[task.patient_id]
        found = out_of_limits(task.result, own)
        gained_kg = _gained_kg(task, taken[task.patient_id])
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
        if one.result.get("weight_kg") is not None
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
    # a window missed within the day was raised within it: one query for all of them
    raised = {
        alarm.dedupe_key: alarm
        for alarm in session.exec(
            select(Alarm).where(Alarm.rule == "T6", col(Alarm.raised_at) > now - RAISED)
        )
    }
    for task in results.missed_since(session, now - LOOK_BACK):
        key = f"missed:{task.id}:{task.missed_at:%Y-%m-%dT%H:%M}"
        known = raised.get(key)
        if task.state is not TaskState.MISSED:
            if known is not None and known.cleared_at is None and known.closed_at is None:
                act(session, known, Clear(now), now)
        elif known is None:
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
