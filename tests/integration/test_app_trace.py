"""Who looked at my data, and who helped on my phone: the wearer's own view of the audit."""

from datetime import timedelta
from typing import Any

import pytest

from clinic_server.consents.trace import write_looks
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from tests import factories as make
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward

HELP: dict[str, Any] = {
    "client_id": "help-0001",
    "helper": "女儿",
    "act": "diary",
    "at": NOW.isoformat(),
}


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    return clinic.phone(ward.code)


def traces(phone: Phone) -> list[dict[str, Any]]:
    answer = phone.http.get("/api/me/traces", headers=phone.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def looked(clinic: Clinic, phone: Phone) -> list[tuple[str, str]]:
    write_looks(clinic.parts, clinic.clock())
    return [(t["who"], t["role"]) for t in traces(phone) if t["deed"] == "looked"]


def test_opening_a_file_is_told_to_whom_it_belongs(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    doctor = clinic.sign_in("zhang")
    for _ in range(3):
        assert doctor.get(f"/console/patients/{ward.patient_id}").status_code == 200
    assert looked(clinic, phone) == [("Zhang", "physician")], "once an hour"
    clinic.clock.now += timedelta(hours=1)
    clinic.sign_in("zhang").get(f"/console/patients/{ward.patient_id}")
    assert looked(clinic, phone) == [("Zhang", "physician")] * 2
    with clinic.read() as session:
        assert staff_service.verify_audit(session) is None


def test_a_look_at_somebody_else_is_nobody_elses_business(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        zhang = staff_service.staff_by_username(session, "zhang")
        assert zhang is not None
        other = make.make_patient(session, zhang, mrn="B0009", name="李秀英")
    clinic.sign_in("zhang").get(f"/console/patients/{other.id}")
    assert looked(clinic, phone) == []


def test_a_door_that_stayed_shut_is_no_look(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        make.make_staff(session, "stranger")
    answer = clinic.sign_in("stranger").get(f"/console/patients/{ward.patient_id}")
    assert answer.status_code == 404
    assert looked(clinic, phone) == []


def test_those_who_run_the_system_have_no_name_here(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        admin = make.make_staff(session, "root", Role.ADMIN, name="赵工")
        staff_service.audit(
            session,
            at=NOW,
            actor_kind="staff",
            actor_id=admin.id or 0,
            action="patients.export",
            object_kind="patient",
            object_id=ward.patient_id,
            patient_id=ward.patient_id,
        )
    line = next(one for one in traces(phone) if one["role"] == "admin")
    assert (line["who"], line["deed"]) == ("", "exported")


def test_what_a_relative_did_is_kept_once_and_seen(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    for _ in range(2):
        answer = phone.http.post("/api/me/help", json=HELP, headers=phone.headers)
        assert answer.status_code == 204
    helped = [t for t in traces(phone) if t["deed"] == "helped"]
    assert [(t["who"], t["role"], t["times"]) for t in helped] == [("女儿", "helper", 1)]


def test_a_relative_cannot_agree_for_the_wearer(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    body = HELP | {"act": "consents"}
    answer = phone.http.post("/api/me/help", json=body, headers=phone.headers)
    assert answer.status_code == 422


def test_a_wrong_clock_is_refused(clinic: Clinic, ward: Ward, phone: Phone) -> None:
    body = HELP | {"at": (NOW - timedelta(days=4000)).isoformat()}
    answer = phone.http.post("/api/me/help", json=body, headers=phone.headers)
    assert answer.json()["code"] == "consents.time_implausible"
