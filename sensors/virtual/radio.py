"""A virtual radio on Bumble: units of any profile on an air, without hardware.

Phones hear them on the same air (`sensors.virtual.radio_phone`), in this process or, by a
socket, in another one that can be killed while the units go on.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import cast

import numpy as np
from bumble.controller import Controller
from bumble.core import BaseBumbleError
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.ll import TerminateInd
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

from sensors.virtual.advertising import encode_advertising
from sensors.virtual.disturbance import Disturbance, RadioConditions
from sensors.virtual.faults import Fault, FaultKind
from sensors.virtual.radio_phone import LOWEST_MTU, MTU, BumbleTransport
from sensors.virtual.unit import WRITE, PatchUnit
from sensors.waiting import unless

TICK_S = 0.2
SUPERVISION_TIMEOUT = 0x08  # HCI: connection timeout, as when the other end is gone
POWERED_OFF = 0x15  # HCI: remote device terminated the connection due to power off
_ADVERTISING_MS = 60


def _device(air: LocalLink, name: str, address: str) -> Device:
    controller = Controller(name, link=air, public_address=address)
    host = Host(controller, AsyncPipeSink(controller))
    return Device(name=name, address=Address(address), host=host)


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


class _LentController(asyncio.Protocol):
    """An adapter whose host is another process."""

    def __init__(self, air: LocalLink, address: str) -> None:
        self._air = air
        self._address = address
        self._source = StreamPacketSource()
        self._controller: Controller | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._controller = Controller(
            "lent",
            host_source=self._source,
            host_sink=StreamPacketSink(cast(asyncio.WriteTransport, transport)),
            link=self._air,
            public_address=self._address,
        )

    def data_received(self, data: bytes) -> None:
        self._source.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._controller is None:
            return
        self._controller.host = None
        for connection in list(self._controller.le_connections.values()):
            connection.send_ll_control_pdu(TerminateInd(SUPERVISION_TIMEOUT))
        self._air.remove_controller(self._controller)


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

    async def phone(self) -> BumbleTransport:
        """Bring a phone onto the air."""
        device = _device(self._link, "phone", self._next_address("F0"))
        await device.power_on()
        return BumbleTransport(device)

    async def serve(self, port: int) -> asyncio.Server:
        """Lend each process that connects to ``port`` of this machine a controller.

        What goes over the socket is the Host Controller Interface (H4), as to an adapter
        that is plugged in; `sensors.virtual.radio_phone.phone_on` is the other end. With
        the socket the controller leaves the air, and its links break.
        """
        return await asyncio.get_running_loop().create_server(
            lambda: _LentController(self._link, self._next_address("F0")),
            host="127.0.0.1",
            port=port,
        )

    def _next_address(self, first: str) -> str:
        self._n_devices += 1
        number = self._n_devices
        return f"{first}:4F:33:00:{number >> 8 & 0xFF:02X}:{number & 0xFF:02X}"
