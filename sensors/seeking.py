"""Reaches one device by its address, and looks for it again where that has changed.

A random static address may be another one after each start (Core specification, volume 6,
part B, 1.3.2.1): a patch that rebooted out of range comes back under its name alone.
"""

from collections.abc import Awaitable, Callable

from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason
from sensors.link import GattLink
from sensors.registry import Advertisement

LOOK_AFTER = 3  # vain attempts in a row: most patches that are not heard are out of range

OpenAt = Callable[[str, Callable[[], None]], Awaitable[GattLink]]
"""Connects to an address; the second argument is called when the link is lost."""


class SeekingOpener:
    """A `sensors.link.LinkOpener`.

    Parameters
    ----------
    sought : Advertisement
        The device as it was heard first.
    open_at : callable
        See `OpenAt`.
    look : callable
        Lists what is on the air.
    """

    def __init__(
        self,
        sought: Advertisement,
        open_at: OpenAt,
        look: Callable[[], Awaitable[list[Advertisement]]],
    ) -> None:
        self._sought = sought
        self._open_at = open_at
        self._look = look
        self._home = sought.address
        self._address = sought.address
        self._others: set[str] = set()
        self._vain = 0

    async def open(self, on_gone: Callable[[], None]) -> GattLink:
        """See `sensors.link.LinkOpener.open`."""
        self._home = self._address
        try:
            link = await self._open_at(self._home, on_gone)
        except LinkUnavailable as error:
            if error.params.get("reason") is not LinkReason.OUT_OF_RANGE:
                raise
            self._vain += 1
            moved = await self._moved() if self._vain >= LOOK_AFTER else None
            if moved is None:
                raise
            link = await self._open_at(moved, on_gone)
            self._address = moved
        self._vain = 0
        return link

    def refused(self) -> None:
        """See `sensors.link.LinkOpener.refused`."""
        if self._address != self._home:
            self._others.add(self._address)
            self._address = self._home

    async def _moved(self) -> str | None:
        """Return where else its name is heard, the strongest first; each other one once."""
        self._vain = 0
        heard = [
            one.address
            for one in await self._look()
            if (one.serial, one.make) == (self._sought.serial, self._sought.make)
            and one.address != self._home
        ]
        fresh = [address for address in heard if address not in self._others]
        if not fresh:
            self._others.clear()
        return fresh[0] if fresh else None
