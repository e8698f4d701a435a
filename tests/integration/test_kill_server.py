"""kill -9 of the server at random moments under eight uploading phones.

At the end: every acknowledged sample is on disk once, unchanged, and what the server said
of its stock at any acknowledgement was true.
"""

import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices import service as devices
from clinic_server.migrations import run as migrations
from clinic_server.wire.ecg import UploadState, sha256_hex
from tests import factories as make
from tests.factories import Phone, segment_body
from tests.integration.killing import KillableServer

_log = logging.getLogger(__name__)
PHONES = 8
KILLS = 20
SEED = 20261123
SAMPLES = 250
"""One second per segment: many small uploads, so that a kill finds some in flight."""
MAKE_EVERY_S = 0.2


@dataclass
class Uploader:
    """A phone that records for ever and sends newest first, then the backlog."""

    phone: Phone
    rng: np.random.Generator
    made: int = 0
    waiting: set[int] = field(default_factory=set)
    acknowledged: dict[int, str] = field(default_factory=dict)
    promised_next: int = 0
    in_flight: bool = False
    cut_in_flight: int = 0
    wrong: list[str] = field(default_factory=list)
    made_at: float = 0.0

    def body(self, seq: int) -> bytes:
        """The same bytes whenever it is asked for."""
        return segment_body(seq * SAMPLES, SAMPLES, at=self.phone.started_at)

    def step(self, recording: bool) -> None:
        """Record one more segment and send one."""
        if recording and time.monotonic() >= self.made_at + MAKE_EVERY_S:
            self.waiting.add(self.made)
            self.made += 1
            self.made_at = time.monotonic()
        if self.acknowledged and self.rng.random() < 0.1:
            self._send(int(self.rng.choice(list(self.acknowledged))))  # an answer got lost
        elif self.waiting:
            newest = recording and self.rng.random() < 0.5
            self._send(max(self.waiting) if newest else min(self.waiting))
        else:
            time.sleep(0.005)

    def _send(self, seq: int) -> None:
        body = self.body(seq)
        self.in_flight = True
        try:
            answer = self.phone.put(seq, body)
        except httpx.TransportError:
            self.cut_in_flight += 1
            time.sleep(self.rng.uniform(0.01, 0.05))
            return
        finally:
            self.in_flight = False
        if answer.status_code not in (200, 201):
            self.wrong.append(f"{seq}: {answer.status_code} {answer.text}")
            return
        self.acknowledged[seq] = sha256_hex(body)
        self.waiting.discard(seq)
        self._compare(UploadState.model_validate(answer.json()))

    def _compare(self, state: UploadState) -> None:
        """The stock never shrinks and never claims what was not sent."""
        if state.next < self.promised_next:
            self.wrong.append(f"next fell from {self.promised_next} to {state.next}")
        self.promised_next = max(self.promised_next, state.next)
        missing = {n for a, b in state.missing for n in range(a, b + 1)}
        lost = [n for n in self.acknowledged if n >= state.next and n in missing]
        if lost:
            self.wrong.append(f"acknowledged, but said to be missing: {lost[:5]}")
        if state.next > self.made:
            self.wrong.append(f"next {state.next} beyond the {self.made} ever made")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KillableServer]:
    """A server on an empty, migrated folder; not started yet."""
    server = KillableServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def uploaders(server: KillableServer) -> Iterator[list[Uploader]]:
    """Their phones."""
    made = enrolled_phones(server, SEED)
    yield made
    for one in made:
        one.phone.http.close()


def enrolled_phones(server: KillableServer, seed: int) -> list[Uploader]:
    """Eight patients with units and enrolled phones, made before the server runs."""
    db = Database(f"sqlite:///{server.data_dir / 'anxin.sqlite'}", Bus())
    migrations.upgrade(db)
    now = make.system_now()
    uploaders = []
    with db.write() as session:
        physician = make.make_staff(session, now=now)
        for i in range(PHONES):
            patient = make.make_patient(session, physician, mrn=f"K{i}", now=now)
            serial = f"AX-K{i}"
            _, code = make.issue_unit(session, physician, patient, serial, now)
            _, token = devices.enrol(session, code, now)
            client = httpx.Client(base_url=server.url, timeout=20)
            phone = Phone(client, token, serial, started_at=now)
            uploaders.append(Uploader(phone, np.random.default_rng((seed, i))))
    db.close()
    return uploaders


@pytest.mark.kill
def test_no_acknowledged_sample_is_lost_or_doubled_by_twenty_kills(
    server: KillableServer, uploaders: list[Uploader]
) -> None:
    rng = np.random.default_rng(SEED)
    server.start()
    for one in uploaders:
        assert one.phone.announce().status_code == 200
    recording = threading.Event()
    recording.set()
    ending = threading.Event()

    def upload(one: Uploader) -> None:
        while not ending.is_set():
            one.step(recording.is_set())

    threads = [threading.Thread(target=upload, args=(one,)) for one in uploaders]
    for thread in threads:
        thread.start()
    starts_s = []
    kills_in_flight = 0
    try:
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.1, 0.8))
            kills_in_flight += any(one.in_flight for one in uploaders)
            server.kill()
            starts_s.append(server.start())
        recording.clear()
        deadline = time.monotonic() + 60
        while any(one.waiting for one in uploaders) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert server.kills == KILLS
    assert kills_in_flight >= KILLS // 2, "the kills must land in the middle of uploads"
    for one in uploaders:
        assert not one.wrong, one.wrong[:3]
        assert not one.waiting
        state = UploadState.model_validate(one.phone.state().json())
        assert (state.next, state.missing) == (one.made, [])
    assert server.stop() in (0, -signal.SIGTERM)  # uvicorn repeats the signal at its end
    acknowledged = sum(len(one.acknowledged) for one in uploaders)
    check_files(server.data_dir / "anxin.sqlite", uploaders)
    _log.info(
        "%d kills, %d in flight; %d segments acknowledged; %d answers cut; start <= %.2f s",
        server.kills,
        kills_in_flight,
        acknowledged,
        sum(one.cut_in_flight for one in uploaders),
        max(starts_s),
    )


def check_files(file: Path, uploaders: list[Uploader]) -> None:
    """Compare the file with the phones' own record of what was acknowledged."""
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for one in uploaders:
            rows = connection.execute(
                "SELECT seq, sha256, first_sample, end_sample, body FROM segment"
                " WHERE recording_id = ? ORDER BY seq",
                (one.phone.recording_id,),
            ).fetchall()
            stored = {seq: digest for seq, digest, *_ in rows}
            assert stored == one.acknowledged, "lost, invented or changed"
            assert [seq for seq, *_ in rows] == list(range(one.made)), "doubled or lost"
            for seq, digest, first, end, body in rows:
                assert body == one.body(seq)
                assert sha256_hex(body) == digest
                assert (first, end) == (seq * SAMPLES, (seq + 1) * SAMPLES)
            marks = connection.execute(
                "SELECT next_seq, max_seq, end_sample, stored_samples FROM recording"
                " WHERE id = ?",
                (one.phone.recording_id,),
            ).fetchone()
            samples = one.made * SAMPLES
            assert marks == (one.made, one.made - 1, samples, samples)
        (conflicts,) = connection.execute(
            "SELECT count(*) FROM segment_conflict"
        ).fetchone()
        assert conflicts == 0
    finally:
        connection.close()
