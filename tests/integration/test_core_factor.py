"""Signing in with an authenticator: set up, asked for, used once, lost, taken off."""

import re
from dataclasses import replace

import pytest

from clinic_server.staff import totp
from tests import factories as make
from tests.factories import PASSWORD


def password(clinic, http):
    return http.post("/sign-in", data={"username": "zhang", "password": PASSWORD})


def code_of(page):
    found = re.search(r"secret=([A-Z2-7]{32})|<code>([A-Z2-7]{32})</code>", page)
    assert found is not None
    return found.group(2)


def csrf_of(page):
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


@pytest.fixture
def enrolled(clinic, ward):
    """A physician with an authenticator: its key and the recovery codes."""
    browser = clinic.sign_in("zhang")
    assert browser.post("/account/factor").status_code == 303
    page = browser.get("/sign-in/code").text
    secret = code_of(page)
    wrong = browser.post("/sign-in/code", data={"code": "000000"})
    assert wrong.status_code == 401
    done = browser.post(
        "/sign-in/code", data={"code": totp.code(secret, totp.step_at(clinic.clock.now))}
    )
    codes = re.findall(r"<li><code>([0-9a-f]{10})</code>", done.text)
    assert len(codes) == 8
    return secret, codes


def typed(clinic, http, code):
    csrf = csrf_of(http.get("/sign-in/code").text)
    return http.post("/sign-in/code", data={"code": code, "csrf": csrf, "next": "/desk"})


def test_a_password_alone_opens_nothing_once_there_is_an_authenticator(clinic, enrolled):
    secret, _ = enrolled
    http = clinic.client()
    answer = password(clinic, http)
    assert answer.headers["location"].startswith("/sign-in/code")
    assert http.get("/account").json()["code"] == "staff.factor_owed"
    page = http.get("/console", headers={"Accept": "text/html"})
    assert page.headers["location"] == "/sign-in/code?next=/console"
    used = totp.code(secret, totp.step_at(clinic.clock.now))
    assert typed(clinic, http, used).status_code == 401, "used at set-up already"
    clinic.clock.forward(seconds=30)
    fresh = totp.code(secret, totp.step_at(clinic.clock.now))
    done = typed(clinic, http, fresh)
    assert (done.status_code, done.headers["location"]) == (303, "/desk")
    assert http.get("/account").status_code == 200


def test_a_recovery_code_works_once(clinic, enrolled):
    _, codes = enrolled
    for expected in (303, 401):
        http = clinic.client()
        password(clinic, http)
        assert typed(clinic, http, codes[0].upper()).status_code == expected


def test_guessing_codes_is_stopped(clinic, enrolled):
    http = clinic.client()
    password(clinic, http)
    answers = [typed(clinic, http, f"{n:06d}").status_code for n in range(7)]
    assert answers[-1] == 429


def test_who_has_not_finished_may_still_sign_out(clinic, enrolled):
    http = clinic.client()
    password(clinic, http)
    csrf = csrf_of(http.get("/sign-in/code").text)
    assert http.post("/sign-out", data={"csrf": csrf}).status_code == 303
    assert http.get("/sign-in/code").status_code == 401


def test_the_authenticator_comes_off_with_a_code_only(clinic, enrolled):
    _, codes = enrolled
    http = clinic.client()
    password(clinic, http)
    csrf = csrf_of(http.get("/sign-in/code").text)
    path = "/account/factor/remove"
    half = http.post(path, data={"code": codes[1], "csrf": csrf})
    assert half.status_code == 404, "not before the second factor was given"
    typed(clinic, http, codes[2])
    wrong = http.post(path, data={"code": "111111", "csrf": csrf})
    assert wrong.status_code == 401
    assert http.post(path, data={"code": codes[3], "csrf": csrf}).status_code == 303
    assert clinic.sign_in("zhang").get("/account").status_code == 200


def test_a_house_may_ask_everybody_for_one(clinic, ward):
    with clinic.write() as session:
        make.make_staff(session, "new")
    settings = clinic.parts.settings.model_copy(update={"second_factor": True})
    clinic.app.state.clinic = replace(clinic.parts, settings=settings)
    http = clinic.client()
    http.post("/sign-in", data={"username": "new", "password": PASSWORD})
    page = http.get("/sign-in/code").text
    assert "This hospital asks for an authenticator" in page
    http.post("/account/factor", data={"csrf": csrf_of(page)})
    secret = code_of(http.get("/sign-in/code").text)
    clinic.clock.forward(seconds=30)
    done = typed(clinic, http, totp.code(secret, totp.step_at(clinic.clock.now)))
    assert done.status_code == 200
    assert http.get("/account").status_code == 200
