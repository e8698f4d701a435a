"""The whole line in one process: heart, phone, ingest, analysis, alarm, doctor, answer."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlmodel import col, select

from clinic_server.alarms.models import Alarm, AlarmEvent
from clinic_server.analysis import service as analysis
from clinic_server.analysis.live import LiveAnalysis
from clinic_server.staff import service as staff_service
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import scenarios
from sensors.virtual.scenario import Scenario, Segment
from tests import factories as make
from tests.factories import FS_HZ, Phone

SEGMENT_S = 2
N = int(SEGMENT_S * FS_HZ)
PVC_THEN_VT_S = 110


def ecg(scenario: Scenario, duration_s: float) -> np.ndarray:
    heart = VirtualHeart(
        scenario, seed=7, fs_hz=FS_HZ, lead_names=("II",), gain_counts_per_mv=200.0
    )
    return heart.read(int(duration_s * FS_HZ)).counts


def pvc_then_vt() -> np.ndarray:
    return ecg(scenarios()["pvc_then_vt"], PVC_THEN_VT_S)


def live_on(clinic: Any) -> LiveAnalysis:
    parts = clinic.parts
    return LiveAnalysis(parts.db, parts.bus, parts.clock, ZoneInfo("Asia/Shanghai"))


def send(phone: Phone, counts: np.ndarray, seq: int) -> None:
    first = seq * N
    body = make.segment_body(
        first,
        N,
        counts=counts[first : first + N].astype(np.int32),
        phone_mono_s=first / FS_HZ,
    )
    answer = phone.put(seq, body)
    assert answer.status_code == 201, answer.text


def put_on_duty(clinic: Any, ward: Any) -> None:
    with clinic.write() as session:
        now = clinic.clock.now
        staff_service.set_duty(
            session,
            staff_id=ward.physician_id,
            step=1,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=20),
            now=now,
        )


def drain(live: LiveAnalysis) -> None:
    for _ in range(500):
        if not live.round():
            return
    pytest.fail("the live loop does not come to rest")


def alarms(clinic: Any, rule: str | None = None) -> list[Alarm]:
    with clinic.read() as session:
        query = select(Alarm).order_by(col(Alarm.id))
        rows = session.exec(query if rule is None else query.where(Alarm.rule == rule))
        return list(rows.all())


def test_a_vt_on_the_chest_becomes_an_answer_on_the_phone(clinic: Any, ward: Any) -> None:
    put_on_duty(clinic, ward)
    counts = pvc_then_vt()
    phone = clinic.phone(ward.code)
    phone.announce()
    live = live_on(clinic)
    raised_after = None
    for seq in range(len(counts) // N):
        clinic.clock.forward(seconds=SEGMENT_S)
        send(phone, counts, seq)
        drain(live)
        if raised_after is None and alarms(clinic, "E2"):
            raised_after = (seq + 1) * SEGMENT_S
    (alarm,) = alarms(clinic, "E2")
    tenth_beat_s = (alarm.onset_sample or 0) / FS_HZ + 9 * 60 / 172
    assert raised_after is not None
    assert raised_after - tenth_beat_s <= SEGMENT_S + 2.5
    assert alarm.raised_at - alarm.received_at <= timedelta(seconds=SEGMENT_S)

    doctor = clinic.sign_in("zhang")
    here = f"/console/alarms/{alarm.id}"
    answer = doctor.post(f"{here}/acknowledge", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "acknowledged"
    home = phone.http.get("/api/me/home", headers=phone.headers).json()
    assert home["monitored"]
    steps = {s["step"]: s["state"] for e in home["events"] for s in e["steps"]}
    assert steps["received"] == "done"
    assert steps["opinion"] == "now"
    answer = doctor.post(
        f"{here}/decide",
        json={"opinion": "clinic_visit", "within_days": 3, "text": "三天内来门诊"},
    )
    assert answer.status_code == 200, answer.text
    refused = doctor.post(f"{here}/close", json={"outcome": "clinic_visit"})
    assert refused.json()["code"] == "alarms.close_needs_register"
    told = {"told": "王建国", "read_back": True}
    assert doctor.post(f"{here}/critical-value", json=told).status_code == 200
    refused = doctor.post(f"{here}/close", json={"outcome": "clinic_visit"})
    assert refused.json()["code"] == "alarms.close_needs_reached"
    (advice,) = phone.http.get("/api/me/inbox", headers=phone.headers).json()
    assert advice["text"] == "三天内来门诊"
    assert advice["read_at"] is None
    read = phone.http.post(
        f"/api/me/inbox/{advice['id']}/read",
        json={"reply": "understood"},
        headers=phone.headers,
    )
    assert read.status_code == 200, read.text
    (event,) = [
        e
        for e in phone.http.get("/api/me/events", headers=phone.headers).json()
        if e["alarm_id"] == alarm.id
    ]
    assert [s["state"] for s in event["steps"]] == ["done"] * 7
    answer = doctor.post(f"{here}/close", json={"outcome": "clinic_visit"})
    assert answer.json()["state"] == "closed"
    with clinic.read() as session:
        kinds = [
            e.kind
            for e in session.exec(
                select(AlarmEvent)
                .where(AlarmEvent.alarm_id == alarm.id)
                .order_by(col(AlarmEvent.id))
            )
            if e.kind not in ("updated",)
        ]
        assert staff_service.verify_audit(session) is None
    order = ["raised", "notified", "acknowledged", "decided", "advised", "read", "closed"]
    assert [k for k in kinds if k in order] == order
    assert "cleared" in kinds


def test_the_analysis_started_anew_after_every_step_raises_every_alarm_once(
    clinic: Any, ward: Any
) -> None:
    counts = pvc_then_vt()
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq in range(len(counts) // N):
        clinic.clock.forward(seconds=SEGMENT_S)
        send(phone, counts, seq)
        drain(live_on(clinic))  # as after kill -9: nothing but the database is left
    assert len(alarms(clinic, "E2")) == 1
    with clinic.read() as session:
        beats = analysis.beats_in(session, phone.recording_id, 0, len(counts))
        raised = session.exec(select(AlarmEvent).where(AlarmEvent.kind == "raised")).all()
    assert len(raised) == len(alarms(clinic))
    seconds = np.array([b.sample for b in beats]) / FS_HZ
    seams = np.flatnonzero(np.diff(seconds) <= 0.15)
    assert [(seconds[i], seconds[i + 1]) for i in seams] == []
    assert len(beats) > 110


def test_fresh_data_goes_first_and_the_backlog_raises_late_alarms(
    clinic: Any, ward: Any
) -> None:
    counts = ecg(
        Scenario(
            "backlog",
            segments=(
                Segment("sinus", 40.0, rate_bpm=70),
                Segment("vt", 12.0, rate_bpm=185),
                Segment("sinus", 400.0, rate_bpm=72),
            ),
        ),
        450,
    )
    phone = clinic.phone(ward.code)
    phone.announce()
    live = live_on(clinic)
    last = len(counts) // N - 1
    for seq in range(10):
        send(phone, counts, seq)
    clinic.clock.forward(seconds=20)
    drain(live)
    clinic.clock.forward(seconds=430)
    for seq in range(last - 10, last + 1):  # back in the network: newest first
        send(phone, counts, seq)
    live.round()
    with clinic.read() as session:
        view = analysis.live_view(session, phone.recording_id)
    assert view is not None
    assert view.analysed_sample == (last + 1) * N
    assert not alarms(clinic, "E2")
    for seq in range(last - 11, 9, -1):
        send(phone, counts, seq)
    clinic.clock.forward(seconds=10)
    drain(live)
    (alarm,) = alarms(clinic, "E2")
    assert alarm.evidence["late_s"] > 300
    with clinic.read() as session:
        beats = analysis.beats_in(session, phone.recording_id, 0, len(counts))
    rate = 60 * len(beats) / (len(counts) / FS_HZ)
    assert 68 < rate < 82


def test_a_fault_in_one_recording_leaves_the_others_watched(
    clinic: Any, ward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = pvc_then_vt()
    phone = clinic.phone(ward.code)
    phone.announce()
    with clinic.write() as session:
        physician = staff_service.staff_by_id(session, ward.physician_id)
        other = make.make_patient(session, physician, mrn="A0002")
        _, code = make.issue_unit(session, physician, other, serial="AX-0002")
    second = clinic.phone(code, serial="AX-0002")
    second.announce(serial="AX-0002")
    for seq in range(3):
        send(phone, counts, seq)
        send(second, counts, seq)
    live = live_on(clinic)
    from_disk = live._head

    def faulty(recording_id: str, now: Any) -> bool:
        if recording_id == phone.recording_id:
            raise RuntimeError("broken")
        return from_disk(recording_id, now)

    monkeypatch.setattr(live, "_head", faulty)
    live.round()
    with clinic.read() as session:
        assert analysis.live_view(session, second.recording_id) is not None
    (fault,) = alarms(clinic, "T5")
    assert fault.code == "alarms.analysis_failed"
    assert fault.recording_id == phone.recording_id


def test_sos_pressed_twice_is_one_emergency(clinic: Any, ward: Any) -> None:
    phone = clinic.phone(ward.code)
    body = {
        "client_id": "press-0001",
        "pressed_at": clinic.clock.now.isoformat(),
        "symptoms": ["chest_pain"],
    }
    first = phone.http.post("/api/me/sos", json=body, headers=phone.headers)
    again = phone.http.post("/api/me/sos", json=body, headers=phone.headers)
    assert first.status_code == 200, first.text
    assert first.json()["alarm_id"] == again.json()["alarm_id"]
    (alarm,) = alarms(clinic)
    assert (alarm.rule, alarm.tier) == ("E10", "E")
