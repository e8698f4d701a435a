"""The reading workstation on the server: who may, what is kept, what follows from edits."""

import gzip
import json
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, select

from clinic_server.alarms.models import AdviceRow
from clinic_server.reports import edits, kept, service, worker
from clinic_server.reports.models import (
    Report,
    ReportEdit,
    ReportJob,
    ReportReading,
    ReportTile,
)
from clinic_server.staff.models import AuditEntry, Role
from tests import factories as make

SECONDS = 60
FS = 250


@pytest.fixture(scope="module")
def heart_bodies() -> list[bytes]:
    """A minute of a scripted heart with ectopic beats, as segments."""
    return make.ectopic_segments(SECONDS, FS)


class Reading:
    """A day (of a minute) with its draft, and people around it."""

    def __init__(self, clinic, report_id: int, recording_id: str) -> None:
        self.clinic, self.id, self.recording_id = clinic, report_id, recording_id
        self.base = f"/console/reports/{report_id}/reading"
        self.zhang = clinic.sign_in("zhang")
        self.li = clinic.sign_in("li")

    def send(self, who, kind: str, *, base: int | None = None, key: str = "", **more):
        known = self.newest() if base is None else base
        body = {"key": key or str(uuid4()), "base": known, "kind": kind, **more}
        return who.post(f"{self.base}/edits", json=body)

    def newest(self) -> int:
        with self.clinic.read() as session:
            return edits.newest(session, self.recording_id)

    def report(self) -> Report:
        with self.clinic.read() as session:
            found: Report = session.get_one(Report, self.id)
            return found

    def numbers(self, upto: int = 20_000):
        answer = self.zhang.get(f"{self.base}/numbers?upto={upto}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def measure(self) -> None:
        self.zhang.post(f"{self.base}/measure")
        for _ in range(2):
            self.clinic.tick("reports.remeasure")
            self.wait()

    def wait(self) -> None:
        measuring = self.clinic.app.state.reading._measuring
        if measuring is not None:
            measuring[2].exception(timeout=60)

    def beats(self) -> tuple[np.ndarray, np.ndarray]:
        raw = self.zhang.get(f"{self.base}/day").content
        (length,) = struct.unpack_from("<I", raw)
        head = json.loads(raw[4 : 4 + length])
        at = 4 + length + -length % 4
        columns = {}
        for name, kind, count in head["columns"]:
            columns[name] = np.frombuffer(raw, kind, count, at)
            size = columns[name].nbytes
            at += size + -size % 4
        letters = columns["aami"].tobytes().decode()
        return np.cumsum(columns["step"]), np.array(list(letters))


@pytest.fixture
def day(clinic, ward, heart_bodies) -> Reading:
    phone = clinic.phone(ward.code)
    phone.announce()
    for seq, body in enumerate(heart_bodies):
        assert phone.put(seq, body).status_code == 201
    clinic.clock.forward(seconds=SECONDS)
    with clinic.write() as session:
        make.make_staff(session, "li", Role.TECHNICIAN, name="李萍")
        make.make_staff(session, "nurse", Role.NURSE)
        make.make_staff(session, "stranger")
        make.make_staff(session, "admin", Role.ADMIN)
    physician = clinic.sign_in("zhang")
    physician.post(f"/desk/issues/{ward.issue_id}/return", json={"condition": "good"})
    # a process would take seconds to start
    clinic.app.state.reading.make_pool = lambda: ThreadPoolExecutor(2)
    with clinic.write() as session:
        service.owe(session, clinic.clock.now)
        recording_id = service.claim(session, clinic.clock.now)
    assert recording_id is not None
    found = studied(clinic, recording_id)
    with clinic.write() as session:
        kept.keep(session, recording_id, found.kept, clinic.clock.now)
        report = service.store_draft(session, recording_id, found.result, clinic.clock.now)
    return Reading(clinic, report.id or 0, recording_id)


STUDIES: list[worker.Study] = []


def studied(clinic, recording_id: str) -> worker.Study:
    """Analyse the day once: it is the same in every test."""
    if not STUDIES:
        url = clinic.parts.settings.url
        STUDIES.append(worker.study(url, recording_id, "Asia/Shanghai"))
    return STUDIES[0]


def test_only_those_who_read_may_open_and_edit_and_both_are_in_the_audit(clinic, day):
    edit = {"kind": "relabel", "to": "V", "steps": [int(day.beats()[0][3])]}
    for name, status in [("nurse", 403), ("admin", 403), ("stranger", 404)]:
        who = clinic.sign_in(name)
        for path in ("", "/day", "/meta", "/tiles/0", "/edits?after=0", "/numbers?upto=0"):
            assert who.get(day.base + path).status_code == status, (name, path)
        assert day.send(who, **edit).status_code == status
        for path in ("/measure", "/preread", "/prepare"):
            assert who.post(day.base + path).status_code == status
        assert who.post(f"{day.base}/waves", json={"samples": [900]}).status_code == status
    assert clinic.client().get(f"{day.base}/day").status_code == 401
    assert day.newest() == 0
    for who in (day.zhang, day.li):
        page = who.get(day.base)
        assert page.status_code == 200
        assert (
            "reading."
            not in page.text.replace("reading.css", "")
            .replace("reading.js", "")
            .split('id="words"')[0]
        )
        assert day.send(who, **edit).status_code == 201
    with clinic.read() as session:
        rows = session.exec(
            select(AuditEntry).where(col(AuditEntry.action).startswith("reading."))
        ).all()
    assert [(r.action, r.detail.get("kind")) for r in rows] == [
        ("reading.open", None),
        ("reading.edit", "relabel"),
        ("reading.open", None),
        ("reading.edit", "relabel"),
    ]
    assert {r.patient_id for r in rows} == {day.report().patient_id}


def test_the_page_gets_the_machines_beats_its_trace_and_its_templates(clinic, day):
    sample, kinds = day.beats()
    with clinic.read() as session:
        report = session.get_one(Report, day.id)
        body = session.get_one(ReportReading, day.recording_id).day
    assert len(gzip.decompress(body)) > len(body)
    by_class = report.result["passport"]["by_class"]
    assert {k: int((kinds == k).sum()) for k in "NSV"} == {k: by_class[k] for k in "NSV"}
    assert (np.diff(sample) > 0).all()
    answer = day.zhang.get(f"{day.base}/tiles/0")
    low, high = np.frombuffer(answer.content, np.int8).reshape(2, -1)
    assert low.size == SECONDS * 25
    assert (low <= high).all()
    assert day.zhang.get(f"{day.base}/tiles/7").status_code == 404
    waves = day.zhang.post(f"{day.base}/waves", json={"samples": sample[3:6].tolist()})
    assert [len(w) for w in waves.json()] == [61] * 3
    assert np.argmax(np.abs(waves.json()[0])) == pytest.approx(20, abs=3)


def test_an_edit_is_on_disk_before_the_answer_and_sent_twice_is_kept_once(clinic, day):
    sample, _ = day.beats()
    key = str(uuid4())
    body = {"kind": "relabel", "to": "S", "steps": [int(sample[4]), 9], "key": key}
    body["steps"] = np.diff(sample[4:6], prepend=0).tolist()
    for _ in range(2):
        answer = day.send(day.li, base=0, **body)
        assert (answer.status_code, answer.json()["number"]) == (201, 1)
    with clinic.read() as session:
        (row,) = session.exec(select(ReportEdit)).all()
        assert edits.unpack(row.samples).tolist() == sample[4:6].tolist()
        assert row.report_id == day.id
    state = day.zhang.get(f"{day.base}/edits?after=0").json()
    assert (state["newest"], state["measured"], state["measuring"]) == (1, 0, True)
    assert state["steps"][0]["steps"] == body["steps"]
    assert state["names"] == {str(row.author_id): "李萍"}


def execute(clinic, statement: str) -> None:
    with clinic.write() as session:
        session.execute(text(statement))


def test_no_step_of_a_script_can_be_changed_or_removed(clinic, day):
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[4])])
    for change in ("UPDATE report_edit SET kind = 'insert'", "DELETE FROM report_edit"):
        with pytest.raises(DatabaseError):
            execute(clinic, change)
    assert day.newest() == 1


