"""Where patches come from: `Surroundings` is the port a scan goes through.

A `RadioRoom` is the air around this computer; the virtual patches of the demo and replayed
records are in `app.virtual_room`, which a phone with a real patch never loads.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.errors import BadConfig
from clinic_server.wire.enrolment import IssuedUnit
from sensors.errors import WrongDevice
from sensors.makes import BOX_CODE_PREFIX, Make, parse_box_code
from sensors.patch import EcgPatch
from sensors.profiles.anxin_pairing import normalise_code
from sensors.scanned_patch import Listener, ScannedPatch


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

    def wear(self, serial: str, spec: PatchSpec) -> None:
        """Put the patch of a configuration on a chest."""
        ...


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

    def wear(self, serial: str, spec: PatchSpec) -> None:
        """Refuse: a real patch is put on by its wearer.

        Raises
        ------
        BadConfig
        """
        del spec
        raise BadConfig(reason="a virtual patch on a real radio", serial=serial)
