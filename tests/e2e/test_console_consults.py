"""A patient's question in the inbox, its strip at other speeds, its answer on the phone."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import select

from clinic_server.alarms.models import AdviceRow, AlarmEvent
from clinic_server.alarms.raising import raise_condition
from clinic_server.consults.models import ConsultRow
from clinic_server.devices import service as devices
from tests.e2e.console_world import Ward, fits, look

pytestmark = pytest.mark.e2e


def ask(ward: Ward, patient: int, hours: int) -> int:
    now = datetime.now(UTC)
    with ward.db.write() as session:
        loan = devices.open_issue_of(session, patient)
        assert loan is not None
        row = ConsultRow(
            patient_id=patient,
            issue_id=loan.id or 0,
            recording_id=ward.recordings[patient],
            first_sample=5000,
            end_sample=12_500,
            question="早上有点心慌，这段要紧吗？",
            asked_at=now - timedelta(hours=1),
            answer_by=now + timedelta(hours=hours),
        )
        session.add(row)
        session.flush()
        return row.id or 0


@pytest.mark.parametrize(("locale", "width"), [("zh_CN", 1440), ("en", 390)])
def test_a_question_is_found_read_and_answered(
    browser: Browser, ward: Ward, locale: str, width: int
) -> None:
    consult_id = ask(ward, ward.admit("李秀英"), 3)
    late = ask(ward, ward.admit("吴国栋"), -1)
    context, looker = look(browser, ward, locale=locale, width=width, height=900)
    page = looker.page
    looker.sign_in()
    rows = page.locator("#consult-list li")
    expect(rows).to_have_count(2)
    expect(rows.first.locator("a")).to_have_attribute("href", f"/console/consults/{late}")
    expect(rows.first.locator(".consult-by")).to_have_class("consult-by silent chip")
    fits(page)
    page.click(f'a[href="/console/consults/{consult_id}"]')
    expect(page.locator("#row-1 canvas")).to_be_visible()
    drawn = re.compile("height")
    expect(page.locator("#row-1 canvas")).to_have_attribute("style", drawn)
    page.select_option("#speed", "50")
    expect(page.locator("#speed")).to_have_class("figure-choice unusual")
    with page.expect_navigation():
        page.keyboard.press("Escape")
    page.goto(f"{ward.url}/console/consults/{consult_id}")
    fits(page)
    page.keyboard.press("1")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    expect(page.locator(".ack-box")).to_contain_text("张敏")
    with ward.db.read() as session:
        (sent,) = session.exec(select(AdviceRow)).all()
        row = session.get_one(ConsultRow, consult_id)
    assert (sent.kind, row.advice_id) == ("consult", sent.id)
    page.goto(f"{ward.url}/console")
    expect(rows).to_have_count(1)
    assert looker.complaints == []
    context.close()


def test_every_event_of_a_group_can_be_looked_at_and_a_note_stays_on_the_card(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    now = datetime.now(UTC)
    with ward.db.write() as session:
        for n in range(14):
            raise_condition(
                session,
                rule_id="U4",
                code="alarms.pause",
                dedupe_key=f"pause{n}",
                patient_id=patient,
                recording_id=ward.recordings[patient],
                onset_sample=1000 + 900 * n,
                onset_at=now - timedelta(seconds=60 - 3 * n),
                now=now,
                params={"rr_s": 3.2},
            )
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    card = page.locator(".alarm").first
    expect(card.locator(".chip")).to_contain_text("×14 自")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/alarms/*")
    events = page.locator("[data-occurrence]")
    expect(events).to_have_count(14)
    events.nth(9).click()
    expect(events.nth(9)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#strip-problem")).to_be_hidden()
    page.keyboard.press("c")
    page.keyboard.press(".")
    expect(page.locator("#speed")).to_have_value("50")
    page.keyboard.press("+")
    expect(page.locator("#gain")).to_have_value("20")
    page.fill("#note input", "已通话，家属在路上")
    page.click("#note button")
    expect(page.locator("#note input")).to_have_value("")
    page.goto(f"{ward.url}/console")
    expect(card.locator(".next")).to_have_text("已通话，家属在路上")
    with ward.db.read() as session:
        kinds = session.exec(select(AlarmEvent.kind)).all()
    assert "noted" in kinds
    assert looker.complaints == []
    context.close()
