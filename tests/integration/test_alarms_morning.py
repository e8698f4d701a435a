"""The morning's messages, clocks that disagree, uploads that contradict each other."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import SQLModel, col, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms import digest, faults
from clinic_server.alarms.models import Alarm
from clinic_server.alarms.raising import raise_condition
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices.models import Issue, PhoneState
from clinic_server.notify import service as notify
from clinic_server.notify.models import OutboxMessage
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import SegmentConflict
from clinic_server.staff import service as staff_service
from clinic_server.wire.ecg import RecordingCreate
from tests import factories as make

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 24, 7, 30, tzinfo=ZONE)


class World:
    """A physician on duty with one patient, and two channels."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.write() as session:
            self.doctor = make.make_staff(session, "doctor")
            self.other = make.make_staff(session, "other")
            patient = make.make_patient(session, self.doctor)
            self.patient_id = patient.id or 0
            self.issue_id, _ = make.issue_unit(session, self.doctor, patient)
            for position, name in enumerate(("sms", "mail")):
                notify.save_channel(
                    session, name=name, address=f"json://{name}", position=position
                )
            staff_service.set_duty(
                session,
                staff_id=self.doctor.id or 0,
                step=1,
                starts_at=MORNING - timedelta(days=1),
                ends_at=MORNING + timedelta(days=2),
                now=MORNING,
            )

    def sweep(self, at: datetime) -> int:
        with self.db.write() as session:
            return digest.sweep(session, at, ZONE)

    def outbox(self, code: str) -> list[OutboxMessage]:
        with self.db.read() as session:
            rows = session.exec(select(OutboxMessage).where(OutboxMessage.code == code))
            return list(rows.all())

    def alarms(self, code: str) -> list[Alarm]:
        with self.db.read() as session:
            rows = session.exec(
                select(Alarm).where(Alarm.code == code).order_by(col(Alarm.id))
            )
            return list(rows.all())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    db = Database(f"sqlite:///{tmp_path / 'm.sqlite'}", Bus())
    SQLModel.metadata.create_all(db.engine)
    yield World(db)
    db.close()


def test_the_digest_is_one_message_at_half_past_seven(world: World) -> None:
    with world.db.write() as session:
        for i, code in enumerate(("alarms.svt_run", "alarms.bigeminy")):
            raise_condition(
                session,
                rule_id="D1",
                code=code,
                dedupe_key=f"d{i}",
                patient_id=world.patient_id,
                onset_at=MORNING - timedelta(hours=3),
                now=MORNING - timedelta(hours=3),
            )
    assert world.sweep(MORNING - timedelta(seconds=1)) == 0
    assert world.sweep(MORNING) > 0
    assert world.sweep(MORNING + timedelta(minutes=1)) == 0
    (message,) = world.outbox("notify.digest")
    assert message.params == {"count": 2}
    assert message.staff_id == world.doctor.id
    assert world.sweep(MORNING + timedelta(days=1)) > 0, "the duty test comes every day"
    assert len(world.outbox("notify.digest")) == 1, "nothing new, no second list"


def test_who_is_on_duty_is_tried_through_every_channel(world: World) -> None:
    world.sweep(MORNING)
    tried = world.outbox("notify.duty_test")
    assert {m.channel for m in tried} == {"sms", "mail"}
    assert {m.staff_id for m in tried} == {world.doctor.id}


def test_a_server_that_comes_back_late_tells_it_but_not_in_the_afternoon(
    world: World,
) -> None:
    assert world.sweep(MORNING + timedelta(hours=4)) == 0
    assert world.sweep(MORNING + timedelta(hours=2)) == 2


def test_a_phone_with_a_wrong_clock_is_told_once_a_day(world: World) -> None:
    with world.db.write() as session:
        issue = session.get(Issue, world.issue_id)
        assert issue is not None
        issue.enrolled_at = MORNING
        session.add(issue)
        session.add(
            PhoneState(
                issue_id=world.issue_id,
                reported_at=MORNING,
                phone_at=MORNING + timedelta(seconds=90),
            )
        )
    for _ in range(3):
        with world.db.write() as session:
            faults.sweep(session, MORNING + timedelta(seconds=15))
    (alarm,) = world.alarms("alarms.clock_drift")
    assert alarm.rule == "T4"
    assert alarm.params == {"seconds": 90}
    assert alarm.repeats == 1


def test_two_uploads_with_one_number_are_a_technical_alarm(world: World) -> None:
    rid = "11111111-1111-4111-8111-111111111111"
    with world.db.write() as session:
        recordings.announce(
            session,
            rid,
            patient_id=world.patient_id,
            issue_id=world.issue_id,
            create=RecordingCreate(
                serial="AX-0001",
                fs_hz=250,
                lead_names=["II"],
                gain_counts_per_mv=400,
                started_at=MORNING,
            ),
            now=MORNING,
        )
        session.add(
            SegmentConflict(
                recording_id=rid, seq=7, sha256="0" * 64, received_at=MORNING, body=b"x"
            )
        )
    for _ in range(2):
        with world.db.write() as session:
            faults.sweep(session, MORNING + timedelta(seconds=15))
    (alarm,) = world.alarms("alarms.segment_conflict")
    assert alarm.params == {"seq": 7}
    assert alarm.patient_id == world.patient_id


def test_a_jump_of_our_own_clock_is_told_and_ends_with_it(world: World) -> None:
    for offset in (0.5, 3600.0, 3600.0):
        with world.db.write() as session:
            faults.own_clock(session, offset, MORNING)
    (alarm,) = world.alarms("alarms.clock_jump")
    assert alarm.rule == "T5"
    assert alarm.closed_at is None
    with world.db.write() as session:
        faults.own_clock(session, 0.0, MORNING + timedelta(minutes=5))
    (alarm,) = world.alarms("alarms.clock_jump")
    assert alarm.closed_at is not None
