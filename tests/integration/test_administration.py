"""Accounts, sessions, sites, and the record of what was done, over HTTP."""

import csv
import io

import pytest
from sqlmodel import select

from clinic_server.staff import factor
from clinic_server.staff.models import AuditEntry, Role, Staff
from clinic_server.staff.sites import site_named
from tests import factories as make
from tests.factories import NOW, PASSWORD
from tests.integration.conftest import Browser, Clinic

NEW = {"name": "陈护士", "username": "Chen", "role": "nurse", "password": "correct horse 9"}


@pytest.fixture
def admin(clinic: Clinic) -> Browser:
    with clinic.write() as session:
        make.make_staff(session, "admin", Role.ADMIN)
    return clinic.sign_in("admin")


def _id_of(clinic: Clinic, username: str) -> int:
    with clinic.read() as session:
        return session.exec(select(Staff.id).where(Staff.username == username)).one() or 0


def _file(**changes: object) -> dict[str, object]:
    return {"name": "Chen", "phone": "", "role": "nurse", "active": True} | changes


def test_an_administrator_opens_an_account_that_can_sign_in(
    clinic: Clinic, admin: Browser
) -> None:
    assert admin.post("/admin/people", json=NEW).status_code == 204
    assert admin.post("/admin/people", json=NEW).json()["code"] == "staff.username_taken"
    assert clinic.sign_in("chen", NEW["password"]).get("/account").status_code == 200
    assert "陈护士" in admin.get("/admin").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "short"},
        {"password": "password1234"},
        {"role": "king"},
        {"name": " "},
        {"username": "a b"},
        {"site_id": 999},
        {"phone": "<script>"},
    ],
)
def test_a_bad_account_is_refused_with_its_reason(
    admin: Browser, wrong: dict[str, object]
) -> None:
    answer = admin.post("/admin/people", json=NEW | wrong)
    assert answer.status_code in (404, 422)
    assert answer.json()["code"]


def test_who_leaves_is_signed_out_and_off_duty_at_once(
    clinic: Clinic, admin: Browser
) -> None:
    admin.post("/admin/people", json=NEW)
    chen = clinic.sign_in("chen", NEW["password"])
    person = _id_of(clinic, "chen")
    duty = {"staff_id": person, "step": 2, "starts_at": "2026-11-23T00:00"}
    assert (
        admin.post(
            "/console/roster", json=duty | {"ends_at": "2026-11-30T00:00"}
        ).status_code
        == 204
    )
    closed = admin.post(f"/admin/people/{person}", json=_file(active=False))
    assert closed.status_code == 204
    assert chen.get("/account").status_code in (303, 401)
    roster = admin.get("/console/roster").text
    assert roster.count("Chen") == 0


def test_a_physician_with_patients_cannot_just_vanish(
    clinic: Clinic, admin: Browser
) -> None:
    with clinic.write() as session:
        make.make_patient(session, make.make_staff(session, "zhang"))
    person = _id_of(clinic, "zhang")
    for leaving in (_file(role="physician", active=False), _file(role="nurse")):
        answer = admin.post(f"/admin/people/{person}", json=leaving)
        assert answer.status_code == 409
        assert answer.json()["code"] == "admin.still_attends"


def test_no_administrator_closes_their_own_account(clinic: Clinic, admin: Browser) -> None:
    own = f"/admin/people/{_id_of(clinic, 'admin')}"
    for change in (_file(role="admin", active=False), _file(role="nurse")):
        assert admin.post(own, json=change).json()["code"] == "staff.own_account"
    assert admin.post(own, json=_file(role="admin", name="管理员")).status_code == 204
    assert "管理员" in admin.get("/admin").text


def test_a_new_password_ends_the_sessions_of_the_old_one(
    clinic: Clinic, admin: Browser
) -> None:
    admin.post("/admin/people", json=NEW)
    chen = clinic.sign_in("chen", NEW["password"])
    path = f"/admin/people/{_id_of(clinic, 'chen')}/password"
    assert admin.post(path, json={"password": "another horse 9"}).status_code == 204
    assert chen.get("/account").status_code in (303, 401)
    assert clinic.sign_in("chen", "another horse 9").get("/account").status_code == 200


