"""What patients measure or do not, holes in uploads, and a week of fibrillation."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import SQLModel, col, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms import measured, sequence
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.models import Alarm, Tier
from clinic_server.analysis import burden, lag
from clinic_server.analysis.burden import Day
from clinic_server.analysis.models import AnalysedRange, AnalysisCursor, EpisodeRow
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.plans.models import Plan, Task
from clinic_server.recordings import service as recordings
from clinic_server.recordings.models import Recording, Segment
from clinic_server.wire.care import TaskKind, TaskState
from clinic_server.wire.ecg import RecordingCreate
from tests import factories as make

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
RID = "11111111-1111-4111-8111-111111111111"
FS = 250


class World:
    """A patient with a unit and a plan."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.write() as session:
            doctor = make.make_staff(session, "doctor")
            patient = make.make_patient(session, doctor)
            self.patient_id = patient.id or 0
            self.issue_id, _ = make.issue_unit(session, doctor, patient)
            plan = Plan(
                patient_id=self.patient_id,
                template="after_pci",
                starts_on=NOW.date(),
                prescribed_by=doctor.id or 0,
                prescribed_at=NOW,
            )
            session.add(plan)
            session.flush()
            self.plan_id = plan.id or 0

    def task(self, kind: TaskKind, **values: Any) -> int:
        defaults = {
            "opens_at": NOW - timedelta(hours=3),
            "due_at": NOW - timedelta(hours=2),
            "grace_until": NOW - timedelta(hours=1),
        }
        with self.db.write() as session:
            task = Task(
                plan_id=self.plan_id,
                patient_id=self.patient_id,
                kind=kind,
                **(defaults | values),
            )
            session.add(task)
            session.flush()
            return task.id or 0

    def vitals(self, at: datetime, **result: float) -> None:
        self.task(TaskKind.VITALS, state=TaskState.DONE, done_at=at, result=result)

    def record(self, started_at: datetime, hours: float) -> None:
        create = RecordingCreate(
            serial="AX-0001",
            fs_hz=FS,
            lead_names=["II"],
            gain_counts_per_mv=400,
            started_at=started_at,
        )
        with self.db.write() as session:
            recordings.announce(
                session,
                RID,
                patient_id=self.patient_id,
                issue_id=self.issue_id,
                create=create,
                now=started_at,
            )
            row = session.get_one(Recording, RID)
            row.end_sample = row.stored_samples = round(hours * 3600 * FS)
            session.add(row)

    def alarms(self) -> list[Alarm]:
        with self.db.read() as session:
            return list(session.exec(select(Alarm).order_by(col(Alarm.id))))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    db = Database(f"sqlite:///{tmp_path / 'm.sqlite'}", Bus())
    SQLModel.metadata.create_all(db.engine)
    yield World(db)
    db.close()


def swept(world: World, now: datetime = NOW) -> list[tuple[str, str]]:
    for _ in range(2):  # twice raises nothing twice
        with world.db.write() as session:
            measured.sweep(session, now)
    return [(alarm.rule, alarm.code) for alarm in world.alarms()]


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        ({"systolic_mmhg": 180}, ["alarms.vital_sbp"]),
        ({"systolic_mmhg": 179}, []),
        ({"systolic_mmhg": 89}, ["alarms.vital_sbp"]),
        ({"systolic_mmhg": 90}, []),
        ({"spo2_pct": 89}, ["alarms.vital_spo2"]),
        ({"spo2_pct": 90}, []),
        ({"glucose_mmol_l": 3.8}, ["alarms.vital_glucose"]),
        ({"glucose_mmol_l": 16.7}, []),
        ({"glucose_mmol_l": 16.8}, ["alarms.vital_glucose"]),
        (
            {"systolic_mmhg": 200, "spo2_pct": 80},
            ["alarms.vital_sbp", "alarms.vital_spo2"],
        ),
        ({"pulse_bpm": 70}, []),
    ],
)
def test_a_measurement_out_of_its_limits(
    result: dict[str, float], codes: list[str]
) -> None:
    assert [code for code, _ in measured.out_of_limits(result, Limits())] == codes


