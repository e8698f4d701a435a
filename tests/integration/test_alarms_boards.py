"""What alarms amount to, as pages: the board, the critical values, the daily list."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest

from clinic_server.alarms.models import Adjudication, Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.staff.models import Role
from tests import factories as make
from tests.factories import NOW
from tests.integration.conftest import Browser, Clinic, Ward


@pytest.fixture
def doctor(clinic: Clinic, ward: Ward) -> Browser:
    """The attending physician, signed in."""
    return clinic.sign_in("zhang")


def raised(clinic: Clinic, ward: Ward, rule: str, code: str, **more: Any) -> int:
    with clinic.write() as session:
        alarm = raise_condition(
            session,
            rule_id=rule,
            code=code,
            dedupe_key=f"{rule}:{more}",
            patient_id=ward.patient_id,
            onset_at=clinic.clock.now - timedelta(seconds=4),
            now=clinic.clock.now,
            **more,
        )
        assert alarm is not None
        return alarm.id or 0


def recorded(clinic: Clinic, ward: Ward) -> str:
    """One day of ECG, as far as figures need it."""
    phone = clinic.phone(ward.code)
    assert phone.announce().status_code == 200
    assert phone.put(0).status_code == 201
    clinic.clock.forward(days=1)
    assert phone.put(1, make.segment_body(86_380 * 250, at=NOW)).status_code == 201
    return phone.recording_id


def test_the_board_counts_load_truth_and_delays(clinic: Clinic, ward: Ward) -> None:
    recording_id = recorded(clinic, ward)
    doctor = clinic.sign_in("zhang")
    for n, finding in enumerate((Adjudication.TRUE, Adjudication.NOISE)):
        alarm_id = raised(
            clinic, ward, "E1", "alarms.vf", recording_id=recording_id,
            params={"duration_s": 5 + n},
        )  # fmt: skip
        with clinic.write() as session:
            alarm = session.get_one(Alarm, alarm_id)
            alarm.adjudication = finding
            alarm.notified_at = clinic.clock.now
            session.add(alarm)
    found = doctor.get("/console/alarm-statistics.json", params={"days": 7}).json()
    assert found["patient_days"] == pytest.approx(1.0, abs=0.01)
    assert found["per_100_patient_days"] == pytest.approx(200, rel=0.01)
    for table, key in (("rules", "E1"), ("units", "AX-0001"), ("by_patient", "1")):
        (one,) = found[table]
        assert (one["key"], one["judged"], one["true"]) == (key, 2, 1)
    assert found["to_screen"] == {"n": 2, "p50_s": 4.0, "p95_s": 4.0, "max_s": 4.0}
    shown = doctor.get("/console/board", params={"days": 7})
    assert shown.status_code == 200
    assert "1\u00a0of 2" in shown.text


def test_quality_sees_the_figures_of_the_house_and_no_patient(
    clinic: Clinic, ward: Ward
) -> None:
    raised(clinic, ward, "E1", "alarms.vf", params={"duration_s": 5})
    with clinic.write() as session:
        make.make_staff(session, "quality", Role.QUALITY)
    quality = clinic.sign_in("quality")
    found = quality.get("/console/alarm-statistics.json").json()
    assert (found["alarms"], found["by_patient"]) == (1, [])
    assert "王建国" not in quality.get("/console/board").text


def test_the_register_of_a_month_is_exported_as_a_table(
    clinic: Clinic, ward: Ward, doctor: Browser
) -> None:
    alarm_id = raised(clinic, ward, "E1", "alarms.vf", params={"duration_s": 5})
    clinic.clock.forward(minutes=3)
    entered = doctor.post(
        f"/console/alarms/{alarm_id}/critical-value",
        json={"told": "=WARD 7", "read_back": True},
    )
    assert entered.status_code == 200
    page = doctor.get("/console/critical-values")
    assert "=WARD 7" in page.text
    answer = doctor.get("/console/critical-values.csv", params={"month": "2026-11"})
    assert answer.headers["content-disposition"].endswith('critical-values-2026-11.csv"')
    assert answer.text.startswith("\ufeff")
    head, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    line = dict(zip(head, row, strict=True))
    assert line["Record number"] == "A0001"
    assert line["Found at"] == "2026-11-23 15:59:56"
    assert line["Minutes"] == "3.1"
    assert line["Told"] == "'=WARD 7", "a spreadsheet must not take it for a formula"
    other = doctor.get("/console/critical-values.csv", params={"month": "2026-10"})
    assert len(list(csv.reader(io.StringIO(other.text)))) == 1
    assert doctor.get("/console/critical-values?month=2026-13").status_code == 422


def test_the_month_of_the_register_is_the_clinics(clinic: Clinic, ward: Ward) -> None:
    clinic.clock.now = NOW.replace(month=11, day=30, hour=17)  # 1 December in the clinic
    doctor = clinic.sign_in("zhang")
    alarm_id = raised(clinic, ward, "E1", "alarms.vf", params={"duration_s": 5})
    doctor.post(
        f"/console/alarms/{alarm_id}/critical-value",
        json={"told": "病房", "read_back": False},
    )
    found = {
        month: doctor.get("/console/critical-values.json", params={"month": month}).json()
        for month in ("2026-11", "2026-12")
    }
    assert [len(rows) for rows in found.values()] == [0, 1]


def test_the_daily_list_shows_each_finding_and_ends_what_was_read(
    clinic: Clinic, ward: Ward, doctor: Browser
) -> None:
    alarm_id = raised(clinic, ward, "D1", "alarms.sinus_slow", params={"rate_bpm": 46})
    shown = doctor.get("/console/daily").text
    assert f'data-alarm="{alarm_id}"' in shown
    ended = doctor.post(f"/console/alarms/{alarm_id}/close", json={"outcome": "observed"})
    assert ended.status_code == 200
    assert f'data-alarm="{alarm_id}"' not in doctor.get("/console/daily").text


def test_what_was_done_is_noted_for_whoever_looks_next(
    clinic: Clinic, ward: Ward, doctor: Browser
) -> None:
    alarm_id = raised(clinic, ward, "E1", "alarms.vf", params={"duration_s": 5})
    path = f"/console/alarms/{alarm_id}"

    def note() -> str:
        (card,) = doctor.get("/console/alarms.json").json()["cards"]
        text: str = card["note"]
        return text

    assert note() == ""
    doctor.post(f"{path}/call", json={"whom": "patient", "outcome": "no_answer"})
    assert note() == "Patient's telephone: No answer"
    assert doctor.post(f"{path}/note", json={"text": "女儿在路上"}).status_code == 200
    assert note() == "女儿在路上"
    assert doctor.post(f"{path}/note", json={"text": "  "}).status_code == 422


def test_signs_are_kept_by_the_browser_and_scripts_are_asked_for(
    clinic: Clinic, ward: Ward
) -> None:
    """A page that has lost the server must still draw the sign that says so."""
    doctor = clinic.sign_in("zhang")
    found = re.search(r'data-sprite="([^"]+)"', doctor.get("/console").text)
    assert found is not None
    assert "immutable" in doctor.get(found[1]).headers["cache-control"]
    for path in (found[1].partition("?")[0], "/static/js/dom.js"):
        assert doctor.get(path).headers["cache-control"] == "no-cache"
