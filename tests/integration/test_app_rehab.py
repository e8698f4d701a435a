"""The gate before a session: every reason, open alarms, the zone, the summary."""

from datetime import timedelta
from typing import Any

import pytest

from clinic_server.alarms.raising import raise_condition
from clinic_server.patients.models import Patient
from clinic_server.plans.work import worklist
from clinic_server.rehab.limits import target_zone
from clinic_server.rehab.service import exercising
from tests.factories import NOW, Phone
from tests.integration.conftest import Clinic, Ward

WELL: dict[str, Any] = {
    "asked_at": NOW.isoformat(),
    "new_chest_pain": False,
    "new_dyspnoea": False,
    "syncope": False,
    "weight_gain": False,
    "systolic_mmhg": 128,
    "diastolic_mmhg": 78,
    "rest_bpm": 68,
    "rest_good_s": 55,
    "rest_s": 60,
}
ENDED: dict[str, Any] = {
    "ended_at": NOW.isoformat(),
    "end": "finished",
    "borg": 13,
    "trained_s": 1200,
    "in_zone_s": 900,
    "good_s": 1100,
    "mean_bpm": 101,
    "max_bpm": 118,
}


@pytest.fixture
def phone(clinic: Clinic, ward: Ward) -> Phone:
    return clinic.phone(ward.code)


def prescribe(clinic: Clinic, ward: Ward, **more: Any) -> Any:
    doctor = clinic.sign_in("zhang")
    return doctor.post(
        f"/console/patients/{ward.patient_id}/rehab", json={"max_bpm": 140} | more
    )


def ask(phone: Phone, number: int = 0, **changes: Any) -> dict[str, Any]:
    body = WELL | {"client_id": f"session-{number}"} | changes
    answer = phone.http.post("/api/me/rehab/gate", json=body, headers=phone.headers)
    assert answer.status_code == 200, answer.text
    gate: dict[str, Any] = answer.json()
    return gate


def test_nobody_trains_without_a_prescription(phone: Phone) -> None:
    assert ask(phone)["reasons"] == ["no_prescription"]


def test_a_well_patient_trains_in_the_zone_of_karvonen(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    assert prescribe(clinic, ward, low_pct=40, high_pct=60).status_code == 204
    gate = ask(phone)
    assert gate["permitted"] is True
    assert (gate["target_low_bpm"], gate["target_high_bpm"]) == (97, 111)
    kinds = [stage["kind"] for stage in gate["stages"]]
    assert kinds == ["warm_up", "work", "easy", "work", "easy", "work", "cool_down"]
    assert ask(phone) == gate, "the same question, the same answer"


def test_the_prescribed_effort_reaches_the_phone(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    assert prescribe(clinic, ward, rpe_low=14, rpe_high=14).status_code == 422
    assert prescribe(clinic, ward, rpe_low=11, rpe_high=17).status_code == 422, "17 stops"
    assert prescribe(clinic, ward, rpe_low=11, rpe_high=13).status_code == 204
    gate = ask(phone)
    assert (gate["target_low_rpe"], gate["target_high_rpe"]) == (11, 13)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"new_chest_pain": True}, "chest_pain"),
        ({"new_dyspnoea": True}, "dyspnoea"),
        ({"syncope": True}, "syncope"),
        ({"weight_gain": True}, "weight_gain"),
        ({"systolic_mmhg": None}, "pressure_missing"),
        ({"systolic_mmhg": 181}, "pressure_high"),
        ({"diastolic_mmhg": 101}, "pressure_high"),
        ({"systolic_mmhg": 89}, "pressure_low"),
        ({"rest_bpm": None}, "ecg_not_assessable"),
        ({"rest_good_s": 30}, "ecg_not_assessable"),
        ({"rest_bpm": 121}, "rate_high"),
        ({"rest_bpm": 49}, "rate_low"),
    ],
)
def test_each_reason_refuses(
    clinic: Clinic, ward: Ward, phone: Phone, changes: dict[str, Any], reason: str
) -> None:
    prescribe(clinic, ward)
    gate = ask(phone, **changes)
    assert (gate["permitted"], gate["reasons"]) == (False, [reason])
    assert gate["stages"] == []


