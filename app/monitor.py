"""What one patch says, turned into a trace, a heart rate, a state and durable segments.

The only place that knows all of them. Nothing here decides anything clinical.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.heart_rate import HeartRate, HeartRateMeter, Trust
from app.recorder import Recorder, Spooled
from app.spool import Spool
from app.wearing import Wearing
from sensors.errors import LinkUnavailable, PairingRefused, WrongDevice
from sensors.frames import (
    Battery,
    Button,
    EcgFrame,
    Gap,
    Impedance,
    LeadState,
    LinkReason,
    LinkState,
    PatchInfo,
)
from sensors.patch import EcgPatch, LastingPatch
from sensors.wear import Advice, WearFault

RING_S = 90.0


class TraceRing:
    """The last seconds of the first lead in mV, by recording sample; NaN is a hole.

    Parameters
    ----------
    fs_hz : float
        Sampling frequency.
    """

    def __init__(self, fs_hz: float) -> None:
        self.fs_hz = fs_hz
        self._values = np.full(round(RING_S * fs_hz), np.nan, np.float32)
        self.end_sample = 0

    def put(self, first_sample: int, ecg_mv: NDArray[np.float32]) -> None:
        """Store consecutive samples; a jump forward leaves a hole."""
        size = len(self._values)
        end = first_sample + len(ecg_mv)
        if end <= self.end_sample - size:
            return
        if first_sample > self.end_sample:
            hole = np.arange(max(self.end_sample, first_sample - size), first_sample)
            self._values[hole % size] = np.nan
        index = np.arange(first_sample, end)[-size:]
        self._values[index % size] = ecg_mv[-size:]
        self.end_sample = max(self.end_sample, end)

    def window(self, first_sample: int, end_sample: int) -> NDArray[np.float32]:
        """Return samples of a window; what is not known is NaN."""
        size = len(self._values)
        index = np.arange(first_sample, end_sample)
        known = (index >= max(0, self.end_sample - size)) & (index < self.end_sample)
        return np.where(known, self._values[index % size], np.float32(np.nan))


@dataclass(slots=True)
class PatchState:
    """How the patch is, as last heard."""

    info: PatchInfo | None = None
    link: LinkReason = LinkReason.CLOSED
    link_since: datetime | None = None
    leads_on: tuple[bool, ...] = ()
    leads_since: datetime | None = None
    battery_pct: int | None = None
    last_frame_at: datetime | None = None
    last_contact_at: datetime | None = None
    """When a sample was last measured on skin."""
    refused: str | None = None
    """Code of the reason why the patch could not be used."""
    spool_full: bool = False
    seems_worn: bool = True
    """Where contact is not measured: the signal is not that of a patch in the air."""

    @property
    def on_skin(self) -> bool:
        """Every electrode has contact; by the signal where the make does not measure it."""
        if self.info is not None and not self.info.measures_contact:
            return self.seems_worn
        return bool(self.leads_on) and all(self.leads_on)


class Monitor:
    """Listen to one patch.

    Parameters
    ----------
    spool : Spool
        Where segments go.
    clock, mono_s : callable
        Now (aware UTC) and the monotonic clock.
    segment_s, max_s : float
        Length of a segment and of a recording.
    on_change : callable
        Called when something was spooled or the state changed; must be quick.
    """

    def __init__(
        self,
        spool: Spool,
        *,
        clock: Callable[[], datetime],
        mono_s: Callable[[], float],
        segment_s: float,
        max_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._clock = clock
        self._mono_s = mono_s
        self._segment_s = segment_s
        self._max_s = max_s
        self._on_change = on_change
        self.patch = PatchState()
        self.ring: TraceRing | None = None
        self.recorder: Recorder | None = None
        self.wearing: Wearing | None = None
        self._meter: HeartRateMeter | None = None
        self._device_end = 0
        self.rate = HeartRate(None, Trust.NONE)
        self.marks: list[int] = []
        """Samples at which the wearer pressed the patch's button."""

    async def run(self, patch: EcgPatch, serial: str | None, speed: float = 1.0) -> None:
        """Connect and listen until the patch ends.

        Parameters
        ----------
        patch : EcgPatch
            What is worn.
        serial : str or None
            The unit that was issued; any other one is refused.
        speed : float
            Of a replayed record.
        """
        kept = None if serial is None else self._spool.kept(serial)
        lasting = patch if isinstance(patch, LastingPatch) else None
        if kept is not None and lasting is not None:
            lasting.resume(kept)
        try:
            info = await patch.connect()
            if serial is not None and info.serial != serial:
                raise WrongDevice(wanted=serial, found=info.serial)
        except (WrongDevice, PairingRefused) as error:
            self.patch.refused = error.code
            self._link(LinkReason.BONDING_REFUSED)
            await patch.close()
            return
        except LinkUnavailable as error:
            self.patch.refused = None
            self._link(LinkReason(str(error.params.get("reason", "out_of_range"))))
            return
        self.patch.refused = None
        self.patch.info = info
        self.ring = TraceRing(info.fs_hz)
        self.wearing = Wearing(info.fs_hz, info.gain_counts_per_mv, info.lead_names)
        self._meter = HeartRateMeter(
            info.fs_hz, info.gain_counts_per_mv, len(info.lead_names)
        )
        self.recorder = Recorder(
            self._spool,
            info,
            clock=self._clock,
            mono_s=self._mono_s,
            segment_s=self._segment_s,
            max_s=self._max_s,
            speed=speed,
            lasting=lasting,
        )
        try:
            async for event in patch.events():
                await self._hear(event)
        finally:
            await self._spooling(self.recorder.flush)
            await patch.close()

    async def _hear(self, event: object) -> None:
        match event:
            case EcgFrame():
                await self._hear_frame(event)
            case Gap(cause=cause):
                if self.recorder is not None:
                    recorder = self.recorder
                    await self._spooling(lambda: recorder.gap(cause))
            case LeadState(leads_on=leads_on):
                self.patch.leads_on = leads_on
                self.patch.leads_since = self._clock()
                self._on_change()
            case Battery(percent=percent):
                self.patch.battery_pct = percent
                self._on_change()
            case Impedance(kohm=kohm):
                if self.wearing is not None and self.wearing.hear_impedance(kohm):
                    self._on_change()
            case LinkState(reason=reason):
                if self.recorder is not None:
                    await self._spooling(self.recorder.flush)
                self._link(reason)
            case Button(sample=sample):
                placed = self.recorder.sample_of(sample) if self.recorder else None
                if placed is not None:
                    self.marks = [*self.marks[-19:], placed]
                    self._on_change()
            case _:
                pass

    async def _hear_frame(self, frame: EcgFrame) -> None:
        recorder, ring, info = self.recorder, self.ring, self.patch.info
        if recorder is None or ring is None or info is None:
            return
        late = frame.backfilled
        await self._spooling(lambda: recorder.add(frame, late=late))
        if late:
            return
        self._device_end = frame.first_sample + len(frame.counts)
        self.patch.last_frame_at = frame.received_at
        leads_on = self._contacts(frame, info)
        if self.wearing is not None and self.wearing.hear(
            frame.first_sample, frame.counts, leads_on
        ):
            told = self.wearing.guidance
            self.patch.seems_worn = told is None or told.fault is not WearFault.FLAT
            self._on_change()
        if frame.contact or (not info.measures_contact and self.patch.seems_worn):
            self.patch.last_contact_at = frame.received_at
        placed = recorder.sample_of(frame.first_sample)
        if placed is not None:
            lead_mv = (frame.counts[:, 0] / info.gain_counts_per_mv).astype(np.float32)
            ring.put(placed, lead_mv)

    def _contacts(self, frame: EcgFrame, info: PatchInfo) -> tuple[bool, ...]:
        """Say for each lead whether the signal may be judged as one from skin."""
        every = (True,) * len(info.lead_names)
        if not info.measures_contact:
            return every  # unknown: a patch in the air shows by its signal
        if not self.patch.leads_on:  # a patch that never spoke of its leads
            self.patch.leads_on = (frame.contact,) * len(every)
            self._on_change()
        said = () if all(self.patch.leads_on) else self.patch.leads_on
        return every if frame.contact else said or (False,) * len(every)

    async def _spooling(self, work: Callable[[], list[Spooled]]) -> None:
        """Run the recorder beside the event loop: a commit waits for the disk."""
        done = await asyncio.to_thread(work)
        if self.recorder is not None and self.recorder.full is not self.patch.spool_full:
            self.patch.spool_full = self.recorder.full
            self._on_change()
        if not done:
            return
        meter, rid = self._meter, self.recorder.rid if self.recorder else None
        unknown = self.patch.info is not None and not self.patch.info.measures_contact
        for one in done:
            if meter is not None and one.rid == rid and not one.late:
                contact = one.contact or unknown
                await asyncio.to_thread(meter.add, one.first_sample, one.counts, contact)
        if meter is not None:
            self.rate = meter.now()
        self._on_change()

    async def renew(self, closed: set[str]) -> None:
        """Begin another recording if the clinic closed the one being made."""
        if self.recorder is not None and self.recorder.rid in closed:
            await asyncio.to_thread(self.recorder.renew, self._device_end)

    def wear_advice(self) -> tuple[str, tuple[str, ...]]:
        """Return an `Advice` and the leads it is about (none named: all of them)."""
        wearing = self.wearing
        if wearing is None or wearing.guidance is None:
            poor = wearing is not None and wearing.high_electrodes
            return (Advice.PRESS_ON if poor else Advice.NONE).value, ()
        leads = wearing.guidance.leads
        named = leads if len(leads) < len(wearing.lead_names) else ()
        names = tuple(wearing.lead_names[lead] for lead in named)
        return wearing.guidance.advice.value, names

    def _link(self, reason: LinkReason) -> None:
        if reason is not self.patch.link:
            self.patch.link = reason
            self.patch.link_since = self._clock()
            if reason is not LinkReason.CONNECTED:
                self.rate = HeartRate(None, Trust.NONE)
            self._on_change()
