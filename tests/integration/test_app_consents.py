"""Consents: each alone, versioned, taken back with effect."""

from datetime import timedelta
from typing import Any

from sqlmodel import select

from clinic_server.plans.models import WorkItem
from clinic_server.staff.models import AuditEntry
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward


def put(phone: Phone, *decisions: tuple[str, bool, int]) -> dict[str, Any]:
    body = {
        "decisions": [
            {
                "purpose": purpose,
                "granted": granted,
                "version": 1,
                "decided_at": (NOW + timedelta(seconds=second)).isoformat(),
            }
            for purpose, granted, second in decisions
        ]
    }
    answer = phone.http.put("/api/me/consents", json=body, headers=phone.headers)
    assert answer.status_code == 200, answer.text
    return {state["purpose"]: state for state in answer.json()}


def test_nothing_is_agreed_to_before_it_was_asked(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    states = phone.http.get("/api/me/consents", headers=phone.headers).json()
    assert [state["purpose"] for state in states] == [
        *("care", "family", "teaching", "research", "location")
    ]
    assert {state["granted"] for state in states} == {None}


def test_each_purpose_stands_alone_and_the_last_word_counts(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    put(phone, ("care", True, 0), ("teaching", True, 0), ("research", False, 0))
    states = put(phone, ("teaching", False, 5), ("teaching", False, 5))
    assert states["care"]["granted"] is True
    assert states["teaching"]["granted"] is False
    assert states["research"]["granted"] is False
    assert states["location"]["granted"] is None
    with clinic.read() as session:
        actions = session.exec(
            select(AuditEntry.action).where(AuditEntry.object_kind == "consent")
        ).all()
    assert len(actions) == 4, "the repeated decision is one"


def test_taking_back_the_family_closes_its_pages(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    put(phone, ("family", True, 0))
    link = {"label": "女儿", "level": 1, "days": 7}
    phone.http.post("/api/me/family", json=link, headers=phone.headers)
    put(phone, ("family", False, 9))
    (closed,) = phone.http.get("/api/me/family", headers=phone.headers).json()
    assert closed["revoked_at"] is not None
    refused = phone.http.post("/api/me/family", json=link, headers=phone.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "family.no_consent")
    put(phone, ("family", True, 20))
    again = phone.http.post("/api/me/family", json=link, headers=phone.headers)
    assert again.status_code == 201


def test_a_nurse_hears_when_care_is_taken_back(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    put(phone, ("care", True, 0))
    put(phone, ("care", False, 9))
    with clinic.read() as session:
        (work,) = session.exec(select(WorkItem)).all()
    assert (work.kind, work.patient_id) == ("call_patient", ward.patient_id)
