"""What the patient's app costs and how long it lets one wait, in a browser without a GPU.

Run: ``scripts/bench app [--only trace,start,enrol] [--seconds 20] [--starts 5]``.
A clinic runs in this process, the phones (``anxin phone``) in another one whose CPU is
counted, Chromium in others. Frames are those the client asked the browser for and drew.
A share of CPU is of one core; on a busy machine compare the rows of one run.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text

from tests.e2e.patient_world import ARGS, Screen, World, running
from tests.processes import Process

FPS_LIMIT, CPU_LIMIT_PCT, START_LIMIT_S, ENROL_LIMIT_S = 15.0, 10.0, 2.0, 180.0
WATCHED, NEW = "p1", "p2"

# notes, by the page's own clock: sockets that open, frames drawn, the first words of Home
NOTES = """
window.noted = {frames: [], socket: null, home: null, packets: 0, bytes: 0};
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = draw => ask(at => {
  if (noted.frames[noted.frames.length - 1] !== at) noted.frames.push(at);
  draw(at);
});
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...a) {
    super(...a);
    noted.socket ??= performance.now();
    this.addEventListener('message', e => {
      noted.packets += 1;
      noted.bytes += e.data.byteLength || e.data.size || 0;
    });
  }
};
new MutationObserver(() => {
  if (document.getElementById('curtain')) return;
  if (noted.home === null && [...document.querySelectorAll('flt-semantics')]
      .some(e => /HOME/.test((e.getAttribute('aria-label') || '') + e.textContent)))
    noted.home = performance.now();
}).observe(document, {childList: true, subtree: true, attributes: true});
"""
HOME_WORDS = "求助 SOS"


class Counted(Screen):
    """A screen that counts what a person does to it."""

    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        self.deeds: list[str] = []
        self.typed = 0

    def press(self, name: str, *, exact: bool = True) -> None:
        """See `Screen.press`."""
        super().press(name, exact=exact)
        self.deeds.append(f"tap {name}")

    def press_like(self, first: str, then: str) -> None:
        """See `Screen.press_like`."""
        super().press_like(first, then)
        self.deeds.append(f"tap {first} … {then}")

    def type_into(self, name: str, value: str) -> None:
        """See `Screen.type_into`."""
        super().type_into(name, value)
        self.deeds.append(f"tap and type {len(value)} letters into {name}")
        self.typed += len(value)

    def hold(self, name: str, ms: int) -> None:
        """See `Screen.hold`."""
        super().hold(name, ms)
        self.deeds.append(f"hold {name} {ms / 1000:.1f} s")


def notes_of(page: Page) -> dict[str, float]:
    """Read what the page noted."""
    noted: dict[str, float] = page.evaluate(
        "({...noted, frames: noted.frames.length, now: performance.now()})"
    )
    return noted


def cost(app: Process, page: Page | None, seconds: float) -> dict[str, float]:
    """Measure the app's CPU, and what a page drew, for a while."""
    before = notes_of(page) if page else {}
    cpu, began = app.cpu_s(), time.monotonic()
    if page:
        page.wait_for_timeout(1000 * seconds)
    else:
        time.sleep(seconds)
    wall_s = time.monotonic() - began
    figures = {"cpu_pct": 100 * (app.cpu_s() - cpu) / wall_s}
    if page:
        after = notes_of(page)
        page_s = (after["now"] - before["now"]) / 1000
        figures |= {
            "fps": (after["frames"] - before["frames"]) / page_s,
            "patches_s": (after["packets"] - before["packets"]) / page_s,
            "kib_s": (after["bytes"] - before["bytes"]) / page_s / 1024,
        }
    return figures


def opened(browser: Browser, world: World, phone: str, place: str = "home") -> Counted:
    """Open the app of a phone at one of its screens."""
    script = NOTES.replace("HOME", HOME_WORDS)
    return Counted(browser, f"{world.web}/patient/{phone}?at={place}", script=script)


