"""The loan in a browser: scanned out, scanned back, wiped, prepared; plan and family."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from clinic_server.desk import reminders, watch
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue
from clinic_server.plans import service as plans
from clinic_server.recordings.models import Recording
from clinic_server.staff.models import Role
from tests import factories as make
from tests.e2e.console_world import CHROMIUM, CLIPPED, Looker, Ward, launch, look, ward_in

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium here"),
]
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ward_in(tmp_path) as ward:
        now = datetime.now(UTC)
        with ward.db.write() as session:
            make.make_staff(session, "chen", Role.NURSE, now=now, name="陈护士")
        yield ward


def sign_in(looker: Looker, username: str, path: str) -> Page:
    page = looker.page
    page.goto(f"{looker.url}/sign-in?next={path}")
    page.fill("[name=username]", username)
    page.fill("[name=password]", make.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"**{path}")
    return page


def scan(page: Page, text: str) -> None:
    """A scanner is a fast keyboard that ends with Enter; focus may be anywhere."""
    page.locator("body").click(position={"x": 5, "y": 500})
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def fits(page: Page) -> None:
    assert page.evaluate(CLIPPED) == []


def test_a_unit_goes_out_and_comes_back_by_scanning(browser: Browser, ward: Ward) -> None:
    patient = ward.admit("彭秋菊", sent_s=None)
    with ward.db.write() as session:
        make.make_unit(session, "AX-0139", datetime.now(UTC))
    context, looker = look(browser, ward)
    page = sign_in(looker, "chen", "/desk")
    scan(page, "AX-0139")
    sheet = page.locator("#sheet")
    expect(sheet.locator("h2")).to_have_text("发放 AX-0139")
    expect(page.locator("#sheet-go")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#sheet-missing")).to_contain_text("患者签字")
    fits(page)
    page.select_option("#who", str(patient))
    page.check("#charger")
    page.check("#terms")
    page.click("#sheet-go")
    code = page.locator("#pairing-code").inner_text()
    assert re.fullmatch(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", code)
    expect(sheet.locator("img.qr")).to_be_visible()
    enrolled = httpx.post(f"{ward.url}/api/enrol", json={"code": code})
    assert enrolled.status_code == 200
    expect(sheet).to_contain_text("手机已配对，等贴片", timeout=5_000)
    page.click("#sheet-go")
    expect(page.locator('#loans tr[data-serial="AX-0139"]')).to_contain_text("还有 14 天")

    scan(page, "AX-0139")
    expect(sheet.locator("h2")).to_have_text("收回 AX-0139（彭秋菊）")
    expect(page.locator("#sheet-go")).to_have_attribute("aria-disabled", "true")
    page.fill("#signed-by", "彭小兰")
    page.click("#sheet-go")
    expect(page.locator("#loans")).to_have_count(0)
    gone = httpx.get(
        f"{ward.url}/api/me/home",
        headers={"Authorization": f"Bearer {enrolled.json()['token']}"},
    )
    assert gone.status_code in (401, 410), "the phone of a returned unit is cut off"

    page.click('[data-state="returned_dirty"]')
    row = page.locator("#units tr", has_text="AX-0139")
    row.locator("[data-wipe]").click()
    expect(row).to_contain_text("证书 W-00001")
    for state, label in (
        ("returned_dirty", "开始消毒"),
        ("disinfecting", "消毒完，检测"),
        ("testing", "检测通过"),
    ):
        if state != "returned_dirty":  # that one is still chosen
            page.click(f'[data-state="{state}"]')
        with page.expect_navigation():
            row.get_by_role("button", name=label).click()
    page.click('[data-state="available"]')
    expect(row).to_contain_text("可用")
    scan(page, "AX-0139")
    expect(sheet).to_contain_text("证书 W-00001")
    with ward.db.read() as session:
        (loan,) = devices.issues_of(session, patient)
    assert loan.return_signed_by == "彭小兰"
    assert looker.complaints == []
    context.close()


def late_and_silent(ward: Ward) -> int:
    """A loan three days late whose data stopped 40 minutes ago; ticks have run."""
    patient = ward.admit("周桂兰", sent_s=2400.0, lvef_pct=35)
    ward.admit("孙玉珍", sent_s=2.0)
    now = datetime.now(UTC)
    with ward.db.write() as session:
        loan = devices.open_issue_of(session, patient)
        assert loan is not None
        loan = session.get_one(Issue, loan.id)
        loan.issued_at = now - timedelta(days=17)
        loan.enrolled_at = now - timedelta(days=17)
        loan.due_on = (now.astimezone(ZONE) - timedelta(days=3)).date()
        session.add(loan)
        from_when = now - timedelta(minutes=40)
        recording = session.get_one(Recording, ward.recordings[patient])
        recording.last_received_at = from_when
        session.add(recording)
    with ward.db.write() as session:
        reminders.sweep(session, now, ZONE, "8021")
        watch.sweep(session, now, ZONE)
        plans.sweep(session, now)
    return patient


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_of_the_desk_fits(
    browser: Browser, ward: Ward, locale: str, width: int, tmp_path: Path
) -> None:
    patient = late_and_silent(ward)
    context, looker = look(browser, ward, locale=locale, width=width)
    page = sign_in(looker, "zhang", "/desk")
    expect(page.locator(".work li")).to_have_count(2)
    fits(page)
    page.click("#reminders")
    expect(page.locator(".sheet .reminder").first).to_be_visible()
    fits(page)
    page.goto(f"{ward.url}/console/roster")
    expect(page.locator(".on-duty li")).to_have_count(3)
    fits(page)
    page.goto(f"{ward.url}/console/patients/{patient}")
    expect(page.locator("#plan-preview li").first).to_be_visible()
    fits(page)
    with page.expect_navigation():
        page.click("#prescribe button")
    expect(page.locator("#plan .tasks").first).to_be_visible()
    page.locator("#plan [data-change]").first.click()
    fits(page)
    assert looker.complaints == []
    context.close()


def test_a_physician_prescribes_moves_and_tells_the_family(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    context, looker = look(browser, ward)
    page = sign_in(looker, "zhang", f"/console/patients/{patient}")
    page.select_option("[name=template]", "af_ablation")
    expect(page.locator("#plan-preview")).to_contain_text("项任务")
    with page.expect_navigation():
        page.click("#prescribe button")
    expect(page.locator("#plan")).to_contain_text("房颤消融后")
    call = page.locator("#plan li", has_text="电话随访")
    page.locator("#plan details summary", has_text="再后面的").click()
    call.locator("[data-change]").click()
    later = (datetime.now(ZONE) + timedelta(days=9)).date().isoformat()
    call.locator("[name=on]").fill(later)
    with page.expect_navigation():
        call.get_by_role("button", name="改期").click()
    page.locator("#plan details summary", has_text="再后面的").click()
    expect(call).to_contain_text(later[5:])
    page.fill("#family-notice textarea", "周四请陪她来门诊。")
    with page.expect_navigation():
        page.click("#family-notice button")
    expect(page.locator("#family-now")).to_contain_text("周四请陪她来门诊。")
    expect(page.locator("#case")).to_contain_text("AX-0001 未收回，不能结案")
    assert looker.complaints == []
    context.close()


def enrolled_phone(ward: Ward, patient: int) -> tuple[httpx.Client, dict[str, str]]:
    with ward.db.write() as session:
        loan = devices.open_issue_of(session, patient)
        assert loan is not None
        nurse = session.get_one(Issue, loan.id)
        staff = make.make_staff(session, "desk", Role.NURSE, now=datetime.now(UTC))
        code = devices.new_code(session, nurse, staff, datetime.now(UTC), 10)
    http = httpx.Client(base_url=ward.url)
    token = http.post("/api/enrol", json={"code": code}).json()["token"]
    return http, {"Authorization": f"Bearer {token}"}


def test_a_family_page_opens_asks_its_pin_and_dies_at_once(
    browser: Browser, ward: Ward
) -> None:
    patient = ward.admit("李秀英")
    http, headers = enrolled_phone(ward, patient)
    body = {"label": "女儿", "level": 1, "days": 7, "pin": "402718"}
    made: dict[str, Any] = http.post("/api/me/family", json=body, headers=headers).json()
    path = re.sub(r"^https?://[^/]+", "", made["url"])
    context, looker = look(browser, ward, width=360, height=740)
    page = looker.page
    page.goto(ward.url + path)
    expect(page.locator("h1")).to_have_text("请输入 6 位密码")
    assert path not in page.url
    fits(page)
    for _ in range(5):
        page.fill("[name=pin]", "000000")
        page.click("form button")
    expect(page.locator("[role=alert]")).to_contain_text("试错太多次")
    fits(page)

    second = {"label": "儿子", "level": 2, "days": 7}
    made = http.post("/api/me/family", json=second, headers=headers).json()
    page.goto(ward.url + re.sub(r"^https?://[^/]+", "", made["url"]))
    expect(page.locator("#hero")).to_be_visible()
    fits(page)
    http.delete(f"/api/me/family/{made['id']}", headers=headers)
    page.reload()
    expect(page.locator("h1")).to_have_text("这个页面已停用")
    fits(page)
    http.close()
    context.close()
