"""A virtual patch says what happened, in order, and never a flat line for a hole."""

import asyncio
import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from sensors.errors import BadScenario, LinkUnavailable
from sensors.frames import (
    Battery,
    Button,
    EcgFrame,
    Gap,
    GapCause,
    LeadState,
    LinkReason,
    LinkState,
)
from sensors.virtual.faults import Fault, FaultKind, FaultScript, read_faults
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch import VirtualPatch, Wear
from sensors.virtual.replay import ReplayPatch, ReplaySource, replay_source_from_mv

FAST = Wear(speed=math.inf)


def now() -> datetime:
    return datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


async def listen(patch, until_sample: int) -> list:
    heard = []
    await patch.connect()
    async for event in patch.events():
        heard.append(event)
        live = isinstance(event, EcgFrame) and not event.backfilled
        if live and event.first_sample >= until_sample:
            await patch.close()
    return heard


def hear(until_s: float, *, heart="sinus_calm", faults=(), wear=FAST) -> list:
    patch = VirtualPatch(
        named_heart(heart), serial="A1", now=now, wear=wear, faults=FaultScript(faults)
    )
    return asyncio.run(listen(patch, round(until_s * 250)))


def of(kind, heard) -> list:
    return [event for event in heard if isinstance(event, kind)]


def stored(heard) -> dict[int, int]:
    return {
        frame.first_sample + i: int(count)
        for frame in of(EcgFrame, heard)
        for i, count in enumerate(frame.counts[:, 0])
    }


def test_frames_follow_each_other_from_sample_zero():
    heard = hear(10)
    frames = of(EcgFrame, heard)
    assert heard[0] == LinkState(LinkReason.CONNECTED)
    assert heard[-1] == LinkState(LinkReason.CLOSED)
    assert frames[0].first_sample == 0
    for frame, after in pairwise(frames):
        assert frame.first_sample + len(frame.counts) == after.first_sample
    assert all(frame.contact for frame in frames)
    assert of(Battery, heard) == [Battery(100)]


def test_real_time_takes_real_time():
    async def play() -> float:
        patch = VirtualPatch(named_heart("af"), serial="A1", now=now, wear=Wear(speed=20.0))
        loop = asyncio.get_running_loop()
        started = loop.time()
        await listen(patch, 250 * 10)
        return loop.time() - started

    assert 0.45 < asyncio.run(play()) < 1.5


def test_a_walk_out_of_range_is_a_gap_that_the_memory_fills_exactly():
    walk = Fault(FaultKind.RANGE_LOSS, at_s=5, duration_s=7)
    heard = hear(30, faults=(walk,))
    truth = named_heart("sinus_calm").read(250 * 30).counts[:, 0]
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    (gap,) = of(Gap, heard)
    assert gap == Gap(1250, 3000, GapCause.LINK)
    samples = stored(heard)
    assert [samples[i] for i in range(len(truth))] == truth.tolist()
    live = [f for f in of(EcgFrame, heard) if not f.backfilled]
    assert not any(1250 <= f.first_sample < 3000 for f in live)
    total = sum(len(f.counts) for f in of(EcgFrame, heard))
    assert total == len(samples)


def test_a_patch_without_memory_leaves_the_gap():
    walk = Fault(FaultKind.RANGE_LOSS, at_s=5, duration_s=7)
    heard = hear(30, faults=(walk,), wear=Wear(speed=math.inf, memory_s=0))
    assert of(Gap, heard) == [Gap(1250, 3000, GapCause.LINK)]
    assert not any(f.backfilled for f in of(EcgFrame, heard))


def test_single_lost_packets_are_gaps_and_come_later():
    storm = Fault(FaultKind.PACKET_LOSS, at_s=2, duration_s=10, strength=0.4)
    heard = hear(30, faults=(storm,))
    assert len(of(Gap, heard)) > 3
    assert sorted(stored(heard)) == list(range(len(stored(heard))))


def test_a_loose_electrode_is_said_and_contact_is_not_claimed():
    off = Fault(FaultKind.LEAD_OFF, at_s=4, duration_s=4)
    heard = hear(12, faults=(off,))
    assert of(LeadState, heard) == [LeadState(1000, (False,)), LeadState(2000, (True,))]
    for frame in of(EcgFrame, heard):
        assert frame.contact == (not 1000 <= frame.first_sample < 2000)
        if not frame.contact:
            assert np.ptp(frame.counts) < 10


