"""Frames become segments on the recording's own clock; a full phone is said, not hidden."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.heart_rate import HeartRateMeter, Trust
from app.monitor import Monitor, TraceRing
from app.recorder import Recorder
from app.spool import Spool
from clinic_server.wire.ecg import (
    FittedClock,
    SegmentHeader,
    UploadState,
    decode_segment,
)
from sensors.clock import ClockFit
from sensors.frames import EcgFrame, GapCause, PatchEvent, PatchInfo
from sensors.patch import Kept
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch import VirtualPatch, Wear

T0 = datetime(2026, 11, 23, 6, tzinfo=UTC)
INFO = PatchInfo("AX-1", "m", "1", 250.0, ("ECG",), 400.0)


class Wall:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite", 10**8)
    yield spool
    spool.close()


def make_recorder(spool: Spool, wall: Wall, **more: Any) -> Recorder:
    options: dict[str, Any] = {"segment_s": 1.0, "max_s": 86_400.0} | more
    return Recorder(spool, INFO, clock=wall, mono_s=lambda: 1.0, **options)


def frame(
    first: int, wall: Wall, n: int = 50, contact: bool = True, value: int = 0
) -> EcgFrame:
    return EcgFrame(first, np.full((n, 1), value, np.int32), wall.now, contact)


def bodies(spool: Spool) -> list[SegmentHeader]:
    rows = spool._db.execute("SELECT body FROM segment ORDER BY place").fetchall()
    return [decode_segment(body)[0] for (body,) in rows]


def test_a_second_of_frames_is_one_segment(spool, wall):
    recorder = make_recorder(spool, wall)
    done = [one for i in range(10) for one in recorder.add(frame(i * 50, wall))]
    assert [(d.first_sample, len(d.counts)) for d in done] == [(0, 250), (250, 250)]


@pytest.mark.parametrize("measures", [True, False])
def test_the_clinic_is_told_whether_contact_is_measured(spool, wall, measures):
    recorder = Recorder(
        spool,
        replace(INFO, measures_contact=measures),
        clock=wall,
        mono_s=lambda: 1.0,
        segment_s=1.0,
        max_s=86_400.0,
    )
    recorder.add(frame(0, wall))
    (known,) = spool.recordings()
    assert known.meta.measures_contact is measures


def test_a_gap_is_a_jump_with_its_cause_and_never_samples(spool, wall):
    recorder = make_recorder(spool, wall)
    recorder.add(frame(0, wall))
    recorder.gap(GapCause.LINK)
    recorder.add(frame(500, wall))
    recorder.flush()
    first, second = bodies(spool)
    assert (first.first_sample, first.n_samples, first.gap_cause) == (0, 50, None)
    assert (second.first_sample, second.n_samples, second.gap_cause) == (500, 50, "link")


def test_contact_never_changes_inside_a_segment(spool, wall):
    recorder = make_recorder(spool, wall)
    recorder.add(frame(0, wall, contact=True))
    recorder.add(frame(50, wall, contact=False))
    recorder.flush()
    assert [h.contact for h in bodies(spool)] == [True, False]


def test_backfill_lands_in_its_hole(spool, wall):
    recorder = make_recorder(spool, wall)
    recorder.add(frame(0, wall))
    recorder.gap(GapCause.LINK)
    recorder.add(frame(500, wall))
    for at in (50, 100):
        recorder.add(frame(at, wall), late=True)
    recorder.flush()
    recorder.flush_late()
    assert {(h.first_sample, h.n_samples) for h in bodies(spool)} == {
        (0, 50),
        (500, 50),
        (50, 100),
    }


def test_a_restart_goes_on_with_the_recording_on_the_clock(spool, wall):
    first = make_recorder(spool, wall)
    for i in range(5):
        wall.now += timedelta(seconds=0.2)
        first.add(frame(i * 50, wall))
    rid = first.rid
    wall.now += timedelta(seconds=10)
    second = make_recorder(spool, wall)
    wall.now += timedelta(seconds=0.2)
    second.add(frame(0, wall))
    (done,) = second.flush()
    assert (done.rid, done.seq) == (rid, 1)
    assert done.first_sample == 250 + 10 * 250


class Counting:
    """A patch that counts on while no app listens."""

    clock: ClockFit | None = None

    def places(self) -> tuple[tuple[int, int], ...]:
        return ((7, -1000),)

    async def connect(self) -> PatchInfo:
        return INFO

    async def events(self) -> AsyncIterator[PatchEvent]:
        return
        yield

    async def close(self) -> None:
        return

    def resume(self, kept: Kept) -> None:
        raise NotImplementedError


def test_a_patch_that_counts_on_is_placed_by_its_counter_and_not_by_the_clock(spool, wall):
    recorder = make_recorder(spool, wall, lasting=Counting())
    for at in range(400, 900, 50):
        recorder.add(frame(at, wall))
    recorder.flush()
    recorder.add(frame(900, wall))  # killed before this is on the disk
    kept = spool.kept(INFO.serial)
    assert kept == Kept(((7, -1000),), 400, ((400, 900),), wall.now)
    wall.now += timedelta(hours=3)  # the phone's clock is wrong: nobody asks it
    again = make_recorder(spool, wall, lasting=Counting())
    again.gap(GapCause.LINK)
    done = again.add(frame(2000, wall)) + again.flush()
    assert [(one.rid, one.first_sample) for one in done] == [(recorder.rid, 1600)]
    filled = again.add(frame(900, wall, n=1100), late=True) + again.flush()
    assert sum(len(one.counts) for one in filled) == 1100
    again_kept = spool.kept(INFO.serial)
    assert again_kept is not None
    assert again_kept.stored == ((400, 2050),)
    assert spool.kept("another unit") is None


def test_a_pause_over_midnight_is_filled_on_both_days(spool, wall):
    recorder = make_recorder(spool, wall, max_s=10.0, lasting=Counting())
    for at in range(0, 2600, 50):
        recorder.add(frame(at, wall, value=at))
    recorder.flush()
    again = make_recorder(spool, wall, max_s=10.0, lasting=Counting())
    again.add(frame(4000, wall))
    late = again.add(frame(2450, wall, n=200), late=True) + again.flush_late()
    first_day, second_day = (one.rid for one in spool.clocks(INFO.serial))
    placed = {(one.rid, one.first_sample, len(one.counts)) for one in late}
    assert placed == {(first_day, 2450, 50), (second_day, 0, 150)}


def test_another_loan_goes_on_with_neither_day_of_the_one_before(spool, wall):
    recorder = make_recorder(spool, wall, max_s=10.0, lasting=Counting())
    for at in range(0, 2600, 50):
        recorder.add(frame(at, wall))
    recorder.flush()
    spool.end_all()
    assert spool.kept(INFO.serial) is None
    again = make_recorder(spool, wall, lasting=Counting())
    again.add(frame(2600, wall))
    assert again.rid not in {recorder.rid, *(one.rid for one in spool.recordings()[:2])}


def test_a_segment_says_now_and_then_how_the_patchs_clock_runs(spool, wall):
    patch = Counting()
    patch.clock = ClockFit(250.025, 100.0, wall.now, span_s=600.0)
    recorder = make_recorder(spool, wall, lasting=patch)
    for at in range(1000, 1000 + 70 * 250, 50):
        recorder.add(frame(at, wall))
    recorder.flush()
    said = [header.clock for header in bodies(spool) if header.clock]
    start_at = patch.clock.at(1000)
    assert said == [FittedClock(start_at=start_at, fs_hz=250.025, span_s=600.0)] * 2


def test_a_clock_set_back_never_overwrites(spool, wall):
    first = make_recorder(spool, wall)
    first.add(frame(0, wall))
    first.flush()
    wall.now -= timedelta(hours=3)
    second = make_recorder(spool, wall)
    second.add(frame(0, wall))
    (done,) = second.flush()
    assert done.first_sample >= 50


def test_a_day_is_one_recording(spool, wall):
    recorder = make_recorder(spool, wall, max_s=1.0)
    for i in range(10):
        recorder.add(frame(i * 50, wall))
    recorder.flush()
    recordings = spool.recordings()
    assert [one.next_sample for one in recordings] == [250, 250]


def test_yesterday_takes_backfill_until_none_has_come_for_ten_minutes(spool, wall):
    recorder = make_recorder(spool, wall, max_s=1000.0)
    recorder.add(frame(0, wall))
    recorder.add(frame(260_000, wall))  # the day changed while the link was lost
    recorder.add(frame(50, wall), late=True)
    recorder.flush()
    yesterday, today = spool.recordings()
    assert (yesterday.next_sample, yesterday.ended) == (100, False)
    assert (today.next_sample, today.ended) == (50, False)
    for at in range(260_050, 260_050 + 150_000, 50):
        recorder.add(frame(at, wall))
    assert [one.ended for one in spool.recordings()] == [True, False]
    recorder.add(frame(100, wall), late=True)
    assert recorder.lost_samples == 50


def test_a_recording_the_clinic_closed_gets_no_backfill(spool, wall):
    recorder = make_recorder(spool, wall)
    recorder.add(frame(0, wall))
    recorder.renew(500)
    recorder.add(frame(500, wall))
    recorder.add(frame(50, wall), late=True)
    recorder.flush()
    assert [one.ended for one in spool.recordings()] == [True, False]
    assert recorder.lost_samples == 50


def test_a_full_phone_keeps_the_oldest_and_says_so(tmp_path, wall):
    spool = Spool(tmp_path / "spool.sqlite", 700)
    recorder = make_recorder(spool, wall)
    for i in range(60):
        recorder.add(frame(i * 50, wall))
    assert recorder.full
    assert recorder.lost_samples > 0
    assert bodies(spool)[0].first_sample == 0
    rid = recorder.rid
    state = UploadState(next=99, missing=[], server_at=T0)
    assert rid is not None
    spool.confirm(rid, state)
    for i in range(60, 70):
        recorder.add(frame(i * 50, wall))
    assert not recorder.full
    spool.close()


def test_only_what_the_clinic_has_is_deleted(spool, wall):
    recorder = make_recorder(spool, wall)
    for i in range(25):
        recorder.add(frame(i * 50, wall))
    rid = recorder.rid
    assert rid is not None
    state = UploadState(next=1, missing=[(1, 2)], server_at=T0)
    assert spool.confirm(rid, state, 2) == 1, "2 is called missing: it stays"
    assert spool.confirm(rid, state, 4) == 1
    left = spool._db.execute("SELECT seq FROM segment ORDER BY seq").fetchall()
    assert left == [(1,), (2,), (3,)]


def test_the_ring_shows_a_hole_as_a_hole():
    ring = TraceRing(250.0)
    ring.put(0, np.ones(100, np.float32))
    ring.put(200, np.full(100, 2, np.float32))
    window = ring.window(0, 310)
    assert np.isfinite(window[:100]).all()
    assert np.isnan(window[100:200]).all()
    assert np.isfinite(window[200:300]).all()
    assert np.isnan(window[300:]).all()


def test_the_phone_counts_a_calm_heart_and_nothing_else():
    heart = named_heart("sinus_calm", seed=3)
    meter = HeartRateMeter(250.0, 400.0)
    for _ in range(30):
        block = heart.read(250)
        meter.add(block.first_sample, block.counts, contact=True)
    rate = meter.now()
    assert rate.trust is Trust.GOOD
    assert rate.bpm is not None
    assert 50 <= rate.bpm <= 90


def test_the_monitor_refuses_a_patch_that_was_not_issued(spool, wall):
    heart = named_heart("sinus_calm")
    patch = VirtualPatch(heart, serial="AX-9", now=wall, wear=Wear(speed=50.0))
    monitor = Monitor(
        spool,
        clock=wall,
        mono_s=lambda: 0.0,
        segment_s=1.0,
        max_s=60.0,
        on_change=lambda: None,
    )
    asyncio.run(monitor.run(patch, "AX-1"))
    assert monitor.patch.refused == "sensors.wrong_device"
    assert spool.recordings() == []
