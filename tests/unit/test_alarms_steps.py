"""The seven steps, the steady clock, the figures of the register."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clinic_server.alarms.models import Alarm, AlarmKind, Tier
from clinic_server.alarms.register import percentiles
from clinic_server.alarms.steady import SteadyClock
from clinic_server.alarms.steps import seven_steps, stored_percent
from clinic_server.wire.care import Step

T0 = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
FS = 250.0


def alarm(**more: Any) -> Alarm:
    values: dict[str, Any] = {
        "patient_id": 1,
        "dedupe_key": "k",
        "rule": "E2",
        "tier": Tier.EMERGENCY,
        "kind": AlarmKind.PHYSIOLOGICAL,
        "code": "alarms.vt",
        "latching": True,
        "onset_at": T0,
        "received_at": T0 + timedelta(seconds=2),
        "raised_at": T0 + timedelta(seconds=3),
    }
    return Alarm(**(values | more))


def test_the_percentage_is_what_is_on_disk_of_the_strip() -> None:
    onset = round(100 * FS)
    assert stored_percent(onset, FS, [(0, onset)]) == 50
    assert stored_percent(onset, FS, [(0, round(130 * FS))]) == 100
    assert stored_percent(onset, FS, [(round(75 * FS), round(85 * FS))]) == 16
    assert stored_percent(0, FS, [(0, round(15 * FS))]) == 50
    assert stored_percent(onset, FS, []) == 0


def test_the_steps_follow_the_alarm_and_one_of_them_is_now() -> None:
    now = T0 + timedelta(seconds=10)
    states = [s.state for s in seven_steps(alarm(), 60, T0, now)]
    assert states == ["done", "done", "now", "to_come", "to_come", "to_come", "to_come"]
    states = [s.state for s in seven_steps(alarm(), 100, T0, now)]
    assert states == ["done"] * 4 + ["now", "to_come", "to_come"]
    answered = alarm(decided_at=now, answered_at=now)
    states = [s.state for s in seven_steps(answered, 60, T0, now)]
    assert states == ["done"] * 6 + ["now"]
    read = alarm(decided_at=now, answered_at=now, read_at=now)
    assert [s.state for s in seven_steps(read, 100, T0, now)] == ["done"] * 7
    assert [s.step for s in seven_steps(read, 100, T0, now)] == list(Step)


def test_what_is_missing_for_ten_minutes_is_no_longer_on_its_way() -> None:
    late = T0 + timedelta(minutes=11)
    steps = seven_steps(alarm(), 60, T0, late)
    assert steps[2].percent == 60
    assert steps[2].state == "done"


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(-7200, 7200)), max_size=20))
def test_the_steady_clock_counts_real_time_whatever_the_wall_does(
    moves: list[tuple[float, float]],
) -> None:
    wall, mono = [T0], [100.0]
    clock = SteadyClock(lambda: wall[0], lambda: mono[0])
    seen = [clock()]
    for elapsed, jump in moves:
        mono[0] += elapsed
        wall[0] += timedelta(seconds=elapsed + jump)
        seen.append(clock())
        passed = (seen[-1] - seen[-2]).total_seconds()
        assert 0.99 * elapsed - 1e-3 <= passed <= 1.01 * elapsed + 1e-3
    assert all(a <= b for a, b in pairwise(seen))


def test_percentiles_are_of_the_nearest_rank() -> None:
    figures = percentiles([float(i) for i in range(1, 101)])
    assert (figures.n, figures.p50_s, figures.p95_s, figures.max_s) == (100, 50, 95, 100)
    assert percentiles([]).p50_s is None
