"""Everything that knows bleak: scanning, one link, its errors, backends of our own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, cast

import numpy as np
from bleak import BleakClient, BleakScanner
from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from sensors.ble_patch import BlePatch
from sensors.errors import LinkUnavailable, PairingRefused, SensorError
from sensors.frames import LinkReason
from sensors.link import GattLink, OnValue
from sensors.makes import MODELS, Make, driver_for, recognise
from sensors.registry import Advertisement
from sensors.seeking import SeekingOpener
from sensors.transport import Sighting, Transport

CONNECT_S = 20.0
LOWEST_MTU = 23
TROUBLE = (BleakError, OSError, EOFError, TimeoutError)
"""All that bleak raises for trouble with the radio; anything else is a mistake of ours."""

Backend = tuple[type[BaseBleakScanner], type[BaseBleakClient]]

_Reason = BleakBluetoothNotAvailableReason
ADAPTER_REASONS = {
    _Reason.NO_BLUETOOTH: LinkReason.ADAPTER_ABSENT,
    _Reason.NO_BLE_CENTRAL_ROLE: LinkReason.ADAPTER_ABSENT,
    _Reason.POWERED_OFF: LinkReason.ADAPTER_OFF,
    _Reason.DENIED_BY_USER: LinkReason.ADAPTER_DENIED,
    _Reason.DENIED_BY_SYSTEM: LinkReason.ADAPTER_DENIED,
    _Reason.DENIED_BY_UNKNOWN: LinkReason.ADAPTER_DENIED,
    _Reason.UNKNOWN: LinkReason.ADAPTER_ABSENT,
}
_BONDING_CODES = {
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHORIZATION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
    BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
}
_DBUS_REASONS = {
    "org.bluez.Error.NotReady": LinkReason.ADAPTER_OFF,
    "org.bluez.Error.NotPermitted": LinkReason.ADAPTER_DENIED,
    "org.bluez.Error.NotAuthorized": LinkReason.BONDING_REFUSED,
    "org.bluez.Error.AuthenticationFailed": LinkReason.BONDING_REFUSED,
    "org.bluez.Error.AuthenticationRejected": LinkReason.BONDING_REFUSED,
    "org.bluez.Error.AuthenticationCanceled": LinkReason.BONDING_REFUSED,
    "org.bluez.Error.AuthenticationTimeout": LinkReason.BONDING_REFUSED,
    "org.freedesktop.DBus.Error.AccessDenied": LinkReason.ADAPTER_DENIED,
    "org.freedesktop.DBus.Error.ServiceUnknown": LinkReason.ADAPTER_ABSENT,
}


def _not_available(error: BleakBluetoothNotAvailableError) -> LinkReason:
    return ADAPTER_REASONS[error.reason]


def _protocol(error: BleakGATTProtocolError) -> LinkReason:
    bonding = error.code in _BONDING_CODES
    return LinkReason.BONDING_REFUSED if bonding else LinkReason.OUT_OF_RANGE


def _dbus(error: BleakDBusError) -> LinkReason:
    return _DBUS_REASONS.get(error.dbus_error, LinkReason.OUT_OF_RANGE)


REASONS: dict[type[BleakError], Callable[[Any], LinkReason]] = {
    BleakError: lambda error: LinkReason.OUT_OF_RANGE,
    BleakBluetoothNotAvailableError: _not_available,
    BleakCharacteristicNotFoundError: lambda error: LinkReason.OUT_OF_RANGE,
    BleakDeviceNotFoundError: lambda error: LinkReason.OUT_OF_RANGE,
    BleakDBusError: _dbus,
    BleakGATTProtocolError: _protocol,
}
"""Each exception of bleak, and what it means to a wearer."""


def sensor_error(error: BaseException) -> SensorError:
    """Translate what bleak raised.

    Parameters
    ----------
    error : BaseException
        One of `TROUBLE`.

    Returns
    -------
    SensorError
        `PairingRefused` for a refused bond, else `LinkUnavailable` with its reason.
    """
    reason = LinkReason.OUT_OF_RANGE
    if isinstance(error, BleakError):
        kind = next(kind for kind in type(error).__mro__ if kind in REASONS)
        reason = REASONS[kind](error)
    elif isinstance(error, OSError) and not isinstance(error, TimeoutError):
        reason = LinkReason.ADAPTER_ABSENT  # no D-Bus, no socket: no Bluetooth here
    if reason is LinkReason.BONDING_REFUSED:
        return PairingRefused(reason="bond", cause=repr(error))
    return LinkUnavailable(reason=reason, cause=repr(error))


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except TROUBLE as error:
        raise sensor_error(error) from error


class BleakLink:
    """An open connection; a `sensors.link.GattLink`."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client

    @property
    def mtu(self) -> int:
        """See `GattLink.mtu`.

        By way of the characteristics: BlueZ does not tell it otherwise (and from 5.62 on).
        """
        try:
            known = self._client.services.characteristics.values()
        except TROUBLE:
            return LOWEST_MTU
        return max((one.max_write_without_response_size for one in known), default=20) + 3

    def offers(self, service_uuid: str) -> bool:
        """See `GattLink.offers`."""
        try:
            return self._client.services.get_service(service_uuid) is not None
        except TROUBLE:
            return False

    async def read(self, uuid: str) -> bytes:
        """See `GattLink.read`."""
        with _ours():
            return bytes(await self._client.read_gatt_char(uuid))

    async def write(self, uuid: str, data: bytes) -> None:
        """See `GattLink.write`."""
        with _ours():
            await self._client.write_gatt_char(uuid, data, response=True)

    async def subscribe(self, uuid: str, on_value: OnValue) -> None:
        """See `GattLink.subscribe`."""

        def value(_: BleakGATTCharacteristic, data: bytearray) -> None:
            on_value(bytes(data))

        with _ours():
            await self._client.start_notify(uuid, value)

    async def close(self) -> None:
        """See `GattLink.close`; a link that cannot be closed is already gone."""
        with suppress(*TROUBLE):
            await self._client.disconnect()