def test_two_people_lose_no_edit_and_are_told_of_a_collision(clinic, day):
    sample, _ = day.beats()
    mine = {"kind": "relabel", "to": "V", "steps": [int(sample[4])]}
    theirs = {"kind": "relabel", "to": "S", "steps": [int(sample[9])]}
    assert day.send(day.li, base=0, **mine).status_code == 201
    beside = day.send(day.zhang, base=0, **theirs)
    assert beside.json()["number"] == 2
    assert [row["to"] for row in beside.json()["unseen"]] == ["V"]
    clash = day.send(day.zhang, base=0, **(mine | {"to": "N"}))
    assert (clash.status_code, clash.json()["code"]) == (409, "reports.edit_conflict")
    assert clash.json()["params"] == {"name": "李萍", "number": "1"}
    assert day.send(day.zhang, base=1, **(mine | {"to": "N"})).status_code == 201
    undone = day.send(day.zhang, "undo", base=2, of_number=1)
    assert undone.status_code == 409, "she has not seen that the beat was made N since"
    assert day.newest() == 3


def test_many_at_once_get_numbers_without_a_gap(clinic, day):
    sample, _ = day.beats()
    answers: list[int] = []

    def press(who, first: int) -> None:
        answers.extend(
            day.send(who, "relabel", base=0, to="S", steps=[int(place)]).status_code
            for place in sample[first : first + 8]
        )

    threads = [
        threading.Thread(target=press, args=(who, first))
        for who, first in ((day.zhang, 10), (day.li, 25))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 16
    with clinic.read() as session:
        rows = edits.script(session, day.recording_id)
    assert [row.number for row in rows] == list(range(1, 17))


WRONG: list[dict[str, Any]] = [
    {"kind": "paint", "steps": [500]},
    {"kind": "relabel", "to": "X", "steps": [500]},
    {"kind": "relabel", "to": "V", "steps": []},
    {"kind": "relabel", "to": "V", "steps": [500, 0]},
    {"kind": "relabel", "to": "V", "steps": [SECONDS * FS]},
    {"kind": "insert", "to": "N", "steps": [500, 100]},
    {"kind": "artefact", "first": 500, "end": 500},
    {"kind": "artefact", "first": 500, "end": SECONDS * FS + 1},
    {"kind": "strip", "first": 0, "end": 40 * FS},
    {"kind": "rename", "rhythm": "VT", "first": 5, "end": 9, "to": "NOISE"},
    {"kind": "undo"},
    {"kind": "relabel", "to": "V", "steps": [500], "base": 7},
]


def test_an_edit_that_makes_no_sense_is_refused_and_nothing_is_kept(day):
    for wrong in WRONG:
        answer = day.send(day.li, **wrong)
        assert answer.status_code == 422, (wrong, answer.text)
    assert day.newest() == 0


def test_only_what_stands_can_be_taken_back(day):
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[4])])
    assert day.send(day.li, "redo", of_number=1).status_code == 409
    assert day.send(day.li, "undo", of_number=1).status_code == 201
    assert day.send(day.li, "undo", of_number=1).status_code == 409
    assert day.send(day.li, "undo", of_number=2).status_code == 409
    assert day.send(day.li, "redo", of_number=1).status_code == 201


