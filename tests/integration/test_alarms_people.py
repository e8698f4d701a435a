"""Escalation, races, deliveries and watchdogs on a real database with a moved clock."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import SQLModel, col, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms import delivery, escalation, log, service, thresholds, watchdog
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Adjudication, AdviceRow, Alarm, AlarmEvent
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.devices.models import Issue, PhoneState
from clinic_server.errors import ClinicError, Conflict, Forbidden, NotFound, Unprocessable
from clinic_server.notify import channels
from clinic_server.notify import service as notify
from clinic_server.notify.models import OutboxMessage
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff
from clinic_server.wire.care import Opinion
from tests import factories as make
from tests.factories import NOW

UTC_ZONE = ZoneInfo("UTC")


class World:
    """Three physicians on duty (first, second, head), a nurse, a patient."""

    def __init__(self, db: Database) -> None:
        self.db, self.now = db, NOW
        with db.write() as session:
            self.first = make.make_staff(session, "first")
            self.second = make.make_staff(session, "second")
            self.head = make.make_staff(session, "head")
            self.nurse = make.make_staff(session, "nurse", Role.NURSE)
            self.attending = make.make_staff(session, "attending")
            self.stranger = make.make_staff(session, "stranger")
            patient = make.make_patient(
                session,
                self.attending,
                phone="13800000000",
                emergency_phone="13900000000",
            )
            self.patient_id = patient.id or 0
            issue_id, _ = make.issue_unit(session, self.attending, patient)
            self.issue_id = issue_id
            for step, person in enumerate((self.first, self.second, self.head), start=1):
                self.duty(session, person, step)

    def duty(self, session: Any, person: Staff, step: int, hours: float = 48) -> None:
        staff_service.set_duty(
            session,
            staff_id=person.id or 0,
            step=step,
            starts_at=self.now - timedelta(hours=1),
            ends_at=self.now + timedelta(hours=hours),
            now=self.now,
        )

    def raise_(self, rule: str, code: str = "alarms.vt", key: str = "", **more: Any) -> int:
        with self.db.write() as session:
            alarm = service.raise_condition(
                session,
                rule_id=rule,
                code=code,
                dedupe_key=key or f"{rule}:{code}:{self.now.isoformat()}",
                patient_id=more.pop("patient_id", self.patient_id),
                onset_at=self.now,
                now=self.now,
                **more,
            )
            return (alarm.id or 0) if alarm else 0

    def pass_time(self, until: datetime, every_s: float = 1.0) -> None:
        while self.now < until:
            self.now += timedelta(seconds=every_s)
            with self.db.write() as session:
                escalation.sweep(session, self.now)

    def alarm(self, alarm_id: int) -> Alarm:
        with self.db.read() as session:
            row = session.get(Alarm, alarm_id)
            assert row is not None
            session.expunge(row)
            return row

    def events(self, alarm_id: int, kind: str) -> list[AlarmEvent]:
        with self.db.read() as session:
            rows = service.events_of(session, alarm_id)
            found = [row for row in rows if row.kind == kind]
            for row in found:
                session.expunge(row)
            return found

    def called(self, alarm_id: int, channel: str = "console") -> list[tuple[int, int]]:
        with self.db.read() as session:
            rows = session.exec(
                select(OutboxMessage.step, OutboxMessage.staff_id)
                .where(OutboxMessage.alarm_id == alarm_id, OutboxMessage.channel == channel)
                .order_by(col(OutboxMessage.id))
            ).all()
            return [(step, staff_id or 0) for step, staff_id in rows]

    def do(
        self, function: Any, staff: Staff, alarm_id: int, *args: Any, **more: Any
    ) -> Any:
        with self.db.write() as session:
            return function(session, staff, alarm_id, *args, now=self.now, **more)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    db = Database(f"sqlite:///{tmp_path / 'alarms.sqlite'}", Bus())
    SQLModel.metadata.create_all(db.engine)
    yield World(db)
    db.close()


def after(world: World, alarm_id: int, kind: str = "notified") -> list[float]:
    raised = world.alarm(alarm_id).raised_at
    return [(e.at - raised).total_seconds() for e in world.events(alarm_id, kind)]


def test_an_emergency_nobody_answers_reaches_everybody_in_time(world: World) -> None:
    alarm_id = world.raise_("E2")
    world.pass_time(NOW + timedelta(minutes=21), every_s=5)
    assert after(world, alarm_id) == [0, 120, 300, 600, 1200]
    steps = dict[int, set[int]]()
    for step, person in world.called(alarm_id):
        steps.setdefault(step, set()).add(person)
    assert steps[1] == {world.attending.id, world.first.id}
    assert world.second.id in steps[2]
    assert world.head.id in steps[3]
    numbers = world.events(alarm_id, "call_due")[0].detail["numbers"]
    assert numbers == ["13800000000", "13900000000"]


def test_an_acknowledgement_stops_the_calls_and_expires(world: World) -> None:
    alarm_id = world.raise_("E2")
    world.pass_time(NOW + timedelta(seconds=60))
    world.do(service.acknowledge, world.first, alarm_id)
    world.pass_time(NOW + timedelta(minutes=15), every_s=10)
    assert after(world, alarm_id) == [0]
    world.pass_time(NOW + timedelta(minutes=18, seconds=5))
    assert after(world, alarm_id, "ack_expired") == [960]
    assert after(world, alarm_id) == [0, 960, 1080]
    assert world.alarm(alarm_id).acknowledged_by is None


def test_a_decision_ends_the_escalation_for_good(world: World) -> None:
    alarm_id = world.raise_("E2")
    world.do(
        service.decide_and_advise,
        world.first,
        alarm_id,
        opinion=Opinion.EMERGENCY_NOW,
        within_days=None,
        text="请现在去急诊",
    )
    world.pass_time(NOW + timedelta(hours=1), every_s=30)
    assert after(world, alarm_id) == [0]


def test_after_an_outage_nobody_is_skipped_and_everybody_gets_their_time(
    world: World,
) -> None:
    alarm_id = world.raise_("E2")
    world.now += timedelta(hours=1)  # the server was down
    world.pass_time(world.now + timedelta(minutes=10), every_s=1)
    assert [e.detail["step"] for e in world.events(alarm_id, "notified")] == [1, 2, 3, 4]
    times = after(world, alarm_id)
    assert [round(b - a) for a, b in itertools.pairwise(times[1:])] == [180, 300]


def test_two_physicians_at_once_one_gets_it(world: World) -> None:
    alarm_id = world.raise_("E2")
    answers: list[str] = []
    barrier = threading.Barrier(2)

    def try_it(person: Staff) -> None:
        barrier.wait()
        try:
            world.do(service.acknowledge, person, alarm_id)
            answers.append("taken")
        except Conflict as refused:
            answers.append(refused.code)

    threads = [
        threading.Thread(target=try_it, args=(person,))
        for person in (world.first, world.attending)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["alarms.already_acknowledged", "taken"]


def test_an_acknowledgement_that_races_the_step_wins_or_loses_whole(world: World) -> None:
    for i in range(5):
        alarm_id = world.raise_("E2", key=f"race-{i}", code=f"alarms.race{i}")
        world.now += timedelta(seconds=120)
        barrier = threading.Barrier(2)

        def escalate(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            with world.db.write() as session:
                escalation.sweep(session, world.now)

        def take(barrier: threading.Barrier = barrier, alarm_id: int = alarm_id) -> None:
            barrier.wait()
            world.do(service.acknowledge, world.first, alarm_id)

        threads = [threading.Thread(target=f) for f in (escalate, take)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        row = world.alarm(alarm_id)
        assert row.acknowledged_by == world.first.id
        assert row.next_step_at is None
        assert row.notified_step in (1, 2)


def test_an_acknowledgement_that_races_recovery_does_not_open_it_again(
    world: World,
) -> None:
    alarm_id = world.raise_("T1", "alarms.silence")
    with world.db.write() as session:
        log.act(session, session.get_one(Alarm, alarm_id), Clear(world.now), world.now)
    with pytest.raises(Conflict) as refused:
        world.do(service.acknowledge, world.first, alarm_id)
    assert refused.value.code == "alarms.closed"
    assert world.alarm(alarm_id).outcome == "recovered"


def test_a_hand_over_calls_the_receiver_and_waits_for_them(world: World) -> None:
    alarm_id = world.raise_("E2")
    world.do(service.acknowledge, world.first, alarm_id)
    world.do(service.hand_over, world.first, alarm_id, to_staff_id=world.second.id)
    assert (0, world.second.id) in world.called(alarm_id)
    start = world.now
    world.pass_time(start + timedelta(seconds=125))
    assert after(world, alarm_id)[-1] == 120
    world.do(service.acknowledge, world.second, alarm_id)
    with pytest.raises(NotFound):
        world.do(service.hand_over, world.second, alarm_id, to_staff_id=world.stranger.id)


def test_a_pause_of_reminders_covers_the_rule_and_never_an_emergency(world: World) -> None:
    alarm_id = world.raise_("U5", "alarms.brady")
    until = world.now + timedelta(hours=3)
    world.do(service.snooze, world.attending, alarm_id, until=until)
    world.pass_time(world.now + timedelta(hours=2), every_s=60)
    assert after(world, alarm_id) == [0]
    again = world.raise_("U5", "alarms.other")
    assert world.alarm(again).snoozed_until == until
    assert not world.called(again)
    emergency = world.raise_("E4", "alarms.brady")
    assert world.called(emergency)
    with pytest.raises(Unprocessable) as refused:
        world.do(service.snooze, world.attending, emergency, until=until)
    assert refused.value.code == "alarms.no_snooze_emergency"
    world.pass_time(until + timedelta(minutes=1), every_s=60)
    assert len(after(world, alarm_id)) == 2


def test_repeats_join_the_card_and_nothing_is_dropped(world: World) -> None:
    card = world.raise_("U1", "alarms.nsvt", evidence={"severity": 5.0})
    for i in range(13):
        world.now += timedelta(minutes=1)
        assert not world.raise_("U1", "alarms.nsvt", key=f"r{i}")
        assert not world.raise_("U1", "alarms.nsvt", key=f"r{i}")  # replayed
    assert world.alarm(card).repeats == 14
    assert len(world.events(card, "grouped")) == 13
    world.now += timedelta(hours=6)
    assert world.raise_("U1", "alarms.nsvt", key="later")


def test_something_worse_opens_a_decided_card_again(world: World) -> None:
    card = world.raise_("U1", "alarms.nsvt", evidence={"severity": 5.0})
    world.do(
        service.decide_and_advise,
        world.attending,
        card,
        opinion=Opinion.OBSERVE,
        within_days=None,
        text="继续观察",
    )
    world.do(service.close, world.attending, card, "observed")
    world.now += timedelta(minutes=1)
    world.raise_("U1", "alarms.nsvt", key="same", evidence={"severity": 5.5})
    assert world.alarm(card).closed_at is not None
    world.raise_("U1", "alarms.nsvt", key="worse", evidence={"severity": 9.0})
    assert world.alarm(card).closed_at is None
    assert world.alarm(card).acknowledged_by is None
    assert len(after(world, card)) == 2


def test_a_storm_is_one_group_and_every_alarm_is_kept(world: World) -> None:
    for i in range(30):
        world.raise_("U1", f"alarms.kind{i}", key=f"s{i}")
    with world.db.read() as session:
        rows = service.open_alarms(session, world.attending, world.now)
    storm = [row for row in rows if row.code == "alarms.storm"]
    assert len(storm) == 1
    assert len(rows) == 31
    assert sum(row.group_id == storm[0].id for row in rows) == 10
    emergency = world.raise_("E2", "alarms.vt")
    assert world.called(emergency)


def test_an_emergency_closes_only_with_an_answer_that_arrived(world: World) -> None:
    alarm_id = world.raise_("E2")

    def refusal(outcome: str = "treated", **more: Any) -> str:
        with pytest.raises(ClinicError) as refused:
            world.do(service.close, world.attending, alarm_id, outcome, **more)
        return refused.value.code

    assert refusal("nonsense") == "alarms.outcome_unknown"
    assert refusal() == "alarms.close_needs_decision"
    row = world.do(
        service.decide_and_advise,
        world.attending,
        alarm_id,
        opinion=Opinion.CLINIC_VISIT,
        within_days=2,
        text="两天内来",
    )
    assert refusal(patient_reached=True) == "alarms.close_needs_register"
    world.do(service.register_critical_value, world.attending, alarm_id, "王建国", True)
    assert refusal() == "alarms.close_needs_reached"
    assert refusal(patient_reached=False) == "alarms.close_needs_reached"
    assert refusal("not_reached", patient_reached=False) == "alarms.close_needs_call"
    world.do(service.log_call, world.attending, alarm_id, "ambulance", "answered")
    assert refusal() == "alarms.close_needs_reached"
    with world.db.write() as session, pytest.raises(NotFound):
        service.mark_read(session, world.patient_id + 1, row.id, None, world.now)
    world.do(service.close, world.attending, alarm_id, "treated", patient_reached=True)
    with world.db.write() as session:
        service.mark_read(session, world.patient_id, row.id, "call_me", world.now)
    assert world.alarm(alarm_id).read_at == world.now


def test_a_logged_call_that_was_answered_or_not_is_what_an_emergency_closes_with(
    world: World,
) -> None:
    for call, outcome in (("answered", "treated"), ("no_answer", "not_reached")):
        alarm_id = world.raise_("E10", "alarms.sos", key=call)
        world.do(
            service.decide_and_advise,
            world.attending,
            alarm_id,
            opinion=Opinion.EMERGENCY_NOW,
            within_days=None,
            text="请打 120",
        )
        world.do(service.log_call, world.attending, alarm_id, "patient", call)
        reached = False if outcome == "not_reached" else None
        # a call for help is no finding of the ECG: the register does not ask for it
        world.do(service.close, world.attending, alarm_id, outcome, patient_reached=reached)
        assert world.alarm(alarm_id).outcome == outcome


def test_taking_over_names_who_had_it_and_never_happens_by_the_way(world: World) -> None:
    alarm_id = world.raise_("E2")
    other = world.second
    world.do(service.acknowledge, world.attending, alarm_id)
    with pytest.raises(Conflict):
        world.do(service.acknowledge, other, alarm_id)
    world.do(service.acknowledge, other, alarm_id, instead_of=world.attending.id)
    assert world.alarm(alarm_id).acknowledged_by == other.id
    with pytest.raises(Conflict):  # the page of a third had the one before last
        world.do(service.acknowledge, world.head, alarm_id, instead_of=world.attending.id)
    last = world.events(alarm_id, "acknowledged")[-1]
    assert (last.actor_id, last.detail["instead_of"]) == (other.id, world.attending.id)


def test_handing_over_what_nobody_holds_postpones_no_call(world: World) -> None:
    alarm_id = world.raise_("E2")
    for _ in range(6):
        world.do(service.hand_over, world.first, alarm_id, world.second.id)
        world.pass_time(world.now + timedelta(minutes=1), every_s=5)
    assert after(world, alarm_id) == [0, 120, 300]


def test_something_worse_rings_although_somebody_has_it_in_hand(world: World) -> None:
    card = world.raise_("U1", "alarms.nsvt", evidence={"severity": 5.0})
    world.do(service.acknowledge, world.attending, card)
    world.now += timedelta(minutes=1)
    world.raise_("U1", "alarms.nsvt", key="same", evidence={"severity": 5.5})
    assert world.alarm(card).acknowledged_by == world.attending.id
    world.raise_("U1", "alarms.nsvt", key="worse", evidence={"severity": 9.0})
    assert world.alarm(card).acknowledged_by is None
    assert len(after(world, card)) == 2
    assert len(world.events(card, "reopened")) == 1


def test_two_answers_at_once_are_one(world: World) -> None:
    card = world.raise_("U1", "alarms.nsvt")

    def decide(person: Staff) -> None:
        world.do(
            service.decide_and_advise,
            person,
            card,
            opinion=Opinion.OBSERVE,
            within_days=None,
            text="继续观察",
        )

    decide(world.attending)
    with pytest.raises(Conflict) as refused:
        decide(world.first)
    assert refused.value.code == "alarms.already_decided"
    with world.db.read() as session:
        assert len(session.exec(select(AdviceRow)).all()) == 1


def test_what_was_found_false_hides_nothing_before_the_third_time(world: World) -> None:
    cards = []
    for i in range(3):
        card = world.raise_("U1", "alarms.nsvt", key=f"false{i}")
        assert card, "a finding after a false one is a new one"
        cards.append(card)
        world.do(service.adjudicate, world.attending, card, Adjudication.NOISE)
        world.do(service.close, world.attending, card, "false_alarm")
        world.now += timedelta(minutes=5)
    assert not world.raise_("U1", "alarms.nsvt", key="fourth")
    assert world.alarm(cards[-1]).repeats == 2, "counted, not dropped"
    emergencies = []
    for i in range(4):
        emergencies.append(world.raise_("E2", "alarms.vt", key=f"e{i}"))
        world.do(service.adjudicate, world.attending, emergencies[-1], Adjudication.NOISE)
        world.do(service.close, world.attending, emergencies[-1], "false_alarm")
    assert all(emergencies), "never of an Emergency"


def test_something_worse_ends_a_pause_of_reminders(world: World) -> None:
    card = world.raise_("U1", "alarms.nsvt", evidence={"severity": 5.0})
    until = world.now + timedelta(hours=4)
    world.do(service.snooze, world.attending, card, until=until)
    world.now += timedelta(minutes=1)
    world.raise_("U1", "alarms.nsvt", key="same", evidence={"severity": 5.5})
    assert world.alarm(card).snoozed_until is not None
    before = len(world.called(card))
    world.raise_("U1", "alarms.nsvt", key="worse", evidence={"severity": 9.0})
    assert world.alarm(card).snoozed_until is None
    assert len(world.called(card)) > before


def test_a_false_alarm_closes_with_its_finding(world: World) -> None:
    alarm_id = world.raise_("E2")
    world.do(service.adjudicate, world.attending, alarm_id, Adjudication.NOISE)
    world.do(service.close, world.attending, alarm_id, "false_alarm")
    assert world.alarm(alarm_id).closed_by == world.attending.id


def test_who_may_do_what(world: World) -> None:
    alarm_id = world.raise_("E2")
    with pytest.raises(NotFound):
        world.do(service.acknowledge, world.stranger, alarm_id)
    world.do(service.acknowledge, world.nurse, alarm_id)
    with pytest.raises(Forbidden):
        world.do(
            service.decide_and_advise,
            world.nurse,
            alarm_id,
            opinion=Opinion.OBSERVE,
            within_days=None,
            text="x",
        )
    with world.db.read() as session:
        assert not service.open_alarms(session, world.stranger, world.now)
        assert not service.events_after(session, world.stranger, 0, 100, world.now)
        events = service.events_after(session, world.attending, 0, 100, world.now)
        assert [e.id for e in events] == sorted(e.id or 0 for e in events)
        assert service.last_event_id(session) == events[-1].id


def test_a_failing_channel_gives_way_to_the_next_and_messages_name_nobody(
    world: World,
) -> None:
    with world.db.write() as session:
        notify.save_channel(session, name="wecom", address="bad://x", position=1)
        notify.save_channel(session, name="sms", address="good://{phone}", position=2)
    alarm_id = world.raise_("E2")
    sent: list[tuple[str, str]] = []

    def send(address: str, _title: str, body: str) -> str:
        if address.startswith("bad"):
            return "refused"
        sent.append((address, body))
        return ""

    start = world.now
    for _ in range(60):
        world.now += timedelta(seconds=1)
        delivery.deliver(world.db, world.now, "https://clinic.example", send)
        if sent:
            break
    assert world.now - start <= timedelta(seconds=45)
    for _, body in sent:
        assert f"#{alarm_id}" in body
        assert "王建国" not in body
        assert "室速" not in body
    assert world.alarm(alarm_id).notified_at == world.now


def test_nobody_waits_for_the_retries_of_a_channel_that_is_known_to_fail(
    world: World,
) -> None:
    with world.db.write() as session:
        notify.save_channel(session, name="wecom", address="bad://x", position=1)
        notify.save_channel(session, name="sms", address="good://x", position=2)

    def send(address: str, _title: str, _body: str) -> str:
        return "timeout" if address.startswith("bad") else ""

    def delivered(alarm_id: int) -> timedelta:
        start = world.now
        while world.alarm(alarm_id).notified_at is None:
            world.now += timedelta(seconds=1)
            delivery.deliver(world.db, world.now, "", send)
        return world.now - start

    assert delivered(world.raise_("E2")) > timedelta(seconds=10)
    assert delivered(world.raise_("E1", "alarms.vf")) == timedelta(seconds=1)


# apprise looks through all of its plugins, one of which imports it
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_channel_that_hangs_has_failed_after_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        monkeypatch.setattr(channels, "TIMEOUT_S", 0.2)
        began = time.monotonic()
        assert channels.send(f"json://127.0.0.1:{port}", "安心", "#1") == "timeout"
        assert time.monotonic() - began < 2


def test_when_every_channel_fails_the_next_step_is_due_and_all_screens_say_so(
    world: World,
) -> None:
    with world.db.write() as session:
        notify.save_channel(session, name="wecom", address="bad://x", position=1)
    alarm_id = world.raise_("U2", "alarms.af_new")
    for _ in range(60):
        world.now += timedelta(seconds=1)
        delivery.deliver(world.db, world.now, "", lambda *_: "refused")
        with world.db.write() as session:
            escalation.sweep(session, world.now)
    assert world.alarm(alarm_id).notified_step >= 2
    with world.db.read() as session:
        codes = [a.code for a in service.open_alarms(session, world.stranger, world.now)]
    assert codes == ["alarms.channels_down"]


def test_reaching_a_connected_console_counts_as_notified_once(world: World) -> None:
    alarm_id = world.raise_("E2")
    assert world.alarm(alarm_id).notified_at is None
    with world.db.write() as session:
        for person, fresh in ((world.stranger, 0), (world.first, 1), (world.first, 0)):
            reached = service.reached_console(
                session, person.id or 0, [alarm_id], world.now
            )
            assert reached == fresh
    assert world.alarm(alarm_id).notified_at == world.now


def test_a_fault_of_the_plant_calls_who_looks_after_it(world: World) -> None:
    with world.db.write() as session:
        keeper = make.make_staff(session, "keeper", Role.ADMIN)
        gone = make.make_staff(session, "gone", Role.ADMIN)
        gone.active = False
        session.add(gone)
    alarm_id = world.raise_("T5", "alarms.canary_missing", patient_id=None)
    called = {person for _, person in world.called(alarm_id)}
    assert called == {keeper.id, world.first.id}


def test_an_attending_who_has_left_is_not_what_an_alarm_waits_for(world: World) -> None:
    with world.db.write() as session:
        attending = session.get_one(Staff, world.attending.id)
        attending.active = False
        session.add(attending)
    alarm_id = world.raise_("U2", "alarms.af_new")
    on_duty = {world.first.id, world.second.id, world.head.id}
    assert {person for _, person in world.called(alarm_id)} == on_duty


def test_the_patient_is_asked_first_and_the_desk_after_an_hour(world: World) -> None:
    alarm_id = world.raise_("T2", "alarms.lead_off")
    assert not world.called(alarm_id)
    start = world.now
    with world.db.write() as session:
        world.duty(session, world.nurse, 3)
    world.pass_time(start + timedelta(minutes=59), every_s=60)
    assert not world.called(alarm_id)
    world.pass_time(start + timedelta(minutes=61), every_s=30)
    assert world.called(alarm_id) == [(1, world.nurse.id or 0)]


def test_a_loose_electrode_waits_for_the_morning(world: World) -> None:
    with world.db.write() as session:
        issue = session.get_one(Issue, world.issue_id)
        issue.enrolled_at = NOW
        session.add(issue)
        state = PhoneState(issue_id=world.issue_id, reported_at=NOW, phone_at=NOW)
        state.lead_off_since = NOW
        session.add(state)
    zone = ZoneInfo("Asia/Shanghai")  # 16:00 there at NOW

    def loose(hours: float) -> int:
        watchdog.sweep(world.db, NOW + timedelta(hours=hours), zone)
        with world.db.read() as session:
            rows = service.open_alarms(session, world.attending, NOW)
            return sum(row.code == "alarms.lead_off" for row in rows)

    assert loose(0.05) == 0
    assert loose(8) == 0, "midnight"
    assert loose(14.1) == 1, "six in the morning"


def test_every_silence_is_told_however_the_loans_are_dealt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "BATCH", 2)
    with world.db.write() as session:
        session.get_one(Issue, world.issue_id).enrolled_at = NOW
        for number in range(4):
            patient = make.make_patient(session, world.attending, f"C-{number}")
            serial = f"AX-10{number}"
            issue_id, _ = make.issue_unit(session, world.attending, patient, serial)
            session.get_one(Issue, issue_id).enrolled_at = NOW
    watchdog.sweep(world.db, NOW + timedelta(minutes=20), UTC_ZONE)
    watchdog.sweep(world.db, NOW + timedelta(minutes=21), UTC_ZONE)
    with world.db.read() as session:
        rows = service.open_alarms(session, world.attending, NOW)
    silent = [row.patient_id for row in rows if row.code == "alarms.silence"]
    assert len(silent) == len(set(silent)) == 5


def test_silence_is_told_at_15_and_30_minutes_and_ends_with_data(world: World) -> None:
    with world.db.write() as session:
        issue = session.get(Issue, world.issue_id)
        assert issue is not None
        issue.enrolled_at = world.now
        session.add(issue)

    def look(minutes: float) -> list[tuple[str, str]]:
        watchdog.sweep(world.db, NOW + timedelta(minutes=minutes), UTC_ZONE)
        with world.db.read() as session:
            rows = service.open_alarms(session, world.attending, world.now)
            return sorted((row.rule, row.tier.value) for row in rows)

    assert look(14.9) == []
    assert look(15.1) == [("T1", "D")]
    assert look(16) == [("T1", "D")]
    assert look(30.1) == [("T1", "D"), ("T1", "U")]
    with world.db.write() as session:
        issue = session.get(Issue, world.issue_id)
        assert issue is not None
        issue.enrolled_at = NOW + timedelta(minutes=31)
        session.add(issue)
    assert look(31.5) == []


def test_electrodes_and_batteries_are_watched(world: World) -> None:
    with world.db.write() as session:
        issue = session.get(Issue, world.issue_id)
        assert issue is not None
        issue.enrolled_at = NOW
        session.add(issue)
        session.add(
            PhoneState(
                issue_id=world.issue_id,
                reported_at=NOW,
                phone_at=NOW,
                battery_pct=9,
                phone_battery_pct=50,
                lead_off_since=NOW,
            )
        )
    for minutes in (1, 6, 7):
        watchdog.sweep(world.db, NOW + timedelta(minutes=minutes), UTC_ZONE)
    with world.db.write() as session:
        rows = service.open_alarms(session, world.attending, NOW)
        assert sorted(row.code for row in rows) == ["alarms.battery", "alarms.lead_off"]
        phone = session.get(PhoneState, world.issue_id)
        assert phone is not None
        phone.battery_pct = 80
        session.add(phone)
    watchdog.sweep(world.db, NOW + timedelta(minutes=8), UTC_ZONE)
    with world.db.read() as session:
        rows = service.open_alarms(session, world.attending, NOW)
        assert [row.code for row in rows] == ["alarms.lead_off"]


def test_a_hole_in_the_roster_is_an_alarm_of_the_plant_until_it_is_filled(
    world: World,
) -> None:
    late = NOW + timedelta(hours=40)
    watchdog.sweep(world.db, late, UTC_ZONE)
    watchdog.sweep(world.db, late + timedelta(minutes=1), UTC_ZONE)
    with world.db.read() as session:
        rows = service.open_alarms(session, world.stranger, late)
    assert [row.code for row in rows] == ["alarms.roster_empty"]
    with world.db.write() as session:
        world.now = late
        world.duty(session, world.first, 1)
    watchdog.sweep(world.db, late + timedelta(minutes=2), UTC_ZONE)
    with world.db.read() as session:
        assert not service.open_alarms(session, world.stranger, late)


def test_a_threshold_needs_a_reason_and_ends_by_itself(world: World) -> None:
    def change(**more: Any) -> Any:
        with world.db.write() as session:
            return thresholds.override(
                session,
                more.pop("staff", world.attending),
                patient_id=world.patient_id,
                name=more.pop("name", "pvc_per_min"),
                value=more.pop("value", 15.0),
                reason=more.pop("reason", "known ectopy"),
                expires_at=more.pop("expires_at", None),
                now=world.now,
            )

    with pytest.raises(Unprocessable):
        change(reason=" ")
    with pytest.raises(Forbidden):
        change(staff=world.nurse)
    with pytest.raises(NotFound):
        change(staff=world.stranger)
    change(expires_at=NOW + timedelta(days=1))
    change(value=20.0, expires_at=NOW + timedelta(days=1))
    with world.db.read() as session:
        for day, expected in ((0.5, 20.0), (1.5, 8.0)):
            at = NOW + timedelta(days=day)
            seen = thresholds.limits_seen_by(
                session, world.attending if day < 1 else world.nurse, world.patient_id, at
            )
            assert seen["pvc_per_min"] == expected
