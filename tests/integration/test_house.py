"""What a house decides for itself: departments, kits, templates, terms, language."""

from typing import Any

import pytest

from clinic_server.staff.models import Role, Staff
from tests import factories as make
from tests.integration.conftest import Browser, Clinic, Ward


@pytest.fixture
def database_url() -> str:
    """SQLite only: nothing here depends on the database."""
    return ""


@pytest.fixture
def people(clinic: Clinic, ward: Ward) -> dict[str, Browser]:
    with clinic.write() as session:
        make.make_staff(session, "admin", Role.ADMIN)
        make.make_staff(session, "nurse", Role.NURSE)
    return {name: clinic.sign_in(name) for name in ("admin", "nurse", "zhang")}


def test_a_department_is_opened_chosen_and_closed(
    clinic: Clinic, ward: Ward, people: dict[str, Browser]
) -> None:
    admin, nurse = people["admin"], people["nurse"]
    ward_7 = {"name": "心内科 7 病区", "phone": "8021"}
    assert admin.post("/admin/departments", json=ward_7).status_code == 204
    twin = admin.post("/admin/departments", json=ward_7)
    assert twin.json()["code"] == "staff.department_taken"
    assert "心内科 7 病区" in nurse.get("/desk/admit").text
    file: dict[str, Any] = {
        "mrn": "A0002", "name": "李秀英", "sex": "F", "born_on": "1950-01-01",
        "attending_id": ward.physician_id, "department_id": 1,
    }  # fmt: skip
    assert nurse.post("/desk/patients", json=file).status_code == 201
    unknown = nurse.post("/desk/patients", json=file | {"mrn": "A3", "department_id": 9})
    assert unknown.json()["code"] == "staff.unknown_department"
    closed = ward_7 | {"is_open": False}
    assert admin.post("/admin/departments/1", json=closed).status_code == 204
    assert "心内科 7 病区" not in nurse.get("/desk/admit").text
    assert "心内科 7 病区" in admin.get("/admin/house").text


def test_each_model_has_its_own_kit_and_the_lot_is_asked_for(
    clinic: Clinic, ward: Ward, people: dict[str, Browser]
) -> None:
    nurse = people["nurse"]
    with clinic.write() as session:
        make.make_unit(session, "AX-0002")
        patient = make.make_patient(
            session, session.get_one(Staff, ward.physician_id), mrn="A0002"
        )
    seen = nurse.get("/desk/lookup", params={"scan": "AX-0002"}).json()["kit"]
    assert [part["name"] for part in seen] == ["charger", "card", "electrodes"]
    kit = {"model": "AX-1", "parts": "charger\n胸带 * 2\n导联线 #"}
    assert nurse.post("/admin/kits", json=kit).status_code == 204
    assert nurse.post("/admin/kits", json=kit | {"parts": "a\na"}).status_code == 422
    bad = nurse.post("/admin/kits", json=kit | {"parts": "a * many"})
    assert bad.json()["code"] == "devices.kit_line"
    seen = nurse.get("/desk/lookup", params={"scan": "AX-0002"}).json()["kit"]
    assert seen[1:] == [
        {"name": "胸带", "count": 2, "lot": False},
        {"name": "导联线", "count": 1, "lot": True},
    ]
    loan = {"serial": "AX-0002", "patient_id": patient.id, "due_on": "2026-12-07"}
    given: list[dict[str, Any]] = [
        {"name": "charger"},
        {"name": "胸带", "count": 2},
        {"name": "导联线"},
    ]
    short = nurse.post("/desk/issue", json=loan | {"parts": given[:2]})
    assert short.json()["code"] == "devices.part_missing"
    no_lot = nurse.post("/desk/issue", json=loan | {"parts": given})
    assert no_lot.json()["code"] == "devices.lot_missing"
    given[2]["lot"] = "L-77"
    lent = nurse.post("/desk/issue", json=loan | {"parts": given})
    assert lent.status_code == 201, lent.text
    paper = nurse.get(f"/desk/issues/{lent.json()['issue_id']}/papers").text
    assert "导联线 · lot L-77" in paper


def test_a_template_of_the_house_is_previewed_prescribed_and_ended(
    clinic: Clinic, ward: Ward, people: dict[str, Browser]
) -> None:
    doctor = people["zhang"]
    own = {"name": "本院瓣膜术后", "days": {"vitals": "1-3, 7", "clinic_visit": "30"}}
    assert people["admin"].post("/admin/templates", json=own).status_code == 403
    for days in ("x", "3-1", "366", "1,,2", "-5"):
        answer = doctor.post("/admin/templates", json=own | {"days": {"vitals": days}})
        assert answer.json()["code"] == "plans.template_days", days
    empty = doctor.post("/admin/templates", json=own | {"days": {}})
    assert empty.json()["code"] == "plans.template_empty"
    assert doctor.post("/admin/templates", json=own).status_code == 204
    base = f"/console/patients/{ward.patient_id}"
    assert "本院瓣膜术后" in doctor.get(base).text
    asked = {"template": "house:1", "starts_on": "2026-11-23"}
    preview = doctor.get(f"{base}/plan-preview", params=asked).json()
    assert preview["tasks"] == 5
    assert doctor.post(f"{base}/plan", json=asked).json()["tasks"] == 5
    assert doctor.post("/admin/templates/1/end").status_code == 204
    assert doctor.post("/admin/templates/1/end").status_code == 404
    again = doctor.post(f"{base}/plan", json=asked)
    assert again.json()["code"] == "plans.unknown_template"
    assert "本院瓣膜术后" in doctor.get(base).text, "the plan keeps its name"
    assert "本院瓣膜术后" in doctor.get("/console/follow-up").text


def test_the_term_is_no_shorter_than_the_law_and_the_language_leads_the_form(
    clinic: Clinic, ward: Ward, people: dict[str, Browser]
) -> None:
    admin = people["admin"]
    short = admin.post("/admin/rules", json={"keep_years": 14, "locale": "en"})
    assert short.json()["code"] == "staff.keep_years"
    rules = {"keep_years": 30, "locale": "en"}
    assert admin.post("/admin/rules", json=rules).status_code == 204
    assert "30" in people["nurse"].get("/admin/house").text
    form = people["nurse"].get("/desk/admit").text
    assert '<option value="en" selected>' in form
    page = people["nurse"].get(f"/console/patients/{ward.patient_id}/erasure").text
    assert "2056-11-23" in page