def test_the_limits_themselves_are_allowed(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    at_limits = {"systolic_mmhg": 180, "diastolic_mmhg": 100, "rest_bpm": 50}
    assert ask(phone, **at_limits)["permitted"] is True
    assert ask(phone, 1, systolic_mmhg=90, rest_bpm=120)["permitted"] is True


def test_a_doctor_may_allow_a_slower_heart_under_a_beta_blocker(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward, rest_low_bpm=44)
    assert ask(phone, rest_bpm=45)["permitted"] is True


def test_high_risk_trains_under_supervision_only(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward, risk="high")
    assert ask(phone)["reasons"] == ["supervised_only"]


def test_an_open_alarm_refuses_until_it_is_closed(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    with clinic.write() as session:
        alarm = raise_condition(
            session,
            rule_id="E10",
            code="alarms.sos",
            dedupe_key="test",
            patient_id=ward.patient_id,
            onset_at=NOW,
            now=NOW,
        )
        assert alarm is not None
    assert ask(phone)["reasons"] == ["open_alarm"]
    with clinic.write() as session:
        alarm = session.merge(alarm)
        alarm.closed_at = NOW
    assert ask(phone, 1)["permitted"] is True


def test_a_summary_is_kept_once_and_counts(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward, sessions=1)
    number = ask(phone)["session_id"]
    path = f"/api/me/rehab/{number}/summary"
    first = phone.http.post(path, json=ENDED, headers=phone.headers)
    again = phone.http.post(path, json=ENDED | {"borg": 19}, headers=phone.headers)
    assert first.json() == again.json()
    kept = {"session_id": number, "number": 1, "end": "finished", "borg": 13}
    assert kept.items() <= first.json().items()
    assert ask(phone, 1)["reasons"] == ["all_done"]
    progress = phone.http.get("/api/me/rehab", headers=phone.headers).json()
    assert (progress["done"], progress["of"]) == (1, 1)


def test_a_doctor_permits_what_the_rules_refused_and_the_phone_hears_it(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    gate = ask(phone, systolic_mmhg=186)
    assert (gate["permitted"], gate["may_be_permitted"]) == (False, True)
    path = f"/console/rehab/{gate['session_id']}/permit"
    doctor = clinic.sign_in("zhang")
    assert doctor.post(path, json={"reason": "   "}).status_code == 422
    assert doctor.post(path, json={"reason": "在院时一贯如此"}).status_code == 204
    assert doctor.post(path, json={"reason": "再一次"}).status_code == 409
    after = ask(phone, systolic_mmhg=186)
    assert after["permitted"] is True
    assert after["permitted_by"] == "Zhang"
    assert after["reasons"] == ["pressure_high"], "why it was refused stays to be seen"
    assert after["stages"] != []


def test_what_has_no_resting_rate_cannot_be_permitted(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    gate = ask(phone, rest_bpm=None)
    assert gate["may_be_permitted"] is False
    doctor = clinic.sign_in("zhang")
    path = f"/console/rehab/{gate['session_id']}/permit"
    assert (
        doctor.post(path, json={"reason": "可以"}).json()["code"] == "rehab.not_to_permit"
    )


def test_a_walk_passes_the_gate_and_is_no_session(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward, sessions=1)
    gate = ask(phone, kind="walk")
    assert [(s["kind"], s["seconds"]) for s in gate["stages"]] == [("work", 360)]
    assert gate["of"] == 0
    body = ENDED | {
        "trained_s": 360,
        "walk": {"distance_m": 412, "bpm_end": 104, "rested_s": 20},
        "readings": [{"at_s": 360, "spo2_pct": 94}],
    }
    path = f"/api/me/rehab/{gate['session_id']}/summary"
    record = phone.http.post(path, json=body, headers=phone.headers).json()
    assert (record["kind"], record["distance_m"]) == ("walk", 412)
    progress = phone.http.get("/api/me/rehab", headers=phone.headers).json()
    assert progress["done"] == 0
    assert ask(phone, 1)["permitted"] is True


def test_an_end_that_had_a_reason_calls_the_nurse_once(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    path = f"/api/me/rehab/{ask(phone)['session_id']}/summary"
    for _ in range(2):
        phone.http.post(path, json=ENDED | {"end": "chest_pain"}, headers=phone.headers)
    with clinic.read() as session:
        items = [item.detail for item in worklist(session)]
    assert items == [{"why": "exercise_stopped", "end": "chest_pain"}]


def test_a_fast_rate_is_expected_only_while_a_permitted_session_runs(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)

    def running(minutes: float) -> bool:
        with clinic.read() as session:
            at = NOW + timedelta(minutes=minutes)
            return exercising(session, ward.patient_id, at)

    ask(phone, syncope=True)
    assert not running(5), "a refused one does not run"
    number = ask(phone, 1)["session_id"]
    assert running(5)
    assert not running(-1)
    assert not running(121), "one that was never ended does not run for ever"
    clinic.clock.forward(minutes=30)
    phone.http.post(f"/api/me/rehab/{number}/summary", json=ENDED, headers=phone.headers)
    assert (running(29), running(31)) == (True, False)


def test_new_fibrillation_stops_only_those_who_do_not_have_it_anyway(
    clinic: Clinic, ward: Ward, phone: Phone
) -> None:
    prescribe(clinic, ward)
    assert "AFIB" in ask(phone)["stop_rhythms"]
    with clinic.write() as session:
        session.get_one(Patient, ward.patient_id).known_af = True
    assert "AFIB" not in ask(phone)["stop_rhythms"]
    assert "VT" in ask(phone)["stop_rhythms"]


def test_a_refused_session_has_no_summary(clinic: Clinic, ward: Ward, phone: Phone) -> None:
    prescribe(clinic, ward)
    number = ask(phone, syncope=True)["session_id"]
    path = f"/api/me/rehab/{number}/summary"
    answer = phone.http.post(path, json=ENDED, headers=phone.headers)
    assert answer.json()["code"] == "rehab.not_permitted"


def test_the_zone_without_a_stress_test_is_rest_plus_20_to_30() -> None:
    assert target_zone(70, None, 40, 60) == (90, 100)
    assert target_zone(70, 60, 40, 60) == (90, 100)
    assert target_zone(60, 160, 40, 80) == (100, 140)
