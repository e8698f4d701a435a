"""A loan on paper: extended, signed, photographed, certified, counted, or refused."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from clinic_server.desk.models import LoanReminder
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue, Unit
from clinic_server.patients.models import Patient
from clinic_server.plans.models import WorkItem
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff
from clinic_server.staff.sites import site_named
from tests import factories as make

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60 + b"IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60 + b"\xff\xd9"


@pytest.fixture
def nurse(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    return lambda: clinic.sign_in("chen")


def at(clinic, month, day, hour=3):
    clinic.clock.now = datetime(2026, month, day, hour, tzinfo=UTC)


def rungs(clinic):
    with clinic.read() as session:
        rows = session.exec(select(LoanReminder).order_by(col(LoanReminder.id))).all()
    return [(row.due_on.isoformat(), row.rung, row.advice_id is not None) for row in rows]


def put(browser, path, body):
    return browser.http.put(path, content=body, headers={"X-CSRF": browser.csrf})


def test_the_ladder_follows_an_extended_loan_and_the_patient_is_told(clinic, ward, nurse):
    phone = clinic.phone(ward.code)  # due on 2026-12-07
    at(clinic, 12, 6)
    clinic.tick("desk.remind")
    assert rungs(clinic)[-1] == ("2026-12-07", -1, True)
    at(clinic, 12, 8)
    clinic.tick("desk.watch")
    answer = nurse().post(
        f"/desk/issues/{ward.issue_id}/extend",
        json={"due_on": "2026-12-14", "reason": "复诊推迟"},
    )
    assert answer.json() == {"due_on": "2026-12-14"}
    told = phone.http.get("/api/me/inbox", headers=phone.headers).json()[0]
    assert "AX-0001" in told["text"]
    clinic.tick("desk.watch")
    clinic.tick("desk.remind")
    with clinic.read() as session:
        (line,) = [
            item
            for item in session.exec(select(WorkItem))
            if item.kind.value == "overdue_device"
        ]
        assert line.outcome == "extended"
    at(clinic, 12, 11)
    clinic.tick("desk.remind")
    assert rungs(clinic)[-1] == ("2026-12-14", -3, True)
    at(clinic, 12, 15)
    clinic.tick("desk.watch")
    with clinic.read() as session:
        kinds = [item.kind.value for item in session.exec(select(WorkItem))]
    assert kinds.count("overdue_device") == 2
    page = nurse().get(f"/desk/issues/{ward.issue_id}/papers").text
    assert "2026-12-07 → 2026-12-14 · 复诊推迟" in page


@pytest.mark.parametrize(
    ("due_on", "code"),
    [
        ("2026-12-07", "devices.not_later"),
        ("2026-12-01", "devices.not_later"),
        ("2031-12-01", "devices.due_too_far"),
    ],
)
def test_an_extension_that_nobody_can_mean_is_refused(clinic, ward, nurse, due_on, code):
    path = f"/desk/issues/{ward.issue_id}/extend"
    refused = nurse().post(path, json={"due_on": due_on, "reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_signatures_and_a_photo_stay_with_the_loan(clinic, ward, nurse):
    browser = nurse()
    base = f"/desk/issues/{ward.issue_id}"
    assert put(browser, f"{base}/pictures/issue_signature", PNG).status_code == 204
    assert put(browser, f"{base}/pictures/return_photo", JPEG).status_code == 204
    assert put(browser, f"{base}/pictures/return_photo", PNG).status_code == 204
    back = {"condition": "damaged", "signed_by": "李华", "accessories_back": False}
    assert browser.post(f"{base}/return", json=back).status_code == 200
    for kind in ("issue_signature", "return_photo"):
        kept = browser.get(f"{base}/pictures/{kind}")
        assert (kept.headers["content-type"], kept.content) == ("image/png", PNG)
    page = browser.get(f"{base}/papers").text
    assert "李华" in page
    assert "some missing" in page
    assert f"{base}/pictures/return_photo" in page
    late = put(browser, f"{base}/pictures/issue_signature", PNG)
    assert late.json()["code"] == "devices.issue_over"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<svg onload=alert(1)>", 422, "devices.bad_picture"),
        (PNG[:-12], 422, "devices.bad_picture"),
        (PNG + b"\0" * 3_000_000, 413, "errors.too_large"),
    ],
)
def test_what_is_no_small_picture_is_refused(clinic, ward, nurse, body, status, code):
    path = f"/desk/issues/{ward.issue_id}/pictures/return_photo"
    refused = put(nurse(), path, body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_a_loan_keeps_a_bounded_number_of_pictures(clinic, ward, nurse):
    browser = nurse()
    path = f"/desk/issues/{ward.issue_id}/pictures/return_photo"
    codes = [put(browser, path, PNG).status_code for _ in range(13)]
    assert codes == [204] * 12 + [429]


def test_terms_deposit_and_certificate_are_on_paper(clinic, ward, nurse):
    browser = nurse()
    with clinic.write() as session:
        make.make_unit(session, "AX-0002")
        physician = session.get_one(Staff, ward.physician_id)
        other = make.make_patient(session, physician, mrn="A0002", name="李秀英")
        patient_id = other.id
    lent = browser.post(
        "/desk/issue",
        json={
            "serial": "AX-0002", "patient_id": patient_id, "due_on": "2026-12-07",
            "deposit_cny": 200, "terms_signed": True, "signed_by": "李小兰",
            "parts": make.KIT,
        },
    ).json()  # fmt: skip
    base = f"/desk/issues/{lent['issue_id']}"
    page = browser.get(f"{base}/papers").text
    assert "version 2026-11" in page
    assert "李小兰" in page
    assert "Electrodes × 30 · lot L2611-08" in page
    assert "200\u00a0yuan" in page
    too_much = {"condition": "good", "deposit_back_cny": 201}
    assert browser.post(f"{base}/return", json=too_much).json()["code"] == (
        "devices.deposit_too_much"
    )
    fair = {"condition": "good", "deposit_back_cny": 200}
    assert browser.post(f"{base}/return", json=fair).status_code == 200
    wiped = browser.post("/desk/units/AX-0002/wipe").json()
    paper = browser.get(f"/desk/certificates/{wiped['certificate_id']}").text
    assert "W-00001" in paper
    assert "AX-0002" in paper
    assert "李秀英" not in paper


def test_every_reason_to_refuse_an_issue_is_named(clinic, ward, nurse):
    browser = nurse()
    with clinic.write() as session:
        make.make_unit(session, "AX-0003")
        unit = session.get_one(Unit, "AX-0003")
        unit.disinfected_at = unit.wiped_at = None
        unit.battery_pct, unit.clock_drift_s = 49, -2.1
        session.add(unit)
    reasons = browser.get("/desk/lookup", params={"scan": "AX-0003"}).json()["refusals"]
    assert reasons == [
        "devices.not_disinfected",
        "devices.not_wiped",
        "devices.battery_low",
        "devices.clock_drift",
    ]
    bound = {"serial": "AX-0001", "patient_id": ward.patient_id, "due_on": "2026-12-07"}
    assert browser.post("/desk/issue", json=bound).json()["code"] == "devices.still_open"


def test_statistics_show_use_and_the_unit_that_loses_most_first(clinic, ward, nurse):
    phone = clinic.phone(ward.code)
    phone.announce()
    phone.put(0)
    phone.put(3)
    with clinic.write() as session:
        make.make_unit(session, "AX-0002")
    clinic.clock.forward(days=2)
    page = nurse().get("/desk/statistics").text
    assert page.index('data-serial="AX-0001"') < page.index('data-serial="AX-0002"')
    assert "50.0\u00a0%" in page  # two of the first four segments arrived
    assert "50\u00a0%" in page  # one of two units was out all the time


def test_a_nurse_reaches_the_units_and_patients_of_her_own_hospital_only(clinic, ward):
    with clinic.write() as session:
        here, there = (site_named(session, name, make.NOW) for name in ("东院", "西院"))
        make.make_staff(session, "dong", Role.NURSE, site_id=here.id)
        make.make_staff(session, "xi", Role.NURSE, site_id=there.id)
        unit = session.get_one(Unit, "AX-0001")
        loan = session.get_one(Issue, ward.issue_id)
        patient = session.get_one(Patient, loan.patient_id)
        unit.site_id = patient.site_id = here.id
        session.add_all([unit, patient])
        session.flush()
        paper_of = devices.wipe(
            session, "AX-0001", session.get_one(Staff, ward.physician_id), make.NOW
        ).id
    dong, xi = clinic.sign_in("dong"), clinic.sign_in("xi")
    base = f"/desk/issues/{ward.issue_id}"
    extension = {"due_on": "2026-12-20", "reason": "x"}
    for browser, seen in ((dong, True), (xi, False)):
        assert ("AX-0001" in browser.get("/desk").text) is seen
        assert ("AX-0001" in browser.get("/desk/statistics").text) is seen
        assert bool(browser.get("/desk/reminders").json()) is seen
        expected = 200 if seen else 404
        scanned = browser.get("/desk/lookup", params={"scan": "AX-0001"})
        assert scanned.status_code == expected
        assert browser.get(f"{base}/papers").status_code == expected
        assert browser.get(f"/desk/certificates/{paper_of}").status_code == expected
        assert browser.post(f"{base}/extend", json=extension).status_code == expected
        moved = browser.post("/desk/units/AX-0001/state", json={"state": "lost"})
        assert moved.status_code == (204 if seen else 404)


def test_a_new_unit_belongs_to_the_desk_that_added_it(clinic, ward):
    with clinic.write() as session:
        for name, place in (("dong", "东院"), ("xi", "西院")):
            site = site_named(session, place, make.NOW)
            make.make_staff(session, name, Role.TECHNICIAN, site_id=site.id)
    dong, xi = clinic.sign_in("dong"), clinic.sign_in("xi")
    new = {"serial": "AX-9", "model": "AX-1", "fs_hz": 250, "lead_names": ["II"]}
    assert dong.post("/desk/units", json=new).status_code == 204
    assert dong.post("/desk/units", json=new).json()["code"] == "devices.serial_taken"
    found = dong.get("/desk/lookup", params={"scan": "AX-9"})
    assert (found.json()["state"], found.json()["refusals"]) == ("available", [])
    unknown = xi.get("/desk/lookup", params={"scan": "AX-9"})
    assert unknown.json()["code"] == "devices.unknown_unit"


def test_a_site_has_its_own_roster_and_falls_back_on_the_networks(clinic, ward):
    with clinic.write() as session:
        here = site_named(session, "东院", make.NOW)
        own = make.make_staff(session, "own", site_id=here.id)
        centre = make.make_staff(session, "centre")
        elsewhere = make.make_staff(
            session, "far", site_id=site_named(session, "西院", make.NOW).id
        )
        for one, step in ((own, 1), (centre, 1), (centre, 2), (elsewhere, 3)):
            staff_service.set_duty(
                session,
                staff_id=one.id or 0,
                step=step,
                starts_at=make.NOW - timedelta(hours=1),
                ends_at=make.NOW + timedelta(hours=1),
                now=make.NOW,
            )
        duty = staff_service.on_duty(session, make.NOW, here.id)
        assert {step: one.username for step, one in duty.items()} == {1: "own", 2: "centre"}