class BleScanner:
    """Finds patches on the air; a `sensors.registry.PatchScanner`.

    Parameters
    ----------
    now : callable
        Gives aware UTC time.
    rng : numpy.random.Generator
        Jitter of reconnection.
    backend : Backend, optional
        Scanner and client; bleak's own for this platform if left out.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        rng: np.random.Generator,
        backend: Backend | None = None,
    ) -> None:
        self._now = now
        self._rng = rng
        self._backend = backend
        self._turn = asyncio.Lock()

    async def scan(self, duration_s: float = 5.0) -> list[Advertisement]:
        """See `PatchScanner.scan`; devices of unknown make are left out."""
        async with self._turn:  # an adapter can run one scan at a time
            return await self._scan(duration_s)

    async def _scan(self, duration_s: float) -> list[Advertisement]:
        with _ours():
            scanner = BleakScanner(backend=self._backend[0] if self._backend else None)
            async with scanner:
                await asyncio.sleep(duration_s)
            seen = scanner.discovered_devices_and_advertisement_data
        found = []
        for address, (device, data) in seen.items():
            known = recognise(data.local_name or device.name, data.service_uuids)
            if known is not None:
                make, serial = known
                found.append(Advertisement(serial, MODELS[make], data.rssi, address, make))
        return sorted(found, key=lambda one: -one.rssi_dbm)

    def open(self, advertisement: Advertisement, code: str) -> BlePatch:
        """See `PatchScanner.open`.

        Raises
        ------
        PairingRefused
            ``code`` cannot be a code of this make.
        """
        make = Make(advertisement.make)
        driver = driver_for(make, advertisement.serial, code)

        async def open_at(address: str, on_gone: Callable[[], None]) -> GattLink:
            return await self._connect(address, on_gone, pair=driver.needs_bond)

        opener = SeekingOpener(advertisement, open_at, self.scan)
        return BlePatch(
            opener, driver, serial=advertisement.serial, now=self._now, rng=self._rng
        )

    async def _connect(
        self, address: str, on_gone: Callable[[], None], *, pair: bool
    ) -> GattLink:
        """Open a link; bond before anything else if ``pair``."""
        with _ours():
            client = BleakClient(
                address,
                disconnected_callback=lambda _: on_gone(),
                timeout=CONNECT_S,
                pair=pair,
                backend=self._backend[1] if self._backend else None,
            )
            await client.connect()
        return BleakLink(client)


# -- bleak backends over a transport of our own ----------------------------------------


_BLEAK_REASONS = {
    LinkReason.ADAPTER_ABSENT: _Reason.NO_BLUETOOTH,
    LinkReason.ADAPTER_OFF: _Reason.POWERED_OFF,
    LinkReason.ADAPTER_DENIED: _Reason.DENIED_BY_USER,
}


def _as_bleak(error: SensorError, address: str) -> BleakError:
    """Say trouble of a transport in bleak's words, so that any client understands it."""
    att_error = error.params.get("att_error")
    if isinstance(att_error, int):
        return BleakGATTProtocolError(att_error)
    if isinstance(error, PairingRefused):
        return BleakGATTProtocolError(
            BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION
        )
    reason = error.params.get("reason")
    if isinstance(reason, LinkReason) and reason in _BLEAK_REASONS:
        return BleakBluetoothNotAvailableError(str(error), _BLEAK_REASONS[reason])
    return BleakDeviceNotFoundError(address, str(error))


