"""The phone's transport against a fake of the Flet service (experimental)."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from sensors.ble import BleScanner, backend_over
from sensors.errors import LinkUnavailable, PairingRefused
from sensors.frames import EcgFrame, Gap, LinkReason, LinkState
from sensors.phone_radio import PhoneError, PhoneTransport
from sensors.transport import Sighting, Transport

from .conftest import CODE, anxin_unit, listen, now, rng, world

CAMEL = {"write-without-response": "writeWithoutResponse"}


class FakePhone:
    """The service's interface, with a virtual radio behind it."""

    def __init__(self, radio: Transport) -> None:
        self.radio = radio
        self.on_scan_result: Callable | None = None
        self.on_characteristic_value: Callable | None = None
        self.on_connection_change: Callable | None = None
        self.trouble: str | None = None
        self.handles: dict[tuple[str, str], int] = {}
        self.uuids: dict[int, str] = {}

    async def _do(self, question: Coroutine) -> Any:
        if self.trouble:
            question.close()
            raise PhoneError(self.trouble)
        try:
            return await question
        except PairingRefused as error:
            raise PhoneError("pairingFailed") from error
        except LinkUnavailable as error:
            raise PhoneError("deviceDisconnected") from error

    def _seen(self, sighting: Sighting) -> None:
        device = SimpleNamespace(
            device_id=sighting.address,
            name=sighting.name,
            rssi=None,
            service_uuids=["180D", *sighting.service_uuids],
        )
        if self.on_scan_result:
            self.on_scan_result(SimpleNamespace(device=device))

    async def start_scan(self):
        await self._do(self.radio.start_scan(self._seen))

    async def stop_scan(self):
        await self._do(self.radio.stop_scan(self._seen))

    async def connect(self, device_id):
        def gone():
            if self.on_connection_change:
                event = SimpleNamespace(device_id=device_id, is_connected=False)
                self.on_connection_change(event)

        await self._do(self.radio.connect(device_id, gone, 10))

    async def disconnect(self, device_id):
        await self._do(self.radio.disconnect(device_id))

    async def pair(self, device_id):
        await self._do(self.radio.pair(device_id))

    async def request_mtu(self, device_id, mtu):
        raise PhoneError("notSupported")  # as on iOS

    async def discover_services(self, device_id):
        found = []
        for service in await self._do(self.radio.services(device_id)):
            items = []
            for item in service.characteristics:
                self.handles[service.uuid, item.uuid] = item.handle
                names = [CAMEL.get(name, name) for name in item.properties]
                items.append(SimpleNamespace(uuid=item.uuid, properties=names))
            found.append(SimpleNamespace(uuid=service.uuid, characteristics=items))
        return found

    async def read(self, device_id, service, characteristic):
        handle = self.handles[service, characteristic]
        return await self._do(self.radio.read(device_id, handle))

    async def write(self, device_id, service, characteristic, value, with_response):
        handle = self.handles[service, characteristic]
        await self._do(self.radio.write(device_id, handle, value, response=with_response))

    async def subscribe(self, device_id, service, characteristic, indications):
        def value(data: bytes) -> None:
            event = SimpleNamespace(
                device_id=device_id, characteristic_uuid=characteristic, value=data
            )
            if self.on_characteristic_value:
                self.on_characteristic_value(event)

        handle = self.handles[service, characteristic]
        await self._do(self.radio.subscribe(device_id, handle, value))

    async def unsubscribe(self, device_id, service, characteristic):
        handle = self.handles[service, characteristic]
        await self._do(self.radio.unsubscribe(device_id, handle))


def test_a_patch_streams_through_the_phone_and_comes_back_after_a_walk():
    async def play() -> list:
        async with world(anxin_unit(), speed=4.0, bond=True) as made:
            backend = backend_over(PhoneTransport(FakePhone(made.phone)))
            scanner = BleScanner(now=now, rng=rng(), backend=backend)
            (found,) = await scanner.scan(0.3)
            patch = scanner.open(found, CODE)

            def script() -> None:
                loop = asyncio.get_running_loop()
                loop.call_later(1.0, made.patches[0].walk_away)
                loop.call_later(2.0, made.patches[0].come_back)

            return await listen(patch, 250 * 14, script=script)

    heard = asyncio.run(asyncio.wait_for(play(), 30))
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    assert any(isinstance(event, Gap) for event in heard)
    frames = [event for event in heard if isinstance(event, EcgFrame)]
    samples = [
        i for f in frames for i in range(f.first_sample, f.first_sample + len(f.counts))
    ]
    assert sorted(samples) == list(range(len(samples)))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("bluetoothNotEnabled", LinkReason.ADAPTER_OFF),
        ("bluetoothUnauthorized", LinkReason.ADAPTER_DENIED),
        ("bluetoothNotAvailable", LinkReason.ADAPTER_ABSENT),
        ("somethingNew", LinkReason.OUT_OF_RANGE),
    ],
)
def test_the_phone_says_why_it_cannot(code, reason):
    async def play() -> None:
        async with world(anxin_unit()) as made:
            phone = FakePhone(made.phone)
            backend = backend_over(PhoneTransport(phone))
            scanner = BleScanner(now=now, rng=rng(), backend=backend)
            phone.trouble = code
            await scanner.scan(0.1)

    with pytest.raises(LinkUnavailable) as caught:
        asyncio.run(play())
    assert caught.value.params["reason"] is reason


def test_a_bond_that_the_phone_refuses_is_said_as_such():
    async def play() -> None:
        async with world(anxin_unit()) as made:
            phone = FakePhone(made.phone)
            transport = PhoneTransport(phone)
            scanner = BleScanner(now=now, rng=rng(), backend=backend_over(transport))
            (found,) = await scanner.scan(0.3)
            phone.trouble = "insufficientAuthentication"
            await scanner.open(found, CODE).connect()

    with pytest.raises(PairingRefused):
        asyncio.run(play())


def test_calls_without_a_link_are_out_of_range():
    async def play() -> None:
        async with world() as made:
            await PhoneTransport(FakePhone(made.phone)).read("nowhere", 3)

    with pytest.raises(LinkUnavailable):
        asyncio.run(play())
