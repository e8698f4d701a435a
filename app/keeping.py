"""One phone of a process, kept going."""

import asyncio
import logging

from app.phone import Phone

RESTART_S = 2.0
_LOG = logging.getLogger(__name__)


async def keep_running(phone: Phone) -> None:
    """Start a phone again after a fault: it never falls silent, and never stops others.

    One of the three places that catch everything; the fault is logged and reported.
    """
    while True:
        try:
            await phone.run()
        except Exception:  # noqa: BLE001 (named edge: the job runner)
            phone.faults += 1
            _LOG.exception("phone %s failed, starts again", phone.config.id)
        await asyncio.sleep(RESTART_S)
