"""A day of one phone's process against a server's process: kills, cuts, walks, restarts.

The unit, its radio, the phone (``anxin gateway``) and the server are as delivered and each
in its own process or on the other end of a socket. The heart runs `SPEED` times faster than
the clock, with uploads of 10 s, so that each hour has as many samples and commits as in
life but fewer polls; those run 15 times as often instead. The unit empties its memory 8
times as fast; reconnection and back-off are not accelerated, which makes it harder.

``scripts/test -m bench tests/integration/test_app_soak.py``; ``APP_SOAK_HOURS`` shortens.
"""

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.recordings import service as recordings
from sensors.profiles import anxin_pairing
from sensors.virtual import anxin_unit
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.radio import RadioPatch, VirtualAir
from tests import factories as make
from tests.integration.conftest import migrate
from tests.integration.killing import KillableServer, free_port
from tests.processes import Process

SERIAL, CODE, HEART = "AX-0001", "7K2F011VX9", "busy_day"
FS_HZ = 250.0
HOURS = float(os.environ.get("APP_SOAK_HOURS", "24"))
SPEED = float(os.environ.get("APP_SOAK_SPEED", "60"))
KILLS, WALKS, CUTS, SERVER_KILLS = (max(1, round(n * HOURS / 24)) for n in (10, 24, 24, 4))
START_S = 30.0  # of the clock: from the first link to the first sample
_LOG = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "APP_SEGMENT_S": "10",
    "APP_RECORDING_MAX_H": "48",
    "APP_POLL_S": "0.2",
    "APP_REPORT_S": "1",
    "OMP_NUM_THREADS": "1",
}

pytestmark = pytest.mark.bench


@dataclass
class Bed:
    """The phone's process, through all its lives, and what it costs."""

    folder: Path
    server: KillableServer
    code: str
    radio_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    kills: int = 0
    cpu_s: float = 0.0
    rss_mb: list[tuple[float, float]] = field(default_factory=list)

    async def start(self) -> None:
        """Start the next life."""
        config = self.folder / "wearers.json"
        box_code = f"ANXIN-PATCH:{SERIAL}:{CODE}"
        wearer = {"id": "bed1", "name": "床一", "code": self.code, "box_code": box_code}
        config.write_text(json.dumps({"wearers": [wearer]}))
        command = [*(sys.executable, "-m", "clinic_server.cli", "gateway", str(config))]
        command += ["--server", self.server.url, "--data-dir", str(self.folder / "data")]
        command += ["--controller", f"tcp-client:127.0.0.1:{self.radio_port}"]
        command += ["--web-port", str(self.web_port)]
        self.process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=os.environ | SETTINGS, stderr=asyncio.subprocess.DEVNULL
        )
        self.usage = Process(self.process.pid)

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process.returncode is None, "the phone ended by itself"
        self.cpu_s += self.usage.cpu_s()
        os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        self.kills += 1

    async def cut(self, seconds: float) -> None:
        """Take the network away for a while; a phone that is just starting has none."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.web_port}") as web:
            for up in (False, True):
                body = {"phone": "bed1", "up": up}
                try:
                    await web.post("/demo/network", json=body)
                except httpx.TransportError:
                    return
                if not up:
                    await asyncio.sleep(seconds)

    def look(self, at_h: float) -> None:
        """Note the memory."""
        _LOG.info("%.2f h: %.1f MB", at_h, self.usage.rss_mb())
        self.rss_mb.append((round(at_h, 1), round(self.usage.rss_mb(), 1)))

    def holds(self, n_samples: int) -> bool:
        """Say whether everything is on the phone's disk, but for the start of the day."""
        stored = self._ask("SELECT first_sample, end_sample FROM stored ORDER BY 1")
        started_n = round(START_S * SPEED * FS_HZ)
        return len(stored) == 1 and stored[0][1] >= n_samples - started_n

    def waiting(self) -> int:
        """Count the segments the clinic has not confirmed."""
        return self._ask("SELECT count(*) FROM segment")[0][0]

    def _ask(self, query: str) -> list[tuple[int, ...]]:
        db = sqlite3.connect(self.folder / "data" / "bed1" / "spool.sqlite")
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()


@dataclass
class Troubles:
    """What happens, by the heart's hours: `KILLS` in the first third, the rest all day."""

    bed: Bed
    worn: RadioPatch
    done: dict[str, int] = field(default_factory=dict)

    def plan(self, rng: np.random.Generator) -> list[tuple[float, str, float]]:
        """Return hour, kind and length in seconds of the clock, in order."""
        plan = []
        for kind, n, begin, end, longest_s in (
            ("kill", KILLS, 0.3, HOURS / 3, 0.0),
            ("walk", WALKS, 0.3, 0.92 * HOURS, 8.0),
            ("cut", CUTS, 0.3, 0.95 * HOURS, 25.0),
            ("server", SERVER_KILLS, HOURS / 3, 0.9 * HOURS, 4.0),
        ):
            hours = begin + (np.arange(n) + rng.uniform(0, 0.6, n)) * (end - begin) / n
            plan += [(float(h), kind, float(rng.uniform(2, 2 + longest_s))) for h in hours]
        return sorted(plan)

    async def play(self, kind: str, seconds: float) -> None:
        """Do it."""
        self.done[kind] = self.done.get(kind, 0) + 1
        _LOG.info("%.2f h: %s", self.worn.time_s / 3600, kind)
        match kind:
            case "kill":
                await self.bed.kill()
                await self.bed.start()
            case "walk":
                self.worn.walk_away()
                await asyncio.sleep(seconds)
                self.worn.come_back()
            case "cut":
                await self.bed.cut(seconds)
            case "server":
                self.bed.server.kill()
                await asyncio.sleep(seconds)
                await asyncio.to_thread(self.bed.server.start)


