"""The life of a report: owed, drafted, signed, amended; words and tables agree."""

import json
import re
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from clinic_server.alarms.models import Alarm
from clinic_server.deps import App
from clinic_server.errors import Conflict
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording
from clinic_server.reports import service, worker
from clinic_server.reports.models import Report, ReportJob
from clinic_server.staff.models import Staff
from tests import factories as make

SECONDS = 120
FS = 250


@pytest.fixture
def recorded(clinic, ward):
    """Two minutes of a scripted heart, recorded and returned."""
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq, body in enumerate(make.ectopic_segments(SECONDS, FS, clinic.clock.now)):
        assert phone.put(seq, body).status_code == 201
    clinic.clock.forward(seconds=SECONDS)
    physician = clinic.sign_in("zhang")
    answer = physician.post(
        f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"}
    )
    assert answer.status_code == 200
    return physician


def draft(clinic) -> int:
    """Do what the tick does, without its worker process."""
    app: App = clinic.parts
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
        claimed = service.claim(session, clinic.clock.now)
    assert claimed is not None
    result = worker.analyse(app.settings.url, claimed, "Asia/Shanghai")
    json.dumps(result)
    with clinic.write() as session:
        report = service.store_draft(session, claimed, result, clinic.clock.now)
        again = service.store_draft(session, claimed, result, clinic.clock.now)
        assert again.id == report.id
        return report.id or 0


def test_an_analysis_that_fails_five_times_calls_for_help_once(clinic, recorded):
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
    for _ in range(service.MAX_ATTEMPTS):
        with clinic.write() as session:
            service.give_up(session, clinic.clock.now)
            claimed = service.claim(session, clinic.clock.now)
            assert claimed is not None
            service.failed(session, claimed, "MemoryError")
            assert not list(session.exec(select(Alarm)))
    for _ in range(2):
        with clinic.write() as session:
            assert service.claim(session, clinic.clock.now) is None
            service.give_up(session, clinic.clock.now)
    with clinic.read() as session:
        (alarm,) = session.exec(select(Alarm)).all()
        assert (alarm.rule, alarm.code) == ("T5", "alarms.report_failed")
        assert (alarm.recording_id, alarm.params) == (claimed, {"attempts": 5})
        assert session.get_one(ReportJob, claimed).error == "given_up MemoryError"
        assert not service.anything_owed(session)


def test_a_worker_lost_at_its_fifth_try_calls_for_help_too(clinic, recorded):
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
        for _ in range(service.MAX_ATTEMPTS):
            clinic.clock.forward(seconds=service.LOST_AFTER.total_seconds() + 1)
            assert service.claim(session, clinic.clock.now) is not None
        service.give_up(session, clinic.clock.now)
        assert not list(session.exec(select(Alarm)))  # it may still be at work
        clinic.clock.forward(seconds=service.LOST_AFTER.total_seconds() + 1)
        assert service.anything_owed(session)
        service.give_up(session, clinic.clock.now)
        assert session.exec(select(Alarm)).one().code == "alarms.report_failed"


def test_a_returned_unit_is_owed_one_report_and_only_one(clinic, recorded):
    report_id = draft(clinic)
    with clinic.write() as session:
        assert service.owe(session, clinic.clock.now) == 0
        assert service.claim(session, clinic.clock.now) is None
        assert not service.anything_owed(session)
        assert session.get_one(Report, report_id).state == "draft"


def test_a_report_is_dated_by_the_clock_of_the_patch(clinic, recorded):
    with clinic.write() as session:
        recording = session.exec(select(Recording)).one()
        recording.clock_start_at = recording.started_at + timedelta(seconds=2)
        recording.clock_fs_hz = FS * (1 - 100e-6)
        session.add(recording)
    report_id = draft(clinic)
    with clinic.read() as session:
        recording = session.exec(select(Recording)).one()
        result = session.get_one(Report, report_id).result
        places = [strip["centre"] for strip in result["strips"]]
        assert places
        for place in places:
            told = datetime.fromisoformat(place["at"])
            assert told == recordings.sample_time(recording, place["sample"])
        start = datetime.fromisoformat(result["coverage"]["start_at"])
        assert start == recording.clock_start_at
        assert result["coverage"]["recorded_s"] == pytest.approx(SECONDS * 1.0001)


def test_a_job_whose_worker_died_is_taken_again(clinic, recorded):
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
        first = service.claim(session, clinic.clock.now)
        assert service.claim(session, clinic.clock.now) is None
    clinic.clock.forward(minutes=16)
    with clinic.write() as session:
        assert service.claim(session, clinic.clock.now) == first


def test_a_recording_of_seconds_gets_no_report(clinic, ward):
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    clinic.sign_in("zhang").post(
        f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"}
    )
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
        assert service.claim(session, clinic.clock.now) is None
        assert session.exec(select(ReportJob)).one().error == "too_short"


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_page_and_conclusion_say_the_same_numbers(clinic, recorded, locale):
    report_id = draft(clinic)
    recorded.http.cookies.set("lang", locale)
    page = recorded.http.get(f"/console/reports/{report_id}")
    assert page.status_code == 200
    with clinic.read() as session:
        result = session.get_one(Report, report_id).result
    count = f"{result['ventricular']['count']:,}"
    assert result["ventricular"]["count"] > 0
    assert page.text.count(count) >= 2, "in the sentence and in the table"
    assert "reports." not in re.sub(r"/static/\S+|report\.(css|js)", "", page.text)
    draft_word = "机器初读" if locale == "zh_CN" else "Machine draft"
    assert draft_word in page.text


