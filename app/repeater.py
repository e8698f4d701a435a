"""Do something over and over: soon again after a failure, at once when nudged."""

import asyncio
from collections.abc import Awaitable, Callable

from app.errors import Offline, ServerRefused

RETRY_S = 5.0


class Repeater:
    """Repeats one piece of work that talks to the clinic.

    Parameters
    ----------
    every_s : float
        Pause while all is well.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Do it now."""
        self._nudge.set()

    async def run(
        self,
        work: Callable[[], Awaitable[None]],
        refused: Callable[[ServerRefused], Awaitable[None]],
    ) -> None:
        """Repeat for ever.

        Parameters
        ----------
        work : callable
            What is repeated.
        refused : callable
            Hears why the clinic said no.
        """
        failed = False
        while True:
            self._nudge.clear()
            try:
                await work()
                failed = False
            except Offline:
                failed = True
            except ServerRefused as refusal:
                failed = True
                await refused(refusal)
            wait_s = min(RETRY_S, self._every_s * 2) if failed else self._every_s
            try:
                async with asyncio.timeout(wait_s):
                    await self._nudge.wait()
            except TimeoutError:
                pass
