"""A clinic and the phones of a ward, as separate as in the field, for browser tests."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Locator, Page, Route
from playwright.sync_api import TimeoutError as TooLate
from sqlalchemy import text
from sqlmodel import Session

from clinic_server.alarms.notice import send_notice
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.main import create_app
from clinic_server.plans.models import Plan, Task
from clinic_server.rehab.models import RehabPrescription
from clinic_server.settings import Settings
from clinic_server.staff import service as staff
from clinic_server.staff.models import Role
from clinic_server.wire.care import Opinion, TaskKind
from tests import factories as make
from tests.integration.conftest import migrate, served
from tests.integration.killing import free_port

ROOT = Path(__file__).resolve().parents[2]
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOS = "求助 SOS"
SHOTS = os.environ.get("APP_SHOTS")
BELOW_PX = 180
"""Height of SOS and the bar: what lies there is covered."""
FIXED = {
    *("首页", "心电", "信箱", "我的", "Home", "ECG", "Inbox", "Me"),
    *("求助 SOS", "回到首页", "按错了", "Help SOS", "停止", "Stop", "好了", "Done"),
    *("按错了，取消", "Pressed by mistake, cancel"),
}


FAULTS = """() => {
  const all = [...document.querySelectorAll("flt-semantics")];
  const name = e => (e.getAttribute("aria-label") || e.textContent || "").trim();
  const leaves = all.filter(e => !e.querySelector("flt-semantics") && name(e));
  // what scrolls passes under the bar: only what lies in the same sheet is compared
  const sheet = e => {
    for (let up = e.parentElement; up; up = up.parentElement)
      if (["scroll", "auto"].includes(getComputedStyle(up).overflowY)) return up;
    return null;
  };
  const boxes = leaves.map(e => [name(e), e.getBoundingClientRect(), sheet(e)]);
  const bad = [];
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    const [a, p, one] = boxes[i], [b, q, other] = boxes[j];
    if (one !== other) continue;
    const w = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (w > 4 && h > 4) bad.push(`on each other: ${a.slice(0, 30)} | ${b.slice(0, 30)}`);
  }
  const roles = ["button", "checkbox", "textbox", "link", "slider", "switch"];
  for (const e of all) {
    const typed = e.querySelector(":scope > input, :scope > textarea");
    const control = roles.includes(e.getAttribute("role")) || typed;
    const named = name(e) || (typed && typed.getAttribute("aria-label"));
    if (control && !named) bad.push("a control without a name");
  }
  return bad;
}"""


@dataclass
class World:
    """What a test may touch."""

    web: str
    """Address of the phones' screens."""
    db: Database
    doctor_id: int
    code: str
    """Pairing code of the phone ``new``."""
    pid: int
    """Process of the phones."""

    def awaits_row(self, query: str, least: int = 1) -> None:
        """Wait until the clinic has it."""
        deadline = time.monotonic() + 20
        with self.db.read() as session:
            while len(session.execute(text(query)).all()) < least:
                assert time.monotonic() < deadline, query
                session.rollback()
                time.sleep(0.2)

    def network(self, *, up: bool, phone: str = "p1") -> None:
        """Cut or mend a phone's line."""
        answer = httpx.post(f"{self.web}/demo/network", json={"phone": phone, "up": up})
        assert answer.status_code == 204, answer.text


def _seed(db: Database) -> tuple[list[dict[str, object]], int, str]:
    now = make.system_now()
    phones: list[dict[str, object]] = []
    with db.write() as session:
        doctor = make.make_staff(session, now=now, name="张敏")
        make.make_staff(
            session, "chen", Role.NURSE, now=now, name="陈护士", phone="0105550"
        )
        for step in (1, 2):
            staff.set_duty(
                session,
                staff_id=doctor.id or 0,
                step=step,
                starts_at=now - timedelta(hours=1),
                ends_at=now + timedelta(hours=8),
                now=now,
            )
        for i, name in enumerate(("李秀英", "王建国")):
            patient = make.make_patient(session, doctor, mrn=f"E{i}", now=now, name=name)
            patient.drugs = "阿司匹林 100 mg 每天 1 次；美托洛尔 25 mg 每天 2 次"
            _, code = make.issue_unit(session, doctor, patient, f"AX-E{i}", now=now)
            entry: dict[str, object] = {
                "id": f"p{i + 1}",
                "name": name,
                "patch": {"heart": "sinus_calm", "seed": i, "battery_pct": 78},
            }
            if i == 0:
                entry["code"] = code
                _tasks(session, patient.id or 0, doctor.id or 0, now)
                _exercise(session, patient.id or 0, doctor.id or 0, now)
            else:
                entry |= {"pair": False}
            phones.append(entry)
        return phones, doctor.id or 0, code


