"""The duty roster over HTTP: set, seen, ended; nobody on duty is said plainly."""

import pytest

from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from tests import factories as make


@pytest.fixture
def people(clinic, ward):
    with clinic.write() as session:
        nurse = make.make_staff(session, "chen", Role.NURSE, phone="8021")
        make.make_staff(session, "root", Role.ADMIN)
    return nurse.id, clinic.sign_in("zhang"), clinic.sign_in("chen"), clinic.sign_in("root")


def duty(staff_id, starts="2026-11-23T15:00", ends="2026-11-24T08:00", step=1):
    return {"staff_id": staff_id, "step": step, "starts_at": starts, "ends_at": ends}


def test_a_duty_is_set_in_the_clinics_time_and_ends_early(clinic, ward, people):
    _, zhang, _, _ = people  # 16:00 in Shanghai
    assert "1st: nobody from today 16:00" in zhang.get("/console/roster").text
    answer = zhang.post("/console/roster", json=duty(ward.physician_id))
    assert answer.status_code == 204, answer.text
    page = zhang.get("/console/roster").text
    assert "until tomorrow 08:00" in page
    assert "Somebody is first on duty" in page
    with clinic.read() as session:
        assert staff_service.on_duty(session, clinic.clock.now)[1].name == "Zhang"
    number = page.split('data-end="')[1].split('"')[0]
    assert zhang.post(f"/console/roster/{number}/end").status_code == 204
    assert zhang.post(f"/console/roster/{number}/end").json()["code"] == "staff.duty_over"
    with clinic.read() as session:
        assert staff_service.on_duty(session, clinic.clock.now) == {}


def test_an_administrator_sets_duties_and_a_nurse_only_reads(clinic, ward, people):
    nurse_id, _, nurse, admin = people
    assert nurse.post("/console/roster", json=duty(nurse_id)).status_code == 403
    assert admin.post("/console/roster", json=duty(nurse_id)).status_code == 204
    page = nurse.get("/console/roster").text
    assert "8021" in page
    assert 'id="set-duty"' not in page


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2026-11-24T08:00", "2026-11-23T08:00"),
        ("0001-01-01T00:00", "9999-12-31T23:59"),
        ("2026-11-23T08:00Z", "2026-11-24T08:00Z"),
    ],
)
def test_impossible_times_are_refused(clinic, ward, people, starts, ends):
    _, zhang, _, _ = people
    answer = zhang.post("/console/roster", json=duty(ward.physician_id, starts, ends))
    assert answer.status_code == 422


def test_days_beyond_the_calendar_are_refused_everywhere(clinic, ward, people):
    _, zhang, _, _ = people
    plan = f"/console/patients/{ward.patient_id}/plan"
    for day in ("9999-12-31", "0001-01-01"):
        body = {"template": "after_pci", "starts_on": day}
        assert zhang.post(plan, json=body).status_code == 422
        assert zhang.get(f"{plan}-preview", params=body).status_code == 422
