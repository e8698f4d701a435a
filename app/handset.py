"""The ports of a packaged app on a phone: what it can do, asked in time, and why not.

What really asks the system is `app.handset_services`, behind `Services`; here are the
time-outs, the words for every refusal, and the battery saver, which stops reminders of an
app that is not in front although they are permitted.
"""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Protocol, TypeVar
from zlib import crc32

from app.ports import Notice, Port, Reach, Tone
from clinic_server.wire.care import Place

T = TypeVar("T")
SOON_S = 5.0
FIX_S = 20.0
"""A place from satellites takes a while; help does not wait for it."""
ASKED_S = 60.0
"""Somebody has to read a question of the system first."""


class Leave(StrEnum):
    """What the system says of a permission."""

    GIVEN = "given"
    ASKABLE = "askable"
    NO = "no"
    """Refused for good: only the system's settings change it."""


class Services(Protocol):
    """What the system of a phone can be asked. Whatever it raises means that it cannot."""

    async def may_notify(self, *, ask: bool) -> Leave:
        """Say whether notifications are permitted; ``ask`` asks the person."""
        ...

    async def saves_battery(self) -> bool:
        """Say whether the battery saver stops the app in the background."""
        ...

    async def notify(self, number: int, title: str, body: str) -> None:
        """Show a notification; one of the same number replaces the one before."""
        ...

    async def may_locate(self, *, ask: bool) -> Leave:
        """Say whether the place may be known while the app is in use."""
        ...

    async def place(self) -> tuple[float, float, float]:
        """Give latitude, longitude and accuracy in m."""
        ...


class Handset:
    """One phone's ports.

    Parameters
    ----------
    services : Services
        The system.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[Port, Reach] = {
            Port.REMIND: Reach.NOT_ASKED,
            Port.LOCATE: Reach.NOT_ASKED,
        }

    def reach(self, port: Port, locale: str) -> Reach:
        """Say what was last heard of a port; speech, tones and codes are not here yet."""
        del locale
        return self._known.get(port, Reach.NOT_HERE)

    def zone(self) -> tzinfo | None:
        """Give the system's zone of this moment."""
        return datetime.now(UTC).astimezone().tzinfo

    async def look(self) -> None:
        """Ask the system anew, without asking the person."""
        self._known[Port.REMIND] = await self._may_remind(ask=False)
        leave = await _in_time(self._services.may_locate(ask=False), SOON_S)
        self._known[Port.LOCATE] = leave if isinstance(leave, Reach) else _WORD[leave]

    async def _may_remind(self, *, ask: bool) -> Reach:
        wait_s = ASKED_S if ask else SOON_S
        leave = await _in_time(self._services.may_notify(ask=ask), wait_s)
        if isinstance(leave, Reach):
            return leave
        if leave is not Leave.GIVEN:
            return _WORD[leave]
        saves = await _in_time(self._services.saves_battery(), SOON_S)
        # a system that cannot say so has no saver that it could name
        return Reach.BATTERY_SAVER if saves is True else Reach.YES

    async def remind(self, notice: Notice) -> Reach:
        """Show a notification, also when the saver may stop the next one."""
        came = await self._may_remind(ask=True)
        if came in (Reach.YES, Reach.BATTERY_SAVER):
            number = crc32(notice.tag.encode()) & 0x7FFFFFFF
            shown = await _in_time(
                self._services.notify(number, notice.title, notice.body), SOON_S
            )
            came = shown if isinstance(shown, Reach) else came
        self._known[Port.REMIND] = came
        return came

    async def speak(self, words: str, locale: str) -> Reach:
        """Say nothing: no service for it is built in."""
        del words, locale
        return Reach.NOT_HERE

    async def tone(self, tone: Tone) -> Reach:
        """Stay silent: the notification has the system's own sound."""
        del tone
        return Reach.NOT_HERE

    async def locate(self) -> Place | Reach:
        """Ask for leave if it was never asked, then for the place."""
        leave = await _in_time(self._services.may_locate(ask=True), ASKED_S)
        if isinstance(leave, Reach) or leave is not Leave.GIVEN:
            came = leave if isinstance(leave, Reach) else _WORD[leave]
            self._known[Port.LOCATE] = came
            return came
        found = await _in_time(self._services.place(), FIX_S)
        if isinstance(found, Reach):
            self._known[Port.LOCATE] = found
            return found
        self._known[Port.LOCATE] = Reach.YES
        latitude, longitude, accuracy_m = found
        return Place(latitude=latitude, longitude=longitude, accuracy_m=accuracy_m)

    async def scan(self, words: str) -> str | Reach:
        """Read nothing: codes are typed."""
        del words
        return Reach.NOT_HERE


_WORD = {Leave.GIVEN: Reach.YES, Leave.ASKABLE: Reach.NOT_ASKED, Leave.NO: Reach.REFUSED}


async def _in_time(asked: Awaitable[T], timeout_s: float) -> T | Reach:
    """Wait for the system, but not for ever; a system that cannot says so by an error."""
    try:
        async with asyncio.timeout(timeout_s):
            return await asked
    except TimeoutError:
        return Reach.NO_ANSWER
    except (RuntimeError, OSError, ValueError):
        return Reach.NOT_HERE
