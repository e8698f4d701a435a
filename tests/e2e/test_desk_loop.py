"""The loan in a browser: scanned out, scanned back, wiped, prepared; plan and family."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_server.desk import reminders, watch
from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue
from clinic_server.plans import service as plans
from clinic_server.recordings.models import Recording
from clinic_server.staff.models import Role
from tests import factories as make
from tests.e2e.console_world import Ward, fits, look

pytestmark = pytest.mark.e2e
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def ward(ward: Ward) -> Ward:
    """The clinic with a nurse at its desk."""
    with ward.db.write() as session:
        make.make_staff(session, "chen", Role.NURSE, now=datetime.now(UTC), name="陈护士")
    return ward


def scan(page: Page, text: str) -> None:
    """A scanner is a fast keyboard that ends with Enter; focus may be anywhere."""
    page.locator("body").click(position={"x": 5, "y": 500})
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def sign(page: Page) -> None:
    """Draw a signature with the mouse, as a finger does."""
    page.locator("canvas.signature").scroll_into_view_if_needed()
    box = page.locator("canvas.signature").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + 20 + 25 * step, box["y"] + (20 if step % 2 else 60))
    page.mouse.up()


def issue(page: Page, patient: int) -> str:
    """Fill the sheet of an issue; give the pairing code."""
    sheet = page.locator("#sheet")
    expect(sheet.locator("h2")).to_have_text("发放 AX-0139")
    expect(page.locator("#sheet-go")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#sheet-missing")).to_contain_text("患者签字")
    fits(page)
    page.select_option("#who", str(patient))
    expect(page.locator("#signer")).to_have_value("彭秋菊")
    page.check("#part-0")
    page.check("#part-1")
    page.check("#part-2")
    expect(page.locator("#sheet-missing")).to_contain_text("配件")  # the lot is missing
    page.fill("#lot-2", "L2611-08")
    page.fill("#deposit", "200")
    page.locator("summary", has_text="看条款全文").click()
    expect(sheet).to_contain_text("先打 120")
    page.check("#terms")
    sign(page)
    page.click("#sheet-go")
    code = page.locator("#pairing-code").inner_text()
    assert re.fullmatch(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", code)
    expect(sheet.locator("img.qr")).to_be_visible()
    return code


def wear(ward: Ward, token: str) -> None:
    """Let the phone send its first seconds."""
    http = httpx.Client(base_url=ward.url)
    phone = make.Phone(http, token, serial="AX-0139", started_at=datetime.now(UTC))
    assert phone.announce().status_code == 200
    assert phone.put(0).status_code == 201
    http.close()


def become_late(ward: Ward, patient: int, days: int) -> None:
    """Let the loan have begun long ago; the ticks of the day run."""
    now = datetime.now(UTC)
    with ward.db.write() as session:
        loan = devices.open_issue_of(session, patient)
        assert loan is not None
        loan = session.get_one(Issue, loan.id)
        loan.issued_at = now - timedelta(days=14 + days)
        loan.due_on = (now.astimezone(ZONE) - timedelta(days=days)).date()
        session.add(loan)
    with ward.db.write() as session:
        reminders.sweep(session, now, ZONE, "8021")
        watch.sweep(session, now, ZONE)


def test_a_loan_from_its_issue_to_the_certificate(
    browser: Browser, ward: Ward, tmp_path: Path
) -> None:
    patient = ward.admit("彭秋菊", sent_s=None)
    with ward.db.write() as session:
        make.make_unit(session, "AX-0139", datetime.now(UTC))
    context, looker = look(browser, ward)
    page = looker.sign_in("chen", "/desk")
    scan(page, "AX-0139")
    code = issue(page, patient)
    enrolled = httpx.post(f"{ward.url}/api/enrol", json={"code": code})
    assert enrolled.status_code == 200
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text("手机已配对，等贴片", timeout=5_000)
    wear(ward, enrolled.json()["token"])
    expect(sheet).to_contain_text("已收", timeout=5_000)
    page.click("#sheet-go")
    row = page.locator('#loans tr[data-serial="AX-0139"]')
    expect(row).to_contain_text("还有 14 天")
    expect(row).to_contain_text("数据")

    become_late(ward, patient, 2)
    page.reload()
    expect(row).to_contain_text("逾期 2 天")
    expect(row).to_contain_text("T+1")
    row.locator("[data-extend]").click()
    page.fill("#reason", "复诊推迟到下周")
    fits(page)
    with page.expect_navigation():
        page.click("#sheet-go")
    expect(row).to_contain_text("还有 7 天")

    scan(page, "AX-0139")
    expect(sheet.locator("h2")).to_have_text("收回 AX-0139（彭秋菊）")
    expect(page.locator("#sheet-go")).to_have_attribute("aria-disabled", "true")
    picture = tmp_path / "back.png"
    page.screenshot(path=picture)
    page.set_input_files("#photo", picture)
    page.check("#parts-back")
    page.fill("#signed-by", "彭小兰")
    sign(page)
    fits(page)
    page.click("#sheet-go")
    page.wait_for_url("**/papers")
    paper = page.locator(".paper")
    expect(paper).to_contain_text("复诊推迟到下周")
    expect(paper).to_contain_text("彭小兰")
    for picture_of in paper.locator("img").all():
        assert picture_of.evaluate("one => one.complete && one.naturalWidth > 0")
    assert paper.locator("img").count() == 3
    fits(page)
    gone = httpx.get(
        f"{ward.url}/api/me/home",
        headers={"Authorization": f"Bearer {enrolled.json()['token']}"},
    )
    assert gone.status_code in (401, 410), "the phone of a returned unit is cut off"
    prepare_again(page, ward)
    with ward.db.read() as session:
        (loan,) = devices.issues_of(session, patient)
    assert (loan.return_signed_by, loan.accessories_back) == ("彭小兰", True)
    assert (loan.deposit_cny, loan.deposit_back_cny) == (200, 200)
    assert looker.complaints == []
    context.close()


def prepare_again(page: Page, ward: Ward) -> None:
    """Wipe, disinfect and test the unit; the certificate is a page of its own."""
    page.goto(f"{ward.url}/desk")
    page.click('[data-state="returned_dirty"]')
    row = page.locator("#units tr", has_text="AX-0139")
    row.locator("[data-wipe]").click()
    row.get_by_role("status").click()
    expect(page.locator(".paper")).to_contain_text("W-00001")
    fits(page)
    page.goto(f"{ward.url}/desk")
    page.click('[data-state="returned_dirty"]')
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
    expect(page.locator("#sheet")).to_contain_text("证书 W-00001")


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
    page = looker.sign_in("zhang", "/desk")
    expect(page.locator(".work li")).to_have_count(2)
    fits(page)
    page.click("#reminders")
    expect(page.locator(".sheet .reminder").first).to_be_visible()
    fits(page)
    page.goto(f"{ward.url}/desk/statistics")
    expect(page.locator("tbody tr").first).to_be_visible()
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
    page = looker.sign_in("zhang", f"/console/patients/{patient}")
    page.select_option("[name=template]", "af_ablation")
    expect(page.locator("#plan-preview")).to_contain_text("项任务")
    with page.expect_navigation():
        page.click("#prescribe button")
    expect(page.locator("#plan")).to_contain_text("房颤消融后")
    call = page.locator("#plan li[data-task]", has_text="电话随访")
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