def trace(
    world: World, browser: Browser, options: argparse.Namespace
) -> list[tuple[str, bool]]:
    """Compare nobody looking, Home, and the live trace, twice each, alternating."""
    app = Process(world.pid)
    screens: dict[str, Callable[[], Counted | None]] = {
        "recording, no page": lambda: None,
        "recording, Home": lambda: opened(browser, world, WATCHED),
        "recording, live trace": lambda: opened(browser, world, WATCHED, "live"),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in screens}
    for _ in range(options.rounds):
        for name, show in screens.items():
            screen = show()
            if screen is not None:
                screen.awaits("走纸中" if "live" in name else "监护进行中", 60)
                screen.page.wait_for_timeout(3000)
            found[name].append(cost(app, screen.page if screen else None, options.seconds))
            if screen is not None:
                screen.close()
            time.sleep(1)
    mean = {
        name: {key: statistics.fmean(one[key] for one in runs) for key in runs[0]}
        for name, runs in found.items()
    }
    for name, row in mean.items():
        print(f"  {name:24}", *(f"{key} {value:6.1f}" for key, value in row.items()))
    live, alone = mean["recording, live trace"], mean["recording, no page"]
    drawing = live["cpu_pct"] - alone["cpu_pct"]
    return [
        (f"live trace {live['fps']:.1f} frames/s", live["fps"] >= FPS_LIMIT),
        (
            f"app while drawing {live['cpu_pct']:.1f} % of a core, of it for the page "
            f"{drawing:.1f} %",
            live["cpu_pct"] <= CPU_LIMIT_PCT,
        ),
    ]


def start(
    world: World, browser: Browser, options: argparse.Namespace
) -> list[tuple[str, bool]]:
    """Time from the loaded client's first word with the app to Home on the screen."""
    waits, totals = [], []
    for _ in range(options.starts):
        screen = opened(browser, world, WATCHED)
        screen.awaits(HOME_WORDS)
        noted = notes_of(screen.page)
        waits.append((noted["home"] - noted["socket"]) / 1000)
        totals.append(noted["home"] / 1000)
        screen.close()
    print("  client loaded to Home, s:", *(f"{one:.2f}" for one in waits))
    print("  address to Home, s:      ", *(f"{one:.2f}" for one in totals))
    median = statistics.median(waits)
    return [(f"cold start {median:.2f} s (median)", median <= START_LIMIT_S)]


def arrived(world: World, serial: str) -> bool:
    """Say whether the clinic holds a sample of a unit."""
    query = text("SELECT id FROM recording WHERE serial=:serial AND stored_samples > 0")
    with world.db.read() as session:
        return session.execute(query, {"serial": serial}).first() is not None


def enrol(
    world: World, browser: Browser, options: argparse.Namespace
) -> list[tuple[str, bool]]:
    """Walk a new phone from its first screen to the first sample, then to Home."""
    screen, began = opened(browser, world, NEW), time.monotonic()

    def reached(what: str) -> float:
        took_s = time.monotonic() - began
        print(f"  {what}: {took_s:.1f} s, {len(screen.deeds)} acts, {screen.typed} letters")
        return took_s

    screen.awaits("还没连到医院")
    screen.press("开始连接")
    screen.type_into("连接码", world.code)
    screen.press("连接医院")
    screen.awaits("您的贴片号：AX-E1")
    screen.press("连接 AX-E1")
    while not arrived(world, "AX-E1"):
        screen.page.wait_for_timeout(100)
    took_s = reached("first sample at the clinic")
    screen.awaits("第 1 步，共 6")
    for purpose in ("监护和诊疗", "给家人看", "教学", "研究", "位置"):
        screen.press_like(purpose, "同意" if purpose == "监护和诊疗" else "不同意")
    screen.press("下一步")
    screen.press("贴好了，试信号")
    reached("signal check begins")
    screen.awaits("好了，回首页", options.minute_s + 60)
    screen.press("好了，回首页")
    reached(f"signal check of {options.minute_s} s done")
    for answer in ("打 120", "擦干皮肤，贴回去", "要，难受自己求助或打 120"):
        screen.press(answer)
    screen.press("下一步")
    screen.hold(HOME_WORDS, 2600)
    screen.press("下一步")
    screen.press("完成")
    screen.press("回到首页")
    screen.awaits("监护进行中")
    reached("whole first day, Home says watched")
    for number, deed in enumerate(screen.deeds, 1):
        print(f"    {number:2}. {deed}")
    screen.close()
    return [(f"enrol to first sample {took_s:.1f} s", took_s < ENROL_LIMIT_S)]


def main() -> int:
    """Run what was asked for; 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="trace,start,enrol")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--minute-s", type=int, default=60, help="the signal check")
    options = parser.parse_args()
    parts = {"trace": trace, "start": start, "enrol": enrol}
    said: list[tuple[str, bool]] = []
    settings = {"APP_POLL_S": "3", "APP_MINUTE_S": str(options.minute_s)}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), **settings) as world,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=ARGS
        )
        for name in options.only.split(","):
            print(f"{name}: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            said += parts[name](world, browser, options)
        browser.close()
    for words, good in said:
        print("met   " if good else "MISSED", words)
    return 0 if all(good for _, good in said) else 1


if __name__ == "__main__":
    sys.exit(main())
