"""The canary: its made VT reaches the inbox path, and its absence is an alarm."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlmodel import col, func, select

from clinic_server import synthetic
from clinic_server.alarms import service as alarms
from clinic_server.alarms.models import Alarm
from clinic_server.analysis.canary import FS_HZ, VT_S, Canary, made_ecg, newest_shot
from clinic_server.console.proofs import canary as shown
from clinic_server.deps import App
from clinic_server.ingest.writer import SegmentWriter
from clinic_server.main import create_app
from clinic_server.migrations import run as migrations
from clinic_server.notify.models import OutboxMessage
from clinic_server.patients import service as patients
from clinic_server.recordings import service as recordings
from clinic_server.reports import service as reports
from clinic_server.reports.models import ReportJob
from clinic_server.settings import Settings
from clinic_server.staff.models import AuditEntry, Role, Staff
from clinic_server.tables import metadata
from clinic_server.wire.ecg import RecordingCreate
from tests import factories as make

NOON = datetime(2026, 3, 2, 12, 0, 46, tzinfo=UTC)


class World:
    """A server whose clock and rounds are moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.doctor: Staff
        self.nurse: Staff
        self.app: FastAPI = create_app(
            Settings(data_dir=folder), clock=lambda: self.now, background=False
        )
        self.clinic: App = self.app.state.clinic
        self.canary = Canary(self.clinic)

    def start(self) -> None:
        migrations.upgrade(self.clinic.db)
        self.writer.start()

    def stop(self) -> None:
        self.writer.stop()
        self.clinic.db.close()

    @property
    def writer(self) -> SegmentWriter:
        writer = self.clinic.writer
        assert isinstance(writer, SegmentWriter)
        return writer

    def pass_time(self, minutes: float, analyse: bool = True) -> None:
        end = self.now + timedelta(minutes=minutes)
        while self.now < end:
            self.now += timedelta(seconds=15)
            self.canary.tick(self.now)
            if analyse:
                while self.app.state.live.round():
                    pass
            self.canary.tick(self.now)

    def alarms(self) -> list[Alarm]:
        with self.clinic.db.read() as session:
            return list(session.exec(select(Alarm).order_by(col(Alarm.id))).all())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    with made.clinic.db.write() as session:
        made.doctor = make.make_staff(session, "doctor")
        made.nurse = make.make_staff(session, "nurse", Role.NURSE)
    yield made
    made.stop()


def test_the_made_run_is_raised_seen_and_closed_every_ten_minutes(world: World) -> None:
    world.pass_time(21)
    assert all(a.closed_at for a in world.alarms())
    found = [a for a in world.alarms() if a.rule == "E2"]
    assert [a.outcome for a in found] == ["canary"] * 3
    for alarm in found:
        inside_s = (alarm.onset_sample or 0) / FS_HZ % 600
        assert abs(inside_s - VT_S[0]) < 4
    with world.clinic.db.read() as session:
        state = shown(session, world.now)
    assert state is not None
    assert state["ok"]
    assert state["next_ms"] > world.now.timestamp() * 1000


def test_nobody_sees_the_canary_and_nobody_is_called_for_it(world: World) -> None:
    world.pass_time(11)
    with world.clinic.db.read() as session:
        canary = patients.synthetic_patient(session)
        assert canary is not None
        for person in (world.doctor, world.nurse):
            assert patients.patients_of(session, person, world.now) == []
            assert alarms.open_alarms(session, person, world.now) == []
            assert alarms.events_after(session, person, 0, 100, world.now) == []
        assert session.exec(select(OutboxMessage)).all() == []
        assert patients.case_timeline(session, canary.id or 0)[-1].verb == "measure"
        assert shown(session, world.now) is not None


def test_an_analysis_that_stands_still_is_an_alarm_within_the_grace(world: World) -> None:
    world.pass_time(10)
    world.pass_time(12, analyse=False)
    (missing,) = [a for a in world.alarms() if a.code == "alarms.canary_missing"]
    assert missing.rule == "T5"
    assert missing.policy
    with world.clinic.db.read() as session:
        state = shown(session, world.now)
        assert state is not None
        assert not state["ok"]
    world.pass_time(1)
    (missing,) = [a for a in world.alarms() if a.code == "alarms.canary_missing"]
    assert missing.closed_at is not None


def test_a_clinic_without_physicians_has_no_canary_and_no_alarm(tmp_path: Path) -> None:
    made = World(tmp_path)
    made.start()
    made.pass_time(13)
    assert made.alarms() == []
    made.stop()


def test_the_made_ecg_is_always_the_same() -> None:
    assert (made_ecg() == made_ecg()).all()
    at = datetime(2026, 3, 2, 0, 0, 44, tzinfo=UTC)
    assert newest_shot(at).number == 143
    assert newest_shot(at + timedelta(seconds=1)).number == 0


def test_old_days_of_the_canary_go_and_nothing_of_a_patient_goes_with_them(
    world: World,
) -> None:
    with world.clinic.db.write() as session:
        patient = make.make_patient(session, world.doctor, now=world.now)
        issue_id, _ = make.issue_unit(session, world.doctor, patient, now=world.now)
        recordings.announce(
            session,
            "11111111-1111-4111-8111-111111111111",
            patient_id=patient.id or 0,
            issue_id=issue_id,
            create=RecordingCreate(
                serial="AX-0001",
                fs_hz=FS_HZ,
                lead_names=["II"],
                gain_counts_per_mv=400,
                started_at=world.now,
            ),
            now=world.now,
        )
        own = alarms.raise_condition(
            session,
            rule_id="E10",
            code="alarms.sos",
            dedupe_key="own",
            patient_id=patient.id,
            recording_id="11111111-1111-4111-8111-111111111111",
            onset_at=world.now,
            now=world.now,
        )
    assert own is not None
    world.pass_time(11)

    def rows() -> dict[str, int]:
        with world.clinic.db.read() as session:
            return {
                table.name: session.execute(
                    select(func.count()).select_from(table)
                ).scalar_one()
                for table in metadata.sorted_tables
            }

    before = rows()
    assert {"segment", "beat_chunk", "alarm"} <= {n for n, k in before.items() if k}
    with world.clinic.db.write() as session:
        assert synthetic.sweep(session, world.now) == 0, "a day that is still young"
        reports.owe(session, world.now + timedelta(days=3))
    with world.clinic.db.write() as session:
        assert synthetic.sweep(session, world.now + timedelta(days=3)) == 1
        assert synthetic.sweep(session, world.now + timedelta(days=3)) == 0
    after = rows()
    assert (after["recording"], after["alarm"], after["segment"]) == (1, 1, 0)
    assert (after["beat_chunk"], after["minute_trend"], after["analysed_range"]) == (
        0,
        0,
        0,
    )
    assert after["audit"] == before["audit"]
    with world.clinic.db.read() as session:
        assert session.get(Alarm, own.id) is not None
        assert alarms.events_of(session, own.id or 0)


def test_the_audit_holds_nothing_of_the_canarys_alarms(world: World) -> None:
    world.pass_time(11)
    with world.clinic.db.read() as session:
        actions = session.exec(select(AuditEntry.action)).all()
    assert not [action for action in actions if action.startswith("alarms.")]


def test_a_day_of_the_canary_gets_no_report(world: World) -> None:
    world.pass_time(1)
    world.now += timedelta(hours=40)
    with world.clinic.db.write() as session:
        from_canary = patients.synthetic_patient(session)
        assert from_canary is not None
        reports.owe(session, world.now)
        assert all(job.done_at for job in session.exec(select(ReportJob)).all())
