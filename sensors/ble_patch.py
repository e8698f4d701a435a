"""A patch over a real radio: reconnects for ever and loses nothing it can still fetch."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sensors.assembler import Assembler, AssemblerState
from sensors.charge import ChargeTrend
from sensors.clock import ClockFit
from sensors.drivers import Driver, Said
from sensors.errors import (
    BadPacket,
    LinkUnavailable,
    PairingRefused,
    SensorError,
    WrongDevice,
)
from sensors.frames import Battery, Button, LinkReason, LinkState, PatchEvent, PatchInfo
from sensors.link import GattLink, LinkOpener
from sensors.packets import Press, SamplePacket
from sensors.patch import Kept, Places
from sensors.waiting import unless

FETCH_CHUNK_S = 20.0
LOSSY_FETCHES = 20  # nothing of what was sent arrived, so often: it never will
BEGIN_S = 60.0  # from an open link to the first sample; a unit that hangs is left
MAX_WAITING_EVENTS = 3000  # ten minutes of frames; beyond, packets are left for backfill

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts: doubling, with full jitter."""

    first_s: float = 0.5
    longest_s: float = 30.0  # a wearer who comes home should not wait longer

    def delay_s(self, attempt: int, rng: np.random.Generator) -> float:
        """Return how long to wait before attempt ``attempt`` (0, 1, …)."""
        ceiling = min(self.longest_s, self.first_s * 2 ** min(attempt, 16))
        delay_s: float = ceiling * rng.uniform(0.3, 1.0)
        return delay_s


