"""The morning's messages, clocks that disagree, uploads that contradict each other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, SQLModel, col, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms import digest, escalation, faults
from clinic_server.alarms import service as alarms
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
from clinic_server.staff.models import Site
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

    def emergency(self, session: Session, at: datetime) -> Alarm:
        alarm = raise_condition(
            session,
            rule_id="E10",
            code="alarms.sos",
            dedupe_key=f"sos:{at}",
            patient_id=self.patient_id,
            onset_at=at,
            now=at,
        )
        assert alarm is not None
        return alarm

    def escalated(
        self, at: datetime, length: timedelta
    ) -> list[tuple[float, int, set[int]]]:
        """Raise an Emergency, let time pass: seconds after it, step, who was called."""
        with self.db.write() as session:
            alarm = self.emergency(session, at)
        now = at
        while now < at + length:
            now += timedelta(seconds=1)
            with self.db.write() as session:
                escalation.sweep(session, now)
        found: dict[tuple[float, int], set[int]] = {}
        with self.db.read() as session:
            for row in session.exec(
                select(OutboxMessage).where(OutboxMessage.alarm_id == alarm.id)
            ):
                key = ((row.created_at - at).total_seconds(), row.step)
                found.setdefault(key, set()).add(row.staff_id or 0)
        return [(after_s, step, to) for (after_s, step), to in sorted(found.items())]

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
    assert message.params == {"count": 2, "path": "/console/daily"}
    with world.db.read() as session:
        parcels = notify.due(session, MORNING, "https://clinic.example")
    (digest_mail,) = [p for p in parcels if p.message_id == message.id]
    assert "https://clinic.example/console/daily" in digest_mail.body
    assert message.staff_id == world.doctor.id
    assert world.sweep(MORNING + timedelta(days=1)) > 0, "the duty test comes every day"
    assert len(world.outbox("notify.digest")) == 1, "nothing new, no second list"


def test_who_is_on_duty_is_tried_through_every_channel(world: World) -> None:
    world.sweep(MORNING)
    tried = world.outbox("notify.duty_test")
    assert {m.channel for m in tried} == {"sms", "mail"}
    assert {m.staff_id for m in tried} == {world.doctor.id}


def test_who_is_on_duty_for_one_site_only_is_tried_too(world: World) -> None:
    with world.db.write() as session:
        site = Site(name="东院", created_at=MORNING)
        session.add(site)
        session.flush()
        there = make.make_staff(session, "there", now=MORNING, site_id=site.id)
        staff_service.set_duty(
            session,
            staff_id=there.id or 0,
            step=1,
            starts_at=MORNING - timedelta(hours=1),
            ends_at=MORNING + timedelta(hours=12),
            now=MORNING,
        )
    world.sweep(MORNING)
    tried = {message.staff_id for message in world.outbox("notify.duty_test")}
    assert tried == {world.doctor.id, there.id}


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


@pytest.mark.parametrize(
    ("off_s", "told"), [(1.5, False), (3.0, True), (-8.0, False), (-12.0, True)]
)
def test_a_clock_that_is_early_is_wrong_sooner_than_one_that_looks_late(
    world: World, off_s: float, told: bool
) -> None:
    with world.db.write() as session:
        issue = session.get_one(Issue, world.issue_id)
        issue.enrolled_at = MORNING
        session.add(issue)
        at = MORNING + timedelta(seconds=off_s)
        session.add(PhoneState(issue_id=world.issue_id, reported_at=MORNING, phone_at=at))
    with world.db.write() as session:
        faults.sweep(session, MORNING)
    assert bool(world.alarms("alarms.clock_drift")) is told


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


def test_across_midnight_the_calls_and_the_lists_keep_their_time(world: World) -> None:
    """An Emergency two minutes before midnight; the roster changes hands at midnight."""
    midnight = datetime(2026, 11, 25, 0, 0, tzinfo=ZONE)
    with world.db.write() as session:
        staff_service.set_duty(
            session,
            staff_id=world.other.id or 0,
            step=1,
            starts_at=midnight,
            ends_at=midnight + timedelta(hours=8),
            now=midnight - timedelta(hours=1),
        )
    called = world.escalated(midnight - timedelta(minutes=2), timedelta(minutes=12))
    assert [round(after_s) for after_s, _, _ in called] == [0, 120, 300, 600]
    first, second, *_ = [to for _, _, to in called]
    assert world.other.id not in first
    assert world.other.id in second, "who is on duty when the step is taken is called"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), id="spring"),
        pytest.param(datetime(2026, 10, 25, 1, 0, tzinfo=UTC), id="autumn"),
    ],
)
def test_the_change_of_summer_time_moves_no_call_and_doubles_no_list(
    world: World, change: datetime
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    with world.db.write() as session:
        staff_service.set_duty(
            session,
            staff_id=world.doctor.id or 0,
            step=1,
            starts_at=change - timedelta(days=2),
            ends_at=change + timedelta(days=3),
            now=change - timedelta(days=2),
        )
    called = world.escalated(change - timedelta(minutes=4), timedelta(minutes=11))
    assert [round(after_s) for after_s, _, _ in called] == [0, 120, 300, 600]
    told = []
    at = change - timedelta(days=1)
    while at < change + timedelta(days=2):
        with world.db.write() as session:
            if digest.sweep(session, at, zone):
                told.append(at.astimezone(zone))
        at += timedelta(minutes=5)
    mornings = {local.date() for local in told}
    assert [(local.hour, local.minute) for local in told] == [(7, 30)] * len(mornings)
    assert len(told) == len(mornings) == 3


def test_an_acknowledgement_over_the_change_of_summer_time_lasts_its_minutes(
    world: World,
) -> None:
    """Between 01:50 and 03:05 by the wall clock only fifteen minutes pass."""
    taken = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)
    with world.db.write() as session:
        alarm = world.emergency(session, taken)
        alarms.acknowledge(session, world.doctor, alarm.id or 0, taken)
    for minutes, holder in ((14, world.doctor.id), (16, None)):
        now = taken + timedelta(minutes=minutes)
        with world.db.write() as session:
            escalation.sweep(session, now)
        with world.db.read() as session:
            assert session.get_one(Alarm, alarm.id).acknowledged_by == holder