def test_figures_follow_the_edits_and_the_report_is_measured_from_them(clinic, day):
    sample, kinds = day.beats()
    v = sample[kinds == "V"]
    before = day.numbers()
    assert before["figures"] == before["machine"]
    first = day.report().result
    for name in ("count", "couplets", "runs"):
        assert before["figures"]["v"][name] == first["ventricular"][name]
    for name in ("mean_bpm", "min", "max"):
        figure, section = before["figures"][name], first["heart_rate"][name]
        assert (figure[0] if name != "mean_bpm" else figure) == pytest.approx(
            section if name == "mean_bpm" else section["bpm"]
        )
    day.send(day.li, "relabel", to="N", steps=np.diff(v, prepend=0).tolist())
    day.send(day.li, "strip", first=1000, end=3500)
    after = day.numbers()
    assert after["upto"] == 2
    assert after["figures"]["by_class"]["V"] == 0
    assert after["machine"]["by_class"]["V"] == len(v)
    assert after["figures"]["edited_pct"] == pytest.approx(
        100 * len(v) / after["figures"]["beats"]
    )
    day.measure()
    report = day.report()
    assert (report.edit_number, report.remeasure_at) == (2, None)
    assert report.result["ventricular"]["count"] == 0
    assert report.result["passport"]["human_edited_pct"] == pytest.approx(
        after["figures"]["edited_pct"]
    )
    assert report.result["qt"] is not None or "qt" in report.result["reasons"]
    strip = report.result["strips"][-1]
    assert (strip["kind"], strip["first_sample"], strip["end_sample"]) == (
        "reader", 1000, 3500,
    )  # fmt: skip
    page = day.zhang.get(f"/console/reports/{day.id}").text
    assert "Chosen by the reader" in page


def test_taking_everything_back_gives_the_machines_report_again(clinic, day):
    first = day.report().result
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[7])])
    day.measure()
    assert day.report().result != first
    day.send(day.li, "undo", of_number=1)
    day.measure()
    assert day.report().result == first


def test_a_draft_is_measured_by_itself_after_a_quiet_while(clinic, day):
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[7])])
    clinic.tick("reports.remeasure")
    assert day.report().edit_number == 0
    clinic.clock.forward(seconds=edits.QUIET.total_seconds() + 1)
    for _ in range(2):
        clinic.tick("reports.remeasure")
        day.wait()
    assert day.report().edit_number == 1


SIGN = {"password": make.PASSWORD, "patient_text": "看过了。"}


