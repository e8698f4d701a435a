"""A patch without hardware: any sample source, worn in real time or faster."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sensors.errors import LinkUnavailable
from sensors.frames import (
    Battery,
    Button,
    Counts,
    EcgFrame,
    Gap,
    GapCause,
    LeadState,
    LinkReason,
    LinkState,
    PatchEvent,
    PatchInfo,
)
from sensors.virtual.faults import FaultKind, FaultScript
from sensors.virtual.source import SampleSource, SourceBlock

FRAME_S = 0.2
BACKFILL_FRAMES_PER_TICK = 5  # one second of memory per 0.2 s: the air is shared


@dataclass(frozen=True, slots=True)
class Wear:
    """How a virtual patch is worn."""

    speed: float = 1.0
    """Seconds of heart per second of wall clock; ``math.inf`` is as fast as it is read."""
    battery_percent: int = 100
    battery_life_s: float = 7 * 86_400.0
    memory_s: float = 3600.0
    """How much the patch keeps for backfill; 0 is a patch without memory."""


class VirtualPatch:
    """A `sensors.patch.EcgPatch` that plays a heart or a record.

    Parameters
    ----------
    source : SampleSource
        What is measured.
    serial : str
        Printed on the virtual box.
    now : callable
        Gives aware UTC time for ``received_at``.
    wear : Wear
        Speed, battery, memory.
    faults : FaultScript
        Trouble by the source's clock.
    rng : numpy.random.Generator, optional
        Chance of the faults.
    model : str
        Model name it reports.
    """

    def __init__(
        self,
        source: SampleSource,
        *,
        serial: str,
        now: Callable[[], datetime],
        wear: Wear | None = None,
        faults: FaultScript | None = None,
        rng: np.random.Generator | None = None,
        model: str = "Anxin virtual patch",
    ) -> None:
        self._source = source
        self._serial = serial
        self._model = model
        self._now = now
        self._wear = wear or Wear()
        self._faults = faults or FaultScript()
        self._rng = rng or np.random.default_rng(0)
        self._closed = asyncio.Event()
        self._out_of_range = False
        self._loose: frozenset[str] = frozenset()
        self._pressed = False
        self._leads_on = (True,) * len(source.lead_names)
        self._battery = -1
        self._hole: Gap | None = None
        self._linked = True
        self._lost_from: int | None = None
        self._held: list[PatchEvent] = []
        n_frames = math.ceil(self._wear.memory_s / FRAME_S)
        self._memory: deque[EcgFrame] = deque(maxlen=n_frames)
        self._backlog: deque[EcgFrame] = deque()

    async def connect(self) -> PatchInfo:
        """Say what is worn.

        Raises
        ------
        LinkUnavailable
            The battery is empty.
        """
        if self._wear.battery_percent <= 0:
            raise LinkUnavailable(reason=LinkReason.BATTERY_EMPTY)
        return PatchInfo(
            serial=self._serial,
            model=self._model,
            firmware="1.0.0",
            fs_hz=self._source.fs_hz,
            lead_names=self._source.lead_names,
            gain_counts_per_mv=self._source.gain_counts_per_mv,
        )

    async def close(self) -> None:
        """End `events`."""
        self._closed.set()

    # -- what a person does with a patch -----------------------------------------

    def press_button(self) -> None:
        """Press the event button."""
        self._pressed = True

    def walk_away(self) -> None:
        """Leave the range of the radio; the patch goes on recording."""
        self._out_of_range = True

    def come_back(self) -> None:
        """Return into range."""
        self._out_of_range = False

    def loosen(self, *lead_names: str) -> None:
        """Take electrodes off; without names all of them."""
        self._loose = frozenset(lead_names or self._source.lead_names)

    def reattach(self) -> None:
        """Put all electrodes back on."""
        self._loose = frozenset()

    # -- the stream --------------------------------------------------------------

    async def events(self) -> AsyncIterator[PatchEvent]:
        """Yield what the patch says, about five times a second."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        frame_samples = max(1, round(FRAME_S * self._source.fs_hz))
        yield LinkState(LinkReason.CONNECTED)
        while not self._closed.is_set():
            block = self._source.read(frame_samples)
            if not len(block.counts):
                break
            end_s = (block.first_sample + len(block.counts)) / self._source.fs_hz
            await self._wait(started + end_s / self._wear.speed - loop.time())
            for event in self._said(block):
                yield event
            if self._battery == 0:
                yield LinkState(LinkReason.BATTERY_EMPTY)
                return
        for event in self._close_hole():
            yield event
        yield LinkState(LinkReason.CLOSED)

    async def _wait(self, delay_s: float) -> None:
        if math.isinf(self._wear.speed) or delay_s <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._closed.wait(), delay_s)
        except TimeoutError:
            return

    def _said(self, block: SourceBlock) -> Iterator[PatchEvent]:
        time_s = block.first_sample / self._source.fs_hz
        measured = list(self._measured(block, time_s))
        if not self._reachable(time_s):
            if self._linked:
                self._linked = False
                self._lost_from = block.first_sample
                yield LinkState(LinkReason.OUT_OF_RANGE)
            self._keep(measured)
            return
        if not self._linked:
            self._linked = True
            yield LinkState(LinkReason.CONNECTED)
            yield Battery(max(self._battery, 0))
            yield LeadState(block.first_sample, self._leads_on)
        yield from self._report_lost(block.first_sample)
        if self._lost_packet(time_s):
            self._lost_from = block.first_sample
            self._keep(measured)
            return
        yield from measured
        for _ in range(min(BACKFILL_FRAMES_PER_TICK, len(self._backlog))):
            old = self._backlog.popleft()
            yield EcgFrame(old.first_sample, old.counts, self._now(), old.contact, True)

    def _keep(self, measured: list[PatchEvent]) -> None:
        """Remember what could not be sent; states are told anew on return."""
        for event in measured:
            if isinstance(event, EcgFrame):
                self._memory.append(event)
            elif isinstance(event, Button | Gap):
                self._held.append(event)

    def _report_lost(self, next_sample: int) -> Iterator[PatchEvent]:
        if self._lost_from is None:
            return
        yield Gap(self._lost_from, next_sample, GapCause.LINK)
        self._lost_from = None
        yield from self._held
        self._held.clear()
        self._backlog.extend(self._memory)
        self._memory.clear()

    def _measured(self, block: SourceBlock, time_s: float) -> Iterator[PatchEvent]:
        """Cut a block where contact or existence changes, and say each part."""
        yield from self._battery_at(time_s)
        leads_on = block.leads_on & self._attached(time_s)
        valid = block.valid & ~self._rebooting(time_s)
        key = np.column_stack([valid, leads_on])
        edges = np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1
        for begin, end in zip((0, *edges), (*edges, len(key)), strict=True):
            first = block.first_sample + int(begin)
            if not valid[begin]:
                self._widen_hole(first, block.first_sample + int(end), time_s)
                continue
            yield from self._close_hole()
            state = tuple(bool(on) for on in leads_on[begin])
            if state != self._leads_on:
                self._leads_on = state
                yield LeadState(first, state)
            counts = self._counts(block, int(begin), int(end), state)
            yield EcgFrame(first, counts, self._now(), all(state))
        if self._pressed or block.pressed:
            yield Button(block.pressed[0] if block.pressed else block.first_sample)
            self._pressed = False

    def _counts(
        self, block: SourceBlock, begin: int, end: int, state: tuple[bool, ...]
    ) -> Counts:
        counts = block.counts[begin:end].copy()
        taken_off = ~np.array(state) & block.leads_on[begin]
        if taken_off.any():  # the source still sees a heart there; the patch does not
            noise = self._rng.integers(-2, 3, (end - begin, int(taken_off.sum())))
            counts[:, taken_off] = noise
        return counts

    def _battery_at(self, time_s: float) -> Iterator[PatchEvent]:
        if self._faults.begins(FaultKind.BATTERY_DEATH, 0.0, time_s + FRAME_S):
            percent = 0
        else:
            used = 100 * time_s / self._wear.battery_life_s
            percent = max(0, math.ceil(self._wear.battery_percent - used))
        if percent != self._battery:
            self._battery = percent
            yield Battery(percent)

    def _attached(self, time_s: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if self._faults.at(FaultKind.LEAD_OFF, time_s):
            return np.zeros(len(self._source.lead_names), np.bool_)
        return np.array([name not in self._loose for name in self._source.lead_names])

    def _rebooting(self, time_s: float) -> bool:
        return self._faults.at(FaultKind.REBOOT, time_s) is not None

    def _reachable(self, time_s: float) -> bool:
        lost = self._faults.at(FaultKind.RANGE_LOSS, time_s)
        return not self._out_of_range and lost is None

    def _lost_packet(self, time_s: float) -> bool:
        fault = self._faults.at(FaultKind.PACKET_LOSS, time_s)
        return fault is not None and self._rng.random() < fault.strength

    def _widen_hole(self, first: int, end: int, time_s: float) -> None:
        cause = GapCause.REBOOT if self._rebooting(time_s) else GapCause.SOURCE
        if self._hole is not None:
            first, cause = self._hole.first_sample, self._hole.cause
        self._hole = Gap(first, end, cause)

    def _close_hole(self) -> Iterator[PatchEvent]:
        if self._hole is not None:
            yield self._hole
            self._hole = None
