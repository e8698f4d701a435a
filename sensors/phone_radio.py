"""A phone's BLE service as a transport. EXPERIMENTAL: never yet run on a phone.

bleak has no backend inside a Flet phone build, so the phone's radio is reached through
a Flet service. The service is described here as a protocol, after the announced Flet
Bluetooth service (universal_ble underneath); tests run against a fake of it. What a
real one does differently stays inside this file.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sensors.errors import LinkUnavailable, PairingRefused, SensorError
from sensors.frames import LinkReason
from sensors.transport import CharacteristicFacts, ServiceFacts, Sighting

MTU = 247

_PROPERTIES = {
    "broadcast": "broadcast",
    "read": "read",
    "write": "write",
    "writeWithoutResponse": "write-without-response",
    "notify": "notify",
    "indicate": "indicate",
    "authenticatedSignedWrites": "authenticated-signed-writes",
    "extendedProperties": "extended-properties",
}
_REASONS = {
    "bluetoothNotEnabled": LinkReason.ADAPTER_OFF,
    "bluetoothOff": LinkReason.ADAPTER_OFF,
    "bluetoothUnauthorized": LinkReason.ADAPTER_DENIED,
    "bluetoothNotAllowed": LinkReason.ADAPTER_DENIED,
    "bluetoothNotAvailable": LinkReason.ADAPTER_ABSENT,
}
_BONDING = {
    "insufficientAuthentication",
    "insufficientAuthorization",
    "insufficientEncryption",
    "insufficientKeySize",
    "pairingFailed",
}
_BASE = "-0000-1000-8000-00805f9b34fb"


class PhoneError(Exception):
    """What the service raises; ``code`` is its own word for the trouble."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PhoneCharacteristic(Protocol):
    """A characteristic as the service tells it."""

    uuid: str
    properties: Sequence[str]


class PhoneService(Protocol):
    """A discovered service."""

    uuid: str
    characteristics: Sequence[PhoneCharacteristic]


class PhoneBle(Protocol):
    """The Flet service. Its handlers are attributes, as on all Flet controls."""

    on_scan_result: Callable[[Any], None] | None
    on_characteristic_value: Callable[[Any], None] | None
    on_connection_change: Callable[[Any], None] | None

    async def start_scan(self) -> None:
        """Begin to scan."""
        ...

    async def stop_scan(self) -> None:
        """End the scan."""
        ...

    async def connect(self, device_id: str) -> None:
        """Connect to a device."""
        ...

    async def disconnect(self, device_id: str) -> None:
        """Disconnect from a device."""
        ...

    async def pair(self, device_id: str) -> None:
        """Bond with a device."""
        ...

    async def request_mtu(self, device_id: str, mtu: int) -> int:
        """Ask for a larger MTU; return what was agreed."""
        ...

    async def discover_services(self, device_id: str) -> Sequence[PhoneService]:
        """List services."""
        ...

    async def read(self, device_id: str, service: str, characteristic: str) -> bytes:
        """Read a characteristic."""
        ...

    async def write(
        self,
        device_id: str,
        service: str,
        characteristic: str,
        value: bytes,
        with_response: bool,
    ) -> None:
        """Write a characteristic."""
        ...

    async def subscribe(
        self, device_id: str, service: str, characteristic: str, indications: bool
    ) -> None:
        """Ask for notifications or indications."""
        ...

    async def unsubscribe(self, device_id: str, service: str, characteristic: str) -> None:
        """Ask for no more."""
        ...


