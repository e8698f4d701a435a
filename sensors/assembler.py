"""Packets to one gap-marked sample clock, and the plan to fill the gaps from memory.

The recording's clock is the device's sample counter, zero at the first sample heard.
Every sample is given once; what is missing is said as a `Gap` and, where the device may
still have it, fetched later. A device that starts anew goes on in the same recording:
the hole is as long as our clock says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sensors.clock import ClockFit, ClockFitter
from sensors.errors import BadPacket
from sensors.frames import EcgFrame, Gap, GapCause, LeadState, PatchEvent
from sensors.packets import FetchRequest, SamplePacket
from sensors.patch import Kept, Places
from sensors.ranges import SampleRanges

COUNTER_MODULO = 2**32
SEQUENCE_MODULO = 2**16
HOLD_S = 0.5  # an overtaken packet is waited for this long, no longer: people look on
LONGEST_JUMP_S = 14 * 86_400.0  # longest prescribed wear; a farther jump is no counter
LATEST_S = 10.0  # a live packet is never overtaken by so much: links keep the order
STRAYS = 3  # that follow each other out of place: the counter itself began anew


@dataclass(slots=True)
class EpochPlace:
    """Where the samples of one start of the device lie in the recording."""

    epoch: int
    base_sample: int
    """Recording position of this epoch's counter 0 (unwrapped)."""
    missing: SampleRanges = field(default_factory=SampleRanges)
    """Recording positions that the device's memory may still give."""


@dataclass(slots=True)
class AssemblerState:
    """Everything that must survive a restart of the app."""

    next_sample: int = 0
    next_sequence: int | None = None
    places: list[EpochPlace] = field(default_factory=list)
    leads_on: tuple[bool, ...] | None = None
    last_heard: tuple[int, datetime] | None = None
    """First sample after the newest live packet, and when that came: after a restart of
    the app it is all that tells how long a reboot of the device took."""
    duplicates: int = 0
    """Samples that came more than once and were dropped."""

    @classmethod
    def after(cls, kept: Kept, *, has_memory: bool) -> "AssemblerState":
        """Begin where an earlier run of the app ended.

        What is not on disk counts as missing, whatever became of it: on its way when the
        app was killed, refused for want of room, or lost on the air.
        """
        end = kept.stored[-1][1] if kept.stored else kept.begin_sample
        places = [EpochPlace(epoch, base) for epoch, base in kept.places]
        state = cls(next_sample=end, places=places, last_heard=(end, kept.heard_at))
        at = kept.begin_sample
        for first, stop in kept.stored if has_memory else ():
            state.owe(at, first)
            at = stop
        return state

    def owe(self, first: int, end: int) -> None:
        """Note samples that the device may still have, each in the epoch it lies in."""
        for place in reversed(self.places):
            begin = first if place is self.places[0] else max(first, place.base_sample)
            place.missing.add(begin, end)
            end = min(end, begin)


