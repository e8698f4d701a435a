"""Reminders over midnight, DST, travel and odd clocks: none lost, none double."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.care import CLOCK_TOLERANCE, Care
from app.notebook import Notebook
from app.reminders import (
    SNOOZE,
    QuietHours,
    heard_with,
    owed,
    rings_of,
    what_now,
)
from clinic_server.wire.care import PatientTask, TaskDone, TaskKind, TaskState

ZONES = [
    ZoneInfo(name)
    for name in ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Apia")
]
NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the night after, Europe changes its clocks


def make_task(
    opens_at: datetime, window: timedelta, grace: timedelta, number: int = 7
) -> PatientTask:
    due_at = opens_at + window
    return PatientTask(
        id=number,
        kind=TaskKind.VITALS,
        state=TaskState.DUE,
        opens_at=opens_at,
        due_at=due_at,
        grace_until=due_at + grace,
        done_at=None,
        done_here=True,
    )


tasks = st.builds(
    make_task,
    st.integers(0, 72 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.integers(30, 600).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(30, 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
steps = st.lists(st.integers(-120, 240), min_size=1, max_size=60)


@given(task=tasks, minutes=steps, zones=st.lists(st.sampled_from(ZONES), min_size=1))
def test_no_ring_sounds_twice_whatever_the_clock_and_the_zone_do(task, minutes, zones):
    heard: set[tuple[int, int]] = set()
    now, sounded = NOON, list[tuple[int, int]]()
    for i, step in enumerate(minutes):
        now += timedelta(minutes=step)  # also backwards
        for ring in owed([task], heard, {}, now, zones[i % len(zones)]):
            sounded.append((ring.task_id, ring.number))
            heard = heard_with(heard, ring)
    assert len(sounded) == len(set(sounded))
    assert len(sounded) <= 2


@given(task=tasks, zone=st.sampled_from(ZONES), every=st.integers(1, 25))
def test_an_open_task_rings_before_it_is_missed(task, zone, every):
    heard: set[tuple[int, int]] = set()
    now, rang = NOON, False
    while now <= task.grace_until:
        for ring in owed([task], heard, {}, now, zone):
            heard, rang = heard_with(heard, ring), True
        now += timedelta(minutes=every)
    assert rang


@given(task=tasks, zone=st.sampled_from(ZONES))
def test_nothing_rings_at_night_unless_the_morning_is_too_late(task, zone):
    quiet = QuietHours()
    for ring in rings_of(task, zone, quiet):
        if quiet.covers(ring.at):
            assert quiet.over_at(ring.at) >= task.grace_until


@given(task=tasks, zone=st.sampled_from(ZONES), after=st.integers(0, 300))
def test_a_phone_that_was_off_rings_what_it_owes_once(task, zone, after):
    now = task.opens_at + timedelta(minutes=after)
    rings = owed([task], set(), {}, now, zone)
    assert len(rings) <= 1
    if rings:
        again = owed([task], heard_with(set(), rings[0]), {}, now, zone)
        assert again == ()


def test_a_snooze_ends_by_itself_and_rings_once():
    zone = ZONES[0]
    task = make_task(NOON, timedelta(hours=2), timedelta(hours=2))
    heard = {(7, 1)}
    snoozed = {7: NOON + SNOOZE}
    assert owed([task], heard, snoozed, NOON + timedelta(minutes=5), zone) == ()
    (ring,) = owed([task], heard, snoozed, NOON + timedelta(minutes=11), zone)
    assert ring.number == 3


def test_a_clock_set_back_does_not_lengthen_a_snooze():
    zone = ZONES[0]
    task = make_task(NOON, timedelta(hours=4), timedelta(hours=2))
    snoozed = {7: NOON + timedelta(hours=3) + SNOOZE}
    assert owed([task], {(7, 1)}, snoozed, NOON + timedelta(hours=1), zone) != ()


@pytest.mark.parametrize("state", [TaskState.DONE, TaskState.MISSED, TaskState.CANCELLED])
def test_a_task_that_is_over_never_rings(state):
    task = make_task(NOON, timedelta(hours=2), timedelta(hours=2))
    over = task.model_copy(update={"state": state})
    assert owed([over], set(), {}, NOON + timedelta(minutes=1), ZONES[0]) == ()
    assert what_now([over], NOON) is None


CHANGES = {
    "Europe/Berlin": (
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
    ),
    "America/New_York": (
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
@given(hours=st.integers(-30, 12), window=st.integers(1, 8))
def test_a_changed_hour_moves_no_ring_out_of_its_window(name, which, hours, window):
    zone, change = ZoneInfo(name), CHANGES[name][which]
    task = make_task(
        change + timedelta(hours=hours), timedelta(hours=window), timedelta(hours=10)
    )
    rings = rings_of(task, zone, QuietHours())
    assert [ring.number for ring in rings] == [1, 2]
    assert task.opens_at <= rings[0].at <= rings[1].at <= task.grace_until
    for ring in rings:
        woken = ring.at.astimezone(zone).time().replace(tzinfo=None)
        assert not QuietHours().covers(ring.at) or woken != QuietHours().end


@given(minute=st.integers(0, 59), window=st.integers(30, 200))
def test_a_window_over_midnight_rings_in_the_morning_that_follows(minute, window):
    zone = ZONES[0]
    opens = datetime(2026, 11, 23, 23, minute, tzinfo=zone)
    task = make_task(opens, timedelta(minutes=window), timedelta(hours=9))
    for ring in rings_of(task, zone, QuietHours()):
        assert (ring.at.hour, ring.at.minute) == (7, 0)
        assert ring.at.date() == opens.date() + timedelta(days=1)


class Pocket(RuleBasedStateMachine):
    """A phone in a pocket: time passes, zones and clocks change, it dies and comes back.

    ``true`` is the clinic's time. The phone is asked at odd moments, like a phone that the
    system lets run when it likes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.true = NOON
        self.off = timedelta(0)
        self.zone = ZONES[0]
        self.sounded: list[tuple[int, int]] = []
        self.snoozes: dict[int, int] = {}
        self.tasks: list[PatientTask] = []
        self.care = self.wake()

    def wake(self) -> Care:
        self.notebook = Notebook(self.folder / "notebook.sqlite")
        api: Any = SimpleNamespace(rehab_gate=None)
        spool: Any = None
        return Care(self.notebook, spool, api, lambda: self.true + self.off, self.zone)

    def hear_clinic(self) -> None:
        """Do what `Care.refresh` does with an answer."""
        home: Any = SimpleNamespace(tasks=list(self.tasks))
        self.care.home = home
        off = self.true - (self.true + self.off)
        self.care.clock_off = off if abs(off) > CLOCK_TOLERANCE else timedelta(0)

    @initialize(
        opens=st.lists(st.integers(0, 60 * 60), min_size=1, max_size=4),
        window=st.integers(30, 400),
        grace=st.integers(30, 900),
    )
    def prescribe(self, opens: list[int], window: int, grace: int) -> None:
        self.tasks = [
            make_task(
                NOON + timedelta(minutes=minutes),
                timedelta(minutes=window),
                timedelta(minutes=grace),
                number,
            )
            for number, minutes in enumerate(opens)
        ]
        self.hear_clinic()

    @rule(minutes=st.integers(1, 240))
    def time_passes(self, minutes: int) -> None:
        self.true += timedelta(minutes=minutes)
        self.look()

    @rule(place=st.sampled_from(ZONES))
    def travel(self, place: ZoneInfo) -> None:
        self.zone = self.care.zone = place
        self.look()

    @rule(hours=st.integers(-20, 20))
    def somebody_sets_the_clock(self, hours: int) -> None:
        self.off = timedelta(hours=hours)
        self.hear_clinic()  # the next answer is seconds away
        self.look()

    @rule(seen=st.booleans())
    def the_phone_dies_and_comes_back(self, seen: bool) -> None:
        if seen:
            self.care.ring()  # a screen noticed; nothing has sounded yet
        self.notebook.close()
        self.care = self.wake()
        self.hear_clinic()
        self.look()

    @rule(which=st.integers(0, 3))
    def snooze(self, which: int) -> None:
        self.look()
        ringing = self.care.ring()
        if ringing:
            task_id = ringing[which % len(ringing)]
            self.care.snooze(task_id)
            self.snoozes[task_id] = self.snoozes.get(task_id, 0) + 1
            assert task_id not in self.care.ring()

    @rule(which=st.integers(0, 3))
    def do_it(self, which: int) -> None:
        task = self.tasks[which % len(self.tasks)]
        self.care.done(task.id, TaskDone(done_at=self.care.now(), pulse_bpm=70))
        assert task.id not in self.care.ring()

    def look(self) -> None:
        for ring in self.care.rings():
            self.sounded.append((ring.task_id, ring.number))
        assert len(self.sounded) == len(set(self.sounded)), "one ring sounded twice"
        for task in self.care.tasks():
            rang = [number for task_id, number in self.sounded if task_id == task.id]
            assert len(rang) <= 2 + self.snoozes.get(task.id, 0)
            open_now = task.state is TaskState.DUE and self.care.now() <= task.grace_until
            first = rings_of(task, self.zone, QuietHours())[0].at
            if open_now and first <= self.care.now():
                assert rang, "a task that is due never rang"

    def teardown(self) -> None:
        self.notebook.close()
        shutil.rmtree(self.folder)


TestPocket = Pocket.TestCase
TestPocket.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
