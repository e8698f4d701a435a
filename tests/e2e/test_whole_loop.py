"""The demo as a newcomer sees it: two browsers, nothing inserted by the test.

The physician's page shows the alarm of a scripted heart without reload; the answer is
read on the patient's own screen; the physician sees that it was read.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.patient_world import Screen
from tests.integration.killing import free_port

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
VT_WITHIN_MS = 150_000
"""The first patient's script reaches VT at about 80 s."""


@dataclass
class Running:
    """A running demo."""

    console: str
    phones: str
    password: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("demo")
    port, phone_port = free_port(), free_port()
    command = [sys.executable, "scripts/demo.py", "--patients", "2"]
    command += ["--port", str(port), "--phone-port", str(phone_port)]
    command += ["--data-dir", str(folder / "data")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    try:
        phones = f"http://127.0.0.1:{phone_port}"
        _await(f"{phones}/healthz", process)
        accounts = json.loads((folder / "data" / "sign-ins.json").read_text("utf-8"))
        password = next(a["password"] for a in accounts if a["username"] == "zhang")
        yield Running(f"http://127.0.0.1:{port}", phones, password)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demo ended"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.3)
    raise AssertionError(f"no answer from {url}")


def physician_at(browser: Browser, demo: Running, elsewhere: list[str]) -> Page:
    """Sign in; note every request that would leave the machine."""
    page = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="zh-CN"
    ).new_page()

    def guard(route) -> None:
        if "127.0.0.1" in route.request.url:
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    page.route("**/*", guard)
    page.goto(f"{demo.console}/sign-in")
    page.fill("[name=username]", "zhang")
    page.fill("[name=password]", demo.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/console")
    return page


def test_a_rhythm_becomes_an_alarm_an_answer_and_a_read_answer(
    browser: Browser, demo: Running
) -> None:
    elsewhere: list[str] = []
    page = physician_at(browser, demo, elsewhere)
    page.evaluate("window.notReloaded = true")
    card = page.locator("[data-alarm]", has_text="室速").first
    expect(card).to_contain_text("李秀英", timeout=VT_WITHIN_MS)
    assert page.evaluate("window.notReloaded") is True
    page.keyboard.press("a")
    expect(card.locator(".state")).to_contain_text("张敏", timeout=5_000)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/alarms/*")
    expect(page.locator("#speed")).to_be_visible()
    assert page.evaluate("document.querySelector('#row-1 canvas').width") >= 300
    page.keyboard.press("1")
    expect(page.locator("#advice")).not_to_be_empty()
    words = "请继续观察，今天不要做重活。"
    page.fill("#advice", words)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#send")).to_have_text("建议已发送", timeout=5_000)

    screen = Screen(browser, f"{demo.phones}/patient/p1")
    screen.press("信箱", exact=False)
    screen.awaits("继续观察")
    screen.press("继续观察", exact=False)
    screen.awaits(words)
    screen.press("我明白了")
    expect(page.locator(".steps li").nth(6)).to_have_class("done", timeout=15_000)
    assert screen.elsewhere == []
    assert elsewhere == []
    screen.close()
