"""In a browser: enrolment by keyboard, a missed task called and moved, the family page."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import col, select

from clinic_server.devices import service as devices
from clinic_server.patients import service as patients
from clinic_server.plans import service as plans
from clinic_server.plans.models import Task, WorkItem
from clinic_server.staff.models import Role, Staff
from clinic_server.wire.care import TaskKind, TaskState
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


def prescribe(ward: Ward, patient: int, template: str = "after_pci") -> None:
    now = datetime.now(UTC)
    with ward.db.write() as session:
        doctor = session.get_one(Staff, ward.physician_id)
        plans.prescribe(
            session,
            patient=patients.patient_for(session, doctor, patient, now),
            staff=doctor,
            template=template,
            starts_on=now.astimezone(ZONE).date(),
            zone=ZONE,
            now=now,
        )


def miss(ward: Ward, patient: int, kind: TaskKind) -> int:
    """Let the first window of a kind pass, as if the days had gone by; give its number."""
    now = datetime.now(UTC)
    with ward.db.write() as session:
        task = session.exec(
            select(Task)
            .where(Task.patient_id == patient, Task.kind == kind)
            .order_by(col(Task.opens_at))
        ).all()[0]
        task.opens_at = now - timedelta(hours=6)
        task.due_at = now - timedelta(hours=4)
        task.grace_until = now - timedelta(hours=2)
        session.add(task)
    for _ in range(2):
        with ward.db.write() as session:
            plans.sweep(session, now)
    return task.id or 0


def test_a_file_is_opened_by_the_keyboard_alone(browser: Browser, ward: Ward) -> None:
    context, looker = look(browser, ward)
    page = looker.sign_in("chen", "/desk")
    page.get_by_role("link", name="登记患者").click()
    page.wait_for_url("**/desk/admit")
    page.wait_for_load_state("load")
    keys = page.keyboard
    pressed = 0

    def enter(text: str) -> None:
        nonlocal pressed
        keys.type(text)
        keys.press("Enter")
        pressed += len(text) + 1

    expect(page.locator("[name=mrn]")).to_be_focused()
    enter("P0417")  # a scanner types it and presses Enter
    enter("彭秋菊")
    keys.press("Space")  # female
    enter("")
    enter("")
    keys.type("02031951")  # the browser's own date field, month first
    enter("")
    enter("13900000000")
    enter("彭小兰")
    enter("女儿")
    enter("13800000000")
    enter("急性心肌梗死")
    enter("PCI")
    keys.press("Control+Enter")  # too early: the attending is missing, nothing is lost
    expect(page.locator("#admit-problem")).to_contain_text("主管医师")
    expect(page.locator("[name=attending_id]")).to_be_focused()
    assert page.input_value("[name=diagnosis]") == "急性心肌梗死"
    fits(page)
    keys.press("ArrowDown")
    keys.press("Control+Enter")
    page.wait_for_url("**/console/patients/*")
    expect(page.locator("h1")).to_have_text("彭秋菊")
    expect(page.locator("#case .verbs li.done")).to_have_count(1)
    assert pressed < 150, "a nurse types this in well under five minutes"
    # the number was looked up and belongs to nobody yet: the browser notes that answer
    assert [one for one in looker.complaints if "404 (Not Found)" not in one] == []
    context.close()


def test_a_plan_is_written_missed_called_and_moved(browser: Browser, ward: Ward) -> None:
    patient = ward.admit("李秀英")
    doctor_context, doctor = look(browser, ward)
    page = doctor.sign_in("zhang", f"/console/patients/{patient}")
    page.select_option("[name=template]", "after_pci")
    expect(page.locator("#plan-preview")).to_contain_text("项任务")
    page.locator("#plan-preview summary").click()
    expect(page.locator("#plan-preview")).to_contain_text("需医师审核")
    fits(page)
    with page.expect_navigation():
        page.click("#prescribe button")
    doctor_context.close()
    task = miss(ward, patient, TaskKind.SPOT_ECG)

    context, looker = look(browser, ward)
    page = looker.sign_in("chen", "/desk")
    line = page.locator(".work li", has_text="没做")
    expect(line).to_have_count(1)
    with page.expect_navigation():
        line.locator("select").select_option("not_reached")
    expect(line).to_have_count(0)
    with ward.db.write() as session:  # two hours later
        item = session.exec(select(WorkItem)).one()
        item.next_at = datetime.now(UTC) - timedelta(minutes=1)
        session.add(item)
    page.reload()
    expect(line).to_contain_text("已打 1 次，没人接")
    fits(page)
    with page.expect_navigation():
        line.locator("select").select_option("reached")
    page.goto(f"{ward.url}/console/tasks/{task}")
    expect(page.locator("#visit")).to_contain_text("没联系上")
    page.goto(f"{ward.url}/console/patients/{patient}/calendar")
    slot = page.locator(f"#task-{task}")
    expect(slot).to_have_class(re.compile("missed"))
    fits(page)
    later = datetime.now(ZONE).date() + timedelta(days=2)
    with page.expect_navigation():
        slot.drag_to(page.locator(f'[data-on="{later.isoformat()}"]'))
    expect(page.locator(f'[data-on="{later.isoformat()}"] #task-{task}')).to_be_visible()
    # and once more by the keyboard: the day after that
    slot.focus()
    page.keyboard.press("ArrowRight")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    after = (later + timedelta(days=1)).isoformat()
    expect(page.locator(f'[data-on="{after}"] #task-{task}')).to_be_focused()
    with ward.db.read() as session:
        moved = session.get_one(Task, task)
        calls = session.get_one(WorkItem, item.id).detail["calls"]
    assert moved.state is TaskState.PLANNED
    assert moved.opens_at.astimezone(ZONE).date().isoformat() == after
    assert [call["outcome"] for call in calls] == ["not_reached", "reached"]
    assert looker.complaints == []
    context.close()


@pytest.fixture
def phones() -> Iterator[list[httpx.Client]]:
    clients: list[httpx.Client] = []
    yield clients
    for client in clients:
        client.close()


def phone_of(ward: Ward, patient: int) -> tuple[httpx.Client, dict[str, str]]:
    now = datetime.now(UTC)
    with ward.db.write() as session:
        loan = devices.open_issue_of(session, patient)
        assert loan is not None
        doctor = session.get_one(Staff, ward.physician_id)
        code = devices.new_code(session, loan, doctor, now, 10)
    http = httpx.Client(base_url=ward.url)
    token = http.post("/api/enrol", json={"code": code}).json()["token"]
    return http, {"Authorization": f"Bearer {token}"}


def share(http: httpx.Client, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    body = {"label": "母亲", "level": 2, "days": 7} | more
    made: dict[str, Any] = http.post("/api/me/family", json=body, headers=headers).json()
    made["path"] = re.sub(r"^https?://[^/]+", "", made["url"])
    return made


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_a_relative_scans_asks_pauses_and_is_shut_out_within_a_second(
    browser: Browser, ward: Ward, phones: list[httpx.Client], locale: str
) -> None:
    patient = ward.admit("李秀英", sent_s=2400.0)
    http, headers = phone_of(ward, patient)
    phones.append(http)
    made = share(http, headers)
    context, looker = look(browser, ward, locale=locale, width=390, height=844)
    page = looker.page
    page.goto(ward.url + made["path"] + "#C0001")
    assert page.url == f"{ward.url}/f#page", "neither token nor record number stays"
    expect(page.locator("#hero.stale")).to_be_visible()
    fits(page)
    page.locator("form[action='/f/snooze'] button").first.click()
    expect(page.locator("#hero.stale")).to_be_visible()
    fits(page)
    page.locator("form[action='/f/call-me'] button").click()
    expect(page.locator("[role=status]")).to_be_visible()
    http.delete(f"/api/me/family/{made['id']}", headers=headers)
    begun = time.monotonic()
    assert page.request.get(f"{ward.url}/f").status == 404
    assert time.monotonic() - begun < 1.0
    page.reload()
    expect(page.locator(".hero.closed")).to_be_visible()
    fits(page)

    locked = share(http, headers, pin="402718")
    page.goto(ward.url + locked["path"])
    for left in (4, 3, 2, 1):
        page.fill("[name=pin]", "000000")
        page.locator("form button").click()
        expect(page.locator("[role=alert]")).to_contain_text(str(left))
    fits(page)
    page.fill("[name=pin]", "000000")
    page.locator("form button").click()
    expect(page.locator("[name=pin]")).to_have_count(0)
    expect(page.locator("[role=alert]")).to_contain_text(
        "试错太多次" if locale == "zh_CN" else "Too many wrong tries"
    )
    fits(page)
    context.close()


def test_a_wristband_is_printed_scanned_and_stamped(browser: Browser, ward: Ward) -> None:
    ward.admit("李秀英", sent_s=None)
    context, looker = look(browser, ward)
    page = looker.sign_in("chen", "/desk")
    page.locator("body").click(position={"x": 5, "y": 500})
    page.keyboard.type(f"{ward.url}/family/{'x' * 43}#C0001")
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-title")).to_have_text("李秀英")
    page.get_by_role("button", name="教会使用").click()
    expect(page.get_by_role("button", name=re.compile("教会使用 ✓"))).to_be_visible()
    fits(page)
    with context.expect_page() as printed:
        page.get_by_role("button", name="打印出院单和腕带").click()
    sheet = printed.value
    expect(sheet.locator("img").first).to_be_visible()
    expect(sheet.locator("h1")).to_contain_text("李秀英")
    fits(sheet)
    sheet.close()
    assert looker.complaints == []
    context.close()


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_about_a_patient_fits(
    browser: Browser, ward: Ward, locale: str, width: int
) -> None:
    patient = ward.admit("欧阳守仁")
    prescribe(ward, patient)
    task = miss(ward, patient, TaskKind.REMOTE_CALL)
    context, looker = look(browser, ward, locale=locale, width=width)
    page = looker.sign_in("zhang", f"/console/patients/{patient}")
    fits(page)
    for path in (
        f"/console/patients/{patient}/calendar",
        f"/console/patients/{patient}/rehab",
        f"/console/patients/{patient}/diary",
        f"/console/tasks/{task}",
        "/console/follow-up",
        "/desk/admit",
        f"/desk/patients/{patient}/file",
    ):
        page.goto(ward.url + path)
        expect(page.locator("h1").first).to_be_visible()
        fits(page)
    page.goto(f"{ward.url}/console/tasks/{task}")
    page.select_option("[name=how]", "phone")
    page.check("[name=complaints][value=chest_pain]")
    expect(page.locator("#urgent")).to_be_visible()
    with page.expect_navigation():
        page.click("#record button")
    expect(page.locator("#record")).to_have_count(0)
    page.goto(f"{ward.url}/console/patients/{patient}/rehab")
    page.fill("[name=max_bpm]", "140")
    expect(page.locator("#zone")).to_contain_text("98–112")
    with page.expect_navigation():
        page.click("#exercise button")
    with page.expect_navigation():
        page.click("#training-days button")
    fits(page)
    assert looker.complaints == []
    context.close()
