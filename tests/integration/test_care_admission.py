"""Opening a file, correcting it, going home once more; who may see whom."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import col, select

from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb
from clinic_server.plans.models import Plan
from clinic_server.staff import audit
from clinic_server.staff.models import AuditEntry, Role
from tests import factories as make
from tests.integration.conftest import Browser, Clinic

FILE: dict[str, Any] = {
    "name": "彭秋菊",
    "sex": "F",
    "born_on": "1951-02-03",
    "phone": "13900000000",
    "emergency_name": "彭小兰",
    "emergency_relation": "女儿",
    "emergency_phone": "13800000000",
    "diagnosis": "急性 ST 段抬高型心肌梗死",
    "procedure": "PCI",
    "procedure_on": "2026-11-14",
    "drugs": "阿司匹林 100 mg 每日一次\n替格瑞洛 90 mg 每日两次",
    "lvef_pct": 48,
    "discharged_on": "2026-11-23",
}


@pytest.fixture
def nurse(clinic: Clinic) -> Browser:
    with clinic.write() as session:
        for name in ("zhang", "li"):
            make.make_staff(session, name)
        make.make_staff(session, "chen", Role.NURSE)
    return clinic.sign_in("chen")


def admit(nurse: Browser, **changes: Any) -> Any:
    body = FILE | {"mrn": "P0417", "attending_id": 1, "care_team": [2]} | changes
    return nurse.post("/desk/patients", json=body)


def test_a_file_opens_with_its_care_team_and_the_first_verb(
    clinic: Clinic, nurse: Browser
) -> None:
    answer = admit(nurse)
    assert answer.status_code == 201, answer.text
    path = f"/console/patients/{answer.json()['patient_id']}"
    assert clinic.sign_in("li").get(path).status_code == 200, "of the care team"
    with clinic.read() as session:
        (first,) = patients.case_timeline(session, answer.json()["patient_id"])
        assert first.verb == "open_file"
        actions = session.exec(select(AuditEntry.action).order_by(col(AuditEntry.id)))
        assert "case.open_file" in actions.all()
        assert audit.verify_audit(session) is None


def test_an_error_names_its_field_and_nothing_is_stored(
    clinic: Clinic, nurse: Browser
) -> None:
    bad = admit(nurse, born_on="1951-13-03")
    assert (bad.status_code, bad.json()["params"]["where"]) == (422, "body.born_on")
    future = admit(nurse, born_on="2031-01-01")
    assert future.json()["code"] == "patients.dates"
    before_birth = admit(nurse, procedure_on="1950-01-01")
    assert before_birth.json()["code"] == "patients.dates"
    with clinic.read() as session:
        assert patients.patient_by_mrn(session, "P0417") is None


def test_a_correction_changes_drugs_and_team_and_says_which_fields(
    clinic: Clinic, nurse: Browser
) -> None:
    patient_id = admit(nurse).json()["patient_id"]
    path = f"/desk/patients/{patient_id}/file"
    assert "替格瑞洛" in nurse.get(path).text
    body = FILE | {"attending_id": 1, "care_team": [], "drugs": "氯吡格雷 75 mg"}
    assert nurse.post(path, json=body).status_code == 200
    page = f"/console/patients/{patient_id}"
    assert clinic.sign_in("li").get(page).status_code == 404, "left the team"
    with clinic.read() as session:
        row = session.exec(
            select(AuditEntry).where(AuditEntry.action == "patients.correct")
        ).one()
    assert row.detail["fields"] == ["drugs"]


def test_a_known_patient_goes_home_once_more_with_a_new_follow_up(
    clinic: Clinic, nurse: Browser
) -> None:
    patient_id = admit(nurse).json()["patient_id"]
    again = admit(nurse)
    assert (again.status_code, again.json()["code"]) == (409, "patients.mrn_taken")
    path = f"/desk/patients/{patient_id}/file"
    body = FILE | {"attending_id": 1, "open_file": True}
    running = nurse.post(path, json=body)
    assert running.json()["code"] == "patients.case_open"
    zhang = clinic.sign_in("zhang")
    assert zhang.post(f"/console/patients/{patient_id}/close-case").status_code == 204
    assert 'name="open_file"' in nurse.get(path).text
    assert nurse.post(path, json=body).status_code == 200
    with clinic.read() as session:
        verbs = [one.verb for one in patients.case_timeline(session, patient_id)]
    assert verbs == ["open_file", "close_case", "open_file"]


def test_two_people_at_once_open_one_case_and_close_it_once(
    clinic: Clinic, nurse: Browser
) -> None:
    patient_id = admit(nurse).json()["patient_id"]
    zhang = clinic.sign_in("zhang")
    path = f"/console/patients/{patient_id}"
    body = {"template": "after_pci", "starts_on": "2026-11-23"}
    with ThreadPoolExecutor(8) as pool:
        closed = list(pool.map(lambda _: zhang.post(f"{path}/close-case"), range(8)))
    assert sorted(one.status_code for one in closed) == [204] + [409] * 7
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: zhang.post(f"{path}/plan", json=body), range(8)))
    assert {one.status_code for one in made} == {201}
    with clinic.read() as session:
        verbs = [one.verb for one in patients.case_timeline(session, patient_id)]
        running = session.exec(select(Plan).where(col(Plan.ended_at).is_(None))).all()
        assert audit.verify_audit(session) is None
    assert verbs.count(CaseVerb.OPEN_FILE) == 2
    assert verbs.count(CaseVerb.CLOSE_CASE) == 1
    assert len(running) == 1
