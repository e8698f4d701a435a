"""Which patches are near, and how to open one of them."""

from dataclasses import dataclass
from typing import Protocol

from sensors.patch import LastingPatch


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
    """A `sensors.makes.Make`."""


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

    def open(self, advertisement: Advertisement, code: str) -> LastingPatch:
        """Make the patch behind an advertisement; it is not connected yet.

        ``code`` is the pairing code on the box; makes without one ignore it.
        """
        ...
