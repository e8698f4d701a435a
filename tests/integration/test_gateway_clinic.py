"""A box beside the bed brings a real link's ECG to the clinic, or says why it cannot."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from app import gateway
from app.errors import BadConfig
from app.patches import RadioRoom
from app.phone import Phone, PhoneConfig, utc_now
from app.settings import Settings
from clinic_server.recordings import service as recordings
from sensors.ble import BleScanner, backend_over
from sensors.frames import LinkReason
from sensors.profiles import anxin_pairing
from sensors.scanned_patch import Listener
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.radio import VirtualAir

SERIAL, CODE = "AX-0001", "7K2F011VX9"
BOX = f"ANXIN-PATCH:{SERIAL}:{CODE}"
RNG = np.random.default_rng(5)


def unit(serial: str = SERIAL, code: str = CODE) -> AnxinUnit:
    maker = UnitMaker(serial, anxin_pairing.derive_key(code, serial))
    return AnxinUnit(named_heart("sinus_calm"), maker, random_bytes=RNG.bytes)


@contextlib.asynccontextmanager
async def beside_the_bed(config: PhoneConfig, url, folder, *units: AnxinUnit):
    """A gateway with one wearer, and what is on the air around it."""
    air = VirtualAir()
    radio = await air.phone()
    worn = [
        air.patch(one, rng=RNG, conditions=RadioConditions(4.0, needs_bond=True))
        for one in units
    ]
    for one in worn:
        await one.start()
    scanner = BleScanner(now=utc_now, rng=RNG, backend=backend_over(radio))
    room = RadioRoom(Listener(scanner, 0.5))
    settings = Settings(server_url=url, data_dir=folder, poll_s=0.5, report_s=1.0)
    phone = Phone(config, settings, room, utc_now, RNG)
    running = asyncio.create_task(phone.run())
    try:
        yield phone, radio
    finally:
        running.cancel()
        await asyncio.wait([running])
        await phone.close()
        for one in worn:
            await one.stop()


def link_is(phone: Phone, reason: LinkReason) -> bool:
    """The phone gives this reason."""
    return phone.view().link is reason


async def until(true: Callable[[], bool], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - a radio and a server are looked at
            await asyncio.sleep(0.05)


def wearer(code: str, box_code: str | None = BOX) -> PhoneConfig:
    return PhoneConfig("bed1", "床一", None, code=code, box_code=box_code)


def test_the_gateway_enrols_pairs_and_sends_what_the_patch_measures(clinic, ward, tmp_path):
    config = wearer(ward.code)

    async def run() -> None:
        impostor = unit(code="AAAAABBBBB")  # same name, another code
        async with beside_the_bed(config, clinic.url, tmp_path, impostor, unit()) as (
            phone,
            _,
        ):
            await until(lambda: phone.view().sent_until is not None)
            await until(lambda: phone.view().end_sample > 2000)
            assert gateway.said(phone, "en") == "Linked to the patch."
            rid = phone.view().recording
            with clinic.read() as session:
                recording = recordings.recording_by_id(session, rid)
                assert recording.issue_id == ward.issue_id
                assert recording.stored_samples > 250
                assert recording.last_contact

    asyncio.run(run())


def test_each_trouble_of_the_adapter_is_said_and_passes(clinic, ward, tmp_path):
    config = wearer(ward.code)
    reasons = (
        (LinkReason.ADAPTER_ABSENT, "这台设备没有蓝牙，或蓝牙服务没有运行。"),
        (LinkReason.ADAPTER_DENIED, "没有使用蓝牙的权限。请在系统设置里允许。"),
        (LinkReason.ADAPTER_OFF, "蓝牙没有打开。请打开蓝牙。"),
    )

    async def run() -> None:
        async with beside_the_bed(config, clinic.url, tmp_path, unit()) as (phone, radio):
            for reason, words in reasons:
                radio.trouble = reason
                await until(partial(link_is, phone, reason))
                assert gateway.said(phone, "zh_CN") == words
            radio.trouble = None
            await until(lambda: phone.view().link is LinkReason.CONNECTED)

    asyncio.run(run())


def test_a_wrong_box_code_is_said_until_the_right_one_is_typed(clinic, ward, tmp_path):
    wrong = wearer(ward.code, f"ANXIN-PATCH:{SERIAL}:0000000000")

    async def run() -> None:
        async with beside_the_bed(wrong, clinic.url, tmp_path, unit()) as (phone, _):
            await until(lambda: phone.view().patch_error is not None)
            assert phone.view().patch_error == "sensors.pairing_refused"
            assert "code of the patch's box is wrong" in gateway.said(phone, "en")
            assert not await phone.pair("AX-0002", CODE)
            assert phone.view().patch_error == "sensors.wrong_device"
            assert SERIAL in gateway.said(phone, "en")
            assert not await phone.pair(SERIAL, "short")
            assert phone.view().patch_error == "sensors.pairing_refused"
            assert await phone.pair("", BOX)
            await until(lambda: phone.view().link is LinkReason.CONNECTED)
            assert phone.view().patch_error is None

    asyncio.run(run())


def test_a_dead_desk_code_is_said(clinic, ward, tmp_path):
    async def run() -> None:
        config = wearer("ZZZZ-ZZZZ")
        async with beside_the_bed(config, clinic.url, tmp_path, unit()) as (phone, _):
            await until(lambda: phone.enrol_error is not None)
            assert "code" in gateway.said(phone, "en").lower()

    asyncio.run(run())


def test_a_scan_lists_what_is_there_or_says_why_not():
    async def run() -> None:
        air = VirtualAir()
        radio = await air.phone()
        worn = air.patch(unit(), rng=RNG)
        scanner = BleScanner(now=utc_now, rng=RNG, backend=backend_over(radio))
        listener = Listener(scanner, 0.5)
        assert await gateway.list_patches(listener, "en") == (1, ["No patch was found."])
        await worn.start()
        code, (line,) = await gateway.list_patches(listener, "en")
        assert code == 0
        assert line.startswith(f"{SERIAL}  Anxin patch")
        radio.trouble = LinkReason.ADAPTER_OFF
        said = (1, ["Bluetooth is off. Turn it on."])
        assert await gateway.list_patches(listener, "en") == said
        await worn.stop()

    asyncio.run(run())


def test_the_list_of_wearers_is_read_or_refused(tmp_path):
    file = tmp_path / "wearers.json"
    good = {"id": "bed1", "name": "床一", "code": "ABCD-EFGH", "box_code": BOX}
    file.write_text(json.dumps({"wearers": [good]}))
    (one,) = gateway.read_wearers(file)
    assert (one.patch, one.box_code) == (None, BOX)
    for bad in (
        [],
        [good, good],
        [good | {"box_code": "hello"}],
        [good | {"heart": "af"}],
        [good | {"id": "../etc"}],
        [{"id": "bed1"}],
    ):
        file.write_text(json.dumps({"wearers": bad}))
        with pytest.raises(BadConfig):
            gateway.read_wearers(file)
    with pytest.raises(BadConfig):
        gateway.read_wearers(tmp_path / "none.json")
