"""Pictures of every page of the patient's app, for a person to look at.

``python -m tests.e2e.patient_pages FOLDER`` runs a clinic and its phones and photographs
every page in two languages, two sizes, and texts at 100 and 200 %. Everything that reaches
over the right edge is listed.
"""

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.e2e.console_world import launch
from tests.e2e.patient_world import Screen, World, fill, running

PAGES = (
    *("home", "live", "inbox", "me", "plan", "results", "ask", "diary", "consents"),
    *("rehab", "family", "traces", "helper", "reach", "give_back", "sos_ask", "pair"),
    "vitals",
    *("check", "answer:1", "task:1", "task:2", "task:3", "first_day"),
)
VIEWS = tuple(
    (lang, percent, width, height)
    for lang in ("zh-CN", "en")
    for percent, width, height in ((100, 360, 800), (200, 360, 800), (200, 1024, 768))
)
LONGEST_PAGE = 6
SETTLED_MS = 700
PAINTED_S = 20.0
EMPTY_BYTES = 9_000
"""A picture of the client's start page is smaller."""


def still(screen: Screen) -> None:
    """Wait until the page is painted: its words are known before its pixels are."""
    before, until = b"", time.monotonic() + PAINTED_S
    while time.monotonic() < until:
        screen.page.wait_for_timeout(SETTLED_MS)
        now = screen.page.screenshot()
        # an empty page is one colour and small; a page that moves never stands still
        if len(now) > EMPTY_BYTES and (now == before or len(before) > EMPTY_BYTES):
            return
        before = now


def photograph(screen: Screen, folder: Path, name: str) -> None:
    """Keep the page from top to bottom, one picture per screenful."""
    screen.awaits("120" if name.startswith("sos") else "SOS")
    still(screen)
    size = screen.page.viewport_size
    assert size is not None
    last = b""
    moves = name.startswith(("live", "check"))
    for part in range(2 if moves else LONGEST_PAGE):
        picture = screen.page.screenshot()
        if picture == last:
            return
        (folder / f"{name}-{part}.png").write_bytes(picture)
        last = picture
        screen.page.mouse.move(size["width"] / 2, 200)
        screen.page.mouse.wheel(0, size["height"] * 0.55)
        screen.page.wait_for_timeout(400)


def walk(world: World, browser: Browser, folder: Path, only: tuple[str, ...]) -> list[str]:
    """Photograph all pages; return what reached over an edge."""
    over: list[str] = []
    for lang, percent, width, height in VIEWS:
        for page in only or PAGES:
            address = f"{world.web}/patient/p1?lang={lang}&text={percent}&at={page}"
            screen = Screen(browser, address, width=width, height=height)
            name = f"{page.replace(':', '')}-{lang[:2]}-{percent}-{width}"
            photograph(screen, folder, name)
            if screen.sideways() > 1 or screen.elsewhere:
                over.append(f"{name}: {screen.sideways()} px, {screen.elsewhere}")
            screen.close()
    return over


def main(folder: Path, *only: str) -> int:
    """Run everything."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, running(Path(place)) as world:
        fill(world)
        with sync_playwright() as playwright:
            browser = launch(playwright)
            over = walk(world, browser, folder, only)
            browser.close()
    sys.stdout.write("\n".join([*over, f"{len(over)} pages reach over their edge\n"]))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