def test_a_measurement_raises_once_with_its_value(world: World) -> None:
    world.vitals(NOW - timedelta(minutes=5), systolic_mmhg=192)
    assert swept(world) == [("U12", "alarms.vital_sbp")]
    (alarm,) = world.alarms()
    assert alarm.params == {"value": 192}
    assert alarm.tier is Tier.URGENT
    assert alarm.policy, "somebody is told"


def test_two_kilograms_in_three_days_are_told(world: World) -> None:
    world.vitals(NOW - timedelta(days=2), weight_kg=70.0)
    world.vitals(NOW - timedelta(days=1, hours=1), weight_kg=71.0)
    world.vitals(NOW - timedelta(minutes=5), weight_kg=72.1)
    assert swept(world) == [("U12", "alarms.vital_weight")]
    assert world.alarms()[0].params == {"value": 2.1}


def test_weight_that_was_lower_a_week_ago_is_no_gain(world: World) -> None:
    world.vitals(NOW - timedelta(days=5), weight_kg=70.0)
    world.vitals(NOW - timedelta(minutes=5), weight_kg=72.5)
    assert not swept(world)


def test_a_missed_measurement_is_for_the_digest_and_ends_when_it_comes(
    world: World,
) -> None:
    missed = {"state": TaskState.MISSED, "missed_at": NOW - timedelta(hours=1)}
    number = world.task(TaskKind.SPOT_ECG, **missed)
    world.task(TaskKind.CLINIC_VISIT, **missed)  # an appointment is the desk's
    assert swept(world) == [("T6", "alarms.missed_spot_ecg")]
    (alarm,) = world.alarms()
    assert alarm.tier is Tier.DAILY
    with world.db.write() as session:
        task = session.get_one(Task, number)
        task.state, task.done_at = TaskState.DONE, NOW
        session.add(task)
    swept(world, NOW + timedelta(minutes=1))
    (alarm,) = world.alarms()
    assert alarm.cleared_at is not None


def test_a_hole_in_the_numbers_is_told_when_nobody_fills_it(world: World) -> None:
    world.record(NOW - timedelta(hours=2), 1.0)

    def store(seq: int, at: datetime) -> None:
        with world.db.write() as session:
            session.add(
                Segment(
                    recording_id=RID,
                    seq=seq,
                    first_sample=seq * 5000,
                    end_sample=seq * 5000 + 5000,
                    contact=True,
                    sha256="0" * 64,
                    phone_at=at,
                    phone_mono_s=0.0,
                    received_at=at,
                    body=b"",
                )
            )

    for seq in (0, 1, 4):
        store(seq, NOW - timedelta(minutes=20))
    sequence.sweep(world.db, NOW)
    assert not world.alarms(), "the backlog may be on its way"
    later = NOW + timedelta(minutes=20)
    for _ in range(2):
        sequence.sweep(world.db, later)
    (alarm,) = world.alarms()
    assert (alarm.rule, alarm.code) == ("T4", "alarms.sequence_gap")
    assert alarm.params == {"seq": 2, "count": 2}
    for seq in (2, 3):
        store(seq, later)
    sequence.sweep(world.db, later)
    (alarm,) = world.alarms()
    assert alarm.closed_at is not None


def days(*burdens: float | None) -> list[Day]:
    first = date(2026, 11, 1)
    return [
        Day(first + timedelta(days=k), 0.0, 0.0)
        if share is None
        else Day(first + timedelta(days=k), 20.0, 0.2 * share)
        for k, share in enumerate(burdens)
    ]


