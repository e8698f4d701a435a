"""A patch worn behind a virtual radio: the whole way from electronics to frames.

The same `sensors.patch.EcgPatch` as `sensors.virtual.patch.VirtualPatch`, but every
sample goes through a unit's packets, Bumble's air, bleak, our driver and the assembler.
"""

import math
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import numpy as np

from sensors.ble import BleScanner, backend_over
from sensors.ble_patch import BlePatch
from sensors.clock import ClockFit
from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason, PatchEvent, PatchInfo
from sensors.patch import Kept, Places
from sensors.profiles import anxin_pairing as pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.radio import RadioPatch, VirtualAir
from sensors.virtual.radio_phone import BumbleTransport
from sensors.virtual.source import SampleSource

SCAN_S = 0.4
SCANS = 10  # a busy machine may miss an advertisement or two


class PatchOverRadio:
    """A unit of the open patch profile on an air of its own, with its phone.

    The unit ends with this process; the next one is a later start of it, so that a
    recording goes on after a hole. A unit that outlives the phone: `anxin gateway`.

    Parameters
    ----------
    source : SampleSource
        What is measured: a `VirtualHeart` or a `ReplayReader`.
    serial : str
        Printed on the virtual box.
    now : callable
        Gives aware UTC time.
    rng : numpy.random.Generator
        Chance of the faults and of reconnection.
    conditions : RadioConditions, optional
        Speed, faults, bonding.
    battery_percent : int
        Charge at the start.
    battery_life_s : float
        How long a full charge lasts.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        serial: str,
        now: Callable[[], datetime],
        rng: np.random.Generator,
        conditions: RadioConditions | None = None,
        battery_percent: int = 100,
        battery_life_s: float = math.inf,
    ) -> None:
        self._source = source
        self._serial = serial
        self._now = now
        self._rng = rng
        self._conditions = conditions or RadioConditions(needs_bond=True)
        self._battery_percent = battery_percent
        self._battery_life_s = battery_life_s
        self._code = "".join(
            secrets.choice(pairing.CODE_ALPHABET) for _ in range(pairing.CODE_LENGTH)
        )
        self._unit: AnxinUnit | None = None
        self._worn: RadioPatch | None = None
        self._phone: BumbleTransport | None = None
        self._patch: BlePatch | None = None
        self._kept: Kept | None = None

    def resume(self, kept: Kept) -> None:
        """See `sensors.patch.LastingPatch.resume`."""
        self._kept = kept

    def places(self) -> Places:
        """See `sensors.patch.LastingPatch.places`."""
        return self._patch.places() if self._patch else ()

    @property
    def clock(self) -> ClockFit | None:
        """The unit's clock against ours."""
        return self._patch.clock if self._patch else None

    @property
    def missing_samples(self) -> int:
        """How many samples may still come from the unit's memory."""
        return self._patch.missing_samples if self._patch else 0

    async def connect(self) -> PatchInfo:
        """Switch the unit on if it is not, find it, pair, start the stream.

        Raises
        ------
        LinkUnavailable, WrongDevice, PairingRefused
        """
        if self._worn is None or self._phone is None:
            key = pairing.derive_key(self._code, self._serial)
            maker = UnitMaker(
                self._serial,
                key,
                first_epoch=secrets.randbelow(2**16),
                battery_percent=self._battery_percent,
                battery_life_s=self._battery_life_s,
            )
            self._unit = AnxinUnit(self._source, maker, random_bytes=secrets.token_bytes)
            air = VirtualAir()
            self._worn = air.patch(self._unit, rng=self._rng, conditions=self._conditions)
            self._phone = await air.phone()
            await self._worn.start()
        scanner = BleScanner(
            now=self._now, rng=self._rng, backend=backend_over(self._phone)
        )
        for _ in range(SCANS):
            for found in await scanner.scan(SCAN_S):
                if found.serial == self._serial:
                    self._patch = scanner.open(found, self._code)
                    if self._kept is not None:
                        self._patch.resume(self._kept)
                    return await self._patch.connect()
        raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE, serial=self._serial)

    async def events(self) -> AsyncIterator[PatchEvent]:
        """Yield what the patch says; nothing before `connect`."""
        if self._patch is not None:
            async for event in self._patch.events():
                yield event

    async def close(self) -> None:
        """Let go of the link and switch the unit off."""
        if self._patch is not None:
            await self._patch.close()
        if self._worn is not None:
            await self._worn.stop()

    # -- what a person does with a patch -----------------------------------------

    def press_button(self) -> None:
        """Press the event button."""
        if self._unit is not None:
            self._unit.press_button()

    def walk_away(self) -> None:
        """Leave the range of the phone; the unit goes on measuring."""
        if self._worn is not None:
            self._worn.walk_away()

    def come_back(self) -> None:
        """Return into range."""
        if self._worn is not None:
            self._worn.come_back()
