"""A patch is found, proven and checked on the screen, over the virtual radio."""

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.i18n import t
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.main import create_app
from clinic_server.settings import Settings
from sensors.profiles import anxin_pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.radio import VirtualAir
from sensors.virtual.source import SourceBlock
from tests import factories as make
from tests.e2e.patient_world import ROOT, Screen, _await_web
from tests.integration.conftest import migrate, served
from tests.integration.killing import free_port

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("APP_SHOTS")
CODE = "7K2F011VX9"
LEADS = ("II", "V5")


class Chest:
    """Two leads of a heart; the electrode of V5 is loose until somebody presses it on."""

    def __init__(self) -> None:
        self._heart = named_heart("sinus_calm", lead_names=LEADS)
        self.fs_hz = self._heart.fs_hz
        self.lead_names = LEADS
        self.gain_counts_per_mv = self._heart.gain_counts_per_mv
        self.loose = True

    def read(self, n_samples: int) -> SourceBlock:
        block = self._heart.read(n_samples)
        leads_on = block.leads_on.copy()
        leads_on[:, 1] = not self.loose
        return dataclasses.replace(block, leads_on=leads_on)


def unit(serial: str, code: str, chest: Chest | None = None) -> AnxinUnit:
    maker = UnitMaker(serial, anxin_pairing.derive_key(code, serial))
    return AnxinUnit(chest or named_heart("af"), maker, os.urandom)


@contextmanager
def on_air(port: int, *units: AnxinUnit) -> Iterator[None]:
    """Switch units on, and lend a controller to who asks at ``port``, in a thread."""
    loop = asyncio.new_event_loop()
    up = threading.Event()

    async def play() -> None:
        air = VirtualAir()
        worn = [
            air.patch(
                one,
                rng=np.random.default_rng(1),
                conditions=RadioConditions(needs_bond=True),
            )
            for one in units
        ]
        for one in worn:
            await one.start()
        socket = await air.serve(port)
        up.set()
        await end.wait()
        socket.close()
        for one in worn:
            await one.stop()

    end = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(play(),))
    thread.start()
    assert up.wait(20)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@contextmanager
def gateway(folder: Path, radio_port: int, locale: str) -> Iterator[str]:
    """A clinic, and a gateway with a screen beside the bed; gives the screen's address."""
    data = folder / "clinic"
    data.mkdir()
    migrate(f"sqlite:///{data / 'anxin.sqlite'}")
    settings = Settings(data_dir=data)
    db = Database(settings.url, Bus())
    with db.write() as session:
        now = make.system_now()
        doctor = make.make_staff(session, now=now, name="张敏")
        patient = make.make_patient(session, doctor, now=now)
        _, code = make.issue_unit(session, doctor, patient, "AX-E1", now=now)
    db.close()
    config = folder / "wearers.json"
    wearer = {"id": "bed1", "name": "王建国", "code": code, "pair": False}
    config.write_text(json.dumps({"wearers": [wearer]}))
    web_port = free_port()
    with served(create_app(settings, background=False)) as url:
        command = [sys.executable, "-m", "clinic_server.cli", "gateway", str(config)]
        command += ["--server", url, "--data-dir", str(folder / "gateway")]
        command += ["--controller", f"tcp-client:127.0.0.1:{radio_port}"]
        command += ["--web-port", str(web_port), "--locale", locale]
        env = os.environ | {"OMP_NUM_THREADS": "1", "APP_POLL_S": "1"}
        env |= {"APP_MINUTE_S": "16", "APP_LOCALE": locale}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
        try:
            web = f"http://127.0.0.1:{web_port}"
            _await_web(web, process)
            yield f"{web}/patient/bed1"
        finally:
            process.terminate()
            process.wait(60)


def shot(screen: Screen, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        screen.page.wait_for_timeout(500)
        screen.page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.mark.parametrize(
    "locale", ["zh_CN", pytest.param("en", marks=pytest.mark.bench)]
)  # the same minute once more, to look at
def test_a_patch_is_found_proven_and_checked_lead_by_lead(browser, tmp_path, locale):
    def words(code: str, **params: object) -> str:
        return t(code, locale, **params).replace("\u00a0", " ")

    chest, radio_port = Chest(), free_port()
    impostor = unit("AX-E1", "AAAAABBBBB")  # the same name, another code
    air = on_air(radio_port, impostor, unit("AX-E9", CODE), unit("AX-E1", CODE, chest))
    with air, gateway(tmp_path, radio_port, locale) as address:
        screen = Screen(browser, address)
        screen.press(words("home.pair_button"))
        screen.awaits(words("pair.serial", serial="AX-E1"), 30)
        screen.press(words("pair.scan"))
        screen.awaits(words("pair.use", serial="AX-E9"), 40)
        screen.awaits(words("pair.use", serial="AX-E1"))
        screen.awaits(words("radio.box_how"))
        shot(screen, f"radio-scan-{locale}")

        screen.type_into(words("radio.box_code"), CODE)
        screen.press(words("pair.use", serial="AX-E9"))
        screen.awaits(words("radio.wrong_device", serial="AX-E1"))
        shot(screen, f"radio-wrong-device-{locale}")

        screen.type_into(words("radio.box_code"), "0000000000")
        screen.press(words("pair.use", serial="AX-E1"))
        screen.awaits(words("radio.pairing_refused"), 60)
        shot(screen, f"radio-wrong-code-{locale}")

        screen.type_into(words("radio.box_code"), CODE)
        screen.press(words("pair.use", serial="AX-E1"))
        screen.awaits(words("first.step", n=1, of=5)[:5], 60)
        shot(screen, f"radio-linked-{locale}")

        _check(screen, words, chest, locale)
        assert screen.elsewhere == []
        screen.close()


def _check(screen: Screen, words, chest: Chest, locale: str) -> None:
    """Before leaving the ward: one lead is not clear, and is after it was pressed on."""
    screen.press(words("nav.me"))
    screen.press(words("me.pair"))
    screen.press(words("pair.check"))
    screen.awaits(words("wear.some_poor"), 60)
    why = words("wear.no_contact")
    screen.awaits(words("wear.lead_good", lead="II", pct=100))
    screen.awaits(words("wear.lead_poor", lead="V5", pct=0, why=why))
    shot(screen, f"radio-check-poor-{locale}")
    chest.loose = False
    screen.page.wait_for_timeout(6000)
    screen.press(words("check.again"))
    screen.awaits(words("wear.all_good"), 60)
    screen.awaits(words("wear.lead_good", lead="V5", pct=100))
    shot(screen, f"radio-check-good-{locale}")