@contextmanager
def _bleaks(address: str) -> Iterator[None]:
    try:
        yield
    except SensorError as error:
        raise _as_bleak(error, address) from error


class _TransportScanner(BaseBleakScanner):
    transport: Transport

    def __init__(
        self,
        detection_callback: Any,
        service_uuids: list[str] | None,
        scanning_mode: str,
        **_: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        self.seen_devices = {}
        with _bleaks(""):
            await self.transport.start_scan(self._seen)

    async def stop(self) -> None:
        await self.transport.stop_scan(self._seen)

    def _seen(self, sighting: Sighting) -> None:
        uuids = list(sighting.service_uuids)
        data = AdvertisementData(
            sighting.name, {}, {}, uuids, None, sighting.rssi_dbm, (sighting,)
        )
        address = sighting.address
        device = self.create_or_update_device(
            address, address, sighting.name, sighting, data
        )
        if self.is_allowed_uuid(uuids):
            self.call_detection_callbacks(device, data)


class _TransportClient(BaseBleakClient):
    transport: Transport

    def __init__(self, address_or_ble_device: Any, **options: Any) -> None:
        super().__init__(address_or_ble_device, **options)
        self._name = getattr(address_or_ble_device, "name", None)
        self._connected = False

    @property
    def name(self) -> str:
        return self._name or self.address

    @property
    def mtu_size(self) -> int:
        return self.transport.mtu(self.address)

    @property
    def is_connected(self) -> bool:
        return self._connected

    async def connect(self, pair: bool, **_: Any) -> None:
        try:
            await self.transport.connect(self.address, self._gone, self._timeout)
            self._connected = True
            if pair:
                await self.transport.pair(self.address)
            self.services = await self._discover()
        except SensorError as error:
            await self.transport.disconnect(self.address)
            raise _as_bleak(error, self.address) from error

    async def _discover(self) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        for facts in await self.transport.services(self.address):
            service = BleakGATTService(facts, facts.handle, facts.uuid)
            found.add_service(service)
            for item in facts.characteristics:
                names = cast(list[CharacteristicPropertyName], list(item.properties))
                characteristic = BleakGATTCharacteristic(
                    item,
                    item.handle,
                    item.uuid,
                    names,
                    lambda: self.mtu_size - 3,
                    service,
                )
                found.add_characteristic(characteristic)
        return found

    def _gone(self) -> None:
        if self._connected:
            self._connected = False
            self.services = None
            if self._disconnected_callback:
                self._disconnected_callback()

    async def disconnect(self) -> None:
        await self.transport.disconnect(self.address)

    async def pair(self, *_: Any, **__: Any) -> None:
        with _bleaks(self.address):
            await self.transport.pair(self.address)

    async def unpair(self) -> None:
        raise NotImplementedError

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, **_: Any
    ) -> bytearray:
        with _bleaks(self.address):
            return bytearray(await self.transport.read(self.address, characteristic.handle))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        handle = characteristic.handle
        try:
            await self.transport.write(self.address, handle, bytes(data), response=response)
        except SensorError as error:
            raise _as_bleak(error, self.address) from error

    async def start_notify(
        self,
        characteristic: BleakGATTCharacteristic,
        callback: Callable[[bytearray], None],
        **_: Any,
    ) -> None:
        handle = characteristic.handle
        with _bleaks(self.address):
            await self.transport.subscribe(
                self.address, handle, lambda data: callback(bytearray(data))
            )

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        await self.transport.unsubscribe(self.address, characteristic.handle)

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, **_: Any
    ) -> bytearray:
        raise NotImplementedError

    async def write_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, data: SizedBuffer
    ) -> None:
        raise NotImplementedError


def backend_over(transport: Transport) -> Backend:
    """Make bleak's scanner and client classes over a radio of our own.

    Parameters
    ----------
    transport : Transport
        The virtual radio, or a phone's BLE service.

    Returns
    -------
    tuple
        For the ``backend`` argument of `BleakScanner` and of `BleakClient`.
    """
    scanner = type("TransportScanner", (_TransportScanner,), {"transport": transport})
    client = type("TransportClient", (_TransportClient,), {"transport": transport})
    return scanner, client
