"""One Chromium a file; without it these tests skip, and in CI they fail."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.console_world import CHROMIUM, Ward, launch, ward_in
from tests.e2e.patient_world import Screen, World, running

LONGEST = (
    *("test_whole_loop", "test_patient_help", "test_patient_app", "test_radio_pairing"),
    "test_patient_rehab",
)
"""Files that take a minute and more: begun last, one of them would run alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; `scripts/test` deals whole files to two workers."""
    place = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _chromium() -> None:
    if not Path(CHROMIUM).exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Chromium here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    """A served clinic with physicians and no patient yet."""
    with ward_in(tmp_path) as ward:
        yield ward


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A clinic, its patients' phones and their app in the browser."""
    with running(tmp_path_factory.mktemp("patient")) as world:
        yield world


@pytest.fixture
def screen(world: World, browser: Browser) -> Iterator[Screen]:
    """The app of the first patient; nothing on it may leave the machine."""
    screen = Screen(browser, f"{world.web}/patient/p1")
    yield screen
    assert screen.elsewhere == [], "a request left the machine"
    screen.close()
