"""Erasure on request: two people, what the law keeps, and nothing left of the rest."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as select_rows
from sqlmodel import select

from clinic_server.alarms.models import Alarm
from clinic_server.devices.models import Issue, LoanPicture, PhoneState
from clinic_server.erasure.fate import FATES, NOBODYS, Fate, belongs, count
from clinic_server.erasure.models import ErasureRequest
from clinic_server.family.models import FamilyLink, FamilySession
from clinic_server.patients.models import Patient
from clinic_server.plans.models import WorkItem
from clinic_server.recordings.models import Recording, Segment
from clinic_server.staff.models import AuditEntry, Role
from clinic_server.staff.service import verify_audit
from clinic_server.tables import metadata
from tests import factories as make
from tests.factories import PASSWORD, Phone
from tests.integration.conftest import Browser, Clinic, Ward

COPY = {"password": PASSWORD, "copy_of_file": "given"}
DAUGHTER = "彭小兰的名字不应留下"


@pytest.fixture
def nurse(clinic: Clinic) -> Browser:
    with clinic.write() as session:
        make.make_staff(session, "nurse", Role.NURSE)
    return clinic.sign_in("nurse")


@pytest.fixture
def doctor(clinic: Clinic, ward: Ward) -> Browser:
    return clinic.sign_in("zhang")


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    """A phone that sent ECG twice: of the second recording an alarm was raised."""
    with clinic.write() as session:
        patient = session.get_one(Patient, ward.patient_id)
        patient.phone, patient.emergency_name = "13912345678", DAUGHTER
        session.add(patient)
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in (0, 1):
        assert phone.put(seq).status_code == 201
    return phone


def close_everything(clinic: Clinic, ward: Ward, doctor: Browser) -> None:
    """Take the unit back, end the follow-up: what must come before erasure."""
    back = {"condition": "good", "signed_by": "彭小兰"}
    answer = doctor.post(f"/desk/issues/{ward.issue_id}/return", json=back)
    assert answer.status_code == 200
    path = f"/console/patients/{ward.patient_id}/close-case"
    assert doctor.post(path).status_code == 204
    with clinic.write() as session:
        for job in session.execute(select_rows(metadata.tables["report_job"])).all():
            assert job is not None


def request_id(clinic: Clinic) -> int:
    with clinic.read() as session:
        return session.exec(select(ErasureRequest)).one().id or 0


def erase(clinic: Clinic, ward: Ward, doctor: Browser, nurse: Browser) -> int:
    path = f"/console/patients/{ward.patient_id}/erasure"
    assert nurse.post(path, json={"proved_by": "身份证原件"}).status_code == 204
    number = request_id(clinic)
    assert doctor.post(f"/erasures/{number}/agree", json=COPY).status_code == 204
    done = nurse.post(f"/erasures/{number}/carry-out", json={"password": PASSWORD})
    assert done.status_code == 204, done.text
    return number


def test_every_table_says_what_becomes_of_it() -> None:
    assert set(metadata.tables) - set(FATES) - NOBODYS - {"department"} == set()
    for name in FATES:
        belongs(metadata.tables[name], 1)  # and its rows can be found
    for name in NOBODYS & set(metadata.tables):
        columns = set(metadata.tables[name].c.keys())
        assert not columns & {"patient_id", "recording_id", "issue_id"}, name


def test_a_wearer_asks_from_the_phone_and_a_nurse_hears_it(
    clinic: Clinic, phone: Phone
) -> None:
    nothing = phone.http.get("/api/me/erasure", headers=phone.headers).json()
    assert nothing == {"asked_at": None, "agreed_at": None, "keep_years": 15}
    for _ in range(2):  # asking twice is asking once
        asked = phone.http.post("/api/me/erasure", headers=phone.headers).json()
        assert asked["asked_at"] is not None
    with clinic.read() as session:
        line = session.exec(select(WorkItem)).one()
        assert line.detail == {"why": "erasure"}
        assert len(session.exec(select(ErasureRequest)).all()) == 1
    back = phone.http.delete("/api/me/erasure", headers=phone.headers).json()
    assert back["asked_at"] is None
    with clinic.read() as session:
        assert session.exec(select(WorkItem)).one().done_at is not None


def test_nothing_is_erased_while_something_is_owed(
    clinic: Clinic, ward: Ward, phone: Phone, doctor: Browser, nurse: Browser
) -> None:
    path = f"/console/patients/{ward.patient_id}/erasure"
    nurse.post(path, json={"proved_by": "身份证"})
    number = request_id(clinic)
    refused = doctor.post(f"/erasures/{number}/agree", json=COPY).json()
    assert refused["code"] == "erasure.block_loan"
    assert refused["params"]["reasons"] == "erasure.block_loan,erasure.block_case"
    close_everything(clinic, ward, doctor)
    held = doctor.post(f"{path}/hold", json={"reason": "医疗争议"})
    assert held.status_code == 204
    refused = doctor.post(f"/erasures/{number}/agree", json=COPY).json()
    assert refused["code"] == "erasure.block_hold"
    page = nurse.get(path).text
    assert "A legal hold is in force" in page
    assert doctor.post(f"{path}/hold/1/lift").status_code == 204
    assert doctor.post(f"{path}/hold/1/lift").status_code == 404
    assert doctor.post(f"/erasures/{number}/agree", json=COPY).status_code == 204
    # and once more between the two steps
    doctor.post(f"{path}/hold", json={"reason": "法院来函"})
    refused = nurse.post(f"/erasures/{number}/carry-out", json={"password": PASSWORD})
    assert refused.json()["code"] == "erasure.block_hold"


def test_it_takes_two_people_and_both_passwords(
    clinic: Clinic, ward: Ward, phone: Phone, doctor: Browser, nurse: Browser
) -> None:
    close_everything(clinic, ward, doctor)
    path = f"/console/patients/{ward.patient_id}/erasure"
    nurse.post(path, json={"proved_by": "身份证"})
    number = request_id(clinic)
    go = f"/erasures/{number}/carry-out"
    word = {"password": PASSWORD}
    assert nurse.post(go, json=word).json()["code"] == "erasure.not_agreed"
    assert nurse.post(f"/erasures/{number}/agree", json=COPY).status_code == 403
    wrong = COPY | {"password": "not the password"}
    assert doctor.post(f"/erasures/{number}/agree", json=wrong).status_code == 403
    assert doctor.post(f"/erasures/{number}/agree", json=COPY).status_code == 204
    assert doctor.post(go, json=word).json()["code"] == "erasure.same_person"
    wrong = nurse.post(go, json={"password": "not the password"})
    assert wrong.status_code == 403
    with clinic.read() as session:
        assert session.exec(select(Segment)).first() is not None
    assert nurse.post(go, json=word).status_code == 204
    assert nurse.post(go, json=word).json()["code"] == "erasure.ended"


def test_what_no_law_keeps_is_gone_and_the_rest_is_shown_to_nobody(
    clinic: Clinic, ward: Ward, phone: Phone, doctor: Browser, nurse: Browser
) -> None:
    made = {"label": "女儿", "level": 1, "days": 7}
    url = phone.http.post("/api/me/family", json=made, headers=phone.headers).json()["url"]
    relative = clinic.client()
    relative.get(url.split(":", 2)[-1].split("/", 1)[-1].join(["/", ""]))
    with clinic.write() as session:
        unused = session.exec(select(Recording)).one()
        used = Recording(**unused.model_dump(exclude={"id"}), id=str("u" * 36))
        session.add(used)
        session.flush()
        session.add(
            Segment(
                **session.exec(select(Segment))
                .first()
                .model_dump(  # type: ignore[union-attr]
                    exclude={"recording_id"}
                ),
                recording_id=used.id,
            )
        )
    sos = {"client_id": "sos-0001-aaaa", "pressed_at": clinic.clock.now.isoformat(),
           "symptoms": []}  # fmt: skip
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    with clinic.write() as session:
        alarm = session.exec(select(Alarm).where(Alarm.patient_id == ward.patient_id)).one()
        alarm.recording_id, alarm.closed_at = used.id, clinic.clock.now
        session.add(alarm)
    close_everything(clinic, ward, doctor)
    number = erase(clinic, ward, doctor, nurse)
    with clinic.read() as session:
        assert [one.id for one in session.exec(select(Recording))] == [used.id]
        assert len(session.exec(select(Segment)).all()) == 1
        assert session.exec(select(Alarm)).one().id == alarm.id
        for gone in (FamilyLink, FamilySession, PhoneState, LoanPicture):
            assert session.exec(select(gone)).first() is None
        patient = session.get_one(Patient, ward.patient_id)
        assert (patient.phone, patient.emergency_name) == ("", "")
        assert patient.removed_at is not None
        assert session.exec(select(Issue)).one().phone_token_hash is None
        request = session.get_one(ErasureRequest, number)
        assert request.kept_until == clinic.clock.now.date().replace(year=2041)
        assert request.erased["recording"] == 1
        assert verify_audit(session) is None
        noted = session.exec(
            select(AuditEntry).where(AuditEntry.action == "erasure.carry_out")
        ).one()
        assert noted.detail["erased"]["segment"] == 2
    for browser in (doctor, nurse):
        path = f"/console/patients/{ward.patient_id}"
        assert browser.get(path).status_code == 404
        assert "王建国" not in browser.get("/desk").text
    paper = nurse.get(f"/erasures/{number}").text
    assert "2041-11-23" in paper
    assert "王建国" not in paper
    # the number is known, and nobody opens a second file under it by accident
    again = {"mrn": "A0001", "name": "王建国", "sex": "M", "born_on": "1958-04-02",
             "attending_id": ward.physician_id}  # fmt: skip
    refused = nurse.post("/desk/patients", json=again).json()
    assert refused["code"] == "patients.file_put_away"
    why = {"reason": "再次住院"}
    assert nurse.post(f"/erasures/{number}/reopen", json=why).status_code == 403
    assert doctor.post(f"/erasures/{number}/reopen", json=why).status_code == 204
    assert doctor.get(f"/console/patients/{ward.patient_id}").status_code == 200


def test_after_the_term_nothing_but_a_number_and_proof_is_left(
    clinic: Clinic, ward: Ward, phone: Phone, doctor: Browser, nurse: Browser
) -> None:
    sos = {"client_id": "sos-0001-aaaa", "pressed_at": clinic.clock.now.isoformat(),
           "symptoms": []}  # fmt: skip
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    with clinic.write() as session:
        alarm = session.exec(select(Alarm)).one()
        alarm.closed_at = clinic.clock.now
        session.add(alarm)
    close_everything(clinic, ward, doctor)
    clinic.clock.now += timedelta(days=15 * 366)
    doctor, nurse = clinic.sign_in("zhang"), clinic.sign_in("nurse")
    erase(clinic, ward, doctor, nurse)
    with clinic.read() as session:
        for name, fate in FATES.items():
            table = metadata.tables[name]
            rows = count(session, table, belongs(table, ward.patient_id))
            if fate in (Fate.RECORD, Fate.GOES, Fate.UNUSED_GOES) and name != "patient":
                assert rows == 0, name
        patient = session.get_one(Patient, ward.patient_id)
        assert (patient.name, patient.mrn) == ("—", f"erased-{ward.patient_id}")
        loan = session.exec(select(Issue)).one()
        assert loan.return_signed_by == ""
        assert verify_audit(session) is None


def test_the_bytes_themselves_are_gone_from_the_file(
    clinic: Clinic, ward: Ward, phone: Phone, doctor: Browser, nurse: Browser
) -> None:
    if not clinic.parts.db.is_sqlite:
        pytest.skip("the file is PostgreSQL's own")
    folder = clinic.parts.settings.data_dir
    with clinic.read() as session:
        body = session.exec(select(Segment)).first().body  # type: ignore[union-attr]
    clinic.parts.db.empty_journal()
    traces = (DAUGHTER.encode(), bytes(body[-400:]))
    assert all(_in_files(folder, one) for one in traces), (
        "the test looks for the right bytes"
    )
    close_everything(clinic, ward, doctor)
    erase(clinic, ward, doctor, nurse)
    clinic.tick("erasure.scrub")
    assert not any(_in_files(folder, one) for one in traces)
    with clinic.read() as session:
        assert session.exec(select(ErasureRequest)).one().scrubbed_at is not None


def _in_files(folder: Path, trace: bytes) -> bool:
    return any(trace in file.read_bytes() for file in folder.glob("anxin.sqlite*"))


def test_two_desks_cannot_open_two_requests(
    clinic: Clinic, ward: Ward, nurse: Browser, doctor: Browser
) -> None:
    path = f"/console/patients/{ward.patient_id}/erasure"
    answers: list[Any] = [b.post(path, json={"proved_by": "证"}) for b in (nurse, doctor)]
    assert {one.status_code for one in answers} <= {204, 422}
    with clinic.read() as session:
        assert len(session.exec(select(ErasureRequest)).all()) <= 1
