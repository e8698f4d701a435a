"""The entry of a build for one device, served to a browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.patient_world import ROOT, Screen
from tests.integration.killing import free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    env = os.environ | {
        "FLET_FORCE_WEB_SERVER": "true",
        "FLET_SERVER_PORT": str(port),
        "FLET_SERVER_IP": "127.0.0.1",
        "FLET_APP_STORAGE_DATA": str(tmp_path),
        "APP_SERVER_URL": "http://127.0.0.1:9",
    }
    process = subprocess.Popen([sys.executable, "-m", "app.standalone"], cwd=ROOT, env=env)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def test_a_device_of_its_own_begins_with_the_code_and_says_what_it_cannot_do(
    address: str, browser: Browser
) -> None:
    screen = Screen(browser, address, await_server_s=60)
    screen.awaits("还没连到医院")
    screen.press("我的")
    screen.press("提醒能到我这里吗")
    screen.awaits("这部设备或浏览器不支持")
    screen.press("首页")
    screen.press("开始连接")
    screen.awaits("这里不能扫码，请输入")
    screen.type_into("连接码", "RP51-THCD")
    screen.press("连接医院")
    screen.awaits("没连上")