async def live(bed: Bed, worn: RadioPatch, rng: np.random.Generator) -> dict[str, Any]:
    """Play the day; return what was measured once everything is at the clinic."""
    troubles = Troubles(bed, worn)
    plan, looked_h = troubles.plan(rng), HOURS / 3
    await bed.start()
    began = time.monotonic()
    while (hour := worn.time_s / 3600) < HOURS:
        if plan and plan[0][0] <= hour:
            _, kind, seconds = plan.pop(0)
            await troubles.play(kind, seconds)
        if hour >= looked_h + 0.3:  # the last life has begun, then quarters of it
            bed.look(hour)
            looked_h += HOURS / 6
        await asyncio.sleep(0.1)
    day_s = time.monotonic() - began
    day_n = round(HOURS * 3600 * FS_HZ)
    async with asyncio.timeout(900):
        while not bed.holds(day_n):  # noqa: ASYNC110 - another process
            await asyncio.sleep(1)
    bed.look(worn.time_s / 3600)
    cpu_s = bed.cpu_s + bed.usage.cpu_s()
    heart_s, lag_s = worn.time_s, time.monotonic() - began - day_s
    await worn.stop()
    async with asyncio.timeout(300):
        while bed.waiting() > 3:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.5)
    bed.process.send_signal(signal.SIGTERM)
    assert await bed.process.wait() == 0
    return {
        **troubles.done,
        "hours": heart_s / 3600,
        "wall_s": day_s,
        "caught_up_after_s": lag_s,
        "rss_mb_by_hour": bed.rss_mb,
        "cpu_s": cpu_s,
        "cpu_pct_of_real_time": 100 * cpu_s / heart_s,
        "load": os.getloadavg(),
    }


def compare(db: Database, patient_id: int) -> dict[str, Any]:
    """Hold the clinic's recording against the heart, sample for sample."""
    with db.read() as session:
        recording = recordings.latest_for(session, patient_id)
        assert recording is not None
        count = "SELECT count(*) FROM recording"
        assert session.execute(text(count)).scalar() == 1, "the day fell apart"
        twice = "SELECT count(*) FROM segment_conflict"
        assert session.execute(text(twice)).scalar() == 0
        n_samples = recording.end_sample
        heart = named_heart(HEART, seed=11)
        head = recordings.window(session, recording.id, 0, 200).counts.tobytes()
        start = heart.read(round(START_S * SPEED * FS_HZ)).counts
        shift = next(k for k in range(len(start)) if start[k : k + 200].tobytes() == head)
        heart = named_heart(HEART, seed=11)
        heart.read(shift)
        missing = wrong = 0
        for first in range(0, n_samples, 450_000):
            end = min(first + 450_000, n_samples)
            window = recordings.window(session, recording.id, first, end)
            truth = heart.read(end - first).counts
            missing += int((~window.present).sum())
            wrong += int((window.counts != truth).any(axis=1)[window.present].sum())
        return {"samples": n_samples, "missing": missing, "wrong": wrong}


def test_a_day_of_kills_cuts_and_walks_is_complete_and_memory_stays_flat(
    tmp_path, capsys, monkeypatch
):
    faster = 8 * anxin_unit.MEMORY_FRAMES_PER_CALL
    monkeypatch.setattr(anxin_unit, "MEMORY_FRAMES_PER_CALL", faster)
    clinic = tmp_path / "clinic"
    clinic.mkdir()
    server = KillableServer(clinic, ready_within_s=240)
    url = f"sqlite:///{clinic / 'anxin.sqlite'}"
    migrate(url)
    db = Database(url, Bus())
    now = datetime.now(UTC)
    with db.write() as session:
        doctor = make.make_staff(session, now=now)
        patient = make.make_patient(session, doctor, now=now)
        patient_id = patient.id or 0
        _, code = make.issue_unit(session, doctor, patient, SERIAL, now=now)
    server.start()
    key = anxin_pairing.derive_key(CODE, SERIAL)
    unit = AnxinUnit(named_heart(HEART, seed=11), UnitMaker(SERIAL, key), os.urandom)

    async def run() -> dict[str, Any]:
        air, bed = VirtualAir(), Bed(tmp_path, server, code)
        worn = air.patch(
            unit,
            rng=np.random.default_rng(1),
            conditions=RadioConditions(SPEED, needs_bond=True, waits_for_phone=True),
        )
        await worn.start()
        socket = await air.serve(bed.radio_port)
        try:
            return await live(bed, worn, np.random.default_rng(24))
        finally:
            socket.close()
            if bed.process.returncode is None:
                bed.process.kill()

    try:
        figures = asyncio.run(run()) | compare(db, patient_id)
    finally:
        server.stop()
        db.close()
    with capsys.disabled():
        print(figures)  # noqa: T201 - what a bench is asked for
    assert figures["missing"] == figures["wrong"] == 0
    first_mb, last_mb = figures["rss_mb_by_hour"][0][1], figures["rss_mb_by_hour"][-1][1]
    assert last_mb < 1.1 * first_mb, "memory grows"
