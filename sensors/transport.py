"""What a host's radio must do, in our own words: the port below the bleak backends.

Bumble's virtual radio and a phone's BLE service implement it without knowing bleak;
`sensors.ble` turns any of them into a bleak backend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sighting:
    """One advertisement on the air."""

    address: str
    name: str | None
    service_uuids: tuple[str, ...]
    rssi_dbm: int


@dataclass(frozen=True, slots=True)
class CharacteristicFacts:
    """A discovered characteristic; properties in the words of the GATT specification."""

    uuid: str
    handle: int
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A discovered service."""

    uuid: str
    handle: int
    characteristics: tuple[CharacteristicFacts, ...]


class Transport(Protocol):
    """One host radio in the central role.

    Every call may raise `LinkUnavailable` (with ``reason``, and ``att_error`` where the
    device itself refused) or `PairingRefused`, nothing else.
    """

    async def start_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """Listen for advertisements until `stop_scan` with the same callable."""
        ...

    async def stop_scan(self, on_sighting: Callable[[Sighting], None]) -> None:
        """Stop listening."""
        ...

    async def connect(
        self, address: str, on_gone: Callable[[], None], timeout_s: float
    ) -> None:
        """Connect; ``on_gone`` is called when the link ends, whoever ended it."""
        ...

    async def disconnect(self, address: str) -> None:
        """End the link; harmless if there is none."""
        ...

    async def pair(self, address: str) -> None:
        """Bond and encrypt."""
        ...

    def mtu(self, address: str) -> int:
        """Return the size of the attribute protocol's messages on this link."""
        ...

    async def services(self, address: str) -> tuple[ServiceFacts, ...]:
        """Discover services and characteristics."""
        ...

    async def read(self, address: str, handle: int) -> bytes:
        """Read a characteristic."""
        ...

    async def write(
        self, address: str, handle: int, data: bytes, *, response: bool
    ) -> None:
        """Write a characteristic."""
        ...

    async def subscribe(
        self, address: str, handle: int, on_value: Callable[[bytes], None]
    ) -> None:
        """Ask for notifications or indications."""
        ...

    async def unsubscribe(self, address: str, handle: int) -> None:
        """Ask for no more of them."""
        ...
