"""Emergency access: with a reason, for an hour, told to the patient, reviewed after."""

import pytest

from clinic_server.patients.models import Patient
from clinic_server.staff.sites import site_named
from tests import factories as make

REASON = "胸痛，主管医师联系不上"


@pytest.fixture
def stranger(clinic, ward):
    """A physician who has nothing to do with the patient."""
    with clinic.write() as session:
        make.make_staff(session, "li")
    return clinic.sign_in("li")


def broken(browser, mrn="A0001", reason=REASON):
    return browser.post("/console/break-glass", data={"mrn": mrn, "reason": reason})


def test_the_glass_opens_one_patient_for_an_hour(clinic, ward, stranger):
    path = f"/console/patients/{ward.patient_id}"
    assert stranger.get(path).status_code == 404
    assert broken(stranger).headers["location"] == path
    assert stranger.get(path).status_code == 200
    assert "王建国" in stranger.get("/console/break-glass").text
    clinic.clock.forward(minutes=59)
    stranger = clinic.sign_in("li")
    assert stranger.get(path).status_code == 200
    clinic.clock.forward(minutes=2)
    assert stranger.get(path).status_code == 404


def test_the_patient_reads_who_opened_the_file_in_an_emergency(clinic, ward, stranger):
    phone = clinic.phone(ward.code)
    broken(stranger)
    traces = phone.http.get("/api/me/traces", headers=phone.headers).json()
    assert ("Li", "emergency") in [(one["who"], one["deed"]) for one in traces]


def test_the_attending_physician_reviews_it_once(clinic, ward, stranger):
    broken(stranger)
    path = "/console/break-glass/1/review"
    assert stranger.post(path, data={"finding": "justified"}).status_code == 404
    zhang = clinic.sign_in("zhang")
    assert REASON in zhang.get("/console/break-glass").text
    assert zhang.post(path, data={"finding": "justified"}).status_code == 303
    assert REASON not in zhang.get("/console/break-glass").text
    again = zhang.post(path, data={"finding": "not_justified"})
    assert again.json()["code"] == "patients.glass_reviewed"


@pytest.mark.parametrize(
    ("mrn", "reason", "status"),
    [("A0001", "", 422), ("A0001", "x", 422), ("nobody", REASON, 404)],
)
def test_no_reason_or_no_such_patient_opens_nothing(
    clinic, ward, stranger, mrn, reason, status
):
    assert broken(stranger, mrn, reason).status_code == status


def test_the_glass_lets_nobody_into_another_hospital(clinic, ward):
    with clinic.write() as session:
        here, there = (site_named(session, name, make.NOW) for name in ("东院", "西院"))
        session.get_one(Patient, ward.patient_id).site_id = here.id
        make.make_staff(session, "xi", site_id=there.id)
    assert broken(clinic.sign_in("xi")).status_code == 404