def test_signing_needs_the_password_and_reaches_the_patient(clinic, ward, recorded):
    report_id = draft(clinic)
    path = f"/console/reports/{report_id}/sign"
    body = {"password": "wrong password!", "patient_text": "您的心电我看过了。"}
    refused = recorded.post(path, json=body)
    assert refused.status_code == 403
    signed = recorded.post(path, json=body | {"password": make.PASSWORD})
    assert signed.json()["state"] == "signed"
    assert len(signed.json()["sha256"]) == 64
    assert recorded.post(path, json=body | {"password": make.PASSWORD}).status_code == 409
    with clinic.read() as session:
        report = session.get_one(Report, report_id)
        assert service.fingerprint(session, report) == report.sha256


def test_an_amendment_makes_version_two_and_keeps_version_one(clinic, recorded):
    report_id = draft(clinic)
    sign = {"password": make.PASSWORD, "patient_text": "看过了。"}
    too_early = recorded.post(f"/console/reports/{report_id}/amend", json={"reason": "x"})
    assert too_early.status_code == 409
    recorded.post(f"/console/reports/{report_id}/sign", json=sign)
    amended = recorded.post(
        f"/console/reports/{report_id}/amend", json={"reason": "补充用药"}
    ).json()
    assert amended["version"] == 2
    second = amended["id"]
    recorded.post(f"/console/reports/{second}/note", json={"text": "加用美托洛尔后复查"})
    recorded.post(f"/console/reports/{second}/sign", json=sign)
    with clinic.read() as session:
        first, latest = session.get_one(Report, report_id), session.get_one(Report, second)
        assert (first.state, latest.state) == ("superseded", "signed")
        assert first.conclusion == ""
        assert service.fingerprint(session, first) == first.sha256
    assert "加用美托洛尔后复查" in recorded.http.get(f"/console/reports/{second}").text


def test_a_signed_report_is_printed_the_same_every_time(clinic, recorded):
    report_id = draft(clinic)
    sign = {"password": make.PASSWORD, "patient_text": "看过了。"}
    recorded.post(f"/console/reports/{report_id}/sign", json=sign)
    first = recorded.http.get(f"/console/reports/{report_id}.pdf?lang=zh_CN")
    assert first.headers["content-type"] == "application/pdf"
    assert first.content.startswith(b"%PDF-")
    assert b"pdfaid" in first.content, "PDF/A says what it is"
    again = recorded.http.get(f"/console/reports/{report_id}.pdf?lang=zh_CN")
    assert again.content == first.content


def next_day(clinic, report_id, mean_bpm):
    """Another recording of the same patient a day later, with its draft."""
    with clinic.write() as session:
        first = session.get_one(Report, report_id)
        old = session.get_one(Recording, first.recording_id)
        later = Recording(**{**old.model_dump(), "id": str(uuid4())})
        later.started_at = old.started_at + timedelta(days=1)
        rate = {**first.result["heart_rate"], "mean_bpm": mean_bpm}
        report = Report(
            recording_id=later.id,
            patient_id=first.patient_id,
            version=1,
            state="draft",
            algorithm=first.algorithm,
            result={**first.result, "heart_rate": rate},
            created_at=clinic.clock.now,
        )
        session.add(later)
        session.flush()
        session.add(report)
        session.flush()
        return report.id, round(first.result["heart_rate"]["mean_bpm"])


def test_a_second_report_stands_beside_the_last_signed_one(clinic, recorded):
    first_id = draft(clinic)
    second_id, before = next_day(clinic, first_id, 93.6)
    words = "Beside the last report"
    recorded.http.cookies.set("lang", "en")
    assert words not in recorded.http.get(f"/console/reports/{second_id}").text
    body = {"password": make.PASSWORD, "patient_text": "看过了。"}
    recorded.post(f"/console/reports/{first_id}/sign", json=body)
    page = recorded.http.get(f"/console/reports/{second_id}").text
    assert words in page
    cells = [f"<td>{cell}</td>" for cell in (before, 94, f"{94 - before:+d}")]
    assert "".join(cells) in page
    assert words not in recorded.http.get(f"/console/reports/{first_id}").text


def test_a_stranger_sees_no_report(clinic, recorded):
    with clinic.write() as session:
        make.make_staff(session, "stranger")
    report_id = draft(clinic)
    stranger = clinic.sign_in("stranger")
    for path in (f"/console/reports/{report_id}", f"/console/reports/{report_id}.pdf"):
        assert stranger.http.get(path).status_code == 404


def test_the_store_refuses_what_is_signed(clinic, recorded):
    report_id = draft(clinic)
    sign = {"password": make.PASSWORD, "patient_text": "看过了。"}
    recorded.post(f"/console/reports/{report_id}/sign", json=sign)
    with clinic.write() as session:
        report = session.get_one(Report, report_id)
        staff = session.get_one(Staff, report.signed_by)
        with pytest.raises(Conflict):
            service.edit_note(session, report, staff, "x", clinic.clock.now)
        assert session.exec(select(Recording)).one().close_reason == "returned"
