"""Every flow of the app in both languages and sizes, texts at 200 %, looked at on the way.

Every screen on the way is searched for words on other words, words over the edge, and
controls without a name. ``pytest -m bench tests/e2e/test_patient_flows.py``; with
``APP_SHOTS=FOLDER`` it photographs each screen.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from app.i18n import t
from clinic_server.wire.consent import Purpose
from tests.e2e.patient_world import Screen, World, fill, running

pytestmark = [pytest.mark.e2e, pytest.mark.bench]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("flows")) as world:
        fill(world)
        yield world


class Walk:
    """One wearer who reads the screen by its keys, whatever the language."""

    def __init__(self, screen: Screen, lang: str, width: int) -> None:
        self.screen, self.lang, self.width = screen, lang, width
        self.faults: list[str] = []
        self.seen = 0

    def say(self, code: str, **params: object) -> str:
        return t(code, self.lang, **params).replace("\u00a0", " ")

    def see(self, code: str, timeout_s: float = 40, **params: object) -> None:
        """Wait for words, then look the screen over."""
        self.screen.awaits(self.say(code, **params), timeout_s)
        self.look(code)

    def look(self, where: str) -> None:
        self.screen.page.wait_for_timeout(300)
        self.faults += [f"{where}: {fault}" for fault in self.screen.faults()]
        self.seen += 1
        self.screen.shot(f"{self.lang}-{self.width}-{self.seen:03d}-{where}")

    def press(self, code: str, **params: object) -> None:
        # the inbox also says how many are not read
        self.screen.press(self.say(code, **params), exact=code != "nav.inbox")

    def me(self, name: str) -> None:
        for _ in range(3):
            self.press("nav.me")
            # a form that is sent leads home in its own time, also from here
            if self.screen.offers(self.say(f"me.{name}"), 5):
                break
        self.press(f"me.{name}")


def pages(walk: Walk) -> None:
    """Open everything that needs no more than a tap."""
    walk.see("status.on", 90)
    for name in ("live", "inbox", "me"):
        walk.press(f"nav.{name}")
        walk.look(name)
    for name in ("plan", "results", "family", "traces", "helper", "reach", "give_back"):
        walk.me(name)
        walk.see(f"me.{name}" if name != "family" else "family.title")


def feel(walk: Walk) -> None:
    """Note a feeling of twenty minutes ago."""
    walk.press("nav.home")
    walk.press("home.unwell")
    walk.see("diary.what")
    walk.press("symptom.dizzy")
    walk.press("diary.when_20_min")
    walk.press("diary.send")
    walk.see("diary.kept")


def measure(walk: Walk) -> None:
    """Type in a pressure beyond the limit, then a better one."""
    walk.me("vitals")
    walk.screen.type_into(walk.say("vitals.systolic_mmhg"), "186")
    walk.screen.type_into(walk.say("vitals.diastolic_mmhg"), "90")
    walk.press("task.send")
    walk.see("vitals.outside")
    walk.see("vitals.systolic_high", value=186, limit=180)
    walk.press("vitals.measure_again")
    walk.screen.type_into(walk.say("vitals.systolic_mmhg"), "128")
    walk.screen.type_into(walk.say("vitals.diastolic_mmhg"), "80")
    walk.press("task.send")
    walk.me("vitals")
    walk.see("vitals.said_pressure", a=128, b=80)


def agree(walk: Walk) -> None:
    """Answer a purpose and take it back."""
    walk.me("consents")
    for word in ("yes", "no"):
        name = walk.say(f"consents.{Purpose.TEACHING}")
        walk.screen.press(f"{name}，{walk.say(f'consents.{word}')}")
    walk.see("consents.teaching_without")


def train(walk: Walk) -> None:
    """Be asked, rest, be permitted, train, stop, say how hard it was."""
    walk.me("rehab")
    walk.see("rehab.session_begin")
    walk.press("rehab.session_begin")
    for what in ("new_chest_pain", "new_dyspnoea", "syncope", "weight_gain"):
        walk.screen.press_like(walk.say(f"rehab.ask_{what}"), walk.say("rehab.no"))
    walk.screen.type_into(walk.say("vitals.systolic_mmhg"), "128")
    walk.screen.type_into(walk.say("vitals.diastolic_mmhg"), "78")
    walk.press("rehab.to_rest")
    walk.see("rehab.ready", 60)
    walk.press("rehab.begin")
    walk.see("rehab.stage_warm_up")
    walk.press("rehab.stop")
    walk.see("rehab.end_stopped")
    walk.press("rehab.borg_11")
    walk.see("rehab.done_how")
    walk.press("app.to_home")


def invite(walk: Walk) -> None:
    """Make a code for a relative and close it again."""
    walk.me("family")
    walk.screen.type_into(walk.say("family.who"), "Li")
    walk.press("family.make")
    walk.see("family.scan", name="Li")
    walk.press("family.close")
    walk.press("family.close_now", name="Li")
    walk.see("family.closed")


def call(walk: Walk) -> None:
    """Ask for help, see the parcel, say what is wrong, ring, take it back."""
    walk.press("nav.home")
    walk.screen.hold(walk.say("sos.button"), 2600)
    walk.see("sos.title")
    walk.see("sos.opened")
    ring = f"{walk.say('sos.ring_120')}。{walk.say('sos.ring_120_when')}"
    walk.screen.press(ring)
    walk.see("call.done")
    walk.screen.press(walk.say("call.done"))
    walk.press("symptom.chest_pain")
    walk.press("sos.cancel")
    walk.see("app.to_home")
    walk.press("app.to_home")


FLOWS: tuple[Callable[[Walk], None], ...] = (
    *(pages, feel, measure, agree, train, invite, call),
)


@pytest.mark.parametrize(
    ("lang", "width", "height"),
    [
        ("zh-CN", 360, 800),
        ("en", 1024, 768),
        ("en", 360, 800),
        ("zh-CN", 1024, 768),
    ],
)
def test_every_flow_is_walked_at_twice_the_text_size(
    world: World, browser: Browser, lang: str, width: int, height: int
) -> None:
    _close_alarms(world)
    address = f"{world.web}/patient/p1?lang={lang}&text=200"
    screen = Screen(browser, address, width=width, height=height)
    walk = Walk(screen, lang, width)
    for flow in FLOWS:
        flow(walk)
    assert walk.faults == []
    assert screen.elsewhere == []
    screen.close()


def _close_alarms(world: World) -> None:
    """What an earlier walk raised would keep the gate shut."""
    deadline = time.monotonic() + 20
    with world.db.write() as session:
        session.execute(text("UPDATE alarm SET closed_at=raised_at, outcome='test'"))
    while time.monotonic() < deadline:
        with world.db.read() as session:
            open_ = "SELECT count(*) FROM alarm WHERE closed_at IS NULL"
            if not session.execute(text(open_)).scalar():
                return
        time.sleep(0.2)
