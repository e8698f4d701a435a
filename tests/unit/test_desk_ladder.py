"""The ladder of reminders and the order of calls, without a database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from clinic_server.desk.ladder import RUNGS, coming, ladder, owed
from clinic_server.desk.rank import order, risk, score
from clinic_server.desk.watch import milestone
from clinic_server.plans.models import WorkKind

ZONE = ZoneInfo("Asia/Shanghai")
DUE = date(2026, 12, 7)
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    born_on: date = date(1970, 1, 1)
    lvef_pct: int | None = None
    procedure_on: date | None = None
    discharged_on: date | None = None


def test_rungs_are_at_ten_in_the_clinic_and_none_lies_before_the_loan():
    rungs = ladder(DUE, LONG_AGO, ZONE)
    assert tuple(rung.days for rung in rungs) == RUNGS
    assert {rung.at.astimezone(ZONE).hour for rung in rungs} == {10}
    short = ladder(DUE, datetime(2026, 12, 6, 4, tzinfo=UTC), ZONE)
    assert [rung.days for rung in short] == [0, 1, 3]


def test_after_an_outage_only_the_latest_rung_is_sent_and_the_others_are_logged():
    rungs = ladder(DUE, LONG_AGO, ZONE)
    passed, to_send = owed(rungs, {-3}, datetime(2026, 12, 8, 3, tzinfo=UTC))
    assert [rung.days for rung in passed] == [-1, 0]
    assert to_send is not None
    assert to_send.days == 1


@given(st.lists(st.integers(0, 20 * 24), min_size=1, max_size=60).map(sorted))
def test_however_often_and_late_the_tick_runs_each_rung_is_logged_once(hours):
    rungs = ladder(DUE, LONG_AGO, ZONE)
    begin = datetime(2026, 11, 25, tzinfo=UTC)
    logged: set[int] = set()
    sent: list[int] = []
    for hour in hours:
        now = begin + timedelta(hours=hour)
        passed, to_send = owed(rungs, logged, now)
        new = [rung.days for rung in passed] + ([to_send.days] if to_send else [])
        assert not logged & set(new)
        logged |= set(new)
        sent += [to_send.days] if to_send else []
        assert logged == {rung.days for rung in rungs if rung.at <= now}
    assert sent == sorted(set(sent))
    following = coming(rungs, logged)
    assert following is None or following.days > max(logged, default=-99)


def test_overdue_has_a_line_on_day_one_three_and_every_week_after():
    assert [milestone(n) for n in (0, 1, 2, 3, 9, 10, 17)] == [None, 1, 1, 3, 3, 10, 17]


def test_the_weak_the_recent_and_the_old_are_rung_first():
    today = date(2026, 11, 23)
    assert risk(Person(), today) == 1
    assert risk(Person(lvef_pct=40), today) == 2
    assert risk(Person(procedure_on=date(2026, 11, 10), lvef_pct=30), today) == 3
    assert risk(Person(born_on=date(1951, 11, 23)), today) == 2
    assert risk(Person(born_on=date(1951, 11, 24)), today) == 1
    assert score(3, timedelta(minutes=20)) == 60.0
    assert score(2, timedelta(minutes=-5)) == 0.0


def test_an_overdue_unit_never_comes_before_a_silent_patient():
    late = order(WorkKind.OVERDUE_DEVICE, 4, timedelta(days=30))
    silent = order(WorkKind.SILENT_DEVICE, 1, timedelta(minutes=31))
    older = order(WorkKind.SILENT_DEVICE, 2, timedelta(minutes=31))
    assert sorted([late, silent, older]) == [older, silent, late]
