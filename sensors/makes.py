"""Which make a sighting is, and which driver speaks with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sensors.anxin_driver import AnxinDriver
from sensors.drivers import Driver, MovesenseDriver, PolarDriver
from sensors.errors import PairingRefused
from sensors.profiles import anxin_patch, movesense

BOX_CODE_PREFIX = "ANXIN-PATCH"
_POLAR, _MOVESENSE = "Polar H10 ", "Movesense "


class Make(StrEnum):
    """Makes that we can read an ECG from."""

    ANXIN = "anxin"
    POLAR_H10 = "polar_h10"
    MOVESENSE = "movesense"


MODELS = {
    Make.ANXIN: "Anxin patch",
    Make.POLAR_H10: "Polar H10",
    Make.MOVESENSE: "Movesense",
}


@dataclass(frozen=True, slots=True)
class BoxCode:
    """What is printed, and drawn as a QR code, on the box of a patch."""

    serial: str
    code: str


def recognise(name: str | None, service_uuids: Sequence[str]) -> tuple[Make, str] | None:
    """Say which make a sighting is, and its serial number; None for anything else.

    The serial number is the part of the advertised name that is printed on the device.
    """
    name = (name or "").strip()
    for make, prefix in (
        (Make.ANXIN, anxin_patch.NAME_PREFIX),
        (Make.POLAR_H10, _POLAR),
        (Make.MOVESENSE, _MOVESENSE),
    ):
        if name.startswith(prefix):
            return make, name.removeprefix(prefix)
    for make, service_uuid in (
        (Make.ANXIN, anxin_patch.SERVICE),
        (Make.MOVESENSE, movesense.SERVICE),
    ):
        if service_uuid in service_uuids and name:
            return make, name
    return None


def driver_for(make: Make, serial: str, code: str) -> Driver:
    """Make the driver of a unit.

    Raises
    ------
    PairingRefused
        The make has a code, and ``code`` cannot be one.
    """
    if make is Make.ANXIN:
        return AnxinDriver(serial, code)
    if make is Make.POLAR_H10:
        return PolarDriver(serial)
    return MovesenseDriver(serial)


def parse_box_code(text: str) -> BoxCode:
    """Read the QR code of a box: ``ANXIN-PATCH:<serial>:<code>``.

    Raises
    ------
    PairingRefused
        It is another code.
    """
    parts = text.strip().split(":")
    if len(parts) != 3 or parts[0] != BOX_CODE_PREFIX or not parts[1]:
        raise PairingRefused(reason="not_a_box_code")
    return BoxCode(parts[1], parts[2])
