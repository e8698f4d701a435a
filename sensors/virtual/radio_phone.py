"""A phone's end of Bumble: the central role over any controller that speaks HCI.

In the tests and the demo the controller is on the virtual air. `phone_on` takes one from
another process, or a Bluetooth adapter that is plugged in and not used by the system.
"""

import asyncio
import contextlib
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bumble.att import ATT_Error
from bumble.core import UUID, BaseBumbleError
from bumble.device import Connection, Device, Peer
from bumble.gatt import Characteristic
from bumble.hci import Address
from bumble.transport import open_transport

from sensors.errors import LinkUnavailable, PairingRefused
from sensors.frames import LinkReason
from sensors.transport import CharacteristicFacts, ServiceFacts, Sighting
from sensors.virtual.advertising import decode_advertising

MTU = 247
LOWEST_MTU = 23
_ADDRESS = "F0:4F:33:00:00:01"


async def phone_on(controller: str) -> "BumbleTransport":
    """Use a controller that is reached by HCI.

    Parameters
    ----------
    controller : str
        As Bumble names it: ``usb:0``, ``tcp-client:127.0.0.1:9001``.

    Raises
    ------
    LinkUnavailable
        There is none, or it does not answer.
    """
    try:
        hci = await open_transport(controller)
        device = Device.with_hci("phone", Address(_ADDRESS), hci.source, hci.sink)
        await device.power_on()
    except (BaseBumbleError, OSError, ValueError, ImportError) as error:
        raise LinkUnavailable(
            reason=LinkReason.ADAPTER_ABSENT, controller=controller
        ) from error
    return BumbleTransport(device)


def _text(uuid: UUID) -> str:
    return str(uuids.UUID(bytes=uuid.to_bytes(force_128=True)[::-1]))


@dataclass(slots=True)
class _Open:
    connection: Connection
    peer: Peer
    proxies: dict[int, Any]


class BumbleTransport:
    """A phone's radio; a `sensors.transport.Transport`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._open: dict[str, _Open] = {}
        self._scans: dict[Callable[[Sighting], None], Callable[[Any], None]] = {}
        self._names: dict[str, str] = {}
        self.trouble: LinkReason | None = None
        """Set to an adapter reason to play a radio that is off, denied or absent."""

    async def start_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """See `Transport.start_scan`."""
        self._check()

        def heard(advertisement: Any) -> None:
            on_sighting(self._sighting(advertisement))

        self._scans[on_sighting] = heard
        self._device.on("advertisement", heard)
        if not self._device.is_scanning:
            await self._device.start_scanning(active=True, filter_duplicates=False)

    async def stop_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """See `Transport.stop_scan`."""
        heard = self._scans.pop(on_sighting, None)
        if heard is not None:
            self._device.remove_listener("advertisement", heard)
        if not self._scans and self._device.is_scanning:
            await self._device.stop_scanning()

    def _sighting(self, advertisement: Any) -> Sighting:
        address = str(advertisement.address).split("/")[0]
        name, services = decode_advertising(advertisement.data.ad_structures)
        if name is not None:
            self._names[address] = name
        name = self._names.get(address)
        return Sighting(address, name, services, advertisement.rssi)

    async def connect(
        self, address: str, on_gone: Callable[[], None], timeout_s: float
    ) -> None:
        """See `Transport.connect`."""
        self._check()
        connecting = self._device.connect(Address(address), timeout=timeout_s)
        connection = await self._asked(address, connecting)
        peer = Peer(connection)
        self._open[address] = _Open(connection, peer, {})

        def gone(*_: object) -> None:
            self._open.pop(address, None)
            on_gone()

        connection.on("disconnection", gone)
        await self._asked(address, peer.request_mtu(MTU))

    async def disconnect(self, address: str) -> None:
        """See `Transport.disconnect`."""
        link = self._open.pop(address, None)
        if link is not None:
            with contextlib.suppress(BaseBumbleError):
                await link.connection.disconnect()

    async def pair(self, address: str) -> None:
        """See `Transport.pair`."""
        link = self._link(address)
        try:
            await link.connection.pair()
        except (BaseBumbleError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and address in self._open:
                raise
            raise PairingRefused(reason="bond", address=address) from error

    def mtu(self, address: str) -> int:
        """See `Transport.mtu`."""
        link = self._open.get(address)
        return int(link.connection.att_mtu) if link else LOWEST_MTU

    async def services(self, address: str) -> tuple[ServiceFacts, ...]:
        """See `Transport.services`."""
        link = self._link(address)
        found = []
        for service in await self._asked(address, link.peer.discover_services()):
            facts = []
            for item in await self._asked(address, service.discover_characteristics()):
                link.proxies[item.handle] = item
                await self._asked(address, item.discover_descriptors())
                names = tuple(
                    str(bit.name).lower().replace("_", "-")
                    for bit in Characteristic.Properties
                    if item.properties & bit
                )
                facts.append(CharacteristicFacts(_text(item.uuid), item.handle, names))
            uuid = _text(service.uuid)
            found.append(ServiceFacts(uuid, service.handle, tuple(facts)))
        return tuple(found)

    async def read(self, address: str, handle: int) -> bytes:
        """See `Transport.read`."""
        proxy = self._link(address).proxies[handle]
        return bytes(await self._asked(address, proxy.read_value()))

    async def write(
        self, address: str, handle: int, data: bytes, *, response: bool
    ) -> None:
        """See `Transport.write`."""
        proxy = self._link(address).proxies[handle]
        await self._asked(address, proxy.write_value(data, with_response=response))

    async def subscribe(
        self, address: str, handle: int, on_value: Callable[[bytes], None]
    ) -> None:
        """See `Transport.subscribe`."""
        proxy = self._link(address).proxies[handle]
        await self._asked(address, proxy.subscribe(lambda value: on_value(bytes(value))))

    async def unsubscribe(self, address: str, handle: int) -> None:
        """See `Transport.unsubscribe`."""
        proxy = self._link(address).proxies[handle]
        await self._asked(address, proxy.unsubscribe())

    def _check(self) -> None:
        if self.trouble is not None:
            raise LinkUnavailable(reason=self.trouble)

    def _link(self, address: str) -> _Open:
        link = self._open.get(address)
        if link is None:
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, address=address)
        return link

    async def _asked(self, address: str, question: Any) -> Any:
        """Wait for the device; a link that breaks meanwhile means out of range."""
        try:
            return await question
        except ATT_Error as error:
            raise LinkUnavailable(
                reason=LinkReason.OUT_OF_RANGE, att_error=error.error_code
            ) from error
        except (BaseBumbleError, TimeoutError) as error:
            raise LinkUnavailable(
                reason=LinkReason.OUT_OF_RANGE, address=address
            ) from error
