"""The diary: windows on the trace, grave entries, arriving before their recording."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import select

from clinic_server.alarms.explain import why
from clinic_server.alarms.models import Alarm
from clinic_server.diary import service as diary
from clinic_server.recordings.models import EventMark
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward

MINUTE = timedelta(minutes=1)


def entry(symptom: str, at: datetime = NOW, **more: Any) -> dict[str, Any]:
    """An entry noted now about a window that ends now."""
    return {
        "client_id": f"diary-{symptom}",
        "noted_at": at.isoformat(),
        "first_at": (at - MINUTE).isoformat(),
        "last_at": at.isoformat(),
        "symptoms": [symptom],
    } | more


def post(phone: Phone, body: dict[str, Any]) -> Any:
    return phone.http.post("/api/me/diary", json=body, headers=phone.headers)


def alarms(clinic: Clinic) -> list[Alarm]:
    with clinic.read() as session:
        return list(session.exec(select(Alarm).where(Alarm.rule == "E10")))


def test_about_twenty_minutes_ago_is_a_window_on_the_trace(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in range(6):
        phone.put(seq)  # a minute of ECG from NOW on
    at = NOW + timedelta(seconds=60)
    first, last = at - timedelta(seconds=50), at - timedelta(seconds=30)
    answer = post(
        phone,
        entry("dizzy", at, first_at=first.isoformat(), last_at=last.isoformat()),
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["on_trace"] is True
    with clinic.read() as session:
        (mark,) = session.exec(select(EventMark)).all()
    assert (mark.kind, mark.sample) == ("dizzy", 20 * 250)
    assert mark.detail["window_first_sample"] == 10 * 250
    assert mark.detail["window_end_sample"] == 30 * 250
    assert alarms(clinic) == []


def test_the_sample_clock_of_the_phone_places_it_when_the_wall_clock_was_set(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    late = NOW + timedelta(hours=1)  # the clock jumped, the samples did not
    body = entry("dizzy", late, recording_id=phone.recording_id, sample=2500)
    body["first_at"] = (late - timedelta(seconds=8)).isoformat()
    assert post(phone, body).json()["on_trace"] is True
    with clinic.read() as session:
        (mark,) = session.exec(select(EventMark)).all()
    assert mark.detail["window_first_sample"] == 2 * 250
    assert mark.detail["window_end_sample"] == 2500


def test_an_entry_that_comes_before_its_recording_is_placed_later(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    at = NOW + timedelta(seconds=10)
    body = entry("palpitations", at, recording_id=phone.recording_id, sample=2500)
    body["first_at"] = (at - timedelta(seconds=5)).isoformat()
    assert post(phone, body).json()["on_trace"] is False
    clinic.tick("diary.place")
    phone.announce()
    phone.put(0)
    clinic.tick("diary.place")
    (kept,) = phone.http.get("/api/me/diary", headers=phone.headers).json()
    assert kept["on_trace"] is True
    clinic.tick("diary.place")
    with clinic.read() as session:
        assert len(session.exec(select(EventMark)).all()) == 1


def test_a_grave_entry_raises_one_emergency_however_often_it_comes(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    body = entry("syncope")
    for _ in range(3):
        answer = post(phone, body)
        assert answer.status_code == 200
    assert answer.json()["event"]["sos"] is True
    (alarm,) = alarms(clinic)
    assert alarm.tier == "E"
    assert [reason.code for reason in why(alarm)] == ["diary.said_syncope"]


def test_what_is_grave_is_what_the_rule_names(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    mild: tuple[tuple[str, dict[str, Any]], ...] = (
        ("chest_pain", {"lasted_5_min": False}),
        ("dyspnoea", {"severe": False}),
        ("dizzy", {"severe": True, "lasted_5_min": True}),
    )
    for i, (symptom, more) in enumerate(mild):
        post(phone, entry(symptom, client_id=f"not-grave-{i}", **more))
    assert alarms(clinic) == []
    post(phone, entry("chest_pain", client_id="grave-one", lasted_5_min=True))
    post(phone, entry("dyspnoea", client_id="grave-two", severe=True))
    assert len(alarms(clinic)) == 2


def test_the_call_for_help_and_its_entry_are_one_alarm(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    sos = {"client_id": "together-1", "pressed_at": NOW.isoformat()}
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    post(phone, entry("syncope", client_id="together-1"))
    (alarm,) = alarms(clinic)
    assert alarm.evidence["symptoms"] == ["syncope"]


def test_symptoms_chosen_after_the_press_reach_the_doctor(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    sos: dict[str, Any] = {"client_id": "press-0001", "pressed_at": NOW.isoformat()}
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    sos["symptoms"] = ["chest_pain", "dizzy"]
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    (alarm,) = alarms(clinic)
    assert [reason.code for reason in why(alarm)] == [
        "diary.said_chest_pain",
        "diary.said_dizzy",
    ]


def test_nonsense_is_refused(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    later = (NOW + MINUTE).isoformat()
    assert post(phone, entry("dizzy", last_at=later)).status_code == 422
    assert post(phone, entry("dizzy", symptoms=[])).status_code == 422
    assert post(phone, entry("dizzy", symptoms=["dizzy", "dizzy"])).status_code == 422
    far = datetime.fromisoformat("1990-01-01T00:00:00+00:00")
    assert post(phone, entry("dizzy", far)).json()["code"] == "diary.time_implausible"
    with clinic.read() as session:
        assert list(diary.entries_of(session, ward.patient_id)) == []
