"""Reminders over midnight, DST, travel and odd clocks: none lost, none double."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reminders import (
    SNOOZE,
    QuietHours,
    heard_with,
    owed,
    rings_of,
    what_now,
)
from clinic_server.wire.care import PatientTask, TaskKind, TaskState

ZONES = [
    ZoneInfo(name)
    for name in ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Apia")
]
NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the night after, Europe changes its clocks


def make_task(opens_at: datetime, window: timedelta, grace: timedelta) -> PatientTask:
    due_at = opens_at + window
    return PatientTask(
        id=7,
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
