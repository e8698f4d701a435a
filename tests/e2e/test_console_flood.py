"""A thousand alarms in a minute in a browser: all there, the highest at once, still usable.

The full size is `scripts/bench alarms`; the suite runs the same at a size that fits it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import select

from clinic_server.alarms import escalation
from clinic_server.alarms.models import Alarm, Tier
from clinic_server.alarms.raising import raise_condition
from clinic_server.db import Database
from clinic_server.deps import system_clock
from tests.e2e.console_world import Ward, look

pytestmark = pytest.mark.e2e
SCREEN_P99_S = 5.0
KEY_P95_MS = 200.0
"""Where people begin to feel that a page hesitates."""

WATCH = """async () => {
  const { alarms } = await import("/static/js/alarms.js");
  window.seen = {};
  window.keys = [];
  window.longest = 0;
  alarms.addEventListener("change", ({ detail }) => {
    if (!detail.added.length) return;
    // the frame that draws them, and the moment it has been painted
    requestAnimationFrame(() => requestAnimationFrame(() => {
      for (const card of detail.added) window.seen[card.id] ??= Date.now();
    }));
  });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      window.longest = Math.max(window.longest, duration);
    }
  }).observe({ type: "longtask" });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (one.name === "keydown") window.keys.push(one.duration);
    }
  }).observe({ type: "event", durationThreshold: 16 });
}"""


@dataclass(frozen=True)
class Size:
    """How many alarms, for how many patients, in how many seconds."""

    alarms: int
    patients: int
    within_s: float


FULL = Size(1000, 40, 60.0)


@contextmanager
def escalating(db: Database) -> Iterator[None]:
    """Let the sweep run every second beside it, as on a ward."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(1.0):
            with db.write() as session:
                escalation.sweep(session, system_clock())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def flood(page: Page, ward: Ward, size: Size) -> tuple[dict[int, int], float]:
    """Raise alarms evenly, five in a transaction, pressing a key every second.

    Returns
    -------
    raised : dict
        When each Emergency was raised, in ms, by its number.
    took_s : float
        How long it took: more than it should on a machine that is busy.
    """
    rules = (
        ("E1", "alarms.vf"), ("E10", "alarms.sos"), ("U4", "alarms.pause"),
        ("E10", "alarms.sos"), ("U5", "alarms.brady"),
    )  # fmt: skip
    raised: dict[int, int] = {}
    began = time.monotonic()
    pressed = began
    for first in range(0, size.alarms, len(rules)):
        now = system_clock()
        with ward.db.write() as session:
            for n, (rule, code) in enumerate(rules, first):
                alarm = raise_condition(
                    session,
                    rule_id=rule,
                    code=code,
                    dedupe_key=f"flood:{n}",
                    patient_id=ward.patients[n % size.patients],
                    onset_at=now,
                    now=now,
                    params={"duration_s": 5, "rr_s": 3.2, "rate_bpm": 38},
                )
                if alarm is not None and rule[0] == "E":
                    raised[alarm.id or 0] = round(now.timestamp() * 1000)
        if time.monotonic() - pressed > 1.0:
            pressed = time.monotonic()
            page.keyboard.press("j" if len(raised) % 4 else "k")
        ahead_s = began + size.within_s * first / size.alarms - time.monotonic()
        if ahead_s > 0:
            page.wait_for_timeout(1000 * ahead_s)
    return raised, time.monotonic() - began


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(200, 10, 15.0), id="ci"),
        pytest.param(FULL, id="full", marks=pytest.mark.bench),
    ],
)
def test_a_flood_of_alarms_reaches_the_screen_and_leaves_it_usable(
    browser: Browser, ward: Ward, size: Size, record_property: Any
) -> None:
    with escalating(ward.db):
        for n in range(size.patients):
            ward.admit(f"患者{n}")
        context, looker = look(browser, ward)
        page = looker.page
        looker.sign_in()
        page.evaluate(WATCH)
        raised, took_s = flood(page, ward, size)
        page.wait_for_function(
            "ids => ids.every((id) => id in window.seen)",
            arg=list(raised),
            timeout=20_000,
        )
        seen = page.evaluate("window.seen")
        delays_s = sorted((seen[str(i)] - at) / 1000 for i, at in raised.items())
        keys_ms = sorted(page.evaluate("window.keys")) or [0.0]
        figures = {
            "emergencies": len(raised),
            "raised_in_s": took_s,
            "screen_p50_s": delays_s[len(delays_s) // 2],
            "screen_p99_s": delays_s[int(0.99 * (len(delays_s) - 1))],
            "screen_max_s": delays_s[-1],
            "key_p95_ms": keys_ms[int(0.95 * (len(keys_ms) - 1))],
            "key_max_ms": keys_ms[-1],
            "longest_task_ms": page.evaluate("window.longest"),
        }
        acknowledged_s = _acknowledge(page)
        figures["acknowledge_s"] = round(acknowledged_s, 3)
        for name, value in figures.items():
            record_property(name, value)
        print(figures)  # noqa: T201 - what the benchmark is run for
        if size.alarms == FULL.alarms:
            assert took_s <= 1.05 * size.within_s, "no figure for this pace"
        assert figures["screen_p99_s"] <= SCREEN_P99_S
        assert figures["key_p95_ms"] <= KEY_P95_MS
        assert acknowledged_s < 2
        assert looker.complaints == []
        context.close()


def test_a_storm_of_one_patient_is_one_card_that_can_be_taken_in_hand_at_once(
    browser: Browser, ward: Ward
) -> None:
    ward.admit("李秀英")
    ward.admit("吴国栋")
    context, looker = look(browser, ward)
    page = looker.page
    looker.sign_in()
    flood(page, ward, Size(25, 1, 2.0))
    other = ward.raise_vt(ward.patients[1])
    head = page.locator(".alarm:has(.fold:not([hidden]))")
    expect(head).to_contain_text("李秀英")
    expect(head.locator(".fold button").first).to_contain_text("全部保留")
    # both patients' cards, the technical one, and the one under the cursor
    assert page.locator(".alarm").count() <= 4
    head.locator(".fold button").nth(1).click()
    # the urgent ones, the technical card and the other patient still call
    expect(page.locator("#unacknowledged")).to_have_text("未确认 4", timeout=20_000)
    with ward.db.read() as session:
        rows = session.exec(select(Alarm).where(Alarm.tier == Tier.EMERGENCY)).all()
    taken = {row.patient_id for row in rows if row.acknowledged_by is not None}
    left = {row.id for row in rows if row.acknowledged_by is None}
    assert taken == {ward.patients[0]}
    assert left == {other}, "another patient's alarm is not taken with it"
    head.locator(".fold button").first.click()
    context.close()


def _acknowledge(page: Page) -> float:
    """Take the first alarm of the list in hand; how long until the page says so."""
    chosen = page.locator(".alarm").first.get_attribute("data-alarm")
    page.locator(".alarm").first.click(position={"x": 60, "y": 12})
    page.locator(f'[data-alarm="{chosen}"].selected').wait_for()
    began = time.monotonic()
    page.keyboard.press("a")
    expect(page.locator(f'[data-alarm="{chosen}"] .state')).to_contain_text("张敏")
    return time.monotonic() - began
