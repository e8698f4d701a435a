"""Everything the family page can ever say, by level and state, pinned word for word.

A new fact on the page is a new line in ``tests/golden/family_page.json``: somebody has to
write it there on purpose (``ANXIN_UPDATE_GOLDEN=1`` writes what is shown now).
"""

import asyncio
import json
import os
import re
from dataclasses import fields
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from clinic_server.analysis.models import MinuteTrend
from clinic_server.family import facts
from clinic_server.recordings.models import Recording
from clinic_server.staff.models import Role
from tests import factories as make
from tests.factories import Phone
from tests.integration.conftest import Clinic, Ward

GOLDEN = Path(__file__).parents[1] / "golden" / "family_page.json"
LOCALES = ("zh-CN", "en")
LEVELS = (1, 2, 3)


@pytest.fixture
def database_url() -> str:
    """SQLite only: the page is the same on both."""
    return ""


def text_of(html: str) -> list[str]:
    """Give what a reader sees, line by line, without figures that the clock makes."""
    body = html.split("<body>")[1]
    body = re.sub(r"<svg.*?</svg>", "", body, flags=re.S)
    lines = [unescape(line).strip() for line in re.sub(r"<[^>]+>", "\n", body).split("\n")]
    return [re.sub(r"\d+", "#", line.replace("\u00a0", " ")) for line in lines if line]


class Followers:
    """One open page per level and language."""

    def __init__(self, clinic: Clinic, phone: Phone) -> None:
        self.pages: dict[tuple[int, str], httpx.Client] = {}
        for level in LEVELS:
            body = {"label": "父亲", "level": level, "days": 30}
            made = phone.http.post("/api/me/family", json=body, headers=phone.headers)
            path = re.sub(r"^https?://[^/]+", "", made.json()["url"])
            for locale in LOCALES:
                client = clinic.client(locale)
                client.follow_redirects = True
                assert client.get(path).status_code == 200
                self.pages[level, locale] = client

    def see(self) -> dict[str, list[str]]:
        return {
            f"level {level} {locale}": text_of(client.get("/f").text)
            for (level, locale), client in self.pages.items()
        }