def _tasks(session: Session, patient_id: int, doctor_id: int, now: datetime) -> None:
    plan = Plan(
        patient_id=patient_id,
        template="after_pci",
        starts_on=now.date(),
        prescribed_by=doctor_id,
        prescribed_at=now,
    )
    session.add(plan)
    session.flush()
    asked = ((TaskKind.VITALS, 30), (TaskKind.SPOT_ECG, 60), (TaskKind.QUESTIONNAIRE, 90))
    for kind, minutes in asked:
        session.add(
            Task(
                plan_id=plan.id or 0,
                patient_id=patient_id,
                kind=kind,
                opens_at=now - timedelta(minutes=1),
                due_at=now + timedelta(minutes=minutes),
                grace_until=now + timedelta(hours=4),
            )
        )
    session.add(
        Task(
            plan_id=plan.id or 0,
            patient_id=patient_id,
            kind=TaskKind.CLINIC_VISIT,
            opens_at=now + timedelta(days=6),
            due_at=now + timedelta(days=6, hours=2),
            grace_until=now + timedelta(days=7),
        )
    )


def _exercise(session: Session, patient_id: int, doctor_id: int, now: datetime) -> None:
    """Prescribe a session short enough for a test."""
    session.add(
        RehabPrescription(
            patient_id=patient_id,
            sessions=36,
            risk="low",
            low_pct=40,
            high_pct=60,
            rest_low_bpm=44,
            warm_up_s=4,
            work_s=60,
            easy_s=30,
            repeats=2,
            cool_down_s=30,
            prescribed_by=doctor_id,
            prescribed_at=now,
        )
    )


@contextmanager
def running(folder: Path, **app_settings: str) -> Iterator[World]:
    """Run a clinic in this process and its phones in another one."""
    data = folder / "clinic"
    data.mkdir()
    migrate(f"sqlite:///{data / 'anxin.sqlite'}")
    settings = Settings(data_dir=data, clinic_phone="010-5550-0100")
    db = Database(settings.url, Bus())
    phones, doctor_id, code = _seed(db)
    config = folder / "phones.json"
    config.write_text(json.dumps({"phones": phones}))
    port = free_port()
    with served(create_app(settings)) as url:
        command = [sys.executable, "-m", "app.headless", "phone", str(config)]
        command += ["--server", url, "--data-dir", str(folder / "phones")]
        command += ["--web-port", str(port)]
        env = os.environ | {"OMP_NUM_THREADS": "1", "APP_POLL_S": "1"}
        env |= {"APP_MINUTE_S": "4"} | app_settings
        process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
        try:
            web = f"http://127.0.0.1:{port}"
            _await_web(web, process)
            yield World(web, db, doctor_id, code, process.pid)
        finally:
            process.terminate()
            process.wait(20)
    db.close()


def fill(world: World) -> None:
    """Put into the app what a month leaves: answers, a report, people who looked."""
    now = make.system_now()
    with world.db.write() as session:
        doctor = staff.staff_by_id(session, world.doctor_id)
        for kind, opinion, words in (
            ("report", Opinion.FREE_TEXT, "24 小时心电看完了，没有需要处理的。药照常吃。"),
            ("notice", Opinion.FREE_TEXT, "明天上午护士会打电话，问您走路的情况。"),
        ):
            send_notice(
                session,
                patient_id=1,
                staff=doctor,
                kind=kind,
                opinion=opinion,
                text=words,
                now=now,
            )
        for action in ("patients.look", "report.sign", "rehab.prescribe"):
            staff.audit(
                session,
                at=now,
                actor_kind="staff",
                actor_id=world.doctor_id,
                action=action,
                object_kind="patient",
                object_id=1,
                patient_id=1,
            )


