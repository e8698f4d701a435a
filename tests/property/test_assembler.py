"""The assembler's clock is strictly increasing, its gaps add up, and backfill is exact."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.assembler import COUNTER_MODULO, STRAYS, Assembler, AssemblerState
from sensors.errors import BadPacket
from sensors.frames import EcgFrame, Gap, GapCause, LeadState, PatchEvent
from sensors.packets import FetchRequest, SamplePacket
from sensors.patch import Kept
from sensors.profiles import anxin_patch as anxin
from sensors.ranges import SampleRanges
from sensors.timestamps import TimestampCounter
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.replay import ReplayReader, ReplaySource

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FS_HZ = 250.0


def at(sample: float) -> datetime:
    return START + timedelta(seconds=sample / FS_HZ)


def packet_of(
    truth: np.ndarray, first: int, n: int, *, start: int = 0, epoch: int = 1, **options
) -> SamplePacket:
    return SamplePacket(
        epoch,
        (start + first) % COUNTER_MODULO,
        truth[first : first + n, None],
        options.pop("leads_on", (True,)),
        **options,
    )


def frames_of(events: Sequence[PatchEvent]) -> list[EcgFrame]:
    return [event for event in events if isinstance(event, EcgFrame)]


def live_spans(events: Sequence[PatchEvent]) -> list[tuple[int, int]]:
    """Live frames and gaps in the order they were said."""
    spans = []
    for event in events:
        if isinstance(event, EcgFrame) and not event.backfilled:
            spans.append((event.first_sample, event.first_sample + len(event.counts)))
        elif isinstance(event, Gap):
            spans.append((event.first_sample, event.end_sample))
    return spans


def store(events: Sequence[PatchEvent], size: int) -> np.ndarray:
    """Write frames as the server does; fail on a sample that comes twice."""
    kept = np.full(size, np.iinfo(np.int32).min, np.int32)
    for frame in frames_of(events):
        end = frame.first_sample + len(frame.counts)
        target = kept[frame.first_sample : end]
        assert (target == np.iinfo(np.int32).min).all(), "a sample came twice"
        kept[frame.first_sample : end] = frame.counts[:, 0]
    return kept


@st.composite
def journeys(draw) -> tuple[np.ndarray, list[tuple[int, int]], list[int], int]:
    """Truth, its packets, the order in which they arrive, and where the counter starts."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=2, max_size=40))
    cuts = np.concatenate([[0], np.cumsum(lengths)])
    packets = [(int(a), int(b - a)) for a, b in pairwise(cuts)]
    arrivals = []
    for index in range(len(packets)):
        fate = draw(st.sampled_from(["ok", "ok", "ok", "lost", "twice", "late"]))
        if index in (0, len(packets) - 1):
            fate = "ok"
        late = draw(st.integers(1, 5)) if fate == "late" else 0
        times = {"lost": 0, "twice": 2}.get(fate, 1)
        arrivals += [(index + late + 0.1 * copy, index) for copy in range(times)]
    order = [index for _, index in sorted(arrivals, key=lambda a: a[0])]
    start = draw(st.sampled_from([0, 1, 2**31 - 50, 2**32 - 40, 2**32 - 1]))
    truth = np.arange(cuts[-1], dtype=np.int32) * 7 - 100
    return truth, packets, order, start


@given(journeys())
@settings(max_examples=300)
def test_clock_increases_gaps_add_up_and_backfill_is_exact(journey):
    truth, packets, order, start = journey
    assembler = Assembler(FS_HZ, has_memory=True)
    events: list[PatchEvent] = []
    for index in order:
        first, n = packets[index]
        events += assembler.push(packet_of(truth, first, n, start=start), at(first + n))
    events += assembler.flush()

    spans = live_spans(events)
    assert spans[0][0] == 0
    assert all(a < b for a, b in spans)
    assert [b for _, b in spans[:-1]] == [a for a, _ in spans[1:]]
    assert spans[-1][1] == len(truth)

    for _ in range(2000):
        request = assembler.plan(max_samples=23)
        if request is None:
            break
        first = (request.first_counter - start) % COUNTER_MODULO
        answer = packet_of(truth, first, request.n_samples, start=start, from_memory=True)
        events += assembler.push(answer, at(len(truth)))
    assert assembler.missing_samples == 0
    assert store(events, len(truth)).tolist() == truth.tolist()


