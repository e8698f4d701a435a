"""The physician's loop in a browser: see, acknowledge, answer, without a reload."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import select

from clinic_server.alarms import service as alarms
from clinic_server.alarms.models import Adjudication, AdviceRow, Alarm, AlarmEvent
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import Opinion
from tests.e2e.console_world import CLIPPED, Ward, look, ward_in

pytestmark = pytest.mark.e2e


WORDS = {
    "zh_CN": ("没有待处理的报警", "室速 连续 12 跳", "张敏", "建议已发送", "患者已读"),
    "en": (
        "No alarm is waiting",
        "VT run of 12 beats",
        "until",
        "Advice already sent",
        "Read",
    ),
}


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_the_physician_sees_the_alarm_without_reload_acknowledges_and_answers(
    browser: Browser, ward: Ward, locale: str
) -> None:
    calm, vt, acknowledged, sent, read = WORDS[locale]
    patient = ward.admit("李秀英")
    context, looker = look(browser, ward, locale=locale)
    page = looker.page
    looker.sign_in()
    expect(page.locator("#calm h1")).to_have_text(calm)
    page.evaluate("window.notReloaded = true")

    began = datetime.now(UTC)
    alarm_id = ward.raise_vt(patient)
    card = page.locator(f'[data-alarm="{alarm_id}"]')
    expect(card).to_contain_text(vt, timeout=5_000)
    assert (datetime.now(UTC) - began).total_seconds() < 5
    expect(page.locator(f'.tile[data-patient="{patient}"]')).to_have_class(
        "tile live high", timeout=5_000
    )

    page.keyboard.press("a")
    expect(card.locator(".state")).to_contain_text(acknowledged, timeout=5_000)
    expect(page.locator(f'.tile[data-patient="{patient}"]')).to_contain_text("张敏")
    assert page.evaluate("window.notReloaded") is True

    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/alarms/{alarm_id}")
    expect(page.locator("#speed")).to_be_visible()
    assert page.evaluate("document.querySelector('#row-1 canvas').width") >= 300
    page.keyboard.press("4")
    text = page.input_value("#advice")
    assert "120" in text
    page.keyboard.press("Control+Enter")
    expect(page.locator("#send")).to_have_text(sent, timeout=5_000)

    with ward.db.write() as session:
        row = session.exec(select(AdviceRow)).one()
        assert row.text == text
        page.click(".ack-box summary")
        alarms.mark_read(session, patient, row.id or 0, "understood", datetime.now(UTC))
    expect(page.locator(".steps li").nth(6)).to_have_class("done", timeout=5_000)
    expect(page.locator(".ack-box")).to_contain_text(read)
    expect(page.locator(".ack-box details")).to_have_attribute("open", "")
    assert looker.complaints == []
    context.close()


def test_adjudication_waits_for_an_undo_and_closing_asks_for_it(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    alarm_id = ward.raise_vt(patient)
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    page.goto(f"{ward.url}/console/alarms/{alarm_id}")
    page.keyboard.press("n")
    expect(page.locator('[data-finding="noise"]')).to_have_attribute("aria-pressed", "true")
    page.click("#undo-finding button")
    expect(page.locator('[data-finding="noise"]')).to_have_attribute(
        "aria-pressed", "false"
    )
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#send")).to_have_text("建议已发送")
    page.click(".ack-box summary")
    page.click('[data-close="observed"]')
    expect(page.locator("#problem")).to_have_text("结束之前请先判定。")
    with ward.db.read() as session:
        assert session.get_one(Alarm, alarm_id).closed_at is None
    context.close()


def test_closing_an_emergency_asks_for_what_it_owes_and_an_enter_too_many_says_nothing(
    browser: Browser, ward: Ward
) -> None:
    alarm_id = ward.raise_vt(ward.admit("李秀英"))
    now = datetime.now(UTC)
    with ward.db.write() as session:
        doctor = staff_service.staff_by_id(session, ward.physician_id)
        text = "请现在去最近的急诊。"
        alarms.decide_and_advise(
            session, doctor, alarm_id, Opinion.EMERGENCY_NOW, None, text, now
        )
        alarms.adjudicate(session, doctor, alarm_id, Adjudication.TRUE, now)
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in(path=f"/console/alarms/{alarm_id}")
    page.click(".ack-box summary")
    page.click('[data-close="treated"]')
    expect(page.locator("dialog h2")).to_have_text("登记危急值")
    page.keyboard.type("王建国")
    page.keyboard.press("Enter")
    expect(page.locator("dialog h2")).to_have_text("已联系到患者？")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    with ward.db.read() as session:
        kinds = [event.kind for event in alarms.events_of(session, alarm_id)]
        assert "critical_value" in kinds
        assert "closed" not in kinds
    page.click(".ack-box summary")
    page.click('[data-close="treated"]')
    page.click("dialog button[type=submit]")
    expect(page.locator(".ack-box")).to_contain_text("已结束")
    context.close()


def test_what_another_has_in_hand_is_taken_over_by_its_button_and_not_by_a_key(
    browser: Browser, ward: Ward
) -> None:
    alarm_id = ward.raise_vt(ward.admit("李秀英"))
    with ward.db.write() as session:
        other = next(p for p in staff_service.physicians(session) if p.username == "wang")
        alarms.acknowledge(session, other, alarm_id, datetime.now(UTC))
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    card = page.locator(f'[data-alarm="{alarm_id}"]')
    page.keyboard.press("a")
    expect(card.locator(".state")).to_contain_text("王建国")
    card.locator("button.ack").click()
    expect(card.locator(".state")).to_contain_text("张敏")
    with ward.db.read() as session:
        assert session.get_one(Alarm, alarm_id).acknowledged_by == ward.physician_id
    context.close()


def test_what_is_on_the_screen_of_the_person_called_is_noted(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    context, looker = look(browser, ward)
    looker.sign_in()
    alarm_id = ward.raise_vt(patient)
    expect(looker.page.locator(f'[data-alarm="{alarm_id}"]')).to_be_visible()
    looker.page.wait_for_timeout(500)
    with ward.db.read() as session:
        kinds = session.exec(select(AlarmEvent.kind)).all()
        assert "delivered" in kinds
        assert session.get_one(Alarm, alarm_id).notified_at is not None
    context.close()


@pytest.fixture(scope="module")
def full_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ward, list[str]]]:
    """One patient per state, with long names, and every page to look at."""
    with ward_in(tmp_path_factory.mktemp("full")) as ward:
        first = ward.admit("Alexandra Wei Ling Ouyang")
        ward.admit("欧阳守仁")
        ward.admit("周桂兰", sent_s=200)
        ward.admit("谢长青", sent_s=None)
        alarm_id = ward.raise_vt(first)
        yield (
            ward,
            [
                "/console",
                f"/console/alarms/{alarm_id}",
                "/console/alarms",
                "/console/patients",
                f"/console/patients/{first}",
                "/console/chest-pain",
                "/console/calibration",
            ],
        )


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_no_text_is_clipped_and_nothing_scrolls_sideways(
    browser: Browser,
    full_ward: tuple[Ward, list[str]],
    locale: str,
    width: int,
    height: int,
) -> None:
    ward, paths = full_ward
    context, looker = look(browser, ward, locale=locale, width=width, height=height)
    looker.sign_in()
    for path in paths:
        looker.page.goto(ward.url + path)
        looker.page.locator("#clock").wait_for()
        looker.page.wait_for_timeout(250)
        assert looker.page.evaluate(CLIPPED) == [], path
    assert looker.complaints == []
    context.close()