def _await_web(web: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the phones ended"
        try:
            assert httpx.get(f"{web}/healthz").status_code == 200
        except httpx.ConnectError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the phones' screens do not come up")


def _await_server(address: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            httpx.get(address)
        except httpx.ConnectError:
            time.sleep(0.3)
        else:
            return


class Screen:
    """One wearer's app in a browser, driven through the semantics tree."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        width: int = 360,
        height: int = 800,
        script: str = "",
        await_server_s: float = 0,
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            timezone_id="Asia/Shanghai",
            geolocation={"latitude": 39.90923, "longitude": 116.397428, "accuracy": 18},
            permissions=["geolocation"],
        )
        if script:
            self.context.add_init_script(script)
        self.page: Page = self.context.new_page()
        self.elsewhere: list[str] = []
        self.page.route("**/*", self._pass)
        self.frames = 0
        self.page.on("websocket", lambda ws: ws.on("framereceived", self._count))
        _await_server(address, await_server_s)
        self.page.goto(address)
        self.page.wait_for_selector(
            "flt-semantics-placeholder", state="attached", timeout=60_000
        )
        self.page.evaluate("document.querySelector('flt-semantics-placeholder').click()")
        self.page.wait_for_selector("flt-semantics", state="attached", timeout=60_000)
        # the first screen stands in its own font, and takes presses
        self.page.wait_for_selector("#curtain", state="detached", timeout=60_000)

    def _pass(self, route: Route) -> None:
        """Let requests to this machine through; note and stop all others."""
        if "127.0.0.1" in route.request.url:
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def _count(self, _frame: object) -> None:
        self.frames += 1

    def words(self) -> str:
        """Everything the semantics tree says, number and unit with plain spaces."""
        said = self.page.evaluate(
            "[...document.querySelectorAll('flt-semantics')].map(e =>"
            " (e.getAttribute('aria-label') || '') + ' ' + e.textContent).join(' ')"
        )
        return str(said).replace("\u00a0", " ")

    def awaits(self, words: str, timeout_s: float = 30) -> None:
        """Wait until the screen says something."""
        deadline = time.monotonic() + timeout_s
        while words not in self.words():
            assert time.monotonic() < deadline, f"no {words!r} in {self.words()[:600]}"
            self.page.wait_for_timeout(150)

    def press(self, name: str, *, exact: bool = True) -> None:
        """Press what has this name; scroll the page to it as a finger would."""
        self._press(self.page.get_by_role("button", name=name, exact=exact).first, name)

    def offers(self, name: str, timeout_s: float) -> bool:
        """Say whether there is such a button, soon."""
        return self._comes(
            self.page.get_by_role("button", name=name, exact=True).first, timeout_s
        )

    def press_like(self, first: str, then: str) -> None:
        """Press the button whose name has both words in this order."""
        named = re.compile(f"{re.escape(first)}.*[，, ]{re.escape(then)}$")
        self._press(self.page.get_by_role("button", name=named).first, named.pattern)

    def _press(self, found: Locator, name: str) -> None:
        assert self._comes(found, 30), f"no {name!r} in {self.words()[:600]}"
        self._click(found)
        self.page.wait_for_timeout(350)

    def _comes(self, found: Locator, within_s: float) -> bool:
        try:
            found.wait_for(state="attached", timeout=1000 * within_s)
        except TooLate:
            return False
        return True

    def _click(self, found: Locator) -> None:
        """Bring it within reach and press it once it stands still there."""
        self._reach(found)
        box, before = found.bounding_box(), None
        while box != before:
            self.page.wait_for_timeout(100)
            box, before = found.bounding_box(), box
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def _reach(self, found: Locator) -> None:
        size = self.page.viewport_size
        assert size is not None
        for _ in range(12):
            box = found.bounding_box()
            assert box is not None
            middle = box["y"] + box["height"] / 2
            if 0 < middle < size["height"] - BELOW_PX or self._is_low(found):
                return
            self.page.mouse.move(size["width"] / 2, 200)
            self.page.mouse.wheel(0, 220 if middle > 0 else -220)
            self.page.wait_for_timeout(350)

    def _is_low(self, found: Locator) -> bool:
        """The bar, SOS and the button at the foot never scroll."""
        label = found.get_attribute("aria-label") or found.inner_text()
        return label.replace("\u00a0", " ").split("，")[0] in FIXED

    def type_into(self, name: str, value: str) -> None:
        """Type into a field."""
        box = self.page.get_by_label(name).first
        box.wait_for(state="attached", timeout=30_000)
        for _ in range(3):
            self._click(box)
            self.page.wait_for_timeout(200)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(value, delay=15)
            self.page.wait_for_timeout(300)
            if box.input_value() == value:
                return
        raise AssertionError(f"{name!r} does not take {value!r}")

    def hold(self, name: str, ms: int) -> None:
        """Press with the finger and keep it there."""
        box = self.page.get_by_role("button", name=name).first.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.wait_for_timeout(ms)
        self.page.mouse.up()
        self.page.wait_for_timeout(300)

    def sideways(self) -> int:
        """Return by how many px something reaches over the right edge."""
        over = self.page.evaluate(
            "Math.max(0, ...[...document.querySelectorAll('flt-semantics')].map(e =>"
            " Math.round(e.getBoundingClientRect().right) - window.innerWidth))"
        )
        return int(over)

    def faults(self) -> list[str]:
        """List what an eye or a screen reader would stumble over on this page.

        Words that lie on other words, what reaches over the right edge, and controls
        without a name. What is scrolled out of sight is cut off by the tree itself.
        """
        found: list[str] = self.page.evaluate(FAULTS)
        over = self.sideways()
        return [*found, *([f"{over} px over the edge"] if over > 1 else [])]

    def shot(self, name: str) -> None:
        """Keep a picture when a person wants to look (``APP_SHOTS=FOLDER``)."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(500)
            self.page.screenshot(path=f"{SHOTS}/{name}.png")

    def close(self) -> None:
        """Leave."""
        self.context.close()
