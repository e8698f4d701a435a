"""A virtual air with patches and a phone."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sensors.ble import Backend, BleScanner, backend_over
from sensors.frames import EcgFrame, PatchEvent
from sensors.profiles import anxin_pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.faults import Fault, FaultScript
from sensors.virtual.hearts import named_heart
from sensors.virtual.radio import RadioPatch, VirtualAir
from sensors.virtual.radio_phone import BumbleTransport
from sensors.virtual.source import SampleSource
from sensors.virtual.unit import PatchUnit

CODE = "7K2F011VX9"


def now() -> datetime:
    return datetime.now(UTC)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def anxin_unit(
    serial: str = "0042", *, source: SampleSource | None = None, code: str = CODE
) -> AnxinUnit:
    maker = UnitMaker(serial, anxin_pairing.derive_key(code, serial))
    heart = source or named_heart("sinus_calm")
    return AnxinUnit(heart, maker, random_bytes=rng().bytes)


@dataclass
class World:
    phone: BumbleTransport
    patches: list[RadioPatch] = field(default_factory=list)

    @property
    def backend(self) -> Backend:
        return backend_over(self.phone)

    @property
    def scanner(self) -> BleScanner:
        return BleScanner(now=now, rng=rng(), backend=self.backend)


@contextlib.asynccontextmanager
async def world(
    *units: PatchUnit, faults: tuple[Fault, ...] = (), speed: float = 1.0, bond=False
) -> AsyncIterator[World]:
    air = VirtualAir()
    conditions = RadioConditions(speed, FaultScript(faults), bond, True)
    made = World(await air.phone())
    for unit in units:
        patch = air.patch(unit, rng=rng(), conditions=conditions)
        await patch.start()
        made.patches.append(patch)
    try:
        yield made
    finally:
        for patch in made.patches:
            await patch.stop()


async def listen(
    patch: Any,
    until_sample: int,
    *,
    complete: bool = True,
    script: Callable[[], None] | None = None,
) -> list:
    """Collect events until a live frame reaches a sample and nothing is missing."""
    heard: list[PatchEvent] = []
    mark: int | None = None
    await patch.connect()
    if script:
        script()
    async with contextlib.aclosing(patch.events()) as events:
        async for event in events:
            heard.append(event)
            if not isinstance(event, EcgFrame) or event.backfilled:
                continue
            if event.first_sample < until_sample:
                continue
            if mark is None and not (complete and patch.missing_samples):
                # All that fills gaps has been said before this sample comes.
                mark = patch.state.next_sample
            if mark is not None and event.first_sample >= mark:
                break
    await patch.close()
    return heard
