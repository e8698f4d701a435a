"""Follow-up plans over HTTP and by the clock: prescribed, due, done, missed, called."""

from datetime import timedelta

import pytest

from clinic_server.staff.models import Role
from tests import factories as make


@pytest.fixture
def people(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
        make.make_staff(session, "stranger", Role.PHYSICIAN)
    return clinic.sign_in("zhang"), clinic.sign_in("chen"), clinic.sign_in("stranger")


def prescribe(browser, ward, starts_on="2026-11-23", template="after_pci"):
    return browser.post(
        f"/console/patients/{ward.patient_id}/plan",
        json={"template": template, "starts_on": starts_on},
    )


def vitals(clinic, **values):
    return {"done_at": clinic.clock.now.isoformat(), **values}


def test_a_prescribed_plan_appears_on_the_phone_with_its_windows(clinic, ward, people):
    assert prescribe(people[0], ward).status_code == 201
    phone = clinic.phone(ward.code)
    tasks = phone.http.get("/api/me/tasks", headers=phone.headers).json()
    first = next(task for task in tasks if task["kind"] == "vitals")
    # 08:00 in Shanghai on the day after
    assert first["opens_at"] == "2026-11-24T00:00:00Z"
    assert first["state"] == "planned"
    assert first["done_here"] is True
    assert any(t["kind"] == "holter_24h" and not t["done_here"] for t in tasks)


def test_a_task_is_refused_before_its_time_and_done_once(clinic, ward, people):
    prescribe(people[0], ward)
    phone = clinic.phone(ward.code)
    task = next(
        t
        for t in phone.http.get("/api/me/tasks", headers=phone.headers).json()
        if t["kind"] == "vitals"
    )
    path = f"/api/me/tasks/{task['id']}/done"
    early = phone.http.post(
        path, json=vitals(clinic, systolic_mmhg=128), headers=phone.headers
    )
    assert early.status_code == 409
    assert early.json()["code"] == "plans.not_yet_open"
    clinic.clock.forward(hours=17)
    clinic.tick("plans.sweep")
    empty = phone.http.post(path, json=vitals(clinic), headers=phone.headers)
    assert empty.status_code == 422
    done = phone.http.post(
        path, json=vitals(clinic, systolic_mmhg=128), headers=phone.headers
    )
    assert done.json()["state"] == "done"
    again = phone.http.post(
        path, json=vitals(clinic, systolic_mmhg=99), headers=phone.headers
    )
    assert again.json()["done_at"] == done.json()["done_at"]


def test_a_missed_task_reaches_the_nurse_and_leaves_when_it_arrives_late(
    clinic, ward, people
):
    prescribe(people[0], ward)
    phone = clinic.phone(ward.code)
    task = next(
        t
        for t in phone.http.get("/api/me/tasks", headers=phone.headers).json()
        if t["kind"] == "vitals"
    )
    clinic.clock.forward(hours=16 + 4, minutes=1)
    clinic.tick("plans.sweep")
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    page = nurse.http.get("/desk").text
    assert page.count("data-work=") == 1
    late = phone.http.post(
        f"/api/me/tasks/{task['id']}/done",
        json={
            "done_at": (clinic.clock.now - timedelta(hours=2)).isoformat(),
            "systolic_mmhg": 130,
        },
        headers=phone.headers,
    )
    assert late.json()["state"] == "done"
    assert "data-work=" not in nurse.http.get("/desk").text


def test_a_worklist_line_is_closed_once_with_an_outcome(clinic, ward, people):
    prescribe(people[0], ward)
    clinic.clock.forward(hours=24)
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    text = nurse.http.get("/desk").text
    item = text.split('data-work="')[1].split('"')[0]
    wrong = nurse.post(f"/desk/work/{item}/done", json={"outcome": "whatever"})
    assert wrong.status_code == 422
    assert (
        nurse.post(f"/desk/work/{item}/done", json={"outcome": "reached"}).status_code
        == 204
    )
    assert (
        nurse.post(f"/desk/work/{item}/done", json={"outcome": "reached"}).status_code
        == 409
    )


def test_another_teams_physician_cannot_prescribe(clinic, ward, people):
    assert prescribe(people[2], ward).status_code == 404


def test_an_unknown_template_is_refused_in_words(clinic, ward, people):
    answer = prescribe(people[0], ward, template="after_lunch")
    assert answer.status_code == 422
    assert answer.json()["title"] == "There is no such plan template"


def test_a_new_plan_ends_the_one_before(clinic, ward, people):
    prescribe(people[0], ward)
    prescribe(people[0], ward, template="after_infarction")
    phone = clinic.phone(ward.code)
    tasks = phone.http.get("/api/me/tasks", headers=phone.headers).json()
    assert len([t for t in tasks if t["kind"] == "vitals"]) == 14
