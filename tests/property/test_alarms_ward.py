"""A ward in a real database: alarms raised, taken, passed on, through crashes and clocks.

`test_alarms_machine` proves the pure machine; this proves the rows: what was raised is
there, once; nobody is recorded to have acted who has not; and the log of every alarm calls
its steps one by one, each in its own time. The suite walks a part of what
`scripts/bench alarms` walks (10,000 steps).
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import Session, SQLModel, col, select

import clinic_server.tables  # noqa: F401 - every table
from clinic_server.alarms import escalation, service
from clinic_server.alarms.models import Alarm, AlarmEvent
from clinic_server.alarms.raising import raise_condition
from clinic_server.bus import Bus
from clinic_server.db import Database
from clinic_server.errors import ClinicError
from clinic_server.staff import service as staff_service
from clinic_server.wire.care import Opinion
from tests import factories as make

T0 = datetime(2026, 11, 23, 15, 50, tzinfo=UTC)
"""Ten minutes before midnight in the clinic."""
RULES = ("E1", "E2", "E10", "U1", "U5", "D1")
KINDS = {
    "acknowledge": "acknowledged",
    "take_over": "acknowledged",
    "hand_over": "handed_over",
    "snooze": "snoozed",
    "decide": "decided",
    "close": "closed",
}
AFRESH = ("ack_expired", "handed_over", "reopened", "snooze_ended")
"""After these the first are called again."""
PEOPLE = (1, 2)
PATIENTS = (1, 2)


class Killed(Exception):
    """The process dies before its transaction is on disk."""


class Ward(RuleBasedStateMachine):
    """Two physicians, two patients; the model remembers what was done."""

    keys = Bundle("keys")
    alarms = Bundle("alarms")

    @initialize()
    def opens(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ward-", dir=_memory()))
        self.now = T0
        self.raised: set[str] = set()
        self.acted: set[tuple[str, int]] = set()
        self.clock_moved_back = False
        self.start()
        SQLModel.metadata.create_all(self.db.engine)
        with self.db.write() as session:
            for step, name in enumerate(("one", "two"), start=1):
                person = make.make_staff(session, name, now=T0)
                staff_service.set_duty(
                    session,
                    staff_id=person.id or 0,
                    step=step,
                    starts_at=T0 - timedelta(days=30),
                    ends_at=T0 + timedelta(days=365),
                    now=T0,
                )
            for n in PATIENTS:
                one = staff_service.staff_by_id(session, 1)
                make.make_patient(session, one, f"W{n}", T0)

    def start(self) -> None:
        self.db = Database(f"sqlite:///{self.folder / 'ward.sqlite'}", Bus())

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    def act(self, what: Callable[[Session], object], dies: bool = False) -> bool:
        """Do something in one transaction; it may be refused, or die before the commit."""
        try:
            with self.db.write() as session:
                what(session)
                if dies:
                    raise Killed
        except ClinicError:
            return False
        except Killed:
            self.db.close()
            self.start()
            return False
        return True

    @rule(
        target=keys,
        name=st.sampled_from(RULES),
        patient=st.sampled_from(PATIENTS),
        severity=st.sampled_from([1.0, 1.1, 4.0]),
        dies=st.booleans(),
    )
    def something_happens(
        self, name: str, patient: int, severity: float, dies: bool
    ) -> tuple[str, str, int]:
        key = f"{name}:{patient}:{len(self.raised)}:{self.now.isoformat()}"
        known = (key, name, patient)
        if self.act(lambda s: self._raise(s, known, severity), dies):
            self.raised.add(key)
        return known

    @rule(known=keys)
    def it_is_told_again(self, known: tuple[str, str, int]) -> None:
        """A restarted analysis raises what it has raised, or what its death lost."""
        if self.act(lambda s: self._raise(s, known, 1.0)):
            self.raised.add(known[0])

    def _raise(
        self, session: Session, known: tuple[str, str, int], severity: float
    ) -> None:
        key, name, patient = known
        raise_condition(
            session,
            rule_id=name,
            code=f"alarms.{name.lower()}",
            dedupe_key=key,
            patient_id=patient,
            onset_at=self.now,
            now=self.now,
            evidence={"severity": severity},
        )

    @rule(target=alarms, nth=st.integers(0, 30))
    def somebody_looks(self, nth: int) -> int:
        with self.db.read() as session:
            ids = session.exec(select(Alarm.id).order_by(col(Alarm.id))).all()
        return (ids[nth % len(ids)] or 0) if ids else 0

    @rule(
        alarm=alarms,
        by=st.sampled_from(PEOPLE),
        what=st.sampled_from(
            ["acknowledge", "take_over", "hand_over", "snooze", "decide", "close"]
        ),
        dies=st.booleans(),
    )
    def somebody_acts(self, alarm: int, by: int, what: str, dies: bool) -> None:
        def do(session: Session) -> object:
            person = staff_service.staff_by_id(session, by)
            if what == "acknowledge":
                return service.acknowledge(session, person, alarm, self.now)
            if what == "take_over":
                return service.acknowledge(
                    session, person, alarm, self.now, instead_of=3 - by
                )
            if what == "hand_over":
                return service.hand_over(session, person, alarm, 3 - by, self.now)
            if what == "snooze":
                until = self.now + timedelta(hours=1)
                return service.snooze(session, person, alarm, until, self.now)
            if what == "decide":
                return service.decide_and_advise(
                    session, person, alarm, Opinion.OBSERVE, None, "继续观察", self.now
                )
            return service.close(
                session, person, alarm, "observed", self.now, patient_reached=True
            )

        if self.act(do, dies):
            self.acted.add((f"{alarm}:{KINDS[what]}", by))

    @rule(minutes=st.sampled_from([0, 1, 2, 5, 15, 30, 300]), dies=st.booleans())
    def time_passes(self, minutes: int, dies: bool) -> None:
        self.now += timedelta(minutes=minutes)
        self.act(lambda s: escalation.sweep(s, self.now), dies)
        escalation.sweep_all(self.db, self.now)

    @rule(minutes=st.integers(1, 120))
    def the_clock_is_set_back(self, minutes: int) -> None:
        self.now -= timedelta(minutes=minutes)
        self.clock_moved_back = True
        escalation.sweep_all(self.db, self.now)

    @invariant()
    def nothing_that_was_raised_is_lost_or_there_twice(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            own = list(session.exec(select(Alarm.dedupe_key)))
            joined = [
                row.detail["key"]
                for row in session.exec(
                    select(AlarmEvent).where(AlarmEvent.kind == "grouped")
                )
            ]
        told = [key for key in own + joined if not key.startswith("storm:")]
        assert sorted(told) == sorted(self.raised)

    @invariant()
    def the_log_names_only_who_acted(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            rows = session.exec(
                select(AlarmEvent).where(col(AlarmEvent.actor_id).is_not(None))
            ).all()
            held = session.exec(
                select(Alarm).where(col(Alarm.acknowledged_by).is_not(None))
            ).all()
        by = {(f"{row.alarm_id}:{row.kind}", row.actor_id) for row in rows}
        by = {one for one in by if not one[0].endswith("advised")}
        assert by <= self.acted
        for alarm in held:
            took = {f"{alarm.id}:acknowledged", f"{alarm.id}:decided"}
            assert any((kind, alarm.acknowledged_by) in by for kind in took)

    @invariant()
    def steps_are_called_one_by_one_and_in_their_time(self) -> None:
        if not hasattr(self, "db"):
            return
        with self.db.read() as session:
            policies = {a.id: a.policy for a in session.exec(select(Alarm))}
            events = session.exec(select(AlarmEvent).order_by(col(AlarmEvent.id))).all()
        last: dict[int, tuple[int, datetime]] = {}
        held: set[int] = set()
        for event in events:
            if event.kind == "acknowledged":
                held.add(event.alarm_id)
            # what nobody holds is handed over beside the escalation, which goes on
            offered = event.kind == "handed_over" and event.alarm_id not in held
            if event.kind in AFRESH and not offered:
                held.discard(event.alarm_id)
                last.pop(event.alarm_id, None)
            if event.kind != "notified":
                continue
            self._check_call(policies[event.alarm_id], event, last.get(event.alarm_id))
            last[event.alarm_id] = (event.detail["step"], event.at)

    def _check_call(
        self,
        policy: list[dict[str, Any]],
        event: AlarmEvent,
        before: tuple[int, datetime] | None,
    ) -> None:
        step = event.detail["step"]
        if before is None:
            assert step == 1, "a step was skipped"
            return
        step_before, at = before
        again = bool(event.detail["again"])
        assert step == (step_before if again else step_before + 1), "a step was skipped"
        gap_s = policy[step - 1]["after_s"] - policy[step_before - 1]["after_s"]
        if again:
            gap_s = policy[-1]["repeat_s"]
        if not self.clock_moved_back:
            assert event.at - at >= timedelta(seconds=gap_s), "called too early"


def _memory() -> str | None:
    """A folder in memory where there is one: ten thousand commits wait for no disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


@pytest.mark.parametrize(
    ("walks", "steps"),
    [
        pytest.param(12, 30, id="ci"),
        pytest.param(200, 50, id="full", marks=pytest.mark.bench),
    ],
)
def test_no_alarm_is_lost_taken_by_itself_or_called_out_of_turn(
    walks: int, steps: int
) -> None:
    run_state_machine_as_test(
        Ward, settings=settings(max_examples=walks, stateful_step_count=steps)
    )
