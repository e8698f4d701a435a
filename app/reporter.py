"""Says to the clinic how phone and patch are: on change, and every so often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.battery import BatteryForecast
from app.errors import Offline, ServerRefused
from app.monitor import PatchState
from app.settings import VERSION
from app.spool import Backlog
from clinic_server.wire.care import PhoneReport

_LOG = logging.getLogger(__name__)
PAUSE_S = 0.5
"""Between two reports, however much changes."""


class Reporter:
    """One phone's reports.

    Parameters
    ----------
    every_s : float
        Longest silence.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._now = asyncio.Event()
        self._said: object = None
        self.battery = BatteryForecast()

    def hear(self, patch: PatchState, now: datetime) -> None:
        """Take the patch's state; what changed is said at once."""
        self.battery.hear(patch.battery_pct, now)
        said = (patch.leads_on, patch.link, patch.battery_pct, patch.spool_full)
        if said != self._said:
            self._said = said
            self._now.set()

    def report(self, patch: PatchState, backlog: Backlog, now: datetime) -> PhoneReport:
        """Make the report of a moment."""
        return PhoneReport(
            at=now,
            battery_pct=patch.battery_pct,
            leads_on=list(patch.leads_on) or None,
            link=patch.link.value,
            queue_segments=backlog.segments,
            oldest_unsent_at=backlog.oldest_at,
            app_version=VERSION,
        )

    async def run(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send for ever; a report that is lost is followed by the next one."""
        while True:
            self._now.clear()
            try:
                await send()
            except (Offline, ServerRefused) as error:
                _LOG.debug("report: %s", error)
            try:
                async with asyncio.timeout(self._every_s):
                    await self._now.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(PAUSE_S)
