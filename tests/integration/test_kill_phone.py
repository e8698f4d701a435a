"""kill -9 of the phone process at random moments: what was committed is never lost."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.main import create_app
from tests import factories as make
from tests.integration.conftest import migrate, served, settings_for

N_KILLS = 20
N_PHONES = 2
SEGMENT_S = 0.5
FRAME_S = 0.2
SLACK_S = 1.0  # a busy test machine
FS_HZ = 250.0
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.kill


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[tuple[str, Database, Path]]:
    """A server on the wall clock, and the configuration of its phones."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    migrate(f"sqlite:///{folder / 'anxin.sqlite'}")
    settings = settings_for(folder)
    phones, now = [], datetime.now(UTC)
    db = Database(settings.url, Bus())
    with db.write() as session:
        doctor = make.make_staff(session, now=now)
        for i in range(N_PHONES):
            patient = make.make_patient(session, doctor, mrn=f"K{i}", now=now)
            _, code = make.issue_unit(session, doctor, patient, f"AX-K{i}", now=now)
            heart = {"heart": "sinus_calm", "seed": i}
            phones.append({"id": f"k{i}", "name": f"K{i}", "code": code, "patch": heart})
    config = tmp_path / "phones.json"
    config.write_text(json.dumps({"phones": phones}))
    with served(create_app(settings, background=False)) as url:
        yield url, db, config
    db.close()


def start(url: str, config: Path, data: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {"APP_SEGMENT_S": str(SEGMENT_S), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "app.headless", "phone", str(config)]
    command += ["--server", url, "--data-dir", str(data)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)


def committed(data: Path, phone: str) -> dict[str, int]:
    """Return how many segments of each recording were ever committed on a phone."""
    file = data / phone / "spool.sqlite"
    if not file.is_file():
        return {}
    db = sqlite3.connect(file)
    try:
        return dict(db.execute("SELECT rid, next_seq FROM recording").fetchall())
    except sqlite3.OperationalError:  # killed before the tables were made
        return {}
    finally:
        db.close()


def queued(data: Path, phone: str) -> int:
    db = sqlite3.connect(data / phone / "spool.sqlite")
    try:
        return int(db.execute("SELECT count(*) FROM segment").fetchone()[0])
    finally:
        db.close()


def test_a_phone_killed_twenty_times_loses_at_most_its_open_chunk(clinic, tmp_path):
    url, db, config = clinic
    data, rng = tmp_path / "phones", random.Random(20261123)  # noqa: S311
    names = [f"k{i}" for i in range(N_PHONES)]
    killed_at: list[datetime] = []  # while every phone was recording
    for life in range(N_KILLS):
        before = {name: committed(data, name) for name in names}
        process = start(url, config, data)
        starting = life % 5 == 4  # some die before they recorded anything
        deadline = time.monotonic() + 60
        while not starting and any(committed(data, n) == before[n] for n in names):
            assert time.monotonic() < deadline, "the phones do not record"
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 1.5))
        assert process.poll() is None, "the phone ended by itself"
        os.kill(process.pid, signal.SIGKILL)
        if not starting:
            killed_at.append(datetime.now(UTC))
        process.wait()
    owed = {name: committed(data, name) for name in names}
    process = start(url, config, data)
    deadline = time.monotonic() + 60
    while any(
        committed(data, name) == owed[name] or queued(data, name) > 3 for name in names
    ):
        assert time.monotonic() < deadline, "the queue does not empty"
        time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    left = {name: set[tuple[str, int]]() for name in names}
    for name in names:
        spool = sqlite3.connect(data / name / "spool.sqlite")
        left[name] = set(spool.execute("SELECT rid, seq FROM segment").fetchall())
        spool.close()
    with db.read() as session:
        rows = session.execute(
            text(
                "SELECT recording_id, seq, first_sample, end_sample, phone_at"
                " FROM segment ORDER BY recording_id, first_sample"
            )
        ).all()
        conflicts = session.execute(text("SELECT count(*) FROM segment_conflict")).scalar()
        began_at = session.execute(text("SELECT id, started_at FROM recording")).all()
    starts = {row[0]: row[1] for row in began_at}
    assert conflicts == 0
    stored: dict[str, list[tuple[int, int, int, datetime]]] = {}
    for rid, seq, first, end, at in rows:
        moment = datetime.fromisoformat(str(at)).replace(tzinfo=UTC)
        stored.setdefault(rid, []).append((seq, first, end, moment))
    assert len(stored) == N_PHONES, "a restart must go on with the same recording"
    for name in names:
        ((rid, following),) = owed[name].items()
        here = {seq for left_rid, seq in left[name] if left_rid == rid}
        there = [seq for seq, *_ in stored[rid]]
        assert len(there) == len(set(there))
        lost = set(range(following)) - set(there) - here
        assert lost == set(), f"{name} lost committed segments"
        for (_, _, end, _), (_, first, _, _) in pairwise(stored[rid]):
            assert first >= end, "two segments claim one moment"
        began = datetime.fromisoformat(str(starts[rid])).replace(tzinfo=UTC)
        for _, _, end, at in stored[rid]:
            by_samples = began + timedelta(seconds=end / FS_HZ)
            assert abs((at - by_samples).total_seconds()) < 2.0
        # what a kill costs: the chunk that was open, and the frame on its way
        for moment in killed_at:
            last = max(at for *_, at in stored[rid] if at <= moment)
            assert (moment - last).total_seconds() < SEGMENT_S + FRAME_S + SLACK_S