class PhoneTransport:
    """A `sensors.transport.Transport` over a phone's BLE service.

    Parameters
    ----------
    service : PhoneBle
        Its three event handlers are taken over.
    """

    def __init__(self, service: PhoneBle) -> None:
        self._service = service
        self._listeners: list[Callable[[Sighting], None]] = []
        self._gone: dict[str, Callable[[], None]] = {}
        self._mtu: dict[str, int] = {}
        self._table: dict[str, dict[int, tuple[str, str, tuple[str, ...]]]] = {}
        self._values: dict[tuple[str, str], Callable[[bytes], None]] = {}
        service.on_scan_result = self._seen
        service.on_characteristic_value = self._value
        service.on_connection_change = self._changed

    async def start_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """See `Transport.start_scan`."""
        self._listeners.append(on_sighting)
        if len(self._listeners) == 1:
            await self._asked(self._service.start_scan())

    async def stop_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """See `Transport.stop_scan`."""
        if on_sighting in self._listeners:
            self._listeners.remove(on_sighting)
            if not self._listeners:
                await self._asked(self._service.stop_scan())

    async def connect(
        self, address: str, on_gone: Callable[[], None], timeout_s: float
    ) -> None:
        """See `Transport.connect`; the phone's system has its own patience."""
        del timeout_s
        await self._asked(self._service.connect(address))
        self._gone[address] = on_gone
        try:
            self._mtu[address] = await self._service.request_mtu(address, MTU)
        except PhoneError:  # iOS negotiates by itself and does not tell
            self._mtu[address] = 185

    async def disconnect(self, address: str) -> None:
        """See `Transport.disconnect`."""
        if address in self._gone:
            await self._asked(self._service.disconnect(address))
            self._lost(address)

    async def pair(self, address: str) -> None:
        """See `Transport.pair`."""
        try:
            await self._service.pair(address)
        except PhoneError as error:
            raise PairingRefused(reason="bond", cause=error.code) from error

    def mtu(self, address: str) -> int:
        """See `Transport.mtu`."""
        return self._mtu.get(address, 23)

    async def services(self, address: str) -> tuple[ServiceFacts, ...]:
        """See `Transport.services`; handles are made up, the phone hides them."""
        found = []
        table: dict[int, tuple[str, str, tuple[str, ...]]] = {}
        handle = 0
        for service in await self._asked(self._service.discover_services(address)):
            handle += 1
            service_handle, facts = handle, []
            for item in service.characteristics:
                handle += 2
                names = tuple(_PROPERTIES.get(name, name) for name in item.properties)
                table[handle] = (service.uuid, item.uuid, names)
                facts.append(CharacteristicFacts(_long(item.uuid), handle, names))
            found.append(ServiceFacts(_long(service.uuid), service_handle, tuple(facts)))
        self._table[address] = table
        return tuple(found)

    async def read(self, address: str, handle: int) -> bytes:
        """See `Transport.read`."""
        service, item, _ = self._known(address, handle)
        return bytes(await self._asked(self._service.read(address, service, item)))

    async def write(
        self, address: str, handle: int, data: bytes, *, response: bool
    ) -> None:
        """See `Transport.write`."""
        service, item, _ = self._known(address, handle)
        await self._asked(self._service.write(address, service, item, data, response))

    async def subscribe(
        self, address: str, handle: int, on_value: Callable[[bytes], None]
    ) -> None:
        """See `Transport.subscribe`."""
        service, item, names = self._known(address, handle)
        self._values[address, _long(item)] = on_value
        indications = "notify" not in names
        await self._asked(self._service.subscribe(address, service, item, indications))

    async def unsubscribe(self, address: str, handle: int) -> None:
        """See `Transport.unsubscribe`."""
        service, item, _ = self._known(address, handle)
        self._values.pop((address, _long(item)), None)
        await self._asked(self._service.unsubscribe(address, service, item))

    # -- what the service says ---------------------------------------------------

    def _seen(self, event: Any) -> None:
        device = event.device
        rssi_dbm = -127 if device.rssi is None else device.rssi
        uuids = tuple(_long(uuid) for uuid in device.service_uuids)
        sighting = Sighting(device.device_id, device.name, uuids, rssi_dbm)
        for listener in list(self._listeners):
            listener(sighting)

    def _value(self, event: Any) -> None:
        key = (event.device_id, _long(event.characteristic_uuid))
        on_value = self._values.get(key)
        if on_value is not None:
            on_value(bytes(event.value))

    def _changed(self, event: Any) -> None:
        if not event.is_connected:
            self._lost(event.device_id)

    def _lost(self, address: str) -> None:
        on_gone = self._gone.pop(address, None)
        self._values = {k: v for k, v in self._values.items() if k[0] != address}
        if on_gone is not None:
            on_gone()

    def _known(self, address: str, handle: int) -> tuple[str, str, tuple[str, ...]]:
        if address not in self._gone or handle not in self._table.get(address, {}):
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, address=address)
        return self._table[address][handle]

    async def _asked(self, question: Any) -> Any:
        try:
            return await question
        except (PhoneError, TimeoutError) as error:
            raise _sensor_error(error) from error


def _sensor_error(error: PhoneError | TimeoutError) -> SensorError:
    code = error.code if isinstance(error, PhoneError) else "timeout"
    if code in _BONDING:
        return PairingRefused(reason="bond", cause=code)
    return LinkUnavailable(reason=_REASONS.get(code, LinkReason.OUT_OF_RANGE), cause=code)


def _long(uuid: str) -> str:
    """Return the 128-bit form of a UUID in lower case."""
    text = uuid.lower().removeprefix("0x")
    return f"{int(text, 16):08x}{_BASE}" if len(text) <= 8 else text
