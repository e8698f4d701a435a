"""A family page with a PIN: five wrong ones lock it, even for the right one."""

import re

import pytest


@pytest.fixture
def phone(clinic, ward):
    return clinic.phone(ward.code)


def opened(clinic, phone, pin="402718"):
    answer = phone.http.post(
        "/api/me/family",
        json={"label": "女儿", "level": 1, "days": 7, "pin": pin},
        headers=phone.headers,
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["has_pin"] is True
    client = clinic.client("en")
    client.follow_redirects = True
    path = re.sub(r"^https?://[^/]+", "", answer.json()["url"])
    return client, client.get(path)


def test_before_the_pin_nothing_is_said_and_afterwards_it_is_asked_no_more(clinic, phone):
    client, first = opened(clinic, phone)
    assert "Enter the 6-digit PIN" in first.text
    for secret in ("王*国", "女儿", "worn"):
        assert secret not in first.text
    assert client.post("/f/call-me").status_code == 404
    right = client.post("/f/pin", data={"pin": "402718"})
    assert right.url.path == "/f"
    assert "王*国" in right.text
    assert "王*国" in client.get("/f").text


def test_five_wrong_pins_lock_the_page_for_fifteen_minutes(clinic, phone):
    client, _ = opened(clinic, phone)
    for left in (4, 3, 2, 1):
        wrong = client.post("/f/pin", data={"pin": "000000"})
        assert wrong.status_code == 403
        assert f"{left}\u00a0tries left" in wrong.text
    assert client.post("/f/pin", data={"pin": "000000"}).status_code == 429
    right = client.post("/f/pin", data={"pin": "402718"})
    assert right.status_code == 429
    assert "Too many wrong tries" in client.get("/f").text
    mine = phone.http.get("/api/me/family", headers=phone.headers).json()
    assert mine[0]["locked_until"] is not None
    clinic.clock.forward(minutes=15, seconds=1)
    assert "王*国" in client.post("/f/pin", data={"pin": "402718"}).text


def test_a_pin_of_another_length_is_refused(phone):
    for pin in ("12345", "1234567", "12345a", "１２３４５６"):
        body = {"label": "女儿", "pin": pin}
        answer = phone.http.post("/api/me/family", json=body, headers=phone.headers)
        assert answer.status_code == 422


def test_a_revoked_page_does_not_ask_for_its_pin(clinic, phone):
    client, _ = opened(clinic, phone)
    link = phone.http.get("/api/me/family", headers=phone.headers).json()[0]
    phone.http.delete(f"/api/me/family/{link['id']}", headers=phone.headers)
    assert "has been closed" in client.get("/f").text
    assert client.post("/f/pin", data={"pin": "402718"}).status_code == 404