def test_a_reboot_is_a_gap_of_its_own_kind():
    heard = hear(12, faults=(Fault(FaultKind.REBOOT, at_s=4, duration_s=3),))
    assert of(Gap, heard) == [Gap(1000, 1750, GapCause.REBOOT)]


def test_an_empty_battery_ends_the_recording():
    heard = hear(60, faults=(Fault(FaultKind.BATTERY_DEATH, at_s=8),))
    assert heard[-1] == LinkState(LinkReason.BATTERY_EMPTY)
    assert of(Battery, heard)[-1] == Battery(0)
    with pytest.raises(LinkUnavailable):
        hear(5, wear=Wear(battery_percent=0))


def test_the_battery_drains():
    heard = hear(20, wear=Wear(speed=math.inf, battery_percent=50, battery_life_s=100))
    assert [b.percent for b in of(Battery, heard)][:3] == [50, 49, 48]


def test_a_person_can_press_walk_and_loosen():
    async def play() -> list:
        patch = VirtualPatch(named_heart("af"), serial="A1", now=now, wear=FAST)
        heard = []
        async for event in patch.events():
            heard.append(event)
            if not isinstance(event, EcgFrame):
                continue
            match event.first_sample:
                case 500:
                    patch.press_button()
                case 1000:
                    patch.loosen()
                case 2000:
                    patch.reattach()
                    patch.walk_away()
                    asyncio.get_running_loop().call_later(0.02, patch.come_back)
            if event.first_sample > 2000 and not event.backfilled:
                await patch.close()
        return heard

    heard = asyncio.run(play())
    assert of(Button, heard) == [Button(550)]
    assert LeadState(1050, (False,)) in heard
    assert LinkState(LinkReason.OUT_OF_RANGE) in heard
    assert of(Gap, heard)[0].first_sample == 2050


def test_a_replayed_hole_is_a_gap_and_nothing_is_resampled():
    ecg_mv = np.sin(np.arange(3600) / 20)[:, None]
    ecg_mv[900:1500] = np.nan
    source = replay_source_from_mv(ecg_mv, 360.0, ("MLII",), 200.0)
    patch = ReplayPatch(source, serial="R1", now=now, wear=FAST)
    info = asyncio.run(patch.connect())
    assert (info.fs_hz, info.lead_names) == (360.0, ("MLII",))
    heard = asyncio.run(listen(patch, 10**9))
    assert of(Gap, heard) == [Gap(900, 1500, GapCause.SOURCE)]
    samples = stored(heard)
    assert sorted(samples) == [*range(900), *range(1500, 3600)]
    assert all(samples[i] == source.counts[i, 0] for i in samples)


def test_a_looped_record_keeps_counting():
    counts = np.arange(500, dtype=np.int32)[:, None]
    source = ReplaySource(250.0, ("ECG",), 400.0, counts, np.ones(500, np.bool_))
    patch = ReplayPatch(source, serial="R1", now=now, loop=True, wear=FAST)
    samples = stored(asyncio.run(listen(patch, 1200)))
    assert sorted(samples) == list(range(len(samples)))
    assert samples[1100] == 100


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(BadScenario):
        replay_source_from_mv(np.zeros(10), 250.0, ("ECG",))
    with pytest.raises(BadScenario):
        replay_source_from_mv(np.zeros((10, 2)), 250.0, ("ECG",))
    with pytest.raises(BadScenario):
        replay_source_from_mv(np.zeros((0, 1)), 250.0, ("ECG",))


def test_faults_are_read_from_a_script():
    script = read_faults('[[fault]]\nkind = "range_loss"\nat_s = 60\nduration_s = 120\n')
    assert script.at(FaultKind.RANGE_LOSS, 100)
    assert not script.at(FaultKind.RANGE_LOSS, 200)
    for text in ('[[fault]]\nkind = "flood"\nat_s = 1\n', "[[", "[[fault]]\nx = 1\n"):
        with pytest.raises(BadScenario):
            read_faults(text)
    with pytest.raises(BadScenario):
        Fault(FaultKind.REBOOT, at_s=-1)
