"""Which patches are near, real or virtual, and how to open one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason
from sensors.patch import EcgPatch


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A patch that was heard."""

    serial: str
    """As printed on the box."""
    model: str
    rssi_dbm: int
    """Strength of the signal, about -30 (touching) to -100 (far)."""
    address: str = ""
    """Address of the radio; tells two patches with the same name apart."""
    make: str = ""
    """A `sensors.makes.Make`; empty for a virtual patch without radio."""


class PatchScanner(Protocol):
    """Finds patches and opens them."""

    async def scan(self, duration_s: float = 5.0) -> list[Advertisement]:
        """Listen for ``duration_s`` and list what was heard, the strongest first.

        Raises
        ------
        LinkUnavailable
            No radio here, it is off, or its use is not allowed; ``reason`` says which.
        """
        ...

    def open(self, advertisement: Advertisement, code: str) -> EcgPatch:
        """Make the patch behind an advertisement; it is not connected yet.

        ``code`` is the pairing code on the box; makes without one ignore it.
        """
        ...


PatchFactory = Callable[[], EcgPatch]


class VirtualScanner:
    """A `PatchScanner` over patches without hardware.

    Parameters
    ----------
    factories : mapping
        Serial number to a function that makes the patch.
    model : str
        Model that all of them report.
    """

    def __init__(
        self, factories: Mapping[str, PatchFactory], model: str = "Anxin virtual patch"
    ) -> None:
        self._factories = dict(factories)
        self._model = model

    async def scan(self, duration_s: float = 5.0) -> list[Advertisement]:
        """List all virtual patches at once; nothing has to be waited for."""
        del duration_s
        return [
            Advertisement(serial, self._model, -50 - index, f"virtual:{serial}")
            for index, serial in enumerate(self._factories)
        ]

    def open(self, advertisement: Advertisement, code: str) -> EcgPatch:
        """Make the patch.

        Raises
        ------
        LinkUnavailable
            No virtual patch has this serial number.
        """
        del code
        factory = self._factories.get(advertisement.serial)
        if factory is None:
            raise LinkUnavailable(
                reason=LinkReason.OUT_OF_RANGE, serial=advertisement.serial
            )
        return factory()
