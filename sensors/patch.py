"""The one port through which every patch, real or virtual, is read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from sensors.clock import ClockFit
from sensors.frames import PatchEvent, PatchInfo

Places = tuple[tuple[int, int], ...]
"""Epoch of the device, and the position that its counter 0 has in the frames."""


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on disk of a recording that an earlier run of the app began."""

    places: Places
    begin_sample: int
    """Position of the recording's first frame."""
    stored: tuple[tuple[int, int], ...]
    """Positions of which samples are on disk, in order and apart."""
    heard_at: datetime
    """When the newest of them came, aware UTC."""


@runtime_checkable
class LastingPatch(EcgPatch, Protocol):
    """A patch that counts on while no app listens, so that a recording can go on."""

    def resume(self, kept: Kept) -> None:
        """Go on with a recording; to be called before the first `connect`."""
        ...

    def places(self) -> Places:
        """Say what a later run needs besides the samples themselves."""
        ...

    @property
    def clock(self) -> ClockFit | None:
        """The patch's clock against ours, with its drift in ppm."""
        ...
