"""The life of an alarm under every mix of people, clocks and crashes."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from clinic_server.alarms import machine as m
from clinic_server.alarms.catalogue import RULES, policy_for
from clinic_server.alarms.machine import AlarmState, Change, apply
from clinic_server.alarms.models import Adjudication, AlarmKind, Tier
from clinic_server.errors import Conflict, Unprocessable

T0 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PEOPLE = st.integers(1, 3)


class AlarmLife(RuleBasedStateMachine):
    """One alarm; the model remembers who did what and when each step was taken."""

    @initialize(
        name=st.sampled_from(["E1", "E2", "U1", "U5", "T1", "T2", "D1", "T7", "T5"])
    )
    def begin(self, name: str) -> None:
        info = RULES[name]
        self.now = T0
        self.state = AlarmState(
            tier=info.tier,
            kind=info.kind,
            latching=info.latching,
            policy=tuple(policy_for(info)),
            raised_at=self.now,
            next_step_at=self.now if policy_for(info) else None,
        )
        self.log: list[Change] = []
        self.holder: int | None = None
        self.last_step: tuple[int, datetime] | None = None
        self.people_closed = False
        self.set_back = False

    def do(self, action: m.Action) -> bool:
        before = self.state
        try:
            self.state, changes = apply(before, action, self.now)
        except (Conflict, Unprocessable):
            assert self.state is before
            return False
        self.log += changes
        for change in changes:
            self.check(change)
        return True

    def check(self, change: Change) -> None:
        if change.kind == "notified":
            step = change.detail["step"]
            if self.last_step is not None:
                before, at = self.last_step
                assert step == before + 1 or (change.detail["again"] and step == before)
                policy = self.state.policy
                gap = policy[step - 1]["after_s"] - policy[before - 1]["after_s"]
                if change.detail["again"]:
                    gap = policy[-1]["repeat_s"]
                if not self.set_back:
                    assert self.now - at >= timedelta(seconds=gap), "called too early"
            else:
                assert step == 1
            assert self.state.closed_at is None
            assert self.holder is None, "called although somebody holds it"
            self.last_step = (step, self.now)
            self.set_back = False
        elif change.kind in ("ack_expired", "snooze_ended", "handed_over", "reopened"):
            if change.kind == "handed_over" and self.holder is None:
                return  # offered beside the escalation, which goes on
            self.last_step = None
            if change.kind != "snooze_ended":
                self.holder = None
        elif change.kind in ("acknowledged", "decided"):
            assert change.actor_id is not None
            self.holder = change.actor_id if self.holder is None else self.holder

    @rule(seconds=st.integers(0, 20_000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for _ in range(3):
            self.do(m.Sweep())

    @rule(seconds=st.integers(1, 7200))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.now -= timedelta(seconds=seconds)
        self.set_back = True
        self.do(m.Sweep())
        due = self.state.next_step_at
        if due is not None:
            longest = {Tier.EMERGENCY: 600, Tier.URGENT: 14400, Tier.DAILY: 86400}
            assert due - self.now <= timedelta(seconds=longest[self.state.tier])

    @rule(
        by=PEOPLE,
        minutes=st.none() | st.integers(0, 2000),
        instead_of=st.none() | PEOPLE,
    )
    def acknowledge(self, by: int, minutes: int | None, instead_of: int | None) -> None:
        held = m.is_acknowledged(self.state, self.now)
        before = self.state.acknowledged_by
        if self.do(m.Acknowledge(by, minutes, instead_of)):
            known = before in (by, instead_of)
            assert not held or known, "taken from somebody who holds it"
            self.holder = by
            assert m.is_acknowledged(self.state, self.now)

    @rule(by=PEOPLE, to=PEOPLE)
    def hand_over(self, by: int, to: int) -> None:
        self.do(m.HandOver(by, to))

    @rule(by=PEOPLE, minutes=st.integers(-5, 3000))
    def snooze(self, by: int, minutes: int) -> None:
        done = self.do(m.Snooze(by, self.now + timedelta(minutes=minutes)))
        assert not (done and self.state.tier is Tier.EMERGENCY)

    @rule(by=PEOPLE)
    def decide(self, by: int) -> None:
        self.do(m.Decide(by, "observe", 1))

    @rule()
    def patient_reads(self) -> None:
        self.do(m.Read("understood"))

    @rule()
    def condition_ends(self) -> None:
        acknowledged = self.state.acknowledged_by
        self.do(m.Clear(self.now))
        assert self.state.acknowledged_by == acknowledged

    @rule(worse=st.booleans())
    def it_happens_again(self, worse: bool) -> None:
        repeats = self.state.repeats
        handled = m.is_handled(self.state)
        assert self.do(m.Repeat({"key": str(repeats)}, worse))
        assert self.state.repeats == repeats + 1
        if worse and handled:
            assert not m.is_handled(self.state)
            self.people_closed = False

    @rule(by=PEOPLE, finding=st.sampled_from(list(Adjudication)))
    def adjudicate(self, by: int, finding: Adjudication) -> None:
        assert self.do(m.Adjudicate(by, finding))

    @rule(by=PEOPLE, reached=st.none() | st.booleans())
    def close(self, by: int, reached: bool | None) -> None:
        if self.do(m.Close(by, "observed", reached)):
            self.people_closed = True

    @rule()
    def the_server_is_killed(self) -> None:
        """Only what a row can hold survives."""
        values: dict[str, Any] = {}
        for f in fields(AlarmState):
            value = getattr(self.state, f.name)
            if f.name == "policy":
                value = tuple(json.loads(json.dumps([dict(p) for p in value])))
            values[f.name] = value
        self.state = AlarmState(**values)

    @invariant()
    def nothing_acknowledges_or_closes_itself(self) -> None:
        state = self.state
        if state.acknowledged_by is not None:
            assert self.holder is not None
        if state.closed_at is not None and not self.people_closed:
            assert state.kind is AlarmKind.TECHNICAL
            assert not state.latching
            assert state.cleared_at is not None

    @invariant()
    def an_open_alarm_that_nobody_holds_is_on_its_way_to_somebody(self) -> None:
        state = self.state
        if m.is_handled(state) or not state.policy:
            return
        waiting = state.ack_until or state.snoozed_until or state.next_step_at
        last = state.notified_step == len(state.policy)
        assert waiting is not None or (last and not state.policy[-1].get("repeat_s"))


TestAlarmLife = AlarmLife.TestCase
TestAlarmLife.settings = settings(max_examples=200, stateful_step_count=50)
