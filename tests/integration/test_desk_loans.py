"""The desk over HTTP: reminders, silent and late units, certificates, labels."""

from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from clinic_server.desk.models import LoanReminder
from clinic_server.plans.models import WorkItem
from clinic_server.staff import audit
from clinic_server.staff.models import Role
from tests import factories as make


@pytest.fixture
def nurse(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    return lambda: clinic.sign_in("chen")


def at(clinic, year, month, day, hour=0, minute=0):
    clinic.clock.now = datetime(year, month, day, hour, minute, tzinfo=UTC)


def rungs(clinic):
    with clinic.read() as session:
        rows = session.exec(select(LoanReminder).order_by(col(LoanReminder.rung))).all()
    return [(row.rung, row.advice_id is not None) for row in rows]


def lines(clinic):
    with clinic.read() as session:
        rows = session.exec(select(WorkItem).order_by(col(WorkItem.id))).all()
    return [(row.kind.value, row.outcome, row.done_at is not None) for row in rows]


def test_reminders_climb_the_ladder_once_and_end_with_the_scan_only(clinic, ward, nurse):
    # due on 2026-12-07; ten in Shanghai is 02:00 UTC
    phone = clinic.phone(ward.code)
    at(clinic, 2026, 12, 4, 1, 59)
    clinic.tick("desk.remind")
    assert rungs(clinic) == []
    for day in (4, 6, 7):
        at(clinic, 2026, 12, day, 2, 1)
        clinic.tick("desk.remind")
        clinic.tick("desk.remind")
    assert rungs(clinic) == [(-3, True), (-1, True), (0, True)]
    inbox = phone.http.get("/api/me/inbox", headers=phone.headers).json()
    assert len(inbox) == 3
    assert "AX-0001" in inbox[0]["text"]
    read = phone.http.post(
        f"/api/me/inbox/{inbox[0]['id']}/read", json={}, headers=phone.headers
    )
    assert read.status_code == 200
    assert "Due day read" in nurse().get("/desk").text
    back = nurse().post(f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"})
    assert back.status_code == 200
    at(clinic, 2026, 12, 8, 3)
    clinic.tick("desk.remind")
    assert len(rungs(clinic)) == 3


def test_a_server_that_was_away_sends_the_newest_reminder_only(clinic, ward):
    at(clinic, 2026, 12, 8, 3)
    clinic.tick("desk.remind")
    assert rungs(clinic) == [(-3, False), (-1, False), (0, False), (1, True)]
    with clinic.read() as session:
        assert audit.verify_audit(session) is None


def test_a_reminder_is_seen_before_it_is_sent_and_may_go_a_day_early(clinic, ward, nurse):
    path = f"/desk/issues/{ward.issue_id}/remind"
    assert nurse().post(path).json()["code"] == "desk.no_reminder_due"
    at(clinic, 2026, 12, 3, 3)
    (seen,) = nurse().get("/desk/reminders").json()
    assert (seen["rung"], seen["may_send"]) == (-3, True)
    assert "AX-0001" in seen["text"]
    assert nurse().post(path).status_code == 204
    at(clinic, 2026, 12, 4, 3)
    clinic.tick("desk.remind")
    assert rungs(clinic) == [(-3, True)]


def test_a_silent_unit_is_a_line_until_its_data_are_back(clinic, ward, nurse):
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    clinic.clock.forward(minutes=29)
    clinic.tick("desk.watch")
    assert lines(clinic) == []
    clinic.clock.forward(minutes=2)
    clinic.tick("desk.watch")
    clinic.tick("desk.watch")
    assert lines(clinic) == [("silent_device", "", False)]
    phone.put(1)
    clinic.tick("desk.watch")
    assert lines(clinic) == [("silent_device", "data_back", True)]


def test_who_was_not_reached_is_rung_again_after_two_hours(clinic, ward, nurse):
    clinic.phone(ward.code)
    clinic.clock.forward(minutes=31)
    clinic.tick("desk.watch")
    item = nurse().get("/desk").text.split('data-work="')[1].split('"')[0]
    nurse().post(f"/desk/work/{item}/done", json={"outcome": "not_reached"})
    clinic.clock.forward(minutes=119)
    clinic.tick("desk.watch")
    assert "data-work=" not in nurse().get("/desk").text
    clinic.clock.forward(minutes=2)
    clinic.tick("desk.watch")
    assert f'data-work="{item}"' in nurse().get("/desk").text
    assert lines(clinic) == [("silent_device", "", False)]
    clinic.clock.forward(hours=1)
    back = nurse().post(f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"})
    assert back.status_code == 200
    clinic.tick("desk.watch")
    assert lines(clinic) == [("silent_device", "device_back", True)]


def test_a_late_unit_is_one_line_at_a_time(clinic, ward, nurse):
    at(clinic, 2026, 12, 8, 3)
    clinic.tick("desk.watch")
    at(clinic, 2026, 12, 10, 3)
    clinic.tick("desk.watch")
    assert lines(clinic) == [("overdue_device", "", False)]
    page = nurse().get("/desk").text
    assert "Device overdue" in page
    assert "3\u00a0d overdue" in page


def test_a_lost_unit_is_neither_reminded_of_nor_called_silent(clinic, ward, nurse):
    clinic.phone(ward.code)
    nurse().post("/desk/units/AX-0001/state", json={"state": "lost"})
    at(clinic, 2026, 12, 8, 3)
    clinic.tick("desk.watch")
    clinic.tick("desk.remind")
    assert (lines(clinic), rungs(clinic)) == ([], [])


def test_a_wipe_has_a_numbered_certificate_that_the_next_issue_shows(clinic, ward, nurse):
    browser = nurse()
    browser.post(
        f"/desk/issues/{ward.issue_id}/return",
        json={"condition": "good", "signed_by": "李华"},
    )
    wiped = browser.post("/desk/units/AX-0001/wipe").json()
    assert wiped["certificate"] == "W-00001"
    seen = browser.get("/desk/lookup", params={"scan": "AX-0001"}).json()
    assert seen["certificate"] == "W-00001"


@pytest.mark.parametrize("path", ["/desk/labels.pdf", "/desk/patients/{}/wristband.pdf"])
def test_labels_and_wristbands_are_pdf(clinic, ward, nurse, path):
    answer = nurse().get(path.format(ward.patient_id))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


def test_the_same_task_missed_often_is_one_call_with_one_outcome(clinic, ward, nurse):
    zhang = clinic.sign_in("zhang")
    plan = {"template": "after_pci", "starts_on": "2026-11-23"}
    zhang.post(f"/console/patients/{ward.patient_id}/plan", json=plan)
    at(clinic, 2026, 11, 28, 2)
    clinic.tick("plans.sweep")
    page = nurse().get("/desk").text
    assert "Missed: Measure blood pressure 4\u00a0times" in page
    group = page.split('data-work="')[1].split('"')[0].split(",")
    browser = nurse()
    for item in group:
        done = browser.post(f"/desk/work/{item}/done", json={"outcome": "reached"})
        assert done.status_code == 204