class Assembler:
    """Puts the packets of one recording in order.

    Parameters
    ----------
    fs_hz : float
        Nominal sampling frequency.
    has_memory : bool
        The device answers `FetchRequest`; without, lost samples stay lost.
    state : AssemblerState, optional
        From `state` of an earlier run of the same recording.
    """

    def __init__(
        self, fs_hz: float, *, has_memory: bool, state: AssemblerState | None = None
    ) -> None:
        self._fs_hz = fs_hz
        self._has_memory = has_memory
        self._state = state or AssemblerState()
        self._resuming = state is not None and bool(state.places)
        self._held: dict[int, tuple[SamplePacket, datetime]] = {}
        self._stray: tuple[int, int] | None = None
        self._n_strays = 0
        self._clock = ClockFitter(fs_hz)
        self._hold_samples = round(HOLD_S * fs_hz)

    @property
    def state(self) -> AssemblerState:
        """Where the recording is."""
        return self._state

    @property
    def places(self) -> Places:
        """What a restart of the app needs besides the samples."""
        return tuple((place.epoch, place.base_sample) for place in self._state.places)

    @property
    def fs_hz(self) -> float:
        """Nominal sampling frequency."""
        return self._fs_hz

    @property
    def clock(self) -> ClockFit | None:
        """The device's clock against ours, since its last start."""
        return self._clock.fit()

    @property
    def missing_samples(self) -> int:
        """How many samples may still come from the device's memory."""
        return sum(place.missing.n_samples for place in self._state.places)

    def position(self, epoch: int, counter: int) -> int | None:
        """Return the recording position of a counter; None for an unknown epoch."""
        for place in self._state.places:
            if place.epoch == epoch:
                return self._unwrapped(place, counter)
        return None

    def push(self, packet: SamplePacket, received_at: datetime) -> list[PatchEvent]:
        """Take one packet.

        Parameters
        ----------
        packet : SamplePacket
            Live or out of the memory, in any order, as often as it comes.
        received_at : datetime
            When it came, aware UTC.

        Returns
        -------
        list of PatchEvent
            `EcgFrame`, `Gap` and `LeadState`: live ones in the order of the sample
            counter, those that fill a gap marked ``backfilled``.

        Raises
        ------
        BadPacket
            A counter that cannot be of this recording; nothing was changed. If more such
            packets follow each other, they are a new start under an old number.
        """
        if packet.from_memory:
            return list(self._fill(packet, received_at))
        events: list[PatchEvent] = []
        self._prove_continuity(packet)
        place = self._current()
        if place is None and self._state.last_heard is None:
            self._begin(packet)
        elif place is None or packet.epoch != place.epoch:
            if any(known.epoch == packet.epoch for known in self._state.places):
                return list(self._fill(packet, received_at))
            events += self.flush()
            events += self._restart(packet, received_at)
        first = self._position(packet)
        if self._is_astray(first, packet):
            if not self._began_anew(packet):
                raise BadPacket(epoch=packet.epoch, counter=packet.first_counter)
            self._forget(packet.epoch)
            events += self.flush()
            events += self._restart(packet, received_at)
            first = self._position(packet)
        self._n_strays = 0
        if first < self._state.next_sample:
            if first + len(packet.counts) <= self._state.next_sample:
                return events + list(self._fill(packet, received_at))
            events += self._fill(packet, received_at)
            packet = _tail(packet, self._state.next_sample - first)
            first = self._state.next_sample
        held = self._held.get(first)
        if held is None or len(held[0].counts) < len(packet.counts):
            self._held[first] = (packet, received_at)
        end = first + len(packet.counts)
        self._clock.add(end, received_at)
        self._state.last_heard = (end, received_at)
        return events + list(self._release(first))

    def flush(self) -> list[PatchEvent]:
        """Give what is held back now: the link is gone, nobody will overtake it."""
        events: list[PatchEvent] = []
        for first in sorted(self._held):
            events += self._emit_live(first)
        self._state.next_sequence = None  # another link counts its packets anew
        return events

    def plan(self, max_samples: int) -> FetchRequest | None:
        """Return what to ask the device's memory for next, the newest hole first.

        Parameters
        ----------
        max_samples : int
            No more than this at once, so that live packets keep their share of the air.
        """
        if self._resuming:
            return None  # no live packet has proven yet that this counter is the old one
        for place in reversed(self._state.places):
            spans = list(place.missing)
            if spans:
                first, end = spans[-1]
                first = max(first, end - max_samples)
                counter = (first - place.base_sample) % COUNTER_MODULO
                return FetchRequest(place.epoch, counter, end - first)
        return None

    def missing_of(self, request: FetchRequest) -> int:
        """Return how many samples of a request are still missing."""
        for place in self._state.places:
            if place.epoch == request.epoch:
                first = self._unwrapped(place, request.first_counter)
                spans = place.missing.overlap(first, first + request.n_samples)
                return sum(end - begin for begin, end in spans)
        return 0

    def give_up(self, request: FetchRequest) -> None:
        """Note that the device has nothing (more) for this request."""
        for place in self._state.places:
            if place.epoch == request.epoch:
                first = self._unwrapped(place, request.first_counter)
                place.missing.remove(first, first + request.n_samples)

    # -- places ------------------------------------------------------------------

    def _prove_continuity(self, packet: SamplePacket) -> None:
        """See by the first live packet after a restart whether the old epochs are valid.

        A counter only grows, so one that lies behind what is on disk began anew under an
        old epoch number (a unit that came from repair): nothing of it is what is missing.
        """
        if not self._resuming:
            return
        self._resuming = False
        place = self._state.places[-1]
        if packet.epoch != place.epoch:
            return
        end = self._unwrapped(place, packet.first_counter) + len(packet.counts)
        if end <= self._state.next_sample:
            self._state.places.clear()

    def _is_astray(self, first: int, packet: SamplePacket) -> bool:
        ahead = first - self._state.next_sample
        behind = -(ahead + len(packet.counts))
        far = LONGEST_JUMP_S * self._fs_hz, LATEST_S * self._fs_hz
        return ahead > far[0] or behind > far[1]

    def _began_anew(self, packet: SamplePacket) -> bool:
        """Tell a counter that began anew under an old epoch number from a wild packet.

        It happens where a unit's non-volatile memory fails. One packet may be an accident;
        several that follow each other are how the unit counts now.
        """
        follows = self._stray == (packet.epoch, packet.first_counter)
        self._n_strays = self._n_strays + 1 if follows and self._n_strays else 1
        end = (packet.first_counter + len(packet.counts)) % COUNTER_MODULO
        self._stray = (packet.epoch, end)
        return self._n_strays >= STRAYS

    def _forget(self, epoch: int) -> None:
        """Give up what an earlier start under the same number still owes."""
        places = self._state.places
        self._state.places = [place for place in places if place.epoch != epoch]

    def _current(self) -> EpochPlace | None:
        return self._state.places[-1] if self._state.places else None

    def _begin(self, packet: SamplePacket) -> None:
        self._state.places.append(EpochPlace(packet.epoch, -packet.first_counter))

    def _unwrapped(self, place: EpochPlace, counter: int) -> int:
        """Return the recording position of a counter, the one nearest to the newest."""
        near = self._state.next_sample - place.base_sample
        half = COUNTER_MODULO // 2
        delta = (counter - near + half) % COUNTER_MODULO - half
        return place.base_sample + near + delta

    def _position(self, packet: SamplePacket) -> int:
        return self._unwrapped(self._state.places[-1], packet.first_counter)

    def _restart(self, packet: SamplePacket, received_at: datetime) -> Iterator[Gap]:
        """Place a new epoch by our clock and say the hole before it."""
        state = self._state
        # Makes that send timestamps are numbered anew by each run of the app.
        same_run = self._clock.fit() is not None
        cause = GapCause.REBOOT if self._has_memory or same_run else GapCause.UNKNOWN
        end = self._sample_at(received_at)
        first = max(end - len(packet.counts), state.next_sample)
        # The new counter began at 0: what it counted before this packet is in memory.
        measured = min(packet.first_counter, first - state.next_sample)
        begin = first - measured
        if self._has_memory:
            state.owe(state.next_sample, begin)
        place = EpochPlace(packet.epoch, first - packet.first_counter)
        state.places.append(place)
        if begin > state.next_sample:
            yield Gap(state.next_sample, begin, cause)
        if first > begin:
            yield Gap(begin, first, GapCause.LINK)
            if self._has_memory:
                place.missing.add(begin, first)
        state.next_sample = first
        state.next_sequence = None
        self._clock = ClockFitter(self._fs_hz)

    def _sample_at(self, moment: datetime) -> int:
        """Return where the recording would be by our clock."""
        fit = self._clock.fit()
        if fit is not None:
            return round(fit.sample_at(moment))
        end, heard_at = self._state.last_heard or (self._state.next_sample, moment)
        return end + round((moment - heard_at).total_seconds() * self._fs_hz)

    # -- giving ------------------------------------------------------------------

    def _release(self, newest: int) -> Iterator[PatchEvent]:
        while self._held:
            first = min(self._held)
            waited_for = first > self._state.next_sample
            if waited_for and newest - self._state.next_sample <= self._hold_samples:
                return
            yield from self._emit_live(first)

    def _emit_live(self, first: int) -> Iterator[PatchEvent]:
        packet, received_at = self._held.pop(first)
        state = self._state
        if first < state.next_sample:  # a held packet that overlaps the one before
            overlap = min(state.next_sample - first, len(packet.counts))
            state.duplicates += overlap
            if overlap == len(packet.counts):
                return
            packet, first = _tail(packet, overlap), state.next_sample
        if first > state.next_sample:
            yield self._gap_before(first, packet)
        if packet.leads_on != state.leads_on:
            if state.leads_on is not None or not all(packet.leads_on):
                yield LeadState(first, packet.leads_on)
            state.leads_on = packet.leads_on
        yield EcgFrame(first, packet.counts, received_at, all(packet.leads_on))
        state.next_sample = first + len(packet.counts)
        if packet.sequence is not None:
            state.next_sequence = (packet.sequence + 1) % SEQUENCE_MODULO

    def _gap_before(self, first: int, packet: SamplePacket) -> Gap:
        state = self._state
        in_sequence = packet.sequence is not None and packet.sequence == state.next_sequence
        if in_sequence:  # nothing was lost on the air: the device itself has a hole
            return Gap(state.next_sample, first, GapCause.SOURCE)
        if self._has_memory:
            state.owe(state.next_sample, first)
        return Gap(state.next_sample, first, GapCause.LINK)

    def _fill(self, packet: SamplePacket, received_at: datetime) -> Iterator[EcgFrame]:
        """Give the part of a late packet that is missing; the rest is a duplicate."""
        for place in self._state.places:
            if place.epoch != packet.epoch:
                continue
            first = self._unwrapped(place, packet.first_counter)
            end = first + len(packet.counts)
            given = 0
            for low, high in place.missing.remove(first, end):
                counts = packet.counts[low - first : high - first]
                given += len(counts)
                contact = all(packet.leads_on)
                yield EcgFrame(low, counts, received_at, contact, backfilled=True)
            known_end = min(end, self._state.next_sample)
            self._state.duplicates += max(known_end - max(first, 0), 0) - given


def _tail(packet: SamplePacket, skip: int) -> SamplePacket:
    return SamplePacket(
        epoch=packet.epoch,
        first_counter=(packet.first_counter + skip) % COUNTER_MODULO,
        counts=packet.counts[skip:],
        leads_on=packet.leads_on,
        sequence=packet.sequence,
        from_memory=packet.from_memory,
    )
