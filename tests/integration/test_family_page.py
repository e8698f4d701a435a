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


def test_the_patient_sees_who_looked_and_the_pages_own_renewals_count_once(clinic, phone):
    link = invite(phone)
    client, _ = look(clinic, link["url"])
    client.get("/f")
    clinic.tick("family.looks")
    clinic.clock.forward(minutes=1)
    client.get("/f")
    clinic.tick("family.looks")
    rows = phone.http.get("/api/me/family", headers=phone.headers).json()
    assert (rows[0]["views"], rows[0]["url"]) == (1, None)
    clinic.clock.forward(minutes=15)
    client.get("/f")
    look(clinic, link["url"])
    clinic.tick("family.looks")
    path = f"/api/me/family/{link['id']}/looks"
    looks = phone.http.get(path, headers=phone.headers).json()
    assert [one["network"] for one in looks] == ["127.0"] * 3
    assert looks[0]["at"] > looks[-1]["at"]


def test_a_sixth_link_is_refused(phone):
    for _ in range(5):
        invite(phone)
    body = {"label": "x", "level": 1, "days": 1}
    sixth = phone.http.post("/api/me/family", json=body, headers=phone.headers)
    assert sixth.status_code == 409


def test_looking_never_waits_for_a_writer(clinic, phone):
    client, _ = look(clinic, invite(phone)["url"])
    with clinic.write() as session:
        session.connection()  # the writers' turn is taken for as long as this lasts
        client.timeout = 5
        assert client.get("/f").status_code == 200


def test_the_wearer_shows_more_and_less_and_printed_codes_begin_at_the_first_level(
    clinic, ward, phone
):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    nurse = clinic.sign_in("chen")
    sheet = nurse.post(f"/desk/patients/{ward.patient_id}/family-sheet")
    assert sheet.status_code == 200, sheet.text
    (link,) = phone.http.get("/api/me/family", headers=phone.headers).json()
    assert (link["printed"], link["level"]) == (True, 1)
    path = f"/api/me/family/{link['id']}/level"
    raised = phone.http.post(path, json={"level": 3}, headers=phone.headers)
    assert raised.json()["level"] == 3
    four = phone.http.post(path, json={"level": 4}, headers=phone.headers)
    assert four.status_code == 422


def test_a_wristband_read_at_the_desk_is_the_patient_and_its_steps_are_stamped(
    clinic, ward
):
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    nurse = clinic.sign_in("chen")
    scanned = "http://127.0.0.1:8000/family/" + "x" * 43 + "#A0001"
    found = nurse.get("/desk/lookup", params={"scan": scanned}).json()
    assert (found["kind"], found["patient_id"]) == ("patient", ward.patient_id)
    assert nurse.post(f"/desk/patients/{ward.patient_id}/stamp/teach").status_code == 204
    found = nurse.get("/desk/lookup", params={"scan": "A0001"}).json()
    assert list(found["stamps"]) == ["teach"]


def test_a_follower_pauses_requests_but_never_the_headline_or_a_notice(clinic, ward, phone):
    client, _ = look(clinic, invite(phone)["url"])
    clinic.clock.forward(minutes=37)
    assert "您可以先打个电话" in client.get("/f").text
    paused = client.post("/f/snooze", data={"hours": 1}).text
    assert "您可以先打个电话" not in paused
    assert "提醒已暂停" in paused
    assert "没有新数据" in paused
    other, _ = look(clinic, invite(phone)["url"])
    assert "您可以先打个电话" in other.get("/f").text, "each follower for themselves"
    assert client.post("/f/snooze", data={"hours": 3}).status_code == 422
    clinic.clock.forward(hours=1, seconds=1)
    assert "您可以先打个电话" in client.get("/f").text, "a pause ends by itself"


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
    client.post("/f/seen")
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    desk = clinic.sign_in("chen").http.get("/desk").text
    assert desk.count("data-work=") == 1
    assert "a relative has seen the message" in desk


def test_too_many_scans_are_slowed(clinic, phone):
    client = clinic.client()
    answers = [client.get("/family/" + "y" * 43).status_code for _ in range(40)]
    assert 429 in answers
