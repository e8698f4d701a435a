"""What a driver needs of a radio: one open GATT link, and something that opens it."""

from collections.abc import Callable
from typing import Protocol

OnValue = Callable[[bytes], None]


class GattLink(Protocol):
    """An open link to one device. Each call raises `LinkUnavailable` once it is gone."""

    @property
    def mtu(self) -> int:
        """Largest message of the attribute protocol, 23 to 517 bytes."""
        ...

    def offers(self, service_uuid: str) -> bool:
        """Say whether the device has this service."""
        ...

    async def read(self, uuid: str) -> bytes:
        """Read a characteristic."""
        ...

    async def write(self, uuid: str, data: bytes) -> None:
        """Write a characteristic and wait until the device has it."""
        ...

    async def subscribe(self, uuid: str, on_value: OnValue) -> None:
        """Call ``on_value`` for each notification or indication from now on."""
        ...

    async def close(self) -> None:
        """Let go. Calling it twice is harmless."""
        ...


class LinkOpener(Protocol):
    """Knows one device and how to reach it."""

    def refused(self) -> None:
        """Hear that the last link led to another device than the one that is wanted."""
        ...

    async def open(self, on_gone: Callable[[], None]) -> GattLink:
        """Connect, and bond where the device asks for it.

        Parameters
        ----------
        on_gone : callable
            Called once when an open link is lost.

        Raises
        ------
        LinkUnavailable
            Not in range, or no usable radio here; ``reason`` is a `LinkReason`.
        PairingRefused
            The device refused the bond.
        """
        ...
