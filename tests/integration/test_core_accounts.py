"""Signing in, staying signed in, and what a browser is told."""

from typing import Any

import pytest
from sqlmodel import select

from clinic_server.errors import NotFound
from clinic_server.patients import service as patients
from clinic_server.security import CONTENT_SECURITY_POLICY
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import AuditEntry, Role, StaffSession
from tests import factories as make
from tests.factories import PASSWORD
from tests.integration.conftest import Clinic


@pytest.fixture
def database_url() -> str:
    """SQLite only: nothing here depends on the database."""
    return ""


@pytest.fixture
def physician(clinic: Clinic) -> int:
    """A physician named zhang; gives the number."""
    with clinic.write() as session:
        return make.make_staff(session, "zhang").id or 0


def try_to_sign_in(clinic: Clinic, **fields: str) -> Any:
    """Send the form from a fresh browser."""
    form = {"username": "zhang", "password": PASSWORD} | fields
    return clinic.client().post("/sign-in", data=form)


def test_signing_in_gives_a_cookie_that_scripts_cannot_read(
    clinic: Clinic, physician: int
) -> None:
    answer = try_to_sign_in(clinic)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = cookie.split("=", 1)[1].split(";")[0]
    with clinic.read() as session:
        (row,) = session.exec(select(StaffSession)).all()
        (entry,) = session.exec(select(AuditEntry)).all()
    assert row.token_hash == staff_service.token_hash(token)
    assert token not in repr(row)
    assert entry.action == "staff.sign_in"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    clinic: Clinic, physician: int
) -> None:
    wrong = try_to_sign_in(clinic, password="not the password")
    unknown = try_to_sign_in(clinic, username="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert "wrong" in wrong.text
    assert wrong.text.replace("zhang", "") == unknown.text.replace("nobody", "")
    assert "set-cookie" not in wrong.headers


def test_the_sixth_try_within_a_minute_is_refused_even_with_the_password(
    clinic: Clinic, physician: int
) -> None:
    for _ in range(5):
        assert try_to_sign_in(clinic, password="guess").status_code == 401
    assert try_to_sign_in(clinic).status_code == 429
    clinic.clock.forward(seconds=61)
    assert try_to_sign_in(clinic).status_code == 303


def test_a_person_who_left_cannot_sign_in_and_is_out_at_once(
    clinic: Clinic, physician: int
) -> None:
    browser = clinic.sign_in("zhang")
    with clinic.write() as session:
        staff = staff_service.staff_by_id(session, physician)
        staff.active = False
        session.add(staff)
    assert browser.get("/account").json()["code"] == "staff.session_ended"
    assert try_to_sign_in(clinic).status_code == 401


def test_an_idle_session_ends_and_a_used_one_does_not(
    clinic: Clinic, physician: int
) -> None:
    browser = clinic.sign_in("zhang")
    for _ in range(4):
        clinic.clock.forward(minutes=14)
        assert browser.get("/account").status_code == 200
    clinic.tick("staff.last_use")
    clinic.clock.forward(minutes=14)
    assert browser.get("/account").status_code == 200
    clinic.clock.forward(minutes=15)
    assert browser.get("/account").json()["code"] == "staff.session_ended"


def test_no_session_lives_longer_than_its_day(clinic: Clinic, physician: int) -> None:
    browser = clinic.sign_in("zhang")
    for _ in range(12 * 6 - 1):
        clinic.clock.forward(minutes=10)
        assert browser.get("/account").status_code == 200
    clinic.clock.forward(minutes=10)
    assert browser.get("/account").status_code == 401


def test_signing_out_ends_the_session_for_every_holder_of_the_cookie(
    clinic: Clinic, physician: int
) -> None:
    browser = clinic.sign_in("zhang")
    thief = clinic.client()
    thief.cookies.update(browser.http.cookies)
    assert thief.get("/account").status_code == 200
    assert browser.post("/sign-out").status_code == 303
    assert thief.get("/account").status_code == 401


def test_a_change_needs_the_sessions_own_token(clinic: Clinic, physician: int) -> None:
    browser = clinic.sign_in("zhang")
    other = clinic.sign_in("zhang")
    for csrf in ("", "x", other.csrf):
        answer = browser.http.post("/sign-out", headers={"X-CSRF": csrf})
        assert (answer.status_code, answer.json()["code"]) == (403, "staff.csrf")
    assert browser.http.post("/sign-out").status_code == 403
    assert browser.http.post("/sign-out", data={"csrf": browser.csrf}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ],
)
def test_a_change_asked_for_by_another_site_is_refused(
    clinic: Clinic, physician: int, headers: dict[str, str]
) -> None:
    browser = clinic.sign_in("zhang")
    answer = browser.post("/sign-out", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "staff.foreign_origin")
    form = {"username": "zhang", "password": PASSWORD}
    foreign = clinic.client().post("/sign-in", data=form, headers=headers)
    assert foreign.status_code == 403


def test_after_signing_in_nobody_is_led_to_another_server(
    clinic: Clinic, physician: int
) -> None:
    def lands(wanted: str) -> str:
        answer = try_to_sign_in(clinic, next=wanted)
        clinic.parts.limits.sign_in_address.forget("127.0.0.1")
        return str(answer.headers["location"])

    assert lands("/console/alarms/7") == "/console/alarms/7"
    for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "evil"):
        assert lands(wanted) == "/console"


def test_a_page_leads_to_sign_in_and_back(clinic: Clinic) -> None:
    page = clinic.client().get("/console?x=1", headers={"Accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"] == "/sign-in?next=/console%3Fx%3D1"
    call = clinic.client().get("/account")
    assert (call.status_code, call.json()["code"]) == (401, "staff.not_signed_in")


def test_every_answer_carries_the_security_headers(clinic: Clinic) -> None:
    http = clinic.client()

    @clinic.app.get("/boom")
    def boom() -> None:
        raise RuntimeError("on purpose")

    answers = [http.get(path) for path in ("/sign-in", "/healthz", "/nowhere", "/boom")]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 500]
    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "referrer-policy" in answer.headers
    assert answers[-1].json()["code"] == "errors.internal"
    assert "on purpose" not in answers[-1].text
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_an_administrator_sees_no_patient_and_a_colleague_none_but_their_own(
    clinic: Clinic,
) -> None:
    with clinic.write() as session:
        mine = make.make_staff(session, "zhang")
        other = make.make_staff(session, "li")
        nurse = make.make_staff(session, "nurse", Role.NURSE)
        admin = make.make_staff(session, "admin", Role.ADMIN)
        patient = make.make_patient(session, mine)
    now = clinic.clock.now

    def sees(staff: Any) -> bool:
        with clinic.read() as session:
            found = patients.patients_of(session, staff, now)
            try:
                one = patients.patient_for(session, staff, patient.id or 0, now)
            except NotFound:
                one = None
        assert [row.id for row in found] == ([patient.id] if one else [])
        return one is not None

    assert [sees(one) for one in (mine, other, nurse, admin)] == [True, False, True, False]
    with clinic.write() as session:
        staff_service.set_duty(
            session,
            staff_id=other.id or 0,
            step=1,
            starts_at=now,
            ends_at=now.replace(hour=20),
            now=now,
        )
    assert sees(other)
    now = now.replace(hour=20)
    assert not sees(other)
    with clinic.write() as session:
        patients.add_to_team(session, mine, patient, other.id or 0, now)
    assert sees(other)
