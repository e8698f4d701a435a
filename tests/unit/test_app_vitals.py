"""Vital signs by hand: the clinic's limits say what to do, and nothing is lost offline."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.care import Care
from app.notebook import Notebook
from app.vitals import beyond
from clinic_server.alarms.limits import resolve
from clinic_server.alarms.measured import out_of_limits
from clinic_server.wire.care import TaskDone, VitalLimits

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
LIMITS = VitalLimits(
    systolic_low_mmhg=90,
    systolic_high_mmhg=180,
    spo2_low_pct=90,
    glucose_low_mmol_l=3.9,
    glucose_high_mmol_l=16.7,
    weight_gain_kg=2,
)


def measured(ago: timedelta = timedelta(0), **values: float) -> TaskDone:
    return TaskDone.model_validate({"done_at": NOW - ago} | values)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"systolic_mmhg": 179, "diastolic_mmhg": 80}, ()),
        ({"systolic_mmhg": 180, "diastolic_mmhg": 80}, ("systolic_high",)),
        ({"systolic_mmhg": 90, "diastolic_mmhg": 60}, ()),
        ({"systolic_mmhg": 89, "diastolic_mmhg": 60}, ("systolic_low",)),
        ({"spo2_pct": 90}, ()),
        ({"spo2_pct": 89}, ("spo2_low",)),
        ({"glucose_mmol_l": 3.8}, ("glucose_low",)),
        ({"glucose_mmol_l": 3.9}, ()),
        ({"glucose_mmol_l": 16.8}, ("glucose_high",)),
    ],
)
def test_the_phone_says_outside_exactly_where_the_clinic_is_told(values, found):
    done = measured(**values)
    assert beyond(done, LIMITS, []) == found
    at_clinic = out_of_limits(done.model_dump(exclude_none=True), resolve("default"))
    assert bool(at_clinic) is bool(found)


def test_without_limits_of_the_clinic_nothing_is_outside():
    assert beyond(measured(systolic_mmhg=240, diastolic_mmhg=80), None, []) == ()


def test_weight_is_held_against_the_lowest_of_three_days():
    before = [measured(timedelta(days=2), weight_kg=70), measured(weight_kg=71)]
    assert beyond(measured(weight_kg=71.9), LIMITS, before) == ()
    assert beyond(measured(weight_kg=72), LIMITS, before) == ("weight_up",)
    long_ago = [measured(timedelta(days=4), weight_kg=60)]
    assert beyond(measured(weight_kg=72), LIMITS, long_ago) == ()


class Clinic:
    """Takes measurements."""

    rehab_gate = None

    def __init__(self) -> None:
        self.taken: list[TaskDone] = []

    async def measured(self, done: TaskDone) -> None:
        self.taken.append(done)


def test_a_measurement_nobody_asked_for_waits_through_a_restart_and_goes_out_once(
    tmp_path: Path,
) -> None:
    clinic: Any = Clinic()
    spool: Any = None
    done = measured(systolic_mmhg=128, diastolic_mmhg=80)

    def care() -> Care:
        notebook = Notebook(tmp_path / "notebook.sqlite")
        return Care(notebook, spool, clinic, lambda: NOW, ZoneInfo("UTC"))

    care().measured(done)
    again = care()
    assert (again.vitals.entries(), again.vitals_wait()) == ([done], True)
    asyncio.run(again.send_messages())
    asyncio.run(again.send_messages())
    assert (clinic.taken, again.vitals_wait()) == ([done], False)
