"""Where patches come from: a radio, or the virtual ones of the demo and replayed records.

`Surroundings` is the port a scan goes through. What answers in a `VirtualRoom` are the
patches of the phones of this process; a `RadioRoom` is the air around this computer.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from analytics.records import read_record
from app.errors import BadConfig
from clinic_server.wire.enrolment import IssuedUnit
from sensors.errors import WrongDevice
from sensors.makes import BOX_CODE_PREFIX, Make, parse_box_code
from sensors.patch import EcgPatch
from sensors.profiles.anxin_pairing import normalise_code
from sensors.scanned_patch import Listener, ScannedPatch
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch import VirtualPatch, Wear
from sensors.virtual.patch_over_radio import PatchOverRadio
from sensors.virtual.replay import (
    ReplayPatch,
    ReplayReader,
    ReplaySource,
    replay_source_from_mv,
)
from sensors.virtual.source import SampleSource


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """What is on a demo patient's chest."""

    heart: str | None = None
    """Name of a virtual heart, or None for a record."""
    seed: int | None = None
    record: str | None = None
    """Path of a WFDB or EDF record."""
    speed: float = 1.0
    battery_pct: int = 100
    battery_life_s: float = 7 * 86_400.0
    radio: bool = False
    """Reach it over a virtual Bluetooth radio: packets, bonding, reconnection, backfill."""

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> "PatchSpec":
        """Read the ``patch`` object of a phone's configuration.

        Raises
        ------
        BadConfig
            A name is unknown, or neither or both of heart and record are given.
        """
        try:
            spec = cls(**table)  # type: ignore[arg-type]
        except TypeError as error:
            raise BadConfig(reason=str(error)) from error
        if (spec.heart is None) == (spec.record is None):
            raise BadConfig(reason="patch needs heart or record")
        if not (isinstance(spec.speed, int | float) and 0 < spec.speed < math.inf):
            raise BadConfig(reason="speed")
        if not isinstance(spec.radio, bool):
            raise BadConfig(reason="radio")
        return spec


@dataclass(frozen=True, slots=True)
class Found:
    """A patch that answered a scan."""

    serial: str
    model: str
    rssi_dbm: int
    needs_code: bool = False
    """It asks for the code on its box."""


def read_code(unit: IssuedUnit, serial: str, box_code: str) -> str:
    """Check a choice against the unit that was issued.

    Parameters
    ----------
    unit : IssuedUnit
        Of the loan.
    serial : str
        What was chosen.
    box_code : str
        Typed from the box, or its whole QR code, which then says the serial; may be empty.

    Returns
    -------
    str
        The code alone; empty if none was given.

    Raises
    ------
    WrongDevice, PairingRefused
        Another unit, or not a code.
    """
    if box_code.strip().upper().startswith(BOX_CODE_PREFIX):
        box = parse_box_code(box_code)
        serial, box_code = box.serial, box.code
    if serial != unit.serial:
        raise WrongDevice(expected=unit.serial, found=serial)
    return normalise_code(box_code) if box_code else ""


class Surroundings(Protocol):
    """What a phone can reach by radio."""

    async def scan(self) -> list[Found]:
        """Listen for a moment.

        Raises
        ------
        sensors.errors.LinkUnavailable
            The radio is off, denied or absent; ``reason`` says which.
        """
        ...

    def open(self, serial: str, unit: IssuedUnit, code: str) -> EcgPatch:
        """Make the patch that answers under a serial number, with the code on its box."""
        ...


def make_patch(
    spec: PatchSpec, serial: str, unit: IssuedUnit, now: Callable[[], datetime]
) -> EcgPatch:
    """Make the patch a specification describes.

    Raises
    ------
    sensors.errors.BadScenario, sensors.errors.RecordUnreadable
        No such heart, no such record.
    """
    if spec.radio:
        return PatchOverRadio(
            _source(spec, unit),
            serial=serial,
            now=now,
            rng=np.random.default_rng(spec.seed),
            conditions=RadioConditions(speed=spec.speed, needs_bond=True),
            battery_percent=spec.battery_pct,
            battery_life_s=spec.battery_life_s,
        )
    wear = Wear(
        speed=spec.speed,
        battery_percent=spec.battery_pct,
        battery_life_s=spec.battery_life_s,
    )
    if spec.heart is not None:
        heart = _heart(spec, unit)
        return VirtualPatch(heart, serial=serial, now=now, wear=wear)
    source = _record(spec)
    return ReplayPatch(source, serial=serial, now=now, wear=wear, loop=True)


def _source(spec: PatchSpec, unit: IssuedUnit) -> SampleSource:
    if spec.heart is not None:
        return _heart(spec, unit)
    return ReplayReader(_record(spec), loop=True)


def _heart(spec: PatchSpec, unit: IssuedUnit) -> VirtualHeart:
    return named_heart(
        str(spec.heart),
        seed=spec.seed,
        fs_hz=unit.fs_hz,
        lead_names=tuple(unit.lead_names),
    )


def _record(spec: PatchSpec) -> ReplaySource:
    record = read_record(Path(str(spec.record)))
    return replay_source_from_mv(record.signal_mv, record.fs, record.lead_names)


class VirtualRoom:
    """Patches of this process, as if they lay in one room.

    Parameters
    ----------
    now : callable
        Gives aware UTC time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._worn: dict[str, PatchSpec] = {}

    def wear(self, serial: str, spec: PatchSpec) -> None:
        """Put a patch on a chest."""
        self._worn[serial] = spec

    async def scan(self) -> list[Found]:
        """Return what is in the room, nearest first."""
        return [
            Found(serial, "Anxin virtual patch", -48 - 7 * place)
            for place, serial in enumerate(self._worn)
        ]

    def open(self, serial: str, unit: IssuedUnit, code: str) -> EcgPatch:
        """Make the patch with this serial number; virtual ones ask for no code."""
        del code
        spec = self._worn.get(serial)
        if spec is None:
            raise BadConfig(reason="no such patch", serial=serial)
        return make_patch(spec, serial, unit, self._now)


class RadioRoom:
    """The air around this computer.

    Parameters
    ----------
    listener : Listener
        Its radio.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def scan(self) -> list[Found]:
        """Return the patches of known makes that are heard, the strongest first.

        Of several that carry one number the strongest stands for all: which of them was
        issued is found out when one is opened.
        """
        heard: dict[str, Found] = {}
        for one in await self._listener.listen():
            needs_code = one.make == Make.ANXIN
            found = Found(one.serial, one.model, one.rssi_dbm, needs_code)
            heard.setdefault(one.serial, found)
        return list(heard.values())

    def open(self, serial: str, unit: IssuedUnit, code: str) -> EcgPatch:
        """Make a patch that is looked for when it is connected."""
        del unit
        return ScannedPatch(self._listener, serial, code)
