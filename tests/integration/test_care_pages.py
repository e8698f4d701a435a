"""The console's pages about one patient: plan, visit, ward, rehab, diary."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from clinic_server.plans.models import Task, WorkItem, WorkKind
from clinic_server.staff.models import Role, Staff
from clinic_server.wire.care import TaskKind, TaskState
from clinic_server.wire.questionnaire import Question
from tests import factories as make
from tests.integration.conftest import Browser, Clinic, Ward
from tests.integration.test_app_rehab import ENDED, WELL


@pytest.fixture
def people(clinic: Clinic, ward: Ward) -> tuple[Browser, Browser]:
    """The attending physician, after prescribing the plan after PCI, and a nurse."""
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    zhang = clinic.sign_in("zhang")
    answer = zhang.post(
        f"/console/patients/{ward.patient_id}/plan",
        json={"template": "after_pci", "starts_on": "2026-11-23"},
    )
    assert answer.status_code == 201, answer.text
    return zhang, clinic.sign_in("chen")


def first(clinic: Clinic, kind: TaskKind) -> Task:
    with clinic.read() as session:
        query = select(Task).where(Task.kind == kind).order_by(col(Task.opens_at))
        return session.exec(query).all()[0]


def test_the_calendar_shows_every_task_on_its_day_and_says_what_clashes(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    zhang, nurse = people
    call = first(clinic, TaskKind.REMOTE_CALL)
    text = zhang.get(f"/console/patients/{ward.patient_id}/calendar").text
    day = text.split('data-on="2026-11-30"')[1].split("gridcell")[0]
    assert f'id="task-{call.id}"' in day
    assert 'draggable="true"' in day
    # dropped on a Saturday: the server takes it, and the linter speaks up
    moved = nurse.post(f"/console/tasks/{call.id}/reschedule", json={"on": "2026-12-05"})
    assert moved.status_code == 204
    again = zhang.get(f"/console/patients/{ward.patient_id}/calendar").text
    assert "weekend" in again.split('class="calendar"')[0]


def test_a_physician_adds_training_days_and_is_told_that_nothing_is_prescribed(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    zhang, _ = people
    path = f"/console/patients/{ward.patient_id}"
    body = {"kind": "rehab", "on": "2026-11-30", "every_days": 2, "times": 36}
    assert zhang.post(f"{path}/tasks", json=body).status_code == 204
    said = zhang.get(f"{path}/calendar").text.split('class="calendar"')[0]
    assert "no exercise is prescribed" in said
    assert zhang.post(f"{path}/rehab", json={}).status_code == 204
    said = zhang.get(f"{path}/calendar").text.split('class="calendar"')[0]
    assert "no exercise is prescribed" not in said
    past = body | {"on": "2026-10-01", "times": 1}
    assert zhang.post(f"{path}/tasks", json=past).json()["code"] == "plans.day_is_over"


def test_the_preview_says_what_each_day_rests_on(ward: Ward, people: Any) -> None:
    zhang, _ = people
    seen = zhang.get(
        f"/console/patients/{ward.patient_id}/plan-preview",
        params={"template": "heart_failure", "starts_on": "2026-11-23"},
    ).json()
    visit = [one for one in seen["lines"] if one["what"] == "Clinic visit"]
    assert [(one["days"], one["sourced"]) for one in visit] == [
        ("day 14", True),
        ("day 30", False),
    ]
    assert "ehab368" in visit[0]["basis"]
    assert "needs physician review" in visit[1]["basis"]


def test_a_call_is_recorded_with_what_was_said_and_read_again(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    zhang, nurse = people
    call = first(clinic, TaskKind.REMOTE_CALL)
    clinic.clock.now = call.opens_at + timedelta(hours=1)
    clinic.tick("plans.sweep")
    zhang, nurse = clinic.sign_in("zhang"), clinic.sign_in("chen")
    page = nurse.get(f"/console/tasks/{call.id}")
    assert 'id="record"' in page.text
    record = {
        "how": "phone",
        "spoke_with": "patient",
        "complaints": ["dizzy"],
        "drugs": "partly",
        "systolic_mmhg": 132,
        "diastolic_mmhg": 81,
        "agreed": "sooner",
        "note": "周四来门诊",
    }
    answer = nurse.post(f"/desk/tasks/{call.id}/done", json=record)
    assert answer.status_code == 204, answer.text
    text = zhang.get(f"/console/tasks/{call.id}").text
    for said in ("some missed", "dizzy", "clinic visit sooner", "周四来门诊", "132"):
        assert said in text
    assert 'id="record"' not in text


def test_a_call_nobody_had_planned_counts_too(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    _, nurse = people
    path = f"/desk/patients/{ward.patient_id}/follow-up"
    done = nurse.post(path, json={"kind": "remote_call", "note": "患者来电"})
    assert done.status_code == 204, done.text
    with clinic.read() as session:
        rows = session.exec(select(Task).where(Task.state == TaskState.DONE)).all()
    assert [row.result["note"] for row in rows] == ["患者来电"]


def test_the_answers_of_a_questionnaire_make_a_nurse_ring(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    _, nurse = people
    task = first(clinic, TaskKind.QUESTIONNAIRE)
    clinic.clock.now = task.opens_at + timedelta(hours=1)
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    path = f"/desk/tasks/{task.id}/done"
    some = {one.value: 1 for one in list(Question)[1:]}
    assert nurse.post(path, json={"answers": some}).json()["code"] == "plans.needs_answers"
    all_of = {one.value: 1 for one in Question} | {"breath": 2}
    assert nurse.post(path, json={"answers": all_of}).status_code == 204
    with clinic.read() as session:
        (line,) = session.exec(
            select(WorkItem).where(WorkItem.kind == WorkKind.CALL_PATIENT)
        ).all()
    assert line.detail["questions"] == ["breath"]
    assert "needs care" in nurse.get("/desk").text


def test_a_phone_answers_the_questionnaire_completely_or_not_at_all(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    phone = clinic.phone(ward.code)
    task = first(clinic, TaskKind.QUESTIONNAIRE)
    clinic.clock.now = task.opens_at + timedelta(hours=1)
    body: dict[str, Any] = {"done_at": clinic.clock.now.isoformat()}
    path = f"/api/me/tasks/{task.id}/done"
    refused = phone.http.post(path, json=body, headers=phone.headers)
    assert refused.json()["code"] == "plans.needs_answers"
    body["answers"] = {one.value: 0 for one in Question}
    done = phone.http.post(path, json=body, headers=phone.headers)
    assert done.json()["state"] == "done"
    with clinic.read() as session:
        assert session.exec(select(WorkItem)).all() == []


def test_a_call_without_an_answer_comes_back_until_the_contact_is_rung(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    clinic.clock.forward(hours=20, minutes=1)
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    item = nurse.get("/desk").text.split('data-work="')[1].split('"')[0]
    path = f"/desk/work/{item}/done"
    for call in range(3):
        assert nurse.post(path, json={"outcome": "not_reached"}).status_code == 204
        assert "data-work=" not in nurse.get("/desk").text, "off the list for two hours"
        clinic.clock.forward(hours=2, minutes=1)
        nurse = clinic.sign_in("chen")  # a desk left alone for two hours is signed out
        again = nurse.get("/desk").text
        times = "time" if call == 0 else "times"
        assert f"rung {call + 1} {times}," in again.replace("\u00a0", " ")
    later = (clinic.clock.now + timedelta(minutes=30)).isoformat()
    agreed = nurse.post(path, json={"outcome": "call_back", "again_at": later})
    assert agreed.status_code == 204
    clinic.clock.forward(minutes=31)
    nurse = clinic.sign_in("chen")
    assert nurse.post(path, json={"outcome": "reached", "note": "好"}).status_code == 204
    assert "data-work=" not in nurse.get("/desk").text
    with clinic.read() as session:
        line = session.get_one(WorkItem, int(item))
    assert [call["outcome"] for call in line.detail["calls"]] == [
        "not_reached", "not_reached", "not_reached", "call_back", "reached",
    ]  # fmt: skip
    assert (line.tries, line.outcome) == (3, "reached")


def test_the_ward_sees_who_fell_behind(clinic: Clinic, ward: Ward, people: Any) -> None:
    clinic.clock.forward(days=2)
    clinic.tick("plans.sweep")
    clinic.tick("plans.sweep")
    nurse = clinic.sign_in("chen")
    text = nurse.get("/console/follow-up").text
    assert "王建国" in text
    assert "0/3 (0\u00a0%)" in text or "0/3 (0 %)" in text
    assert nurse.get("/console/follow-up?page=0").status_code == 422


def test_a_physician_sees_every_session_and_permits_a_refused_one(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    zhang, nurse = people
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in range(6):
        phone.put(seq)
    path = f"/console/patients/{ward.patient_id}/rehab"
    assert zhang.post(path, json={"max_bpm": 140}).status_code == 204
    ask = WELL | {"client_id": "session-1", "systolic_mmhg": 185}
    gate = phone.http.post("/api/me/rehab/gate", json=ask, headers=phone.headers).json()
    assert gate["permitted"] is False
    page = zhang.get(path).text
    assert "pressure high" in page
    assert f'data-permit="{gate["session_id"]}"' in page
    assert "data-permit" not in nurse.get(path).text, "only a physician permits"
    permit = f"/console/rehab/{gate['session_id']}/permit"
    assert zhang.post(permit, json={"reason": "复测 150"}).status_code == 204
    summary = ENDED | {
        "recording_id": phone.recording_id, "first_sample": 0, "n_samples": 10_000,
    }  # fmt: skip
    phone.http.post(
        f"/api/me/rehab/{gate['session_id']}/summary", json=summary, headers=phone.headers
    )
    page = nurse.get(path).text
    assert "复测 150" in page
    assert "82\u00a0% in the zone" in page or "82 % in the zone" in page
    assert f'data-recording="{phone.recording_id}"' in page


def test_what_was_felt_stands_beside_the_trace_of_that_moment(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in range(6):
        phone.put(seq)
    at = clinic.clock.forward(seconds=60)
    entry = {
        "client_id": "diary-0001",
        "noted_at": at.isoformat(),
        "first_at": (at - timedelta(seconds=50)).isoformat(),
        "last_at": (at - timedelta(seconds=30)).isoformat(),
        "symptoms": ["palpitations"],
        "note": "爬楼以后",
    }
    posted = phone.http.post("/api/me/diary", json=entry, headers=phone.headers)
    assert posted.status_code == 200, posted.text
    text = people[0].get(f"/console/patients/{ward.patient_id}/diary").text
    assert "palpitations" in text
    assert "爬楼以后" in text
    assert f'data-recording="{phone.recording_id}"' in text


def test_a_strip_of_somebody_elses_recording_is_never_shown(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    with clinic.write() as session:
        zhang = session.get_one(Staff, ward.physician_id)
        other = make.make_patient(session, zhang, mrn="B0002", name="李秀英")
        _, code = make.issue_unit(session, zhang, other, serial="AX-0002")
    foreign = clinic.phone(code, serial="AX-0002")
    foreign.announce()
    foreign.put(0)
    phone = clinic.phone(ward.code)
    task = first(clinic, TaskKind.SPOT_ECG)
    clinic.clock.now = task.opens_at + timedelta(minutes=5)
    done = phone.http.post(
        f"/api/me/tasks/{task.id}/done",
        json={
            "done_at": clinic.clock.now.isoformat(),
            "recording_id": foreign.recording_id,
            "first_sample": 0,
            "n_samples": 2000,
        },
        headers=phone.headers,
    )
    assert done.status_code == 200
    browser = clinic.sign_in("zhang")
    text = browser.get(f"/console/patients/{ward.patient_id}/diary").text
    assert foreign.recording_id not in text


def test_the_case_says_who_did_what_and_when_the_wristband_was_scanned(
    clinic: Clinic, ward: Ward, people: Any
) -> None:
    zhang, nurse = people
    assert nurse.post(f"/desk/patients/{ward.patient_id}/stamp/teach").status_code == 204
    course = zhang.get(f"/console/patients/{ward.patient_id}").text.split('class="course"')[
        1
    ]
    course = course.split("</ol>")[0]
    assert course.count("<li>") == 4, "file, unit, plan, taught"
    assert "Taught" in course
    assert "Chen" in course
    assert "Zhang" in course
