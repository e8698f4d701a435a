"""The plan linter: each clash is named, and a plan that fits is left in peace."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic_server.i18n import LOCALES
from clinic_server.plans.linter import lint
from clinic_server.plans.templates import TEMPLATES, last_day, lay_out
from clinic_server.plans.words import say
from clinic_server.wire.care import TaskKind

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Slot:
    kind: TaskKind
    opens_at: datetime


def slot(kind: TaskKind, on: date, hour: int = 9) -> Slot:
    return Slot(kind, datetime(on.year, on.month, on.day, hour, tzinfo=ZONE))


def codes(slots, due_on=MONDAY + timedelta(days=14), end=None):
    found = lint(slots, zone=ZONE, loan_due_on=due_on, ends_on=end)
    return [finding.code.removeprefix("plans.lint.") for finding in found]


def test_a_recording_that_cannot_end_before_the_unit_is_due_is_found():
    last = MONDAY + timedelta(days=14)
    assert codes([slot(TaskKind.HOLTER_24H, last - timedelta(days=1), 17)]) == []
    assert codes([slot(TaskKind.HOLTER_24H, last - timedelta(days=1), 18)]) == [
        "holter_after_due"
    ]


def test_ecg_without_a_unit_is_found_once_for_all_its_tasks():
    tasks = [slot(TaskKind.SPOT_ECG, MONDAY + timedelta(days=n)) for n in range(4)]
    (finding,) = lint(tasks, zone=ZONE, loan_due_on=None, ends_on=None)
    assert (finding.code, finding.n, finding.on) == ("plans.lint.no_unit", 4, MONDAY)


def test_a_visit_after_the_end_on_a_weekend_or_twice_a_day_is_found():
    saturday = MONDAY + timedelta(days=5)
    late = MONDAY + timedelta(days=31)
    assert codes([slot(TaskKind.CLINIC_VISIT, saturday)]) == ["weekend"]
    assert codes([slot(TaskKind.CLINIC_VISIT, late)], end=MONDAY + timedelta(days=30)) == [
        "after_end"
    ]
    assert codes([slot(TaskKind.REMOTE_CALL, MONDAY, h) for h in (9, 15)]) == ["twice"]


def test_a_return_on_another_day_than_the_loan_says_is_found():
    due = MONDAY + timedelta(days=14)
    assert codes([slot(TaskKind.RETURN_DEVICE, due)]) == []
    assert codes([slot(TaskKind.RETURN_DEVICE, due - timedelta(days=3))]) == [
        "return_differs"
    ]


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_fits_its_own_loan_when_days_are_working_days(template):
    windows = lay_out(template, MONDAY, ZONE)
    back = next(w for w in windows if w.kind is TaskKind.RETURN_DEVICE)
    found = lint(
        windows,
        zone=ZONE,
        loan_due_on=back.opens_at.astimezone(ZONE).date(),
        ends_on=last_day(TEMPLATES[template], MONDAY),
    )
    assert {finding.code for finding in found} <= {"plans.lint.weekend"}


@given(
    starts_on=st.dates(date(2025, 1, 1), date(2030, 12, 31)),
    loan_days=st.none() | st.integers(-5, 60),
    template=st.sampled_from(sorted(TEMPLATES)),
    locale=st.sampled_from(LOCALES),
)
def test_every_finding_is_a_whole_sentence(starts_on, loan_days, template, locale):
    due = None if loan_days is None else starts_on + timedelta(days=loan_days)
    found = lint(
        lay_out(template, starts_on, ZONE),
        zone=ZONE,
        loan_due_on=due,
        ends_on=last_day(TEMPLATES[template], starts_on),
    )
    for finding in found:
        sentence = say(finding, ZONE, locale)
        assert "{" not in sentence
        assert not sentence.startswith("plans.")
