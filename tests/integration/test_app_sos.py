"""A call for help and where it comes from: kept with consent, never in the log."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from clinic_server.alarms import escalation
from clinic_server.alarms import service as alarms
from clinic_server.alarms.explain import why
from clinic_server.alarms.models import Alarm
from clinic_server.staff import service as staff
from clinic_server.staff.models import AuditEntry
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward

HERE = {"latitude": 39.90923, "longitude": 116.397428, "accuracy_m": 18.0}
CALL: dict[str, Any] = {"client_id": "call-00001", "pressed_at": NOW.isoformat()}


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    return clinic.phone(ward.code)


def agree(phone: Phone, granted: bool) -> None:
    decision = {
        "purpose": "location",
        "granted": granted,
        "version": 2,
        "decided_at": NOW.isoformat(),
    }
    body = {"decisions": [decision]}
    answer = phone.http.put("/api/me/consents", json=body, headers=phone.headers)
    assert answer.status_code == 200, answer.text


def press(phone: Phone, **more: Any) -> None:
    answer = phone.http.post("/api/me/sos", json=CALL | more, headers=phone.headers)
    assert answer.status_code == 200, answer.text


def the_alarm(clinic: Clinic) -> Alarm:
    with clinic.read() as session:
        return session.exec(select(Alarm).where(Alarm.rule == "E10")).one()


def test_a_place_that_comes_later_joins_the_same_alarm(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    agree(phone, granted=True)
    press(phone)
    press(phone, symptoms=["chest_pain"])
    press(phone, symptoms=["chest_pain"], place=HERE)
    alarm = the_alarm(clinic)
    assert alarm.evidence["place"] == HERE
    assert alarm.evidence["symptoms"] == ["chest_pain"]
    codes = [reason.code for reason in why(alarm)]
    assert codes == ["diary.said_place", "diary.said_chest_pain"]


def test_without_consent_no_place_is_kept(clinic: Clinic, ward: Ward, phone: Phone) -> None:
    press(phone, place=HERE)
    assert "place" not in the_alarm(clinic).evidence
    agree(phone, granted=False)
    press(phone, place=HERE)
    assert "place" not in the_alarm(clinic).evidence


def test_no_log_holds_a_place(clinic: Clinic, ward: Ward, phone: Phone) -> None:
    agree(phone, granted=True)
    press(phone)
    press(phone, place=HERE)
    with clinic.read() as session:
        rows = session.exec(select(AuditEntry)).all()
    assert not any("39.9" in str(row.detail) for row in rows)


def test_the_wearer_sees_who_took_the_call_up_also_after_that_expired(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    press(phone)

    def seen() -> tuple[bool, str]:
        (event,) = phone.http.get("/api/me/events", headers=phone.headers).json()
        return event["opened_at"] is not None, event["opened_by"]

    assert seen() == (False, "")
    with clinic.write() as session:
        zhang = staff.staff_by_username(session, "zhang")
        assert zhang is not None
        alarms.acknowledge(session, zhang, the_alarm(clinic).id or 0, NOW)
    assert seen() == (True, "Zhang")
    with clinic.write() as session:
        escalation.sweep(session, NOW + timedelta(minutes=20))
    assert the_alarm(clinic).acknowledged_at is None
    assert seen() == (True, "Zhang")