@pytest.mark.parametrize(
    ("before", "last", "rose"),
    [
        ([10.0] * 7, [60.0] * 7, True),
        ([10.0] * 7, [60.0] * 6 + [50.0], False),
        ([10.0] * 7, [60.0] * 6 + [None], False),  # a day that nobody saw proves nothing
        ([30.0] * 7, [60.0] * 7, False),  # it was much before
        ([None] * 7, [60.0] * 7, False),  # nothing is known of before
        ([None] * 6 + [20.0], [51.0] * 7, True),
    ],
)
def test_a_week_above_half_after_a_quarter_is_a_rise(
    before: list[float | None], last: list[float | None], rose: bool
) -> None:
    assert burden.rose(days(*before, *last)) is rose


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ([20.0] * 13 + [31.0], (20.0, 31.0)),
        ([20.0] * 13 + [9.0], (20.0, 9.0)),
        ([20.0] * 13 + [29.0], None),
        ([20.0] * 13 + [None], None),
        ([None] * 13 + [80.0], None),
    ],
)
def test_a_day_of_known_fibrillation_unlike_the_week_before_is_told(
    shares: list[float | None], told: tuple[float, float] | None
) -> None:
    assert burden.change(days(*shares)) == told


def test_an_analysis_five_minutes_behind_is_an_alarm_until_it_has_caught_up(
    world: World,
) -> None:
    world.record(NOW - timedelta(minutes=10), 1.0)
    with world.db.write() as session:
        recording = session.get_one(Recording, RID)
        recording.last_received_at = NOW
        session.add(recording)
        session.add(
            Segment(
                recording_id=RID,
                seq=0,
                first_sample=0,
                end_sample=recording.end_sample,
                contact=True,
                sha256="0" * 64,
                phone_at=NOW,
                phone_mono_s=0.0,
                received_at=NOW,
                body=b"",
            )
        )
    lag.sweep(world.db, NOW + timedelta(minutes=4))
    assert not world.alarms()
    for _ in range(2):
        lag.sweep(world.db, NOW + timedelta(minutes=6))
    (alarm,) = world.alarms()
    assert (alarm.rule, alarm.params) == ("T5", {"seconds": 360})
    with world.db.write() as session:
        end = session.get_one(Recording, RID).end_sample
        session.add(
            AnalysisCursor(recording_id=RID, sample=end, algorithm="test", updated_at=NOW)
        )
    lag.sweep(world.db, NOW + timedelta(minutes=7))
    (alarm,) = world.alarms()
    assert alarm.closed_at is not None


def test_the_burden_of_a_day_comes_from_what_was_analysed(world: World) -> None:
    midnight = datetime(2026, 11, 10, tzinfo=UTC)
    world.record(midnight, 14 * 24.0)
    hour = 3600 * FS
    with world.db.write() as session:
        for k in range(14):
            begin = k * 24 * hour
            end = begin + (15 if k < 7 else 9) * hour
            session.add(
                EpisodeRow(
                    recording_id=RID,
                    rhythm="AFIB",
                    onset_sample=begin,
                    offset_sample=begin + (2 if k < 7 else 14) * hour,
                    confidence=0.9,
                    algorithm="test",
                )
            )
            session.add(AnalysedRange(recording_id=RID, first_sample=begin, end_sample=end))
    now = midnight + timedelta(days=14, hours=1)
    burden.sweep(world.db, now, ZoneInfo("UTC"))
    assert not world.alarms(), "nine hours a day are too few to say so"
    with world.db.write() as session:
        for k in range(7, 14):
            session.add(
                AnalysedRange(
                    recording_id=RID,
                    first_sample=(k * 24 + 9) * hour,
                    end_sample=(k * 24 + 20) * hour,
                )
            )
    for _ in range(2):
        burden.sweep(world.db, now, ZoneInfo("UTC"))
    (alarm,) = world.alarms()
    assert (alarm.rule, alarm.code) == ("D2", "alarms.af_burden")
    assert alarm.params == {"percent": 70}
