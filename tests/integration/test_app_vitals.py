"""Vital signs nobody asked for: kept once, judged like the others, done by doing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from clinic_server.alarms import measured
from clinic_server.alarms.models import Alarm
from clinic_server.plans.models import Plan, Task
from clinic_server.plans.own import MOST_A_DAY
from clinic_server.wire.care import TaskKind, TaskState
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward

PRESSURE = {"systolic_mmhg": 186, "diastolic_mmhg": 90}


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    return clinic.phone(ward.code)


def send(phone: Phone, ago_s: float = 0, **values: Any) -> Any:
    body = {"done_at": (NOW - timedelta(seconds=ago_s)).isoformat()} | values
    return phone.http.post("/api/me/measurements", json=body, headers=phone.headers)


def tasks(clinic: Clinic) -> list[Task]:
    with clinic.read() as session:
        return list(session.exec(select(Task).order_by(col(Task.id))).all())


def plan_a_window(clinic: Clinic, ward: Ward, opens_ago: timedelta) -> None:
    with clinic.write() as session:
        plan = Plan(
            patient_id=ward.patient_id,
            template="after_pci",
            starts_on=NOW.date(),
            prescribed_by=1,
            prescribed_at=NOW,
        )
        session.add(plan)
        session.flush()
        opens_at = NOW - opens_ago
        session.add(
            Task(
                plan_id=plan.id,
                patient_id=ward.patient_id,
                kind=TaskKind.VITALS,
                opens_at=opens_at,
                due_at=opens_at + timedelta(hours=1),
                grace_until=opens_at + timedelta(hours=2),
            )
        )


def test_it_is_kept_once_without_a_plan_and_raises_what_a_task_would_raise(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    assert send(phone, **PRESSURE).status_code == 201
    assert send(phone, **PRESSURE).json()["state"] == "done"
    (one,) = tasks(clinic)
    assert (one.plan_id, one.result) == (None, PRESSURE)
    with clinic.write() as session:
        measured.sweep(session, NOW)
        measured.sweep(session, NOW)
    with clinic.read() as session:
        alarms = session.exec(select(Alarm)).all()
    assert [(a.rule, a.code) for a in alarms] == [("U12", "alarms.vital_sbp")]
    doctor = clinic.sign_in("zhang")
    page = doctor.get(f"/console/patients/{ward.patient_id}/diary")
    assert (page.status_code, "186" in page.text) == (200, True)


def test_in_an_open_window_it_does_the_task_of_the_plan(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    plan_a_window(clinic, ward, timedelta(minutes=30))
    assert send(phone, **PRESSURE).status_code == 201
    (one,) = tasks(clinic)
    assert (one.plan_id is not None, one.state) == (True, TaskState.DONE)
    assert send(phone, 3 * 3600, weight_kg=70).status_code == 201
    assert [t.plan_id for t in tasks(clinic)][1:] == [None], "before the window"


@pytest.mark.parametrize(
    ("values", "ago_s", "code"),
    [
        ({}, 0, "plans.needs_values"),
        ({"recording_id": "r"}, 0, "plans.needs_values"),
        (PRESSURE, 500 * 86_400, "plans.time_implausible"),
    ],
)
def test_what_cannot_be_meant_is_refused(phone, values, ago_s, code):
    answer = send(phone, ago_s, **values)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_phone_that_lost_its_way_is_stopped(clinic, ward, phone):
    with clinic.write() as session:
        for minute in range(MOST_A_DAY):
            at = NOW - timedelta(minutes=minute + 1)
            session.add(
                Task(
                    patient_id=ward.patient_id,
                    kind=TaskKind.VITALS,
                    state=TaskState.DONE,
                    opens_at=at,
                    due_at=at,
                    grace_until=at,
                    done_at=at,
                )
            )
    assert send(phone, **PRESSURE).json()["code"] == "plans.too_many_measured"


def test_home_tells_the_limits_in_force(phone):
    home = phone.http.get("/api/me/home", headers=phone.headers).json()
    assert home["limits"]["systolic_high_mmhg"] == 180