def test_ones_own_password_needs_the_old_one_and_keeps_this_browser(
    clinic: Clinic, admin: Browser
) -> None:
    elsewhere = clinic.sign_in("admin")
    wrong = {"old_password": "guessed wrongly", "password": "another horse 9"}
    refused = admin.post("/account/password", json=wrong)
    assert refused.json()["code"] == "staff.wrong_old_password"
    right = wrong | {"old_password": PASSWORD}
    assert admin.post("/account/password", json=right).status_code == 204
    assert admin.get("/admin").status_code == 200
    assert elsewhere.get("/admin").status_code in (303, 401)


def test_guessing_the_old_password_is_braked(admin: Browser) -> None:
    wrong = {"old_password": "guessed wrongly", "password": "another horse 9"}
    codes = [admin.post("/account/password", json=wrong).status_code for _ in range(6)]
    assert codes[-1] == 429


def test_a_session_elsewhere_is_listed_and_ended(clinic: Clinic, admin: Browser) -> None:
    elsewhere = clinic.sign_in("admin")
    listed = admin.get("/account/sessions").text
    refs = [part[:16] for part in listed.split("/account/sessions/")[1:]]
    assert len(refs) == 1, "this browser's own is shown without a button"
    assert admin.post(f"/account/sessions/{refs[0]}/end").status_code == 204
    assert elsewhere.get("/admin").status_code in (303, 401)
    assert admin.post(f"/account/sessions/{refs[0]}/end").status_code == 404


def test_a_lost_phone_is_taken_off_an_account(clinic: Clinic, admin: Browser) -> None:
    with clinic.write() as session:
        chen = make.make_staff(session, "chen", Role.NURSE)
        factor.begin(session, chen, NOW)
    page = f"/admin/people/{_id_of(clinic, 'chen')}"
    assert "/factor/remove" in admin.get(page).text
    assert admin.post(f"{page}/factor/remove").status_code == 204
    assert "/factor/remove" not in admin.get(page).text


def test_an_administrator_of_one_site_reaches_no_other(clinic: Clinic) -> None:
    with clinic.write() as session:
        east, west = (site_named(session, name, NOW).id for name in ("东院", "西院"))
        make.make_staff(session, "east-admin", Role.ADMIN, site_id=east)
        make.make_staff(session, "west-nurse", Role.NURSE, site_id=west)
    browser = clinic.sign_in("east-admin")
    person = _id_of(clinic, "west-nurse")
    assert "West-Nurse" not in browser.get("/admin").text
    assert browser.get(f"/admin/people/{person}").status_code == 404
    assert browser.post(f"/admin/people/{person}", json=_file()).status_code == 404
    refused = browser.post("/admin/people", json=NEW | {"site_id": west})
    assert refused.json()["code"] == "staff.unknown_site"
    assert browser.post("/admin/people", json=NEW).json()["code"] == "staff.unknown_site"
    assert browser.post("/admin/sites", json={"name": "南院"}).status_code == 403


def test_the_audit_is_filtered_exported_and_verified(
    clinic: Clinic, admin: Browser
) -> None:
    with clinic.write() as session:
        make.make_staff(session, "auditor", Role.AUDITOR)
    admin.post("/admin/people", json=NEW)
    auditor = clinic.sign_in("auditor")
    shown = auditor.get("/audit?action=staff.create").text
    assert "staff.create" in shown
    assert "staff.sign_in" not in shown
    table = list(csv.reader(io.StringIO(auditor.get("/audit.csv?action=staff.").text)))
    assert {row[4] for row in table[1:]} >= {"staff.create", "staff.sign_in"}
    assert [int(row[0]) for row in table[1:]] == sorted(
        (int(row[0]) for row in table[1:]), reverse=True
    )
    found = auditor.post("/audit/verify").json()
    assert found["first_bad"] is None
    with clinic.read() as session:
        assert found["entries"] == len(session.exec(select(AuditEntry)).all())
    assert auditor.get("/audit?since=2026-02-30&patient_id=7").status_code == 200
    assert auditor.get("/audit?since=tomorrow").status_code == 422


def test_a_spreadsheet_takes_no_cell_for_a_formula(clinic: Clinic) -> None:
    with clinic.write() as session:
        make.make_staff(session, "auditor", Role.AUDITOR)
    with clinic.client() as stranger:
        stranger.post("/sign-in", data={"username": "=1+1", "password": "x"})
    table = clinic.sign_in("auditor").get("/audit.csv").text
    assert not any(
        cell.startswith(("=", "+", "@"))
        for row in csv.reader(io.StringIO(table))
        for cell in row
    )
