"""What the patch measured while nobody listened is stored at the clinic, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.clinic_api import ClinicApi, Line
from app.monitor import Monitor
from app.spool import Spool
from app.uplink import Outcome, Uplink
from clinic_server.analysis import service as analysis
from clinic_server.analysis import store
from clinic_server.analysis.live import LiveAnalysis
from clinic_server.recordings import service as recordings
from sensors.assembler import Assembler
from sensors.frames import LinkReason, LinkState, PatchEvent, PatchInfo
from sensors.packets import SamplePacket
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.patch_over_radio import PatchOverRadio

FS_HZ = 250.0
PACKET_N = 50
SERIAL = "AX-0001"


def utc_now() -> datetime:
    return datetime.now(UTC)


class LossyUnit:
    """A patch with a memory: packets are lost on the air, and fetched when it is asked."""

    def __init__(self, n_samples: int, lost: Callable[[int], bool]) -> None:
        self.counts = named_heart("ectopy", seed=4).read(n_samples).counts
        self._lost = lost
        self._assembler = Assembler(FS_HZ, has_memory=True)
        self.fetching = asyncio.Event()

    async def connect(self) -> PatchInfo:
        return PatchInfo(SERIAL, "m", "1", FS_HZ, ("II",), 200.0)

    async def close(self) -> None:
        return

    def _packet(self, number: int, *, late: bool) -> SamplePacket:
        first = number * PACKET_N
        return SamplePacket(
            epoch=1,
            first_counter=first,
            counts=self.counts[first : first + PACKET_N],
            leads_on=(True,),
            sequence=None if late else number % 2**16,
            from_memory=late,
        )

    async def events(self) -> AsyncIterator[PatchEvent]:
        yield LinkState(LinkReason.CONNECTED)
        for number in range(len(self.counts) // PACKET_N):
            if self._lost(number):
                continue
            for event in self._assembler.push(self._packet(number, late=False), utc_now()):
                yield event
        for event in self._assembler.flush():
            yield event
        yield LinkState(LinkReason.OUT_OF_RANGE)
        await self.fetching.wait()
        while (request := self._assembler.plan(5000)) is not None:
            first = request.first_counter // PACKET_N
            for number in range(first, first + request.n_samples // PACKET_N):
                packet = self._packet(number, late=True)
                for event in self._assembler.push(packet, utc_now()):
                    yield event


class Way:
    """Everything between a patch and the clinic's disk."""

    def __init__(self, clinic: Any, ward: Any, folder: Any) -> None:
        self.clinic = clinic
        self.spool = Spool(folder / "spool.sqlite", 10**8)
        self.api = ClinicApi(clinic.url, 10.0, Line())
        self.api.token = clinic.phone(ward.code, SERIAL).token
        rng = np.random.default_rng(1)
        self.uplink = Uplink(self.spool, self.api, rng, utc_now)
        self.monitor = Monitor(
            self.spool,
            clock=utc_now,
            mono_s=lambda: 1.0,
            segment_s=2.0,
            max_s=86_400.0,
            on_change=lambda: None,
        )

    async def drained(self) -> None:
        """Send until nothing waits."""
        while await self.uplink.step() is Outcome.SENT:
            pass

    @property
    def rid(self) -> str:
        assert self.monitor.recorder is not None
        assert self.monitor.recorder.rid is not None
        return self.monitor.recorder.rid

    def stored(self) -> tuple[Any, list[Any]]:
        with self.clinic.read() as session:
            recording = recordings.recording_by_id(session, self.rid)
            window = recordings.window(session, self.rid, 0, recording.end_sample)
            return window, recordings.gaps(session, self.rid)

    async def close(self) -> None:
        await self.api.close()
        self.spool.close()


@pytest.fixture
def way(clinic, ward, tmp_path):
    return Way(clinic, ward, tmp_path)


def further(monitor: Monitor, sample: int) -> bool:
    """The phone has samples beyond this one."""
    return monitor._device_end > sample


async def until(true: Callable[[], bool], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - a file and a server are looked at
            await asyncio.sleep(0.05)


def test_gaps_that_were_already_uploaded_are_filled_exactly_and_analysed(
    way, clinic, clock
):
    n_samples = round(180 * FS_HZ)
    n_packets = n_samples // PACKET_N
    rng = np.random.default_rng(8)
    lost = set(rng.choice(n_packets - 20, 60, replace=False).tolist()) - {0}
    lost |= set(range(400, 650))  # 50 s out of range
    live = LiveAnalysis(clinic.parts.db, clinic.parts.bus, clock, ZoneInfo("Asia/Shanghai"))

    def analyse() -> None:
        clock.forward(seconds=30)
        while live.round():
            pass

    async def run() -> None:
        unit = LossyUnit(n_samples, lost.__contains__)
        listening = asyncio.create_task(way.monitor.run(unit, SERIAL))
        last = n_samples
        await until(lambda: way.monitor._device_end == last)
        await until(lambda: way.monitor.patch.link is LinkReason.OUT_OF_RANGE)
        await way.drained()
        window, gaps = way.stored()
        assert {gap.cause for gap in gaps} == {"link"}
        assert int((~window.present).sum()) == len(lost) * PACKET_N
        await asyncio.to_thread(analyse)
        with clinic.read() as session:
            hole = (400 * PACKET_N, 650 * PACKET_N)
            assert not len(analysis.beats_in(session, way.rid, *hole))
        unit.fetching.set()
        await listening
        await way.drained()
        window, gaps = way.stored()
        assert gaps == []
        assert window.present.all()
        assert window.contact.all()
        assert window.counts.tobytes() == unit.counts.tobytes()
        await asyncio.to_thread(analyse)
        with clinic.read() as session:
            assert store.analysed(session, way.rid) == [(0, n_samples)]
            beats = analysis.beats_in(session, way.rid, *hole)
            assert 40 <= len(beats) <= 80, "50 s of a heart at rest"
            recording = recordings.recording_by_id(session, way.rid)
            assert recording.stored_samples == n_samples
        await way.close()

    asyncio.run(run())


def test_a_walk_out_of_range_of_a_real_link_leaves_no_hole_at_the_clinic(way):
    truth = named_heart("af", seed=9).read(round(120 * FS_HZ)).counts

    async def run() -> None:
        patch = PatchOverRadio(
            named_heart("af", seed=9),
            serial=SERIAL,
            now=utc_now,
            rng=np.random.default_rng(3),
            conditions=RadioConditions(speed=4.0, needs_bond=True, waits_for_phone=True),
        )
        listening = asyncio.create_task(way.monitor.run(patch, SERIAL, 4.0))
        sending = asyncio.create_task(way.uplink.run())
        await until(lambda: way.monitor._device_end > 500)
        for _ in range(3):
            patch.walk_away()
            await until(lambda: way.monitor.patch.link is LinkReason.OUT_OF_RANGE)
            await asyncio.sleep(0.6)
            patch.come_back()
            await until(lambda: way.monitor.patch.link is LinkReason.CONNECTED)
            back = way.monitor._device_end
            await until(partial(further, way.monitor, back + 250))
        await until(lambda: patch.missing_samples == 0)
        await asyncio.sleep(0.5)
        await patch.close()
        await listening
        await until(lambda: way.spool.backlog().segments == 0)
        sending.cancel()
        window, gaps = way.stored()
        assert gaps == []
        assert window.present.all()
        head = window.counts[:100].tobytes()
        shift = next(k for k in range(3000) if truth[k : k + 100].tobytes() == head)
        here = truth[shift : shift + len(window.counts)]
        assert window.counts.tobytes() == here.tobytes()
        await way.close()

    asyncio.run(run())
