"""kill -9 of a gateway process while its patch measures on: the pause is not lost."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from clinic_server.recordings import service as recordings
from sensors.profiles import anxin_pairing
from sensors.virtual.anxin_unit import AnxinUnit, UnitMaker
from sensors.virtual.disturbance import RadioConditions
from sensors.virtual.hearts import named_heart
from sensors.virtual.radio import VirtualAir
from tests.integration.killing import free_port

SERIAL, CODE = "AX-0001", "7K2F011VX9"
N_KILLS = 3
SPEED = 4.0
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.kill


@pytest.fixture
def database_url() -> str:
    """SQLite only: the gateway is killed, not the server."""
    return ""


class Box:
    """The gateway's process, through all its lives, and what it has on its disk."""

    def __init__(self, url: str, folder: Path, code: str) -> None:
        self._spool = folder / "data" / "bed1" / "spool.sqlite"
        self._port = free_port()
        config = folder / "wearers.json"
        box_code = f"ANXIN-PATCH:{SERIAL}:{CODE}"
        wearer = {"id": "bed1", "name": "床一", "code": code, "box_code": box_code}
        config.write_text(json.dumps({"wearers": [wearer]}))
        self._command = [
            *(sys.executable, "-m", "clinic_server.cli", "gateway", str(config)),
            *("--server", url, "--data-dir", str(folder / "data")),
            *("--controller", f"tcp-client:127.0.0.1:{self._port}"),
        ]

    async def plug_in(self, air: VirtualAir) -> asyncio.Server:
        return await air.serve(self._port)

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            env=os.environ | {"APP_SEGMENT_S": "0.5", "OMP_NUM_THREADS": "1"},
            stderr=asyncio.subprocess.DEVNULL,
        )

    def stored(self) -> list[tuple[int, int]]:
        """Ranges of samples that were ever on the disk."""
        return self._ask("SELECT first_sample, end_sample FROM stored ORDER BY 1")

    def waiting(self) -> int:
        return len(self._ask("SELECT seq FROM segment"))

    def _ask(self, query: str) -> list:
        if not self._spool.is_file():
            return []
        db = sqlite3.connect(self._spool)
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError:  # killed before the tables were made
            return []
        finally:
            db.close()

    async def reaches(self, sample: int) -> int:
        """Wait until a sample beyond this one is on the disk; give the newest."""
        async with asyncio.timeout(90):
            while not (known := self.stored()) or known[-1][1] <= sample:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        return known[-1][1]


def test_a_killed_gateway_fetches_the_pause_from_the_patch(clinic, ward, tmp_path):
    rng = random.Random(20261123)  # noqa: S311
    key = anxin_pairing.derive_key(CODE, SERIAL)
    unit = AnxinUnit(named_heart("af", seed=9), UnitMaker(SERIAL, key), os.urandom)
    box = Box(clinic.url, tmp_path, ward.code)

    async def run() -> list[int]:
        air = VirtualAir()
        worn = air.patch(
            unit,
            rng=np.random.default_rng(1),
            conditions=RadioConditions(SPEED, needs_bond=True),
        )
        await worn.start()
        socket = await box.plug_in(air)
        newest, pauses = 0, []
        for _ in range(N_KILLS):
            process = await box.start()
            before = newest
            newest = await box.reaches(newest)
            pauses.append(newest - before)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            assert process.returncode is None, "the gateway ended by itself"
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            newest = box.stored()[-1][1]
        process = await box.start()
        newest = await box.reaches(newest)
        async with asyncio.timeout(90):
            while len(box.stored()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        # the newest goes out first: only a queue that is empty leaves no hole at the clinic
        await worn.stop()
        async with asyncio.timeout(90):
            while box.waiting():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        socket.close()
        return pauses

    pauses = asyncio.run(run())
    with clinic.read() as session:
        recording = recordings.latest_for(session, ward.patient_id)
        assert recording is not None
        assert recording.issue_id == ward.issue_id
        window = recordings.window(session, recording.id, 0, recording.end_sample)
        assert recordings.gaps(session, recording.id) == []
    assert window.present.all()
    assert window.contact.all()
    assert len(window.counts) > sum(pauses)
    assert min(pauses[1:]) > 250 * SPEED, "each pause was longer than a second"
    truth = named_heart("af", seed=9).read(len(window.counts) + 60_000).counts
    head = window.counts[:100].tobytes()
    shift = next(k for k in range(60_000) if truth[k : k + 100].tobytes() == head)
    here = truth[shift : shift + len(window.counts)]
    assert window.counts.tobytes() == here.tobytes()