def test_the_page_says_this_and_nothing_else(clinic: Clinic, ward: Ward) -> None:
    with clinic.write() as session:
        make.make_staff(session, "chen", Role.NURSE)
    doctor = clinic.sign_in("zhang")
    doctor.post(
        f"/console/patients/{ward.patient_id}/plan",
        json={"template": "after_pci", "starts_on": "2026-11-22"},
    )
    phone = clinic.phone(ward.code)
    seen: dict[str, Any] = {}
    followers = Followers(clinic, phone)
    seen["not worn"] = followers.see()
    phone.announce()
    phone.put(0)
    report = {"at": clinic.clock.now.isoformat(), "battery_pct": 62, "link": "connected",
              "queue_segments": 0, "leads_on": [True]}  # fmt: skip
    phone.http.post("/api/me/status", json=report, headers=phone.headers)
    with clinic.write() as session:
        rows = ((0, 61.0), (1, 88.0))
        session.add_all(
            MinuteTrend(recording_id=phone.recording_id, minute=n, mean_bpm=bpm)
            for n, bpm in rows
        )
    clinic.clock.forward(seconds=12)
    seen["calm"] = followers.see()
    sos = {"client_id": "sos-0001-aaaa", "pressed_at": clinic.clock.now.isoformat(),
           "symptoms": ["chest_pain"]}  # fmt: skip
    phone.http.post("/api/me/sos", json=sos, headers=phone.headers)
    seen["an alarm is open"] = followers.see()
    with clinic.write() as session:
        recording = session.exec(select(Recording)).one()
        recording.last_contact = False
        session.add(recording)
    seen["no contact"] = followers.see()
    clinic.clock.forward(minutes=37)
    seen["stale"] = followers.see()
    clinic.tick("alarms.watch")
    seen["stale, and the clinic knows"] = followers.see()
    for client in followers.pages.values():
        client.post("/f/snooze", data={"hours": 1})
    seen["stale, requests paused"] = followers.see()
    for client in followers.pages.values():
        client.post("/f/snooze", data={"hours": 0})
    for client in followers.pages.values():
        client.post("/f/call-me")
    seen["a relative asked for a call"] = followers.see()
    notice = {"text": "请今天 17:00 前陪他来门诊。", "urgent": True}
    doctor = clinic.sign_in("zhang")
    path = f"/console/patients/{ward.patient_id}/family-notice"
    assert doctor.post(path, json=notice).status_code == 204
    seen["a clinician released a notice"] = followers.see()
    followers.pages[1, "en"].post("/f/seen")
    seen["the notice was seen"] = followers.see()
    clinic.clock.forward(hours=19)
    clinic.tick("plans.sweep")
    with clinic.write() as session:
        recording = session.exec(select(Recording)).one()
        recording.last_contact = True
        recording.started_at = clinic.clock.now - timedelta(seconds=12)
        session.add(recording)
    seen["the next day, calm, a measurement is late"] = followers.see()
    if os.environ.get("ANXIN_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(seen, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert seen == json.loads(GOLDEN.read_text("utf-8"))


def test_no_fact_is_added_without_its_level() -> None:
    first = {"masked_name", "label", "level", "mood", "last_data_at", "age_s",
             "nurse_knows_at", "patient_phone", "notice", "fetched_at"}  # fmt: skip
    second = {"battery_pct", "rate_bpm", "tasks_done", "tasks_today", "undone"}
    third = {"coming"}
    names = {field.name for field in fields(facts.FamilyPage)}
    assert names == first | second | third


def test_a_level_sees_what_the_one_below_sees_and_no_more() -> None:
    seen = json.loads(GOLDEN.read_text("utf-8"))
    for state, pages in seen.items():
        for locale in LOCALES:
            one, two, three = (set(pages[f"level {n} {locale}"]) for n in LEVELS)
            assert one <= two <= three, state


def test_nothing_clinical_is_said_on_any_level() -> None:
    pages = json.loads(GOLDEN.read_text("utf-8")).values()
    said = "\n".join(line for one in pages for lines in one.values() for line in lines)
    for word in ("SOS", "胸痛", "报警", "alarm", "PCI", "王建国", "A0001", "AX-", "房颤"):
        assert word not in said, word


def test_the_page_is_small_and_needs_no_script(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    follower = Followers(clinic, phone).pages[3, "zh-CN"]
    page = follower.get("/f")
    paths = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js))"', page.text)
    parts = [page.content, *(follower.get(path).content for path in paths)]
    assert sum(len(part) for part in parts) < 50_000
    assert "<noscript" not in page.text
    assert 'http-equiv="refresh"' in page.text


def test_a_page_that_was_closed_says_so_at_the_next_look(
    clinic: Clinic, ward: Ward
) -> None:
    phone = clinic.phone(ward.code)
    followers = Followers(clinic, phone)
    for link in phone.http.get("/api/me/family", headers=phone.headers).json():
        phone.http.delete(f"/api/me/family/{link['id']}", headers=phone.headers)
    clinic.clock.forward(seconds=1)
    for client in followers.pages.values():
        assert client.get("/f").status_code == 404


def test_midnight_belongs_to_the_clinics_day(clinic: Clinic, ward: Ward) -> None:
    """At 00:00 in Shanghai nothing of yesterday is 'late today'."""
    doctor = clinic.sign_in("zhang")
    doctor.post(
        f"/console/patients/{ward.patient_id}/plan",
        json={"template": "after_pci", "starts_on": "2026-11-22"},
    )
    phone = clinic.phone(ward.code)
    page = Followers(clinic, phone).pages[2, "en"]
    clinic.clock.forward(hours=31, minutes=59)  # 23:59 of the 24th in Shanghai
    assert "Late today" in page.get("/f").text
    clinic.clock.forward(minutes=2)
    assert "Late today" not in page.get("/f").text
    clinic.clock.forward(hours=10, minutes=1)
    assert "Late today" in page.get("/f").text


def test_two_hundred_followers_at_once_are_all_answered(clinic: Clinic, ward: Ward) -> None:
    phone = clinic.phone(ward.code)
    page = Followers(clinic, phone).pages[1, "en"]

    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(
            base_url=clinic.url,
            cookies=dict(page.cookies),
            timeout=30,
            limits=httpx.Limits(max_connections=200),
        ) as http:
            answers = await asyncio.gather(*(http.get("/f") for _ in range(200)))
        return [one.status_code for one in answers]

    assert set(asyncio.run(all_at_once())) == {200}
