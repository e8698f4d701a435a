"""Spool, uplink and a clinic with faults: every sample arrives exactly once."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import Offline, ServerRefused
from app.recorder import Recorder
from app.spool import Spool
from app.uplink import Uplink
from clinic_server.wire.ecg import (
    RecordingCreate,
    UploadState,
    decode_segment,
    sha256_hex,
)
from clinic_server.wire.problem import Problem
from sensors.frames import EcgFrame, GapCause, PatchInfo

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
INFO = PatchInfo("AX-1", "m", "1", 250.0, ("ECG",), 400.0)
FAULTS = ("none", "request_lost", "answer_lost", "busy", "down")


class FaultyClinic:
    """Stores for good what it stores; loses requests and answers as told."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[int, bytes]] = {}
        self.closed: dict[str, int] = {}
        self.fault = "none"
        self.conflicts = 0

    def _state(self, rid: str) -> UploadState:
        seqs = self.stored.setdefault(rid, {})
        following = 0
        while following in seqs:
            following += 1
        top = max(seqs, default=-1)
        missing: list[tuple[int, int]] = []
        for seq in range(following, top):
            if seq in seqs:
                continue
            if missing and missing[-1][1] == seq - 1:
                missing[-1] = (missing[-1][0], seq)
            else:
                missing.append((seq, seq))
        return UploadState(next=following, missing=missing[:64], server_at=START)

    def _before(self) -> None:
        if self.fault == "request_lost":
            raise Offline(reason="lost")
        if self.fault in ("busy", "down"):
            status = 429 if self.fault == "busy" else 503
            problem = Problem(code="x", status=status, title="", params={})
            raise ServerRefused(problem, retry_after_s=1.0)

    def _after(self) -> None:
        if self.fault == "answer_lost":
            raise Offline(reason="lost")

    async def announce(self, rid: str, recording: RecordingCreate) -> UploadState:
        self._before()
        state = self._state(rid)
        self._after()
        return state

    async def put_segment(self, rid: str, seq: int, body: bytes) -> UploadState:
        self._before()
        await asyncio.sleep(0)
        seqs = self.stored.setdefault(rid, {})
        if seq in seqs and sha256_hex(seqs[seq]) != sha256_hex(body):
            self.conflicts += 1
        seqs.setdefault(seq, body)
        state = self._state(rid)
        self._after()
        return state

    async def close_recording(self, rid: str, last_seq: int) -> None:
        self._before()
        self.closed[rid] = last_seq
        self._after()


class Delivery(RuleBasedStateMachine):
    """A phone that records, fails, restarts; a line that comes and goes."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clinic = FaultyClinic()
        self.now = START
        self.truth: dict[tuple[str, int], int] = {}
        self.value = 0
        self.device_next = 0
        self._open()

    def _open(self) -> None:
        self.spool = Spool(Path(self.folder.name) / "spool.sqlite", 10**9)
        self._new_uplink()
        self.recorder = Recorder(
            self.spool,
            INFO,
            clock=lambda: self.now,
            mono_s=lambda: 1.0,
            segment_s=0.2,
            max_s=6.0,
        )
        self.device_next = 0

    def _new_uplink(self) -> None:
        rng = np.random.default_rng(1)
        self.uplink = Uplink(self.spool, self.clinic, rng, lambda: self.now)

    def _note(self, spooled: object) -> None:
        for one in spooled:  # type: ignore[attr-defined]
            for i, value in enumerate(one.counts[:, 0].tolist()):
                key = (one.rid, one.first_sample + i)
                assert key not in self.truth, "one place on the clock, two samples"
                self.truth[key] = value

    @rule(n_frames=st.integers(1, 12), contact=st.booleans())
    def record(self, n_frames: int, contact: bool) -> None:
        for _ in range(n_frames):
            self.now += timedelta(seconds=0.08)
            counts = np.arange(self.value, self.value + 20, dtype=np.int32)[:, None]
            frame = EcgFrame(self.device_next, counts, self.now, contact)
            self.value += 20
            self.device_next += 20
            self._note(self.recorder.add(frame))

    @rule(samples=st.integers(1, 400))
    def lose_the_link(self, samples: int) -> None:
        self._note(self.recorder.gap(GapCause.LINK))
        self.device_next += samples
        self.now += timedelta(seconds=samples / 250)

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=6))
    def send(self, faults: list[str]) -> None:
        async def attempts() -> None:
            for fault in faults:
                self.clinic.fault = fault
                await self.uplink.step()
            self.clinic.fault = "none"
            await asyncio.gather(*(self.uplink.step() for _ in range(4)))

        self.runner.run(attempts())

    @rule(down_s=st.floats(0, 5))
    def kill_the_phone(self, down_s: float) -> None:
        """What was not spooled is lost; what was spooled is not."""
        self.spool.close()
        self.now += timedelta(seconds=down_s)
        self._open()

    @invariant()
    def nothing_committed_is_lost(self) -> None:
        if not hasattr(self, "spool"):
            return
        known = {one.rid: one.next_seq for one in self.spool.recordings()}
        for rid, following in known.items():
            at_clinic = set(self.clinic.stored.get(rid, {}))
            row = self.spool._db.execute("SELECT seq FROM segment WHERE rid=?", (rid,))
            here = {seq for (seq,) in row.fetchall()}
            assert set(range(following)) <= at_clinic | here

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        self._note(self.recorder.flush())
        self.clinic.fault = "none"

        async def drain() -> None:
            while self.spool.backlog().segments:
                await self.uplink.step()

        self.runner.run(drain())
        arrived: dict[tuple[str, int], int] = {}
        for rid, segments in self.clinic.stored.items():
            for body in segments.values():
                header, counts = decode_segment(body)
                for i, value in enumerate(counts[:, 0].tolist()):
                    key = (rid, header.first_sample + i)
                    assert key not in arrived
                    arrived[key] = value
        assert arrived == self.truth
        assert self.clinic.conflicts == 0
        assert not self.spool.backlog().set_aside
        self.spool.close()
        self.runner.close()
        self.folder.cleanup()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, derandomize=True
)
