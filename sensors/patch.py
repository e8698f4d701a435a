"""The one port through which every patch, real or virtual, is read."""

from collections.abc import AsyncIterator
from typing import Protocol

from sensors.frames import PatchEvent, PatchInfo


class EcgPatch(Protocol):
    """A patch on a chest.

    `connect` may raise `LinkUnavailable`, `WrongDevice` or `PairingRefused`. After it,
    `events` yields for as long as the patch is worn: link trouble in between is a
    `LinkState` and, once the link is back, a `Gap`; it is not an exception. The iterator
    ends when the patch is closed, its record is over, or its battery is empty.
    """

    async def connect(self) -> PatchInfo:
        """Open the link and say what is worn."""
        ...

    def events(self) -> AsyncIterator[PatchEvent]:
        """Yield what the patch says, in the order of its sample counter."""
        ...

    async def close(self) -> None:
        """Let go of the link; `events` ends. Calling it twice is harmless."""
        ...
