"""Ringing somebody: the device's telephone, and the number itself where there is none.

No device says whether somebody answered, and a browser not even whether it has a
telephone. The number therefore always stays on the screen until the wearer is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.ports import Reach

SOON_S = 5.0
Launch = Callable[[str], Awaitable[object]]
"""Opens an address such as ``tel:120``."""


@dataclass(frozen=True, slots=True)
class Calling:
    """A number that is being rung, or has to be dialled by hand."""

    number: str
    reach: Reach | None = None
    """None: the telephone is being opened."""

    @property
    def by_hand(self) -> bool:
        """The device did not ring it."""
        return self.reach not in (None, Reach.YES)


def address_of(number: str) -> str:
    """Return the ``tel:`` address of a number as somebody wrote it."""
    return "tel:" + "".join(c for c in number if c.isdecimal() or c == "+")


async def ring(launch: Launch, number: str, timeout_s: float = SOON_S) -> Reach:
    """Open the device's telephone with a number.

    Parameters
    ----------
    launch : callable
        The device's way to open an address.
    number : str
        As written.
    timeout_s : float
        A device that has not answered by then is not waited for.

    Returns
    -------
    Reach
        `Reach.YES` when the device took it, which does not mean that anybody is rung.
    """
    try:
        async with asyncio.timeout(timeout_s):
            taken = await launch(address_of(number))
    except TimeoutError:
        return Reach.NO_ANSWER
    except (RuntimeError, OSError, ValueError):  # what the toolkit raises for "cannot"
        return Reach.NOT_HERE
    return Reach.NOT_HERE if taken is False else Reach.YES
