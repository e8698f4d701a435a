"""Plans on the calendar: wall-clock times through midnight and clock changes."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_server.plans.templates import TEMPLATES, lay_out


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@given(
    starts_on=st.dates(date(2025, 1, 1), date(2030, 12, 31)),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC"]),
)
def test_windows_open_at_their_time_of_day_and_end_after_they_open(
    template, starts_on, zone
):
    place = ZoneInfo(zone)
    wanted = {line.shape.at for line in TEMPLATES[template]}
    for window in lay_out(template, starts_on, place):
        assert window.opens_at.tzinfo is not None
        assert window.opens_at < window.due_at < window.grace_until
        assert window.opens_at.astimezone(place).time() in wanted


def test_a_morning_window_moves_with_the_clock_change():
    # Berlin leaves summer time on 2026-10-25
    windows = [
        w
        for w in lay_out("after_pci", date(2026, 10, 23), ZoneInfo("Europe/Berlin"))
        if w.kind == "vitals"
    ]
    assert windows[0].opens_at == datetime(2026, 10, 24, 6, 0, tzinfo=UTC)
    assert windows[1].opens_at == datetime(2026, 10, 25, 7, 0, tzinfo=UTC)