def kept_of(assembler: Assembler, on_disk: Sequence[PatchEvent], heard: float) -> Kept:
    stored = SampleRanges()
    for frame in frames_of(on_disk):
        stored.add(frame.first_sample, frame.first_sample + len(frame.counts))
    return Kept(assembler.places, 0, tuple(stored), at(heard))


def resumed(kept: Kept, *, has_memory: bool = True) -> Assembler:
    state = AssemblerState.after(kept, has_memory=has_memory)
    return Assembler(FS_HZ, has_memory=has_memory, state=state)


@given(journeys(), st.data())
@settings(max_examples=300)
def test_a_killed_app_goes_on_with_the_same_recording(journey, data):
    """Wherever the kill hits, and however much of what came was not on disk yet."""
    truth, packets, order, start = journey
    half = data.draw(st.integers(1, len(order)))
    assembler = Assembler(FS_HZ, has_memory=True)
    events: list[PatchEvent] = []
    for index in order[:half]:
        first, n = packets[index]
        events += assembler.push(packet_of(truth, first, n, start=start), at(first + n))
    on_disk = events[: data.draw(st.integers(0, len(events)))]
    kept = kept_of(assembler, on_disk, sum(packets[max(order[:half])]))
    assembler, events = resumed(kept), list(on_disk)
    assert assembler.plan(1000) is None, "nothing is asked before continuity is proven"
    live = [index for index in order[half:] if index > max(order[:half])]
    packets.append((len(truth), 20))
    truth = np.arange(len(truth) + 20, dtype=np.int32) * 7 - 100
    for index in [*live, len(packets) - 1]:
        first, n = packets[index]
        events += assembler.push(packet_of(truth, first, n, start=start), at(first + n))
    events += assembler.flush()
    while request := assembler.plan(1000):
        first = (request.first_counter - start) % COUNTER_MODULO
        answer = packet_of(truth, first, request.n_samples, start=start, from_memory=True)
        events += assembler.push(answer, at(len(truth)))
    assert store(events, len(truth)).tolist() == truth.tolist()


def test_a_reboot_before_the_kill_leaves_each_hole_to_its_own_epoch():
    truth = np.arange(250 * 60, dtype=np.int32)
    before = Assembler(FS_HZ, has_memory=True)
    events = before.push(packet_of(truth, 0, 1000), at(1000))
    boot = 2000
    reborn = packet_of(truth, 2500, 500, start=-boot, epoch=2)
    events += before.push(reborn, at(3000))
    after = resumed(kept_of(before, events[:1], 1000))
    later = packet_of(truth, 5000, 500, start=-boot, epoch=2)
    events = [*events[:1], *after.push(later, at(5500)), *after.flush()]
    assert after.plan(10**6) == FetchRequest(2, 0, 3000)
    answer = packet_of(truth, boot, 3000, start=-boot, epoch=2, from_memory=True)
    events += after.push(answer, at(5600))
    assert after.plan(10**6) == FetchRequest(1, 1000, 1000)
    events += after.push(packet_of(truth, 1000, 1000, from_memory=True), at(5600))
    assert store(events, 5500).tolist() == truth[:5500].tolist()


def test_an_old_epoch_number_with_a_younger_counter_is_another_start():
    truth = np.arange(250 * 60, dtype=np.int32)
    before = Assembler(FS_HZ, has_memory=True)
    events = before.push(packet_of(truth, 0, 5000), at(5000))
    after = resumed(kept_of(before, events, 5000))
    repaired = packet_of(truth, 10_000, 50, start=-10_000)
    said = after.push(repaired, at(10_050))
    assert said[0] == Gap(5000, 10_000, GapCause.REBOOT)
    assert frames_of(said)[0].first_sample == 10_000
    assert after.plan(10**6) is None, "its memory knows nothing of the hole"


def test_without_memory_a_lost_packet_stays_a_gap():
    truth = np.arange(500, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=False)
    events = assembler.push(packet_of(truth, 0, 100), at(100))
    events += assembler.push(packet_of(truth, 200, 300), at(500))
    assert Gap(100, 200, GapCause.LINK) in events + assembler.flush()
    assert assembler.plan(100) is None


