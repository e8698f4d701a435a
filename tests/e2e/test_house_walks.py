"""In a browser: the house's settings, and two people who erase a patient together."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from clinic_server.devices import service as devices
from clinic_server.patients import service as patients
from clinic_server.plans import changes
from clinic_server.staff.models import Role, Staff
from tests import factories as make
from tests.e2e.console_world import Ward, fits, look

pytestmark = pytest.mark.e2e


@pytest.fixture
def ward(ward: Ward) -> Ward:
    """The clinic with a nurse and an administrator."""
    now = datetime.now(UTC)
    with ward.db.write() as session:
        make.make_staff(session, "chen", Role.NURSE, now=now, name="陈护士")
        make.make_staff(session, "admin", Role.ADMIN, now=now, name="管理员")
    return ward


def send_home(ward: Ward, patient_id: int) -> None:
    """Take the unit back and end the follow-up."""
    now = datetime.now(UTC)
    with ward.db.write() as session:
        doctor = session.get_one(Staff, ward.physician_id)
        loan = devices.open_issue_of(session, patient_id)
        assert loan is not None
        devices.return_(session, loan.id or 0, doctor, "good", now)
        patient = patients.patient_for(session, doctor, patient_id, now)
        changes.close_case(session, patient=patient, staff=doctor, now=now)


@pytest.mark.parametrize(("locale", "width"), [("zh_CN", 1440), ("en", 390)])
def test_a_house_sets_departments_kits_and_terms(
    browser: Browser, ward: Ward, locale: str, width: int
) -> None:
    with ward.db.write() as session:
        make.make_unit(session, "AX-0139", datetime.now(UTC))
    context, looker = look(browser, ward, locale=locale, width=width)
    page = looker.sign_in("admin", "/admin/house")
    fits(page)
    page.fill("form[data-post='/admin/departments'] [name=name]", "心内科 7 病区")
    with page.expect_navigation():
        page.click("form[data-post='/admin/departments'] button")
    expect(page.locator("main")).to_contain_text("心内科 7 病区")
    page.fill("[name=keep_years]", "30")
    with page.expect_navigation():
        page.click("form[data-post='/admin/rules'] button")
    expect(page.locator("[name=keep_years]")).to_have_value("30")
    kit = page.locator("form[data-post='/admin/kits']")
    kit.locator("xpath=..").locator("summary").click()
    kit.locator("textarea").fill("charger\n胸带 * 2 #")
    with page.expect_navigation():
        kit.locator("button").click()
    expect(page.locator("main")).to_contain_text("胸带 × 2")
    fits(page)
    assert looker.complaints == []
    context.close()


def test_two_people_erase_a_patient_together(browser: Browser, ward: Ward) -> None:
    patient = ward.admit("彭秋菊")
    path = f"/console/patients/{patient}/erasure"
    context, looker = look(browser, ward)
    page = looker.sign_in("chen", path)
    expect(page.locator(".lint")).to_contain_text("设备还没归还")
    fits(page)
    send_home(ward, patient)
    page.fill("[name=proved_by]", "身份证原件")
    with page.expect_navigation():
        page.get_by_role("button", name="登记申请").click()
    expect(page.locator("main")).to_contain_text("等医生")

    doctor_context, doctor = look(browser, ward)
    desk = doctor.sign_in("zhang", path)
    desk.fill("form[data-post$='/agree'] [name=password]", make.PASSWORD)
    with desk.expect_navigation():
        desk.get_by_role("button", name="同意清除").click()
    expect(desk.locator("main")).to_contain_text("请另一位同事")
    doctor_context.close()

    page.reload()
    fits(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("form[data-post$='/carry-out'] [name=password]", make.PASSWORD)
    page.get_by_role("button", name="核对无误，清除").click()
    page.wait_for_url("**/erasures/1")
    expect(page.locator(".paper")).to_contain_text("已清除")
    expect(page.locator(".paper")).not_to_contain_text("彭秋菊")
    fits(page)
    page.goto(f"{ward.url}/erasures")
    fits(page)
    assert page.request.get(f"{ward.url}/console/patients/{patient}").status == 404
    assert looker.complaints == []
    context.close()
