"""Thresholds tried before they are saved; reminders snoozed; red when nothing leaves."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import select

from clinic_server.alarms.models import Alarm, LimitOverride
from clinic_server.notify.models import Channel
from tests.e2e.console_world import Ward, look

pytestmark = pytest.mark.e2e


def test_a_threshold_is_replayed_before_it_can_be_saved(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    page.goto(f"{ward.url}/console/patients/{patient}/limits")
    row = page.locator('tr[data-name="tachy_u_bpm"]')
    row.locator("[data-change]").click()
    page.fill("#limit-value", "130")
    page.fill("#limit-reason", "术后早期")
    save = page.locator("#limit-save")
    expect(save).to_have_attribute("aria-disabled", "true")
    page.click("#limit-preview")
    expect(save).to_have_attribute("aria-disabled", "false", timeout=15_000)
    expect(page.locator("#limit-result")).not_to_be_empty()
    with page.expect_navigation():
        save.click()
    expect(page.locator('tr[data-name="tachy_u_bpm"]')).to_contain_text("术后早期")
    with ward.db.read() as session:
        (saved,) = session.exec(select(LimitOverride)).all()
    assert (saved.name, saved.value, saved.patient_id) == ("tachy_u_bpm", 130, patient)
    assert looker.complaints == []
    context.close()


def test_a_threshold_of_the_house_is_replayed_for_everybody_before_it_can_be_saved(
    browser: Browser, ward: Ward
) -> None:
    patients = [ward.admit(f"患者{n}") for n in range(2)]
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    page.goto(f"{ward.url}/console/patients/{patients[0]}/limits")
    with page.expect_navigation():
        page.click('#limits a[href="/console/limits"]')
    page.locator('tr[data-name="tachy_u_bpm"] [data-change]').click()
    page.fill("#limit-value", "130")
    page.fill("#limit-reason", "全院讨论")
    page.click("#limit-preview")
    save = page.locator("#limit-save")
    expect(save).to_have_attribute("aria-disabled", "false", timeout=60_000)
    with page.expect_navigation():
        save.click()
    expect(page.locator('tr[data-name="tachy_u_bpm"]')).to_contain_text("全院讨论")
    with ward.db.read() as session:
        (saved,) = session.exec(select(LimitOverride)).all()
    assert (saved.name, saved.patient_id) == ("tachy_u_bpm", None)
    assert looker.complaints == []
    context.close()


def test_reminders_of_an_urgent_alarm_can_be_snoozed_from_its_page(
    browser: Browser, ward: Ward
) -> None:
    alarm_id = ward.raise_plain(ward.admit("李秀英"), 1)
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    page.goto(f"{ward.url}/console/alarms/{alarm_id}")
    page.locator(".ack-box summary").click()
    page.locator('[data-snooze="4"]').click()
    expect(page.locator("#state")).to_have_attribute("data-state", "snoozed")
    with ward.db.read() as session:
        alarm = session.get_one(Alarm, alarm_id)
    assert alarm.snoozed_until is not None
    left_h = (alarm.snoozed_until - datetime.now(UTC)).total_seconds() / 3600
    assert left_h == pytest.approx(4, abs=0.1)
    context.close()


def test_all_channels_failing_is_red_on_the_screen(browser: Browser, ward: Ward) -> None:
    ward.admit("李秀英")
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    bar = page.locator('[data-bar="channels"]')
    page.wait_for_timeout(500)
    assert bar.count() == 0
    with ward.db.write() as session:
        session.add(
            Channel(
                name="sms",
                address="json://nowhere",
                position=1,
                last_error_at=datetime.now(UTC),
            )
        )
    expect(bar).to_be_visible(timeout=10_000)
    expect(bar).to_contain_text("所有通道均失败")
    for path in ("/desk", "/console/patients"):
        page.goto(ward.url + path)
        expect(bar).to_be_visible(timeout=10_000)
    with ward.db.write() as session:
        channel = session.exec(select(Channel)).one()
        channel.last_ok_at = datetime.now(UTC)
        session.add(channel)
    expect(bar).to_be_hidden(timeout=10_000)
    context.close()