def test_a_hole_in_the_measurement_is_not_asked_for():
    truth = np.arange(500, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    events = assembler.push(packet_of(truth, 0, 100, sequence=65535), at(100))
    events += assembler.push(packet_of(truth, 200, 300, sequence=0), at(500))
    assert Gap(100, 200, GapCause.SOURCE) in events + assembler.flush()
    assert assembler.plan(100) is None


def test_what_the_memory_no_longer_has_is_given_up():
    truth = np.arange(900, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    assembler.push(packet_of(truth, 0, 100), at(100))
    assembler.push(packet_of(truth, 300, 300), at(600))
    request = assembler.plan(150)
    assert request == FetchRequest(1, 150, 150)
    assembler.push(packet_of(truth, 160, 40, from_memory=True), at(600))
    assert assembler.missing_of(request) == 110
    assert assembler.missing_of(FetchRequest(9, 150, 150)) == 0
    assembler.give_up(request)
    assert assembler.missing_of(request) == 0
    assert assembler.plan(150) == FetchRequest(1, 100, 50)


def test_lead_changes_are_said_at_their_sample():
    truth = np.arange(300, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=False)
    events: list[PatchEvent] = []
    for first, on in ((0, True), (100, False), (200, True)):
        events += assembler.push(
            packet_of(truth, first, 100, leads_on=(on,)), at(first + 100)
        )
    states = [event for event in events if isinstance(event, LeadState)]
    assert states == [LeadState(100, (False,)), LeadState(200, (True,))]
    assert [frame.contact for frame in frames_of(events)] == [True, False, True]


def test_a_counter_from_nowhere_is_refused_and_changes_nothing():
    truth = np.arange(300, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    assembler.push(packet_of(truth, 0, 100), at(100))
    wild = SamplePacket(1, 400_000_000, truth[:100, None], (True,))
    with pytest.raises(BadPacket):
        assembler.push(wild, at(200))
    assert frames_of(assembler.push(packet_of(truth, 100, 100), at(200)))


def test_another_link_counts_its_packets_anew():
    """A number that fits by chance does not make a loss a hole of the measurement."""
    truth = np.arange(1000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    assembler.push(packet_of(truth, 0, 50, sequence=0), at(50))
    assembler.push(packet_of(truth, 50, 50, sequence=1), at(100))
    assembler.flush()  # the link broke; packets 0 and 1 of the next one were lost
    events = assembler.push(packet_of(truth, 400, 50, sequence=2), at(450))
    events += assembler.flush()
    assert Gap(100, 400, GapCause.LINK) in events
    assert assembler.plan(1000) == FetchRequest(1, 100, 300)


@pytest.mark.parametrize("jump", [-50_000, round(15 * 86_400 * FS_HZ)])
def test_a_counter_that_began_anew_under_an_old_number_is_a_new_start(jump):
    """A unit whose epoch number does not grow, or one that lay in a drawer for weeks."""
    truth = np.arange(100_000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    for first in range(0, 60_000, 50):
        assembler.push(packet_of(truth, first, 50), at(first + 50))
    events: list[PatchEvent] = []
    base = 60_000 + jump
    for k in range(6):
        packet = SamplePacket(
            1, (base + 50 * k) % COUNTER_MODULO, truth[k * 50 : k * 50 + 50, None], (True,)
        )
        if k < STRAYS - 1:
            with pytest.raises(BadPacket):
                assembler.push(packet, at(70_000 + 50 * k))
        else:
            events += assembler.push(packet, at(70_000 + 50 * k))
    events += assembler.flush()
    live = [f for f in frames_of(events) if not f.backfilled]
    assert [len(f.counts) for f in live] == [50] * (6 - STRAYS + 1)
    assert abs(live[0].first_sample - (70_000 + 50 * (STRAYS - 2))) <= 2
    request = assembler.plan(10_000)
    assert request is not None
    end = (base + 50 * (STRAYS - 1)) % COUNTER_MODULO
    assert (request.first_counter + request.n_samples) % COUNTER_MODULO == end


def test_single_packets_out_of_place_never_move_the_recording():
    truth = np.arange(100_000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    for first in range(0, 60_000, 50):
        if first >= 20_000 and first % 500 == 0:
            wild = [first - 15_000, first - 15_000 + 50]
            for one in wild:  # two that follow each other, then the right one
                with pytest.raises(BadPacket):
                    assembler.push(packet_of(truth, one, 50), at(first))
        assembler.push(packet_of(truth, first, 50), at(first + 50))
    assembler.flush()
    assert assembler.state.next_sample == 60_000
    assert assembler.missing_samples == 0


def test_a_reboot_goes_on_in_the_same_recording_at_the_right_time():
    truth = np.arange(250 * 400, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    events: list[PatchEvent] = []
    for first in range(0, 250 * 200, 50):
        events += assembler.push(packet_of(truth, first, 50), at(first + 50))
    # Dead from 200 s to 230 s; linked again at 240 s: 2500 samples wait in the memory.
    boot = 250 * 230
    for first in range(250 * 240, 250 * 260, 50):
        packet = packet_of(truth, first, 50, start=-boot, epoch=2)
        events += assembler.push(packet, at(first + 50))
    gaps = [event for event in events if isinstance(event, Gap)]
    assert gaps == [
        Gap(250 * 200, boot, GapCause.REBOOT),
        Gap(boot, 250 * 240, GapCause.LINK),
    ]
    request = assembler.plan(10**6)
    assert request == FetchRequest(2, 0, 2500)
    answer = packet_of(truth, boot, 2500, start=-boot, epoch=2, from_memory=True)
    events += assembler.push(answer, at(250 * 261))
    # The end of the first epoch may still be there too.
    assert assembler.plan(10**6) == FetchRequest(1, 250 * 200, 250 * 30)
    fit = assembler.clock
    assert fit is not None
    assert abs((fit.at(250 * 250) - at(250 * 250)).total_seconds()) < 0.02


@pytest.mark.parametrize(
    ("has_memory", "cause"), [(True, GapCause.REBOOT), (False, GapCause.UNKNOWN)]
)
def test_a_new_epoch_after_the_app_was_off_is_placed_by_our_clock(has_memory, cause):
    """A make without memory is numbered anew by each run: it need not have rebooted."""
    truth = np.arange(250 * 60, dtype=np.int32)
    before = Assembler(FS_HZ, has_memory=has_memory)
    events: list[PatchEvent] = []
    for first in range(0, 250 * 10, 50):
        events += before.push(packet_of(truth, first, 50), at(first + 50))
    after = resumed(kept_of(before, events, 2500), has_memory=has_memory)
    start = 250 * 40
    packet = packet_of(truth, start, 50, start=-start, epoch=2)
    events = after.push(packet, at(start + 50))
    assert events == [Gap(2500, start, cause), *frames_of(events)]
    assert frames_of(events)[0].first_sample == start


def test_a_late_packet_of_an_earlier_epoch_fills_its_gap():
    truth = np.arange(2000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    events = assembler.push(packet_of(truth, 0, 100), at(100))
    events += assembler.push(packet_of(truth, 400, 100), at(500))
    packet = packet_of(truth, 1000, 50, start=-1000, epoch=2)
    events += assembler.push(packet, at(1050))
    late = assembler.push(packet_of(truth, 100, 300), at(1060))
    assert [frame.first_sample for frame in frames_of(late)] == [100]
    assert frames_of(late)[0].backfilled
    answer = packet_of(truth, 500, 500, from_memory=True)
    late += assembler.push(answer, at(1070))
    assert store([*events, *late], 1050).tolist() == truth[:1050].tolist()


def test_a_reboot_of_no_length_leaves_no_gap_and_asks_for_nothing():
    truth = np.arange(1000, dtype=np.int32)
    for has_memory in (True, False):
        assembler = Assembler(FS_HZ, has_memory=has_memory)
        events = assembler.push(packet_of(truth, 0, 100), at(100))
        packet = packet_of(truth, 100, 100, start=-100, epoch=2)
        events += assembler.push(packet, at(200))
        assert not [event for event in events if isinstance(event, Gap)]
        assert assembler.plan(100) is None
        later = packet_of(truth, 500, 100, start=-100, epoch=2)
        events += assembler.push(later, at(600))
        assembler.give_up(FetchRequest(1, 0, 100))
        assert assembler.missing_samples == (300 if has_memory else 0)
        assert assembler.fs_hz == FS_HZ


def test_what_waits_in_a_rebooted_device_without_memory_is_lost():
    truth = np.arange(1000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=False)
    events = assembler.push(packet_of(truth, 0, 100), at(100))
    packet = packet_of(truth, 500, 100, start=-300, epoch=2)
    events += assembler.push(packet, at(600))
    gaps = [event for event in events if isinstance(event, Gap)]
    assert gaps == [Gap(100, 300, GapCause.REBOOT), Gap(300, 500, GapCause.LINK)]
    assert assembler.missing_samples == 0


def test_packets_that_overlap_give_each_sample_once():
    truth = np.arange(1000, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    events: list[PatchEvent] = []
    for first, n in ((0, 100), (60, 100), (220, 50), (230, 60), (220, 70), (270, 40)):
        events += assembler.push(packet_of(truth, first, n), at(first + n))
    events += assembler.push(packet_of(truth, 160, 60), at(300))
    events += assembler.flush()
    assert store(events, 310).tolist() == truth[:310].tolist()
    assert assembler.state.duplicates > 0


def test_a_press_has_a_place_only_in_a_known_epoch():
    truth = np.arange(500, dtype=np.int32)
    assembler = Assembler(FS_HZ, has_memory=True)
    assembler.push(packet_of(truth, 100, 100), at(100))
    assert assembler.position(1, 150) == 50
    assert assembler.position(2, 150) is None


def test_the_clock_finds_100_ppm_through_jitter_and_late_packets(rng):
    assembler = Assembler(FS_HZ, has_memory=False)
    truth = np.zeros(50, np.int32)[:, None]
    true_hz = FS_HZ * (1 + 100e-6)
    for first in range(0, 250 * 3600, 50):
        delay_s = 0.03 + float(rng.exponential(0.02)) + (rng.random() < 0.02) * 3
        end_s = (first + 50) / true_hz + delay_s
        packet = SamplePacket(1, first, truth, (True,))
        assembler.push(packet, START + timedelta(seconds=end_s))
    fit = assembler.clock
    assert fit is not None
    assert fit.drift_ppm == pytest.approx(100, abs=5)
    middle = 250 * 1800
    error_s = (fit.at(middle) - START).total_seconds() - middle / true_hz
    assert 0.025 < error_s < 0.045  # the shortest delay on the air stays in it
    assert fit.sample_at(fit.at(middle)) == pytest.approx(middle, abs=0.01)


def test_before_two_minutes_no_drift_is_claimed():
    assembler = Assembler(FS_HZ, has_memory=False)
    assert assembler.clock is None
    assembler.push(packet_of(np.zeros(50, np.int32), 0, 50), at(50))
    assert assembler.clock is not None
    assert assembler.clock.drift_ppm == 0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(0, 20)), max_size=40)
)
def test_ranges_are_a_set(steps):
    ranges, model = SampleRanges(), set()
    for add, first, length in steps:
        wanted = set(range(first, first + length))
        if add:
            ranges.add(first, first + length)
            model |= wanted
        else:
            hit = {i for a, b in ranges.overlap(first, first + length) for i in range(a, b)}
            assert hit == model & wanted
            taken = {
                i for a, b in ranges.remove(first, first + length) for i in range(a, b)
            }
            assert taken == hit
            model -= wanted
        spans = list(ranges)
        assert {i for a, b in spans for i in range(a, b)} == model
        assert all(a[1] < b[0] for a, b in pairwise(spans))
        assert ranges.n_samples == len(model)
        assert len(ranges) == len(spans)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-9, 9)), min_size=2, max_size=60),
    st.integers(0, 10**6),
)
def test_timestamps_number_samples_through_jitter_and_loss(packets, start):
    """73 samples of 130 Hz, jitter of a tenth of a packet, any packets lost."""
    counter = TimestampCounter(130.0)
    placed: list[tuple[int, tuple[int, int]]] = []
    for index, (arrives, jitter) in enumerate(packets):
        if arrives or not placed:
            time_s = start + (index * 73 + jitter * 0.25) / 130
            placed.append((index, counter.place(time_s, 73)))
    origin = placed[0][0]
    for index, (epoch, first) in placed:
        assert epoch == 0
        assert abs(first - (index - origin) * 73) <= 5 * len(packets)
        assert first >= 0


def test_timestamps_without_loss_are_contiguous_and_show_the_real_rate(rng):
    counter = TimestampCounter(130.0)
    for index in range(2000):
        time_s = index * 73 / 130.4 + float(rng.normal(0, 0.003))
        assert counter.place(time_s, 73) == (0, index * 73)
    assert counter.fs_hz == pytest.approx(130.4, abs=0.05)


def test_timestamps_wrap_repeat_and_reboot():
    counter = TimestampCounter(250.0, modulo_s=4294967.296)
    assert counter.place(4294967.264, 16) == (0, 0)
    assert counter.place(0.032, 16) == (0, 16)
    assert counter.place(0.032, 16) == (0, 16)
    assert counter.place(4.0, 16)[1] > 900
    assert counter.place(2_000_000.0, 16) == (1, 0)
    backwards = TimestampCounter(130.0)
    assert backwards.place(1000.0, 73) == (0, 0)
    assert backwards.place(5.0, 73) == (1, 0)


class Air:
    """A link in virtual time between a unit and an assembler, with walks out of range."""

    def __init__(self, unit: AnxinUnit, ppm: float, rng: np.random.Generator) -> None:
        self.unit, self.rng = unit, rng
        self.true_hz = unit.fs_hz * (1 + ppm * 1e-6)
        self.assembler = Assembler(unit.fs_hz, has_memory=True)
        self.events: list[PatchEvent] = []
        self.measured = 0
        self.fetching: FetchRequest | None = None

    def hello(self) -> None:
        """Skip the proof, which other tests cover: the unit believes us."""
        self.unit._proven = self.unit._streaming = True
        self.fetching = None

    def tick(self, n_samples: int, *, linked: bool) -> None:
        self.unit.measure(n_samples)
        self.measured += n_samples
        if not linked:
            return
        if self.fetching is None:
            self.fetching = self.assembler.plan(20 * 250)
            if self.fetching is not None:
                payload = anxin.encode_fetch(self.fetching)
                command = anxin.encode_command(anxin.Command(anxin.Op.FETCH, payload))
                self.unit.write(anxin.CONTROL, command)
        delay_s = 0.008 + float(self.rng.exponential(0.01))
        moment = START + timedelta(seconds=self.measured / self.true_hz + delay_s)
        for uuid, data in self.unit.outgoing(247):
            if uuid == anxin.STREAM:
                packet = anxin.decode_frame(data, 1, 2)
                self.events += self.assembler.push(packet, moment)
            elif uuid == anxin.CONTROL:
                response = anxin.decode_response(data)
                if response.op is anxin.Op.FETCHED:
                    self.fetching = None


def test_a_day_with_200_disconnections_is_complete_and_on_time(rng):
    """24 h of one lead at 250 Hz; the device's clock is 100 ppm fast."""
    maker = UnitMaker("0042", b"k" * 32, memory_s=3 * 3600, first_counter=2**32 - 10**6)
    # Noise whose period is prime to everything: a shifted sample cannot go unseen.
    noise = rng.integers(-30_000, 30_000, (150_001, 1)).astype(np.int32)
    record = ReplaySource(FS_HZ, ("ECG",), 400.0, noise, np.ones(150_001, np.bool_))
    unit = AnxinUnit(ReplayReader(record, loop=True), maker, random_bytes=rng.bytes)
    air = Air(unit, 100.0, rng)
    day_s, tick_s = 86_400, 1
    away = np.zeros(day_s, np.bool_)
    for leaves in rng.choice(np.arange(60, day_s - 1800, 400), 200, replace=False):
        away[leaves : leaves + int(rng.integers(2, 380))] = True
    assert int((np.diff(away.astype(int)) == 1).sum()) == 200
    air.hello()
    was_away = False
    for second in range(0, day_s, tick_s):
        if away[second] and not was_away:
            unit.link_lost()
            air.events += air.assembler.flush()
        if was_away and not away[second]:
            air.hello()
        was_away = bool(away[second])
        air.tick(250 * tick_s, linked=not was_away)

    assert air.assembler.missing_samples == 0
    kept = store(air.events, day_s * 250)
    truth = np.resize(noise[:, 0], len(kept))
    assert np.array_equal(kept, truth)
    assert air.assembler.state.duplicates == 0
    fit = air.assembler.clock
    assert fit is not None
    assert fit.drift_ppm == pytest.approx(100, abs=1)
    for sample in range(0, day_s * 250, 250 * 600):
        error_s = (fit.at(sample) - START).total_seconds() - sample / air.true_hz
        assert abs(error_s) < 0.020
