"""The family page: what it says, what it never says, and how it ends."""

import re

import pytest

from clinic_server.staff.models import Role
from tests import factories as make


@pytest.fixture
def phone(clinic, ward):
    phone = clinic.phone(ward.code)
    assert phone.announce().status_code in (200, 201)
    assert phone.put(0).status_code == 201
    clinic.clock.forward(seconds=12)
    return phone


def invite(phone, level=1, days=30):
    answer = phone.http.post(
        "/api/me/family",
        json={"label": "您的父亲", "level": level, "days": days},
        headers=phone.headers,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def look(clinic, url, locale="zh-CN"):
    client = clinic.client(locale)
    client.follow_redirects = True
    path = re.sub(r"^https?://[^/]+", "", url)
    return client, client.get(path)


def test_fresh_data_with_contact_and_no_alarm_is_calm(clinic, phone):
    _, answer = look(clinic, invite(phone)["url"])
    assert answer.status_code == 200
    assert "佩戴中，一切平稳" in answer.text
    assert "2\u00a0秒前" in answer.text
    assert answer.url.path == "/f", "the token stays out of the address bar"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "这不是急救服务" in answer.text
    assert len(answer.content) < 50_000


def test_the_name_is_masked_and_level_one_says_no_numbers(clinic, phone):
    _, answer = look(clinic, invite(phone)["url"])
    assert "王*国" in answer.text
    for secret in ("王建国", "A0001", "AX-0001", "bpm", "次/分"):
        assert secret not in answer.text


def test_old_data_is_said_to_be_old(clinic, phone):
    url = invite(phone)["url"]
    clinic.clock.forward(minutes=37)
    _, answer = look(clinic, url, "en")
    assert "No new data for 37\u00a0min" in answer.text
    assert 'class="hero stale"' in answer.text


def test_an_open_alarm_is_neither_shown_nor_called_calm(clinic, ward, phone):
    url = invite(phone)["url"]
    sos = {
        "client_id": "sos-0001-aaaa",
        "pressed_at": clinic.clock.now.isoformat(),
        "symptoms": ["chest_pain"],
    }
    assert phone.http.post("/api/me/sos", json=sos, headers=phone.headers).status_code < 300
    _, answer = look(clinic, url)
    assert "一切平稳" not in answer.text
    assert "佩戴中" in answer.text
    assert "SOS" not in answer.text
    assert "报警" not in answer.text


def test_a_revoked_page_is_closed_at_once_and_says_nothing(clinic, phone):
    link = invite(phone)
    client, _ = look(clinic, link["url"])
    gone = phone.http.delete(f"/api/me/family/{link['id']}", headers=phone.headers)
    assert gone.json()["revoked_at"]
    for path in ("/f", re.sub(r"^https?://[^/]+", "", link["url"])):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "这个页面已停用" in answer.text
        assert "王" not in answer.text


def test_an_expired_and_an_invented_token_look_the_same(clinic, phone):
    url = invite(phone, days=1)["url"]
    clinic.clock.forward(days=1, seconds=1)
    _, expired = look(clinic, url)
    _, invented = look(clinic, "/family/" + "x" * 43)
    assert expired.status_code == invented.status_code == 404
    assert expired.text == invented.text


def test_the_patient_sees_who_looked_and_cannot_make_a_sixth_link(clinic, phone):
    link = invite(phone)
    client, _ = look(clinic, link["url"])
    client.get("/f")
    rows = phone.http.get("/api/me/family", headers=phone.headers).json()
    assert rows[0]["views"] == 2
    assert rows[0]["url"] is None
    for _ in range(4):
        invite(phone)
    body = {"label": "x", "level": 1, "days": 1}
    sixth = phone.http.post("/api/me/family", json=body, headers=phone.headers)
    assert sixth.status_code == 409


def test_a_call_request_is_one_line_for_the_nurse(clinic, phone):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    client, _ = look(clinic, invite(phone)["url"])
    for _ in range(3):
        assert client.post("/f/call-me").status_code == 200
    assert clinic.sign_in("chen").http.get("/desk").text.count("data-work=") == 1


def test_a_released_notice_is_shown_and_confirmed(clinic, ward, phone):
    physician = clinic.sign_in("zhang")
    client, _ = look(clinic, invite(phone)["url"])
    words = "请今天 17:00 前陪他来门诊 2 楼 <b>带药盒</b>"
    released = physician.post(
        f"/console/patients/{ward.patient_id}/family-notice",
        json={"text": words, "urgent": True},
    )
    assert released.status_code == 204
    answer = client.get("/f")
    assert "&lt;b&gt;带药盒&lt;/b&gt;" in answer.text, "text is text, never markup"
    assert "notice urgent" in answer.text
    assert "您已确认看到" in client.post("/f/seen").text


def test_too_many_scans_are_slowed(clinic, phone):
    client = clinic.client()
    answers = [client.get("/family/" + "y" * 43).status_code for _ in range(40)]
    assert 429 in answers
