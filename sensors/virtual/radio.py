"""Everything that knows Bumble: a virtual radio in this process, without hardware.

Units of any profile become GATT peripherals on a shared air; phones are central devices
on the same air, offered as a `sensors.transport.Transport`.
"""

import asyncio
import contextlib
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bumble.att import ATT_Error
from bumble.controller import Controller
from bumble.core import UUID, BaseBumbleError
from bumble.device import Connection, Device, Peer
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

from sensors.errors import LinkUnavailable, PairingRefused
from sensors.frames import LinkReason
from sensors.transport import CharacteristicFacts, ServiceFacts, Sighting
from sensors.virtual.advertising import decode_advertising, encode_advertising
from sensors.virtual.disturbance import Disturbance, RadioConditions
from sensors.virtual.faults import Fault, FaultKind
from sensors.virtual.unit import WRITE, PatchUnit
from sensors.waiting import unless

TICK_S = 0.2
MTU = 247
LOWEST_MTU = 23
POWERED_OFF = 0x15  # HCI: remote device terminated the connection due to power off
_ADVERTISING_MS = 60


def _device(air: LocalLink, name: str, address: str) -> Device:
    controller = Controller(name, link=air, public_address=address)
    host = Host(controller, AsyncPipeSink(controller))
    return Device(name=name, address=Address(address), host=host)


def _text(uuid: UUID) -> str:
    return str(uuids.UUID(bytes=uuid.to_bytes(force_128=True)[::-1]))


class _Doorkeeper(PairingDelegate):
    """Accepts or refuses a bond."""

    def __init__(self, accepts: Callable[[], bool]) -> None:
        super().__init__()
        self._accepts = accepts

    async def accept(self) -> bool:
        return self._accepts()