def test_nothing_is_signed_on_figures_that_do_not_count_every_edit(clinic, day):
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[7])])
    path = f"/console/reports/{day.id}/sign"
    early = day.zhang.post(path, json=SIGN)
    assert (early.status_code, early.json()["code"]) == (409, "reports.numbers_pending")
    assert day.li.post(path, json=SIGN).status_code == 403
    day.measure()
    assert day.zhang.post(path, json=SIGN).status_code == 200
    late = day.send(day.li, "delete", steps=[int(sample[8])])
    assert (late.status_code, late.json()["code"]) == (409, "reports.already_signed")
    with clinic.read() as session:
        report = session.get_one(Report, day.id)
        assert service.fingerprint(session, report) == report.sha256
        assert report.edits_sha256 == edits.digest(session, day.recording_id, 1)
        report.edits_sha256 = "0" * 64
        assert service.fingerprint(session, report) != report.sha256


def test_a_result_counts_as_read_only_when_the_patient_has_opened_it(clinic, day):
    def read() -> bool:
        return bool(day.li.get(f"{day.base}/meta").json()["read_by_patient"])

    assert not read()
    day.zhang.post(f"/console/reports/{day.id}/sign", json=SIGN)
    assert not read()
    with clinic.write() as session:
        advice = session.exec(select(AdviceRow).where(AdviceRow.kind == "report")).one()
        advice.read_at = clinic.clock.now
        session.add(advice)
    assert read()


def test_an_amendment_is_edited_on_top_and_leaves_the_signed_version(clinic, day):
    sample, kinds = day.beats()
    day.zhang.post(f"/console/reports/{day.id}/sign", json=SIGN)
    signed = day.report()
    amended = day.zhang.post(
        f"/console/reports/{day.id}/amend", json={"reason": "漏判室早"}
    ).json()
    second = Reading(clinic, amended["id"], day.recording_id)
    normal = int(sample[np.flatnonzero(kinds == "N")[5]])
    assert second.send(second.zhang, "relabel", to="V", steps=[normal]).status_code == 201
    second.measure()
    assert (
        second.zhang.post(f"/console/reports/{second.id}/sign", json=SIGN).status_code
        == 200
    )
    first, last = day.report(), second.report()
    assert (first.state, first.result, first.sha256) == (
        "superseded", signed.result, signed.sha256,
    )  # fmt: skip
    assert (last.version, last.amend_reason) == (2, "漏判室早")
    count = signed.result["ventricular"]["count"]
    assert last.result["ventricular"]["count"] == count + 1


def test_a_pre_read_is_noted_with_name_and_time(clinic, day):
    answer = day.li.post(f"{day.base}/preread").json()
    assert answer["preread_by"] == "李萍"
    report = day.report()
    assert report.preread_at == clinic.clock.now
    with clinic.read() as session:
        actions = session.exec(select(AuditEntry.action)).all()
    assert "reading.preread" in actions


def test_a_report_of_an_earlier_release_gets_its_beats_on_request(clinic, day):
    with clinic.write() as session:
        session.delete(session.get_one(ReportTile, (day.recording_id, 0)))
        session.delete(session.get_one(ReportReading, day.recording_id))
    page = day.li.get(day.base)
    assert page.status_code == 200
    assert 'id="prepare"' in page.text
    assert day.li.get(f"{day.base}/day").status_code == 404
    assert day.li.get(f"{day.base}/numbers?upto=0").status_code == 404
    assert day.send(day.li, "delete", steps=[500]).status_code == 404
    before = day.report().result
    assert day.li.post(f"{day.base}/prepare").status_code == 202
    clinic.clock.forward(seconds=5)
    with clinic.write() as session:
        assert service.claim(session, clinic.clock.now) == day.recording_id
    found = studied(clinic, day.recording_id)
    with clinic.write() as session:
        kept.keep(session, day.recording_id, found.kept, clinic.clock.now)
        service.store_draft(session, day.recording_id, found.result, clinic.clock.now)
        assert session.get_one(ReportJob, day.recording_id).done_at is not None
    assert day.li.get(f"{day.base}/day").status_code == 200
    assert day.report().result == before


def test_a_measuring_that_fails_is_tried_again_and_a_late_one_is_thrown_away(clinic, day):
    sample, _ = day.beats()
    day.send(day.li, "delete", steps=[int(sample[7])])
    now = clinic.clock.now
    with clinic.write() as session:
        report = session.get_one(Report, day.id)
        assert not kept.settle(session, report, report.result, upto=-1)
        report.state = "signed"
        assert not kept.settle(session, report, report.result, upto=1)
        report.state = "draft"
    desk = clinic.app.state.reading
    failing: ThreadPoolExecutor = ThreadPoolExecutor(1)
    desk._measuring = (day.id, 1, failing.submit(lambda: 1 / 0))
    day.wait()
    clinic.tick("reports.remeasure")
    assert day.report().remeasure_at == now + timedelta(minutes=1)
