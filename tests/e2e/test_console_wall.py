"""The wall in a browser: how old is what I see, and what when the line is lost."""

import json
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests import factories as make
from tests.e2e.console_world import Ward, look

pytestmark = pytest.mark.e2e


def test_each_square_stands_where_its_age_puts_it(browser: Browser, ward: Ward) -> None:
    ages = {"live": 1.0, "late": 20.0, "silent": 300.0, "off": None}
    ids = {stage: ward.admit(stage, sent_s=age) for stage, age in ages.items()}
    context, looker = look(browser, ward)
    looker.sign_in()
    page = looker.page
    for stage, patient in ids.items():
        tile = page.locator(f'.tile[data-patient="{patient}"]')
        assert stage in (tile.get_attribute("class") or "").split(), stage
    silent = page.locator(f'.tile[data-patient="{ids["silent"]}"]')
    expect(silent.locator(".tile-rate")).to_have_text("—")
    expect(silent.locator(".tile-words")).to_contain_text("5 分钟 无数据")
    context.close()


def test_a_frozen_page_grows_old_by_itself(browser: Browser, ward: Ward) -> None:
    patient = ward.admit("李秀英", sent_s=1.0)
    context, looker = look(browser, ward)
    looker.sign_in()
    tile = looker.page.locator(f'.tile[data-patient="{patient}"]')
    expect(tile).to_have_class("tile late", timeout=15_000)  # nothing came, only time went
    ward.send(patient, 30)
    expect(tile).to_have_class("tile live", timeout=5_000)
    context.close()


def test_without_a_heartbeat_for_ten_seconds_everything_is_marked_as_old(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    ward.raise_vt(patient)
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    for pattern in ("**/console/stream*", "**/console/alarms.json*"):
        page.route(pattern, lambda route: route.abort())
    page.goto(f"{ward.url}/console")
    expect(page.locator('[data-bar="lost"]')).to_be_visible(timeout=14_000)
    assert page.title() == "未连接 · 安心"
    expect(page.locator('[data-bar="lost"] li')).to_have_count(3)
    expect(page.locator(f'.tile[data-patient="{patient}"]')).to_have_class("tile frozen")
    expect(page.locator(f'.tile[data-patient="{patient}"] .tile-rate')).to_have_text("—")
    expect(page.locator(f'.tile[data-patient="{patient}"] canvas')).to_be_hidden()
    expect(page.locator(f'.tile[data-patient="{patient}"] .mark')).to_be_visible()
    button = page.locator(".alarm .ack")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_text("未连接，无法确认")
    page.unroute("**/console/stream*")
    page.unroute("**/console/alarms.json*")
    expect(page.locator('[data-bar="lost"]')).to_have_count(0, timeout=10_000)
    assert page.title() != "未连接 · 安心"
    context.close()


def test_the_list_moves_around_the_card_under_the_cursor(
    browser: Browser, ward: Ward
) -> None:
    first, second = ward.admit("吴国栋"), ward.admit("李秀英")
    ward.raise_plain(first, 1)
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    selected = page.locator(".alarm.selected")
    expect(selected).to_contain_text("吴国栋")
    ward.raise_vt(second)
    expect(page.locator(".alarm")).to_have_count(2, timeout=5_000)
    expect(page.locator(".alarm").first).to_contain_text("李秀英")
    expect(selected).to_contain_text("吴国栋")
    page.keyboard.press("k")
    expect(selected).to_contain_text("李秀英")
    page.keyboard.press("m")
    expect(page.locator("#audio")).to_contain_text("声音暂停")
    context.close()


def test_audio_paused_is_pierced_by_a_new_emergency(browser: Browser, ward: Ward) -> None:
    patient = ward.admit("李秀英")
    context, looker = look(browser, ward)
    looker.sign_in()
    looker.page.keyboard.press("m")
    expect(looker.page.locator("#audio")).to_contain_text("声音暂停")
    ward.raise_vt(patient)
    expect(looker.page.locator("#audio")).to_contain_text("声音开", timeout=5_000)
    context.close()


def _signed_in(ward: Ward) -> httpx.Client:
    client = httpx.Client(base_url=ward.url, timeout=15)
    form = {"username": "zhang", "password": make.PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 303
    return client


def _events(client: httpx.Client, wanted: str, **headers: str) -> list[tuple[str, object]]:
    """Read the stream until an event of this name has come."""
    out: list[tuple[str, object]] = []
    event_id = ""
    with client.stream("GET", "/console/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("id: "):
                event_id = line[4:]
            if line.startswith("event: "):
                name = line[7:]
            if line.startswith("data: "):
                out.append((event_id, json.loads(line[6:])))
                if name == wanted:
                    return out
    return out


def test_a_page_that_was_away_gets_exactly_what_it_missed(ward: Ward) -> None:
    patient = ward.admit("李秀英")
    ward.raise_plain(patient, 1)
    with closing(_signed_in(ward)) as client:
        *_, (seen, first) = _events(client, "alarms")
        assert [card["title"] for card in first["cards"]]  # type: ignore[index]
        alarm_id = ward.raise_vt(patient)
        *_, (_, missed) = _events(client, "alarms", **{"Last-Event-ID": str(seen)})
        assert alarm_id in [card["id"] for card in missed["cards"]]  # type: ignore[index]
        assert missed["last_id"] > first["last_id"]  # type: ignore[index]


def test_the_heartbeat_says_the_time_and_who_is_on_duty(ward: Ward) -> None:
    with closing(_signed_in(ward)) as client:
        *_, (_, beat) = _events(client, "heartbeat")
    assert isinstance(beat, dict)
    assert beat["duty"]["first"] == "张敏"
    assert beat["duty"]["second"] == "王建国"
    assert abs(beat["server_ms"] / 1000 - datetime.now(UTC).timestamp()) < 5


def test_a_stream_and_a_strip_are_for_those_who_may_see_the_patient(ward: Ward) -> None:
    patient = ward.admit("李秀英")
    rid = ward.recordings[patient]
    with httpx.Client(base_url=ward.url) as stranger:
        assert stranger.get("/console/stream").status_code == 401
        assert (
            stranger.get(f"/console/recordings/{rid}/ecg?first=0&end=9").status_code == 401
        )
    with closing(_signed_in(ward)) as client:
        strip = client.get(f"/console/recordings/{rid}/ecg?first=14000&end=16000").json()
        assert strip["gaps"] == [[1000, 2000, ""]]
        too_long = client.get(f"/console/recordings/{rid}/ecg?first=0&end=90000")
        assert too_long.status_code == 422
        policy = client.get("/console").headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