class RadioPatch:
    """A unit on the virtual air.

    Parameters
    ----------
    air : LocalLink
        Shared by all that shall hear each other; see `VirtualAir`.
    unit : PatchUnit
        The electronics.
    address : str
        Random static address, ``C4:…``.
    conditions : RadioConditions
        Speed, faults, bonding.
    rng : numpy.random.Generator
        Chance of the faults.
    """

    def __init__(
        self,
        air: LocalLink,
        unit: PatchUnit,
        address: str,
        conditions: RadioConditions,
        rng: np.random.Generator,
    ) -> None:
        self.unit = unit
        self.address = address
        self._conditions = conditions
        self._disturbance = Disturbance(conditions.faults, rng)
        self._device = _device(air, unit.name, address)
        self._characteristics: dict[str, Characteristic[bytes]] = {}
        self._device.add_services(self._services())
        self._spared = frozenset(
            uuid
            for uuid, item in self._characteristics.items()
            if item.properties & Characteristic.Properties.INDICATE
        )
        self._device.on("connection", self._linked)
        self._device.pairing_config_factory = self._pairing
        self._task: asyncio.Task[None] | None = None
        self._measured = 0
        self._away = False
        self._on_air = False
        self._phone_gone = asyncio.Event()
        self._wake = asyncio.Event()
        self._begun = not conditions.waits_for_phone

    @property
    def time_s(self) -> float:
        """Where the unit is on its own clock."""
        return self._measured / self.unit.fs_hz

    async def start(self) -> None:
        """Switch on: advertise, measure, answer."""
        await self._device.power_on()
        await self._advertise()
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Switch off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        await self._vanish()

    def walk_away(self) -> None:
        """Leave the range of all phones; the unit goes on measuring."""
        self._away = True

    def come_back(self) -> None:
        """Return into range."""
        self._away = False

    # -- GATT --------------------------------------------------------------------

    def _services(self) -> list[Service]:
        services = []
        for service_uuid, specs in self.unit.table.items():
            characteristics = []
            for item in specs:
                properties = Characteristic.Properties(0)
                permissions = Characteristic.READABLE | Characteristic.WRITEABLE
                if self._conditions.needs_bond and WRITE in item.properties:
                    permissions |= Characteristic.WRITE_REQUIRES_ENCRYPTION
                for name in item.properties:
                    properties |= Characteristic.Properties[name.upper()]
                characteristic: Characteristic[bytes] = Characteristic(
                    item.uuid,
                    properties,
                    permissions,
                    self._value(item.uuid),
                )
                self._characteristics[item.uuid] = characteristic
                characteristics.append(characteristic)
            services.append(Service(service_uuid, characteristics))
        return services

    def _value(self, uuid: str) -> CharacteristicValue[bytes]:
        def read(_: Connection) -> bytes:
            return self.unit.read(uuid)

        def write(_: Connection, data: bytes) -> None:
            self.unit.write(uuid, bytes(data))
            self._wake.set()  # answers do not wait for the next tick

        return CharacteristicValue(read=read, write=write)

    def _pairing(self, _: Connection) -> PairingConfig:
        def accepts() -> bool:
            return self._fault(FaultKind.BONDING_REFUSED) is None

        return PairingConfig(mitm=False, delegate=_Doorkeeper(accepts))

    # -- presence ----------------------------------------------------------------

    async def _advertise(self) -> None:
        said, answered = encode_advertising(self.unit.name, self.unit.advertised_services)
        self._device.advertising_data = said
        self._device.scan_response_data = answered
        await self._device.start_advertising(
            auto_restart=True,
            advertising_interval_min=_ADVERTISING_MS,
            advertising_interval_max=_ADVERTISING_MS,
        )
        self._on_air = True

    async def _vanish(self) -> None:
        self._on_air = False
        with contextlib.suppress(BaseBumbleError):
            await self._device.stop_advertising()
        for connection in list(self._device.connections.values()):
            with contextlib.suppress(BaseBumbleError):
                await self._device.disconnect(connection, POWERED_OFF)
        self.unit.link_lost()

    def _linked(self, connection: Connection) -> None:
        low = self._fault(FaultKind.LOW_MTU) is not None
        self._device.gatt_server.max_mtu = LOWEST_MTU if low else MTU
        self._phone_gone.clear()
        self._begun = True
        connection.on("disconnection", self._lost)

    def _lost(self, *_: object) -> None:
        self._phone_gone.set()
        self.unit.link_lost()

    def _fault(self, kind: FaultKind) -> Fault | None:
        return self._disturbance.active(kind, self.time_s)

    # -- life --------------------------------------------------------------------

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        rebooted = False
        while True:
            if not self._begun:
                started = loop.time()
            due_s = (loop.time() - started) * self._conditions.speed
            n_samples = int(due_s * self.unit.fs_hz) - self._measured
            if n_samples > 0:
                self._measured += n_samples
                if not self.unit.measure(n_samples):
                    break
            if self._disturbance.dead(self.time_s):
                break
            rebooting = self._fault(FaultKind.REBOOT) is not None
            if rebooting and not rebooted:
                self.unit.reboot()
            rebooted = rebooting
            away = self._away or self._fault(FaultKind.RANGE_LOSS) is not None
            present = not (away or rebooting)
            if present and not self._on_air:
                await self._advertise()
            elif self._on_air and not present:
                await self._vanish()
            await self._send()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_S)
        await self._vanish()

    async def _send(self) -> None:
        for connection in list(self._device.connections.values()):
            outgoing = self.unit.outgoing(connection.att_mtu)
            sent = self._disturbance.applied(outgoing, self._spared, self.time_s)
            for uuid, data in sent:
                slow = self._fault(FaultKind.SLOW_LINK)
                if slow is not None:
                    await asyncio.sleep(slow.strength / self._conditions.speed)
                await self._notify(connection, uuid, data)

    async def _notify(self, connection: Connection, uuid: str, data: bytes) -> None:
        characteristic = self._characteristics[uuid]
        if uuid not in self._spared:
            with contextlib.suppress(BaseBumbleError):
                await self._device.notify_subscriber(connection, characteristic, data)
            return
        # A phone that leaves never confirms; Bumble would wait for it for 30 s.
        with contextlib.suppress(BaseBumbleError, TimeoutError):
            await unless(
                self._phone_gone,
                self._device.indicate_subscriber(connection, characteristic, data),
            )


class VirtualAir:
    """Patches and phones that hear each other."""

    def __init__(self) -> None:
        self._link = LocalLink()  # type: ignore[no-untyped-call]
        self._n_devices = 0

    def patch(
        self,
        unit: PatchUnit,
        *,
        rng: np.random.Generator,
        conditions: RadioConditions | None = None,
    ) -> RadioPatch:
        """Bring a unit onto the air; it is silent until `RadioPatch.start`."""
        address = self._next_address("C4")
        conditions = conditions or RadioConditions()
        return RadioPatch(self._link, unit, address, conditions, rng)

    async def phone(self) -> "BumbleTransport":
        """Bring a phone onto the air."""
        device = _device(self._link, "phone", self._next_address("F0"))
        await device.power_on()
        return BumbleTransport(device)

    def _next_address(self, first: str) -> str:
        self._n_devices += 1
        number = self._n_devices
        return f"{first}:4F:33:00:{number >> 8 & 0xFF:02X}:{number & 0xFF:02X}"


@dataclass(slots=True)
class _Open:
    connection: Connection
    peer: Peer
    proxies: dict[int, Any]


class BumbleTransport:
    """A phone's radio on the virtual air; a `sensors.transport.Transport`."""

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
