"""A day on one patch with 200 walks out of range, from electronics to the clinic's disk.

The unit, its packets, proof, memory, our driver, reconnection, assembler, phone, queue,
uplink and server are the real ones; only the air is played in virtual time, so that a day
takes minutes. The whole day is a bench: ``scripts/test -m bench`` with this file.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlmodel import col, func, select

from app.clinic_api import ClinicApi, Line
from app.monitor import Monitor
from app.spool import Spool
from app.uplink import Uplink
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Segment
from sensors.anxin_driver import AnxinDriver
from sensors.ble_patch import Backoff, BlePatch
from sensors.errors import LinkUnavailable
from sensors.frames import LinkReason
from sensors.link import GattLink, OnValue
from sensors.profiles import anxin_pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.hearts import named_heart
from tests.factories import NOW

SERIAL, CODE = "AX-0001", "7K2F011VX9"
FS_HZ = 250.0
PPM = 100.0
TRUE_HZ = FS_HZ * (1 + PPM * 1e-6)
STEP_S = 0.5
MTU = 247
MOST_WAITING = 300  # events that the phone has not read: the air waits for a slow machine


class FlatAir:
    """One unit and one phone in virtual time, with walks out of range."""

    def __init__(self, walks: list[tuple[float, float]], rng: np.random.Generator) -> None:
        key = anxin_pairing.derive_key(CODE, SERIAL)
        heart = named_heart("busy_day", seed=11)
        self.unit = AnxinUnit(heart, UnitMaker(SERIAL, key), secrets.token_bytes)
        self.measured = 0
        self.broken = 0
        self._walks = walks
        self._rng = rng
        self._link: FlatLink | None = None

    def now(self) -> datetime:
        """The phone's clock when a packet comes in; the patch's runs 100 ppm fast."""
        delay_s = 0.004 + float(self._rng.exponential(0.02))
        return true_time(self.measured) + timedelta(seconds=delay_s)

    async def open(self, on_gone: Callable[[], None]) -> GattLink:
        if self._is_away():
            raise LinkUnavailable(reason=LinkReason.OUT_OF_RANGE)
        self._link = FlatLink(self, on_gone)
        return self._link

    def refused(self) -> None:
        raise AssertionError("it is the unit that was issued")

    def _is_away(self) -> bool:
        at_s = self.measured / FS_HZ
        return any(begin <= at_s < end for begin, end in self._walks)

    def step(self, n_samples: int) -> None:
        """Let the unit measure; break or serve the link."""
        if n_samples:
            assert self.unit.measure(n_samples)
            self.measured += n_samples
        if self._link is not None and self._is_away():
            gone, self._link = self._link, None
            self.broken += 1
            self.unit.link_lost()
            gone.on_gone()
        self.deliver()

    def deliver(self) -> None:
        """Carry what the unit wants to say."""
        if self._link is not None:
            for uuid, data in self.unit.outgoing(MTU):
                self._link.carry(uuid, data)


class FlatLink:
    """A `GattLink` to the unit, without a radio."""

    mtu = MTU

    def __init__(self, air: FlatAir, on_gone: Callable[[], None]) -> None:
        self._air = air
        self._ears: dict[str, OnValue] = {}
        self.on_gone = on_gone

    def offers(self, service_uuid: str) -> bool:
        return service_uuid in self._air.unit.table

    async def read(self, uuid: str) -> bytes:
        return self._air.unit.read(uuid)

    async def write(self, uuid: str, data: bytes) -> None:
        self._air.unit.write(uuid, data)
        asyncio.get_running_loop().call_soon(self._air.deliver)

    async def subscribe(self, uuid: str, on_value: OnValue) -> None:
        self._ears[uuid] = on_value

    async def close(self) -> None:
        return

    def carry(self, uuid: str, data: bytes) -> None:
        if uuid in self._ears:
            self._ears[uuid](data)


def true_time(sample: float) -> datetime:
    return NOW + timedelta(seconds=sample / TRUE_HZ)


def walks_of(hours: float, n: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """``n`` absences of 5 s to 3 min, apart from each other and from both ends."""
    slot_s = (hours * 3600 - 240) / n
    begins = 60 + slot_s * (np.arange(n) + rng.uniform(0, 0.3, n))
    lengths = rng.uniform(5, min(180.0, 0.6 * slot_s), n)
    return [(float(a), float(a + b)) for a, b in zip(begins, lengths, strict=True)]


async def wear(clinic, air: FlatAir, monitor: Monitor, n_samples: int) -> BlePatch:
    """Play the day; returns when nothing is missing."""
    patch = BlePatch(
        air,
        AnxinDriver(SERIAL, CODE),
        serial=SERIAL,
        now=air.now,
        rng=np.random.default_rng(2),
        backoff=Backoff(0.005, 0.02),
    )
    listening = asyncio.create_task(monitor.run(patch, SERIAL))
    step_n = round(STEP_S * FS_HZ)
    while patch.info is None:  # noqa: ASYNC110 - the first link
        await asyncio.sleep(0.01)
    while air.measured < n_samples or patch.missing_samples:
        busy = patch._events.qsize() > MOST_WAITING
        air.step(0 if busy else min(step_n, n_samples - air.measured))
        clinic.clock.now = true_time(air.measured)  # a phone may send so much at a time
        # a link that broke is looked for in real time: let it be seen before the day ends
        seen = patch.state is not None and patch.state.next_sample >= n_samples
        waits = busy or (air.measured == n_samples and not seen)
        await asyncio.sleep(0.002 if waits else 0)
    while monitor._device_end < n_samples or patch._events.qsize():
        air.step(0)
        await asyncio.sleep(0.01)
    await patch.close()
    await listening
    return patch


def play(
    clinic, ward, folder, hours: float, n_walks: int, segment_s: float
) -> dict[str, float]:
    rng = np.random.default_rng(24)
    n_samples = round(hours * 3600 * FS_HZ)
    air = FlatAir(walks_of(hours, n_walks, rng), rng)
    spool = Spool(folder / "spool.sqlite", 2**31)
    api = ClinicApi(clinic.url, 30.0, Line())
    api.token = clinic.phone(ward.code, SERIAL).token
    uplink = Uplink(spool, api, np.random.default_rng(1), air.now)
    monitor = Monitor(
        spool,
        clock=air.now,
        mono_s=lambda: air.measured / TRUE_HZ,
        segment_s=segment_s,
        max_s=86_400.0,
        on_change=uplink.ring,
    )
    began, cpu = time.monotonic(), time.process_time()

    async def run() -> BlePatch:
        sending = asyncio.create_task(uplink.run())
        patch = await wear(clinic, air, monitor, n_samples)
        while spool.backlog().segments:
            clinic.clock.forward(seconds=1)
            await asyncio.sleep(0.05)
        sending.cancel()
        await asyncio.wait([sending])
        await api.close()
        spool.close()
        return patch

    patch = asyncio.run(run())
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    assert air.broken == n_walks
    assert monitor.recorder is not None
    rid = monitor.recorder.rid or ""
    worst_s = compare(clinic, rid, n_samples)
    assert patch.clock is not None
    return {
        "disconnections": air.broken,
        "samples": n_samples,
        "worst_ms": 1000 * worst_s,
        "drift_ppm": patch.clock.drift_ppm,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
    }


def compare(clinic, rid: str, n_samples: int) -> float:
    """Hold the clinic's recording against the heart; return the worst error of time."""
    heart = named_heart("busy_day", seed=11)
    with clinic.read() as session:
        recording = recordings.recording_by_id(session, rid)
        assert recording.end_sample == recording.stored_samples == n_samples
        assert recordings.gaps(session, rid) == []
        lengths = select(func.sum(col(Segment.end_sample) - col(Segment.first_sample)))
        uploaded = session.exec(lengths.where(Segment.recording_id == rid)).one()
        assert int(uploaded) == n_samples, "a sample came twice"
        for first in range(0, n_samples, 450_000):
            window = recordings.window(session, rid, first, min(first + 450_000, n_samples))
            assert window.present.all()
            truth = heart.read(len(window.counts)).counts
            assert window.counts.tobytes() == truth.tobytes()
        return max(
            abs((recordings.sample_time(recording, k) - true_time(k)).total_seconds())
            for k in range(0, n_samples, 25_000)
        )


@pytest.fixture
def database_url() -> str:
    """One database is enough: `test_radio_backfill` fills holes on both."""
    return ""


def test_an_hour_with_thirty_disconnections_is_complete_and_on_time(clinic, ward, tmp_path):
    figures = play(clinic, ward, tmp_path, 1.0, 30, 20.0)
    assert figures["worst_ms"] < 20
    assert figures["drift_ppm"] == pytest.approx(PPM, abs=5)


@pytest.mark.bench
def test_a_day_with_200_disconnections_is_complete_and_on_time(
    clinic, ward, tmp_path, capsys
):
    figures = play(clinic, ward, tmp_path, 24.0, 200, 60.0)
    with capsys.disabled():
        print(figures)  # noqa: T201 - what a bench is asked for
    assert figures["worst_ms"] < 20
    assert figures["drift_ppm"] == pytest.approx(PPM, abs=1)
