"""A patient asks about a spot ECG; a physician answers in the time that was stated."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlmodel import select

from clinic_server.consults.service import answer_by
from clinic_server.notify import service as notify
from clinic_server.notify.models import OutboxMessage
from clinic_server.staff import service as staff_service
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.scenario import scenario_from_table
from tests import factories as make
from tests.factories import FS_HZ, Phone
from tests.integration.conftest import Clinic, Ward

SPOT = (round(60 * FS_HZ), round(90 * FS_HZ))


def ask(phone: Phone, question: str = "心慌，要紧吗", first: int = SPOT[0]) -> Any:
    return phone.http.post(
        "/api/me/consults",
        headers=phone.headers,
        json={
            "recording_id": phone.recording_id,
            "first_sample": first,
            "end_sample": first + SPOT[1] - SPOT[0],
            "question": question,
        },
    )


def screening(phone: Phone, first: int = SPOT[0], end: int = SPOT[1]) -> Any:
    return phone.http.get(
        f"/api/me/recordings/{phone.recording_id}/screening",
        headers=phone.headers,
        params={"first": first, "end": end},
    ).json()


def record(phone: Phone, heart: VirtualHeart, upto_s: int) -> None:
    """Send what a heart does, in segments of ten seconds."""
    for seq in range(upto_s // 10):
        counts = heart.read(int(10 * FS_HZ)).counts.astype(np.int32)
        body = make.segment_body(seq * 2500, counts=counts, at=phone.started_at)
        assert phone.put(seq, body).status_code == 201


def heart_of(*segments: dict[str, Any]) -> VirtualHeart:
    script = scenario_from_table("spot", {"segments": list(segments)})
    return VirtualHeart(
        script, seed=3, fs_hz=FS_HZ, lead_names=("II",), gain_counts_per_mv=200.0
    )


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    phone = clinic.phone(ward.code)
    assert phone.announce().status_code == 200
    return phone


def test_a_question_reaches_the_attending_and_its_answer_the_patient(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        notify.save_channel(session, name="sms", address="log://", position=1)
    asked = ask(phone)
    assert asked.status_code == 201
    # 16:00 in the clinic: four hours from now
    assert asked.json()["answer_by"] == "2026-11-23T12:00:00Z"
    consult_id = asked.json()["id"]
    with clinic.read() as session:
        owed = session.exec(select(OutboxMessage)).all()
    assert [(m.code, m.staff_id) for m in owed] == [("notify.consult", ward.physician_id)]
    assert "王" not in str(owed[0].params)
    doctor = clinic.sign_in("zhang")
    sent = doctor.post(
        f"/console/consults/{consult_id}/answer",
        json={"opinion": "observe", "text": "这段心电图是早搏，不用担心。"},
    )
    assert sent.status_code == 200
    inbox = phone.http.get("/api/me/inbox", headers=phone.headers).json()
    assert [(a["kind"], a["text"]) for a in inbox] == [
        ("consult", "这段心电图是早搏，不用担心。")
    ]
    mine = phone.http.get("/api/me/consults", headers=phone.headers).json()
    assert mine[0]["advice_id"] == inbox[0]["id"]
    assert mine[0]["answered_at"]
    again = doctor.post(
        f"/console/consults/{consult_id}/answer",
        json={"opinion": "observe", "text": "再说一次"},
    )
    assert again.status_code == 409


def test_the_same_question_sent_again_is_the_same_one(phone: Phone) -> None:
    first, again = ask(phone), ask(phone)
    assert (again.status_code, again.json()) == (201, first.json())
    for n in range(1, 5):
        assert ask(phone, first=n * 10_000).status_code == 201
    assert ask(phone, first=70_000).status_code == 429


def test_what_is_late_calls_whoever_is_on_duty_every_hour(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    with clinic.write() as session:
        notify.save_channel(session, name="sms", address="log://", position=1)
        duty = make.make_staff(session, "duty")
        staff_service.set_duty(
            session,
            staff_id=duty.id or 0,
            step=1,
            starts_at=clinic.clock.now,
            ends_at=clinic.clock.now + timedelta(days=1),
            now=clinic.clock.now,
        )
    ask(phone)
    counts = []
    for minutes in (239, 2, 30, 40):
        clinic.clock.forward(minutes=minutes)
        clinic.tick("consults.late")
        with clinic.read() as session:
            late = session.exec(
                select(OutboxMessage).where(OutboxMessage.code == "notify.consult_late")
            ).all()
        counts.append(len(late))
    assert counts == [0, 1, 1, 2]
    assert {message.staff_id for message in late} == {duty.id}


def test_the_answer_time_is_four_hours_of_the_clinics_day() -> None:
    zone = ZoneInfo("Asia/Shanghai")

    def by(hour: int, minute: int = 0) -> datetime:
        asked = datetime(2026, 11, 23, hour, minute, tzinfo=zone)
        return answer_by(asked.astimezone(UTC), zone).astimezone(zone)

    assert (by(8).day, by(8).hour) == (23, 12)
    assert (by(17, 59).hour, by(17, 59).minute) == (21, 59)
    assert (by(18).day, by(18).hour) == (24, 12)
    assert (by(3).day, by(3).hour) == (23, 12)


def test_a_spot_is_screened_from_the_live_analysis(clinic: Clinic, phone: Phone) -> None:
    assert screening(phone) == {
        "state": "pending", "rhythm": None, "heart_rate_bpm": None,
        "reason": "not_received",
    }  # fmt: skip
    record(phone, heart_of({"rhythm": "sinus", "duration_s": 200, "rate_bpm": 72}), 120)
    clinic.clock.forward(seconds=120)
    assert screening(phone)["reason"] == "not_analysed"
    while clinic.app.state.live.round():
        pass
    found = screening(phone)
    assert (found["state"], found["rhythm"]) == ("assessable", "steady")
    assert found["heart_rate_bpm"] == pytest.approx(72, abs=3)


def test_a_spot_with_a_run_of_vt_is_for_the_physician_to_judge(
    clinic: Clinic, phone: Phone
) -> None:
    heart = heart_of(
        {"rhythm": "sinus", "duration_s": 70, "rate_bpm": 72},
        {"rhythm": "vt", "duration_s": 9, "rate_bpm": 172},
        {"rhythm": "sinus", "duration_s": 90, "rate_bpm": 74},
    )
    record(phone, heart, 120)
    while clinic.app.state.live.round():
        pass
    assert screening(phone)["rhythm"] == "needs_look"


def test_noise_and_missing_samples_are_said_and_never_a_number(
    clinic: Clinic, phone: Phone
) -> None:
    noise = np.random.default_rng(1).normal(0, 400, (2500, 1)).astype(np.int32)
    for seq in range(6, 9):
        body = make.segment_body(seq * 2500, counts=noise, at=phone.started_at)
        assert phone.put(seq, body).status_code == 201
    found = screening(phone)
    assert (found["state"], found["reason"]) == ("not_assessable", "noise")
    assert found["heart_rate_bpm"] is None
    clinic.clock.forward(minutes=10)
    assert screening(phone, 0, SPOT[0])["reason"] == "gap"
    assert screening(phone, 0, 10)["state"] == "not_assessable"


def test_the_physician_finds_the_question_in_the_inbox_and_on_a_page(
    clinic: Clinic, phone: Phone
) -> None:
    consult_id = ask(phone).json()["id"]
    doctor = clinic.sign_in("zhang")
    in_script = json.dumps("心慌，要紧吗")
    assert in_script in doctor.get("/console").text
    shown = doctor.get(f"/console/consults/{consult_id}").text
    assert "心慌，要紧吗" in shown
    assert 'id="row-1"' in shown
    with clinic.write() as session:
        make.make_staff(session, "li")
    stranger = clinic.sign_in("li")
    assert stranger.get(f"/console/consults/{consult_id}").status_code == 404
    assert in_script not in stranger.get("/console").text
