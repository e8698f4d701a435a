"""When nobody is on duty is found to the minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clinic_server.console.roster import gaps

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
END = START + timedelta(hours=12)
SPANS = st.lists(
    st.tuples(st.integers(-300, 900), st.integers(1, 600)).map(
        lambda pair: (
            START + timedelta(minutes=pair[0]),
            START + timedelta(minutes=sum(pair)),
        )
    ),
    max_size=6,
)


@given(SPANS)
def test_every_minute_is_either_covered_or_in_a_gap(spans):
    found = gaps(spans, START, END)
    assert found == sorted(found)
    for minute in range(0, 720, 7):
        at = START + timedelta(minutes=minute, seconds=30)
        covered = any(begins <= at < ends for begins, ends in spans)
        open_ = any(begins <= at < ends for begins, ends in found)
        assert covered != open_


def test_an_empty_roster_is_one_gap_and_a_full_one_none():
    assert gaps([], START, END) == [(START, END)]
    assert gaps([(START, END)], START, END) == []
