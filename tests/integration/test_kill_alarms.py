"""kill -9 of the server while eight hearts run into VT: every alarm is raised exactly once.

Phones send the ECG of scripted hearts, newest first; the server analyses, is killed at
random moments, starts again. At the end the alarms are compared with the hearts' truth.
"""

import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices import service as devices
from clinic_server.migrations import run as migrations
from clinic_server.wire.ecg import SegmentHeader, encode_segment
from sensors.virtual.heart import VirtualHeart
from sensors.virtual.scenario import scenario_from_table
from tests import factories as make
from tests.factories import FS_HZ, Phone
from tests.integration.killing import KillableServer

PHONES = 8
KILLS = 20
SEED = 7
SEGMENT_S = 2
LENGTH_S = 150
VT_S = (52, 112)
"""The script: sinus with one run of VT at about these seconds."""
SCRIPT = {
    "segments": [
        {"rhythm": "sinus", "duration_s": 52, "rate_bpm": 72},
        {"rhythm": "vt", "duration_s": 9, "rate_bpm": 172},
        {"rhythm": "sinus", "duration_s": 51, "rate_bpm": 76},
        {"rhythm": "vt", "duration_s": 9, "rate_bpm": 176},
        {"rhythm": "sinus", "duration_s": 120, "rate_bpm": 74},
    ]
}


@dataclass
class Sender:
    """A phone whose whole recording is waiting: it sends in order, again until stored."""

    phone: Phone
    bodies: list[bytes]
    rng: np.random.Generator
    stored: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Send the oldest segment not yet confirmed, sometimes a confirmed one again."""
        waiting = [n for n in range(len(self.bodies)) if n not in self.stored]
        if not waiting:
            time.sleep(0.05)
            return
        again = self.stored and self.rng.random() < 0.1
        seq = int(self.rng.choice(list(self.stored))) if again else waiting[0]
        try:
            answer = self.phone.put(seq, self.bodies[seq])
        except httpx.TransportError:
            time.sleep(0.05)
            return
        if answer.status_code in (200, 201):
            self.stored.add(seq)
        else:
            self.wrong.append(f"{seq}: {answer.status_code} {answer.text[:100]}")


def bodies_of(seed: int) -> list[bytes]:
    """Pack one heart's recording into segments."""
    heart = VirtualHeart(scenario_from_table("runs", SCRIPT), seed=seed, fs_hz=FS_HZ)
    step = int(SEGMENT_S * FS_HZ)
    bodies = []
    for seq in range(LENGTH_S // SEGMENT_S):
        header = SegmentHeader(
            first_sample=seq * step,
            n_samples=step,
            n_leads=1,
            contact=True,
            phone_at=make.system_now(),
            phone_mono_s=float(seq),
        )
        bodies.append(encode_segment(header, np.asarray(heart.read(step).counts, np.int32)))
    return bodies


@pytest.mark.kill
def test_every_alarm_is_raised_exactly_once_through_twenty_kills(tmp_path: Path) -> None:
    server = KillableServer(tmp_path)
    senders = enrol(server)
    rng = np.random.default_rng(SEED)
    ending = threading.Event()

    def send(one: Sender) -> None:
        while not ending.is_set():
            one.step()

    threads = [threading.Thread(target=send, args=(one,)) for one in senders]
    server.start()
    for one in senders:
        assert one.phone.announce(gain_counts_per_mv=400.0).status_code == 200
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.2, 0.9))
            server.kill()
            server.start()
        wait_until_analysed(tmp_path / "anxin.sqlite", senders)
    finally:
        ending.set()
        for thread in threads:
            thread.join()
        server.stop()
    for one in senders:
        assert not one.wrong, one.wrong[:3]
        one.phone.http.close()
    check(tmp_path / "anxin.sqlite", senders)


def enrol(server: KillableServer) -> list[Sender]:
    """Eight patients with enrolled phones, made before the server runs."""
    db = Database(f"sqlite:///{server.data_dir / 'anxin.sqlite'}", Bus())
    migrations.upgrade(db)
    now = make.system_now()
    senders = []
    with db.write() as session:
        physician = make.make_staff(session, now=now)
        for i in range(PHONES):
            patient = make.make_patient(session, physician, mrn=f"V{i}", now=now)
            serial = f"AX-V{i}"
            _, code = make.issue_unit(session, physician, patient, serial, now)
            _, token = devices.enrol(session, code, now)
            client = httpx.Client(base_url=server.url, timeout=20)
            phone = Phone(client, token, serial, started_at=now)
            senders.append(Sender(phone, bodies_of(i), np.random.default_rng((SEED, i))))
    db.close()
    return senders


def wait_until_analysed(file: Path, senders: list[Sender]) -> None:
    """Wait until everything is stored and the analysis has caught up."""
    end = int(LENGTH_S * FS_HZ)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with sqlite3.connect(file) as connection:
            behind = connection.execute(
                "SELECT count(*) FROM recording r LEFT JOIN analysis_cursor c"
                " ON c.recording_id = r.id WHERE r.stored_samples < ? OR c.sample < ?"
                " OR c.sample IS NULL",
                (end, end),
            ).fetchone()[0]
        if behind == 0:
            time.sleep(2)  # what the last step found is on disk by now
            return
        time.sleep(0.2)
    raise AssertionError("the analysis did not catch up")


def check(file: Path, senders: list[Sender]) -> None:
    """Two runs of VT a heart: each is one card, or one repeat on it, never two."""
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for one in senders:
            rows = connection.execute(
                "SELECT id, onset_sample, repeats, dedupe_key FROM alarm"
                " WHERE recording_id = ? AND rule = 'E2' ORDER BY onset_sample",
                (one.phone.recording_id,),
            ).fetchall()
            keys = [key for *_, key in rows]
            assert len(keys) == len(set(keys))
            assert sum(repeats for _, _, repeats, _ in rows) == len(VT_S), rows
            first_onset_s = rows[0][1] / FS_HZ
            assert first_onset_s == pytest.approx(VT_S[0], abs=3), rows
            raised = connection.execute(
                "SELECT count(*) FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id"
                " WHERE a.recording_id = ? AND a.rule = 'E2' AND e.kind = 'raised'",
                (one.phone.recording_id,),
            ).fetchone()[0]
            assert raised == len(rows), "raised once each"
