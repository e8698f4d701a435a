"""A day is read by two people: keys, lasso, conflict, a cut line, undo, signature."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from clinic_server.recordings import service as recordings
from clinic_server.recordings import store
from clinic_server.recordings.store import Incoming
from clinic_server.reports import edits, kept, service, worker
from clinic_server.reports.models import Report
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role
from clinic_server.wire.ecg import (
    RecordingCreate,
    decode_header,
    sha256_hex,
)
from tests import factories as make
from tests.e2e.console_world import Looker, Ward, fits, look, ward_in

pytestmark = pytest.mark.e2e
SECONDS = 150
FS = 250
RECORDING = "3f0d6c1e-5f0a-4a4e-9a53-2f4a0b1c7d11"


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """A closed recording with ectopic beats, its draft, and a technician."""
    with ward_in(tmp_path_factory.mktemp("reading")) as ward:
        assert ward.app is not None
        ward.app.state.reading.make_pool = lambda: ThreadPoolExecutor(2)
        record(ward)
        url = ward.app.state.clinic.settings.url
        found = worker.study(url, RECORDING, "Asia/Shanghai")
        with ward.db.write() as session:
            now = datetime.now(UTC)
            kept.keep(session, RECORDING, found.kept, now)
            service.store_draft(session, RECORDING, found.result, now)
        yield ward


def record(ward: Ward) -> None:
    now = datetime.now(UTC)
    with ward.db.write() as session:
        make.make_staff(session, "li", Role.TECHNICIAN, now=now, name="李萍")
        zhang = staff_service.staff_by_id(session, ward.physician_id)
        patient = make.make_patient(session, zhang, "A0001", now, name="吴国栋")
        create = RecordingCreate(
            serial="AX-0001",
            fs_hz=FS,
            lead_names=["II"],
            gain_counts_per_mv=200,
            started_at=now - timedelta(hours=1),
        )
        recording = recordings.announce(
            session,
            RECORDING,
            patient_id=patient.id or 0,
            issue_id=None,
            create=create,
            now=now,
        )
        for seq, body in enumerate(make.ectopic_segments(SECONDS, FS, now)):
            header, _ = decode_header(body)
            one = Incoming(RECORDING, seq, header, body, sha256_hex(body), now)
            store.put(session, recording, one)
        recordings.close(session, recording, "imported", now)
        service.owe(session, now)
        service.claim(session, now)


def opened(looker: Looker, who: str) -> Page:
    page = looker.sign_in(who, "/console/reports/1/reading")
    page.wait_for_selector("body[data-ready]")
    settled(page)
    return page


def settled(page: Page) -> None:
    """Every edit is stored, and every figure counts it; page and server agree."""
    expect(page.locator("#sign-facts")).to_contain_text("全部已存", timeout=20_000)
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false", timeout=20_000)
    expect(page.locator("body")).to_have_attribute("data-agrees", "true")


def script(ward: Ward) -> list[tuple[str, str, int]]:
    with ward.db.read() as session:
        rows = edits.script(session, RECORDING)
        return [(row.kind, row.to, edits.unpack(row.samples).size) for row in rows]


def count(page: Page, figure: str) -> str:
    return page.locator(f'[data-figure="{figure}"] b').inner_text()


def test_keys_and_lasso_edit_a_day_and_undo_gives_it_back(
    browser: Browser, read: Ward
) -> None:
    context, looker = look(browser, read, width=1280, height=800)
    page = opened(looker, "li")
    fits(page)
    beats = int(count(page, "beats"))
    page.keyboard.press("Shift+V")
    expect(page.locator("#strip-what")).to_contain_text("V 室性")
    page.keyboard.press("n")
    expect(page.locator("#strip-what")).to_contain_text("机器判为 V")
    page.keyboard.press("Delete")
    page.keyboard.press("ArrowRight")
    settled(page)
    assert script(read) == [("relabel", "N", 1), ("delete", "", 1)]
    assert int(count(page, "beats")) == beats - 1
    box = page.locator("#lorenz").bounding_box()
    assert box is not None
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    for k, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if k == 0:
            page.mouse.down()
    page.mouse.move(box["x"] + 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    expect(page.locator("#lasso-count")).to_contain_text("圈选")
    page.keyboard.press("l")
    expect(page.locator("#choose-class")).to_be_visible()
    page.keyboard.press("s")
    settled(page)
    kind, to, many = script(read)[-1]
    assert (kind, to) == ("relabel", "S")
    assert many > 20
    page.keyboard.press("o")
    expect(page.locator(".cell")).not_to_have_count(0)
    page.keyboard.press("Escape")
    for _ in range(3):
        page.keyboard.press("z")
        settled(page)
    assert int(count(page, "beats")) == beats
    assert count(page, "edited") == "0.0"
    page.keyboard.press("Shift+Z")
    settled(page)
    page.keyboard.press("z")
    settled(page)
    page.keyboard.press("h")
    expect(page.locator("#history tr.gone")).to_have_count(3)
    assert looker.complaints == []
    context.close()


def test_two_readers_are_told_of_each_other_and_a_cut_line_loses_nothing(
    browser: Browser, read: Ward
) -> None:
    his, him = look(browser, read)
    hers, her = look(browser, read)
    technician, physician = opened(him, "li"), opened(her, "zhang")
    for page in (technician, physician):
        page.keyboard.press("Shift+V")
        expect(page.locator("#strip-what")).to_contain_text("V 室性")
    before = len(script(read))
    technician.route("**/reading/edits?after=*", lambda route: route.abort())
    physician.keyboard.press("f")
    settled(physician)
    technician.keyboard.press("n")
    expect(technician.locator("#reading-note")).to_contain_text(
        "张敏刚刚改过", timeout=10_000
    )
    technician.unroute("**/reading/edits?after=*")
    assert len(script(read)) == before + 1
    his.set_offline(True)
    technician.keyboard.press("]")
    technician.keyboard.press("s")
    expect(technician.locator("#sign-facts")).to_contain_text("1 处未存")
    technician.close(run_before_unload=False)
    his.set_offline(False)
    again = his.new_page()
    again.goto(f"{read.url}/console/reports/1/reading")
    again.wait_for_selector("body[data-ready]")
    settled(again)
    assert script(read)[-1] == ("relabel", "S", 1)
    expect(physician.locator("#reading-note")).to_contain_text("李萍刚才", timeout=15_000)
    again.keyboard.press("Control+s")
    again.locator("#sign-do").click()
    expect(again.locator("#sign-state")).to_contain_text("初读 李萍", timeout=10_000)
    his.close()
    hers.close()


def test_the_physician_signs_on_figures_that_count_every_edit(
    browser: Browser, read: Ward
) -> None:
    context, looker = look(browser, read, theme="dark")
    page = opened(looker, "zhang")
    page.keyboard.press("d")
    expect(page.locator("#compare tr.differs")).not_to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.locator("#password").fill(make.PASSWORD)
    assert read.app is not None
    runner = read.app.state.runner
    tick = next(one for one in runner.ticks if one.name == "reports.remeasure")
    sign = page.locator("#sign-do")
    for _ in range(60):
        assert runner.run(tick)
        if sign.get_attribute("aria-disabled") == "false":
            break
        page.wait_for_timeout(250)
    sign.click()
    page.wait_for_url("**/console/reports/1")
    with read.db.read() as session:
        report = session.get_one(Report, 1)
        assert report.state == "signed"
        assert report.edit_number == edits.newest(session, RECORDING)
        assert report.result["passport"]["human_edited_pct"] > 0
    page.goto(f"{read.url}/console/reports/1/reading")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("Shift+V")
    page.keyboard.press("n")
    expect(page.locator("#reading-note")).to_contain_text("已签发")
    assert looker.complaints == []
    context.close()