class BlePatch:
    """A `sensors.patch.LastingPatch` behind a link that comes and goes.

    Parameters
    ----------
    opener : LinkOpener
        Reaches the device.
    driver : Driver
        Speaks its language.
    serial : str
        Of the unit that was issued; another one is refused.
    now : callable
        Gives aware UTC time.
    rng : numpy.random.Generator
        Jitter of the waiting times.
    backoff : Backoff
        Waiting times between attempts.
    """

    def __init__(
        self,
        opener: LinkOpener,
        driver: Driver,
        *,
        serial: str,
        now: Callable[[], datetime],
        rng: np.random.Generator,
        backoff: Backoff | None = None,
    ) -> None:
        self._opener = opener
        self._driver = driver
        self._serial = serial
        self._now = now
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._kept: Kept | None = None
        self._assembler: Assembler | None = None
        self._early: list[Said] = []
        self._link: GattLink | None = None
        self._gone = asyncio.Event()
        self._closed = asyncio.Event()
        self._events: asyncio.Queue[PatchEvent | None] = asyncio.Queue()
        self._battery = 100
        self._charge = ChargeTrend()
        self.info: PatchInfo | None = None
        """What the unit said of itself when it was last linked."""

    @property
    def clock(self) -> ClockFit | None:
        """The patch's clock against ours, with its drift in ppm."""
        return self._assembler.clock if self._assembler else None

    @property
    def state(self) -> AssemblerState | None:
        """Where the recording is; None before the first link."""
        return self._assembler.state if self._assembler else None

    @property
    def missing_samples(self) -> int:
        """How many samples may still come from the patch's memory."""
        return self._assembler.missing_samples if self._assembler else 0

    def resume(self, kept: Kept) -> None:
        """See `sensors.patch.LastingPatch.resume`."""
        self._kept = kept

    def places(self) -> Places:
        """See `sensors.patch.LastingPatch.places`."""
        return self._assembler.places if self._assembler else ()

    async def connect(self) -> PatchInfo:
        """Open the link, check who answers, start the stream.

        Raises
        ------
        LinkUnavailable, WrongDevice, PairingRefused
        """
        self._gone.clear()
        self._link = None
        self._early.clear()
        link = await self._opener.open(self._gone.set)
        try:
            async with asyncio.timeout(BEGIN_S):
                info = await unless(self._gone, self._driver.begin(link, self._hear))
            if info is None:
                raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE)
            if info.serial != self._serial:
                raise WrongDevice(expected=self._serial, found=info.serial)
        except (BadPacket, TimeoutError) as error:
            await link.close()
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE) from error
        except (PairingRefused, WrongDevice):
            await link.close()
            self._opener.refused()
            raise
        except SensorError:
            await link.close()
            raise
        self._link = link
        self.info = info
        if self._assembler is None:
            has_memory, kept = self._driver.has_memory, self._kept
            state = AssemblerState.after(kept, has_memory=has_memory) if kept else None
            self._assembler = Assembler(info.fs_hz, has_memory=has_memory, state=state)
        self._events.put_nowait(LinkState(LinkReason.CONNECTED))
        early, self._early = self._early, []
        for said in early:
            self._hear(said)
        return info

    async def close(self) -> None:
        """End `events` and let go of the device."""
        self._closed.set()
        self._gone.set()
        if self._link is not None:
            await self._link.close()

    async def events(self) -> AsyncIterator[PatchEvent]:
        """Yield what the patch says until it is closed or its battery is empty."""
        keeper = asyncio.create_task(self._keep_linked())
        keeper.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            await keeper  # a fault of ours is raised here, not kept as silence
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})
            if self._link is not None:
                await self._link.close()

    # -- the link ----------------------------------------------------------------

    async def _keep_linked(self) -> None:
        """Hold the link, fetch what is missing, and come back when it is lost."""
        while not self._closed.is_set():
            await self._while_linked()
            for event in self._assembler.flush() if self._assembler else []:
                self._events.put_nowait(event)
            if self._closed.is_set() or self._battery == 0:
                break
            await self._come_back()
        empty = self._battery == 0 and not self._closed.is_set()
        reason = LinkReason.BATTERY_EMPTY if empty else LinkReason.CLOSED
        self._events.put_nowait(LinkState(reason))

    async def _while_linked(self) -> None:
        if self._driver.has_memory:
            await unless(self._gone, self._fill_gaps())
        await self._gone.wait()

    async def _come_back(self) -> None:
        """Try until the same unit is there again; say each new reason once."""
        said = self._unheard()
        self._events.put_nowait(LinkState(said))
        attempt = 0
        while not self._closed.is_set():
            delay_s = self._backoff.delay_s(attempt, self._rng)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), delay_s)
                return
            attempt += 1
            try:
                await self.connect()
            except (LinkUnavailable, PairingRefused, WrongDevice) as error:
                _log.info("no link to %s: %s", self._serial, error)
                reason = _reason(error)
                if reason is LinkReason.OUT_OF_RANGE:
                    reason = self._unheard()
                if reason is not said:
                    said = reason
                    self._events.put_nowait(LinkState(reason))
            else:
                return

    def _unheard(self) -> LinkReason:
        """Say why a patch is not heard, as well as it can be told."""
        empty = self._charge.likely_empty(self._now())
        return LinkReason.BATTERY_LIKELY_EMPTY if empty else LinkReason.OUT_OF_RANGE

    async def _fill_gaps(self) -> None:
        lossy = 0
        while True:
            assembler, link = self._assembler, self._link
            request = None
            if assembler is not None and link is not None:
                request = assembler.plan(round(FETCH_CHUNK_S * assembler.fs_hz))
            if assembler is None or link is None or request is None:
                await asyncio.sleep(0.5)
                continue
            try:
                n_sent = await self._driver.fetch(link, request)
            except (LinkUnavailable, PairingRefused, BadPacket) as error:
                _log.info("backfill of %s broke off: %s", self._serial, error)
                await asyncio.sleep(1.0)
                continue
            n_came = request.n_samples - assembler.missing_of(request)
            lossy = lossy + 1 if n_came < min(n_sent, 1) else 0
            if n_came >= n_sent or lossy >= LOSSY_FETCHES:  # it has no more of it
                assembler.give_up(request)
                lossy = 0

    # -- what it says ------------------------------------------------------------

    def _hear(self, said: Said) -> None:
        if self._assembler is None or self._link is None:  # still beginning
            self._early.append(said)
        elif isinstance(said, SamplePacket):
            self._take(said, self._assembler)
        elif isinstance(said, Press):
            sample = self._assembler.position(said.epoch, said.counter)
            if sample is not None:
                self._events.put_nowait(Button(sample))
        elif isinstance(said, Battery):
            self._battery = said.percent
            self._charge.hear(said.percent, self._now())
            self._events.put_nowait(said)
        else:
            self._events.put_nowait(said)

    def _take(self, packet: SamplePacket, assembler: Assembler) -> None:
        if self._events.qsize() > MAX_WAITING_EVENTS:
            return  # nobody reads; the counter will show the hole, the memory fill it
        try:
            events = assembler.push(packet, self._now())
        except BadPacket as error:
            _log.warning("packet without a place from %s: %s", self._serial, error)
            return
        for event in events:
            self._events.put_nowait(event)


def _reason(error: SensorError) -> LinkReason:
    if isinstance(error, PairingRefused):
        return LinkReason.BONDING_REFUSED
    reason = error.params.get("reason")
    return reason if isinstance(reason, LinkReason) else LinkReason.OUT_OF_RANGE
