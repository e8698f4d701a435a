"""Waiting for one thing, unless another comes first."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Do ``work`` until it is done or ``event`` is set.

    Parameters
    ----------
    event : asyncio.Event
        Ends the waiting.
    work : coroutine
        Cancelled when the event comes first.

    Returns
    -------
    object
        What ``work`` returned; None when the event came first. What ``work`` raises is
        raised here.
    """
    doing = asyncio.ensure_future(work)
    ended = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, ended}, return_when=asyncio.FIRST_COMPLETED)
        return await doing if doing.done() else None
    finally:
        for task in (doing, ended):
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
