"""What does not fit together in a plan: found before the patient finds it.

Pure: windows, the loan's due date and the plan's end go in, findings come out.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from clinic_server.wire.care import TaskKind

DESK_CLOSES = time(17, 0)
"""A unit that is due back must be at the desk by then."""
HOLTER = timedelta(hours=24)
_APPOINTMENTS = frozenset(
    {TaskKind.CLINIC_VISIT, TaskKind.REMOTE_CALL, TaskKind.RETURN_DEVICE}
)
_SATURDAY = 5


class Slot(Protocol):
    """A task on the calendar."""

    @property
    def kind(self) -> TaskKind:
        """What is asked."""
        ...

    @property
    def opens_at(self) -> datetime:
        """When it may begin (aware)."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit."""

    code: str
    """``plans.lint.…``."""
    kind: TaskKind
    on: date
    """Day of the first task it is about."""
    other: date | None = None
    """The day that it clashes with."""
    n: int = 1
    """How many tasks it is about."""


def lint(
    slots: Sequence[Slot],
    *,
    zone: ZoneInfo,
    loan_due_on: date | None,
    ends_on: date | None,
    exercise: bool = True,
) -> tuple[Finding, ...]:
    """Look for clashes among what is still to be done.

    Parameters
    ----------
    slots : sequence of Slot
        Tasks that are neither done nor cancelled.
    zone : ZoneInfo
        The clinic's zone: days and desk hours are local.
    loan_due_on : date or None
        Day on which the patient's unit is due back; None without a loan.
    ends_on : date or None
        The plan's last day.
    exercise : bool
        Whether an exercise prescription is in force.

    Returns
    -------
    tuple of Finding
        In the order of `_CHECKS`, at most one per check and kind.
    """
    ordered = sorted(slots, key=lambda slot: slot.opens_at)
    seen = _Seen(ordered, zone, loan_due_on, ends_on, exercise)
    return tuple(finding for check in _CHECKS for finding in check(seen))


@dataclass(frozen=True, slots=True)
class _Seen:
    slots: Sequence[Slot]
    zone: ZoneInfo
    loan_due_on: date | None
    ends_on: date | None
    exercise: bool

    def day(self, slot: Slot) -> date:
        return slot.opens_at.astimezone(self.zone).date()

    def of(self, *kinds: TaskKind) -> list[Slot]:
        return [slot for slot in self.slots if slot.kind in kinds]

    def finding(
        self, code: str, slots: Sequence[Slot], other: date | None = None
    ) -> list[Finding]:
        if not slots:
            return []
        first = slots[0]
        return [Finding(code, first.kind, self.day(first), other, len(slots))]


def _no_unit(seen: _Seen) -> list[Finding]:
    if seen.loan_due_on is not None:
        return []
    tasks = seen.of(TaskKind.SPOT_ECG, TaskKind.HOLTER_24H)
    return seen.finding("plans.lint.no_unit", tasks)


def _nothing_to_train(seen: _Seen) -> list[Finding]:
    if seen.exercise:
        return []
    return seen.finding("plans.lint.no_exercise", seen.of(TaskKind.REHAB))


def _holter_too_late(seen: _Seen) -> list[Finding]:
    if seen.loan_due_on is None:
        return []
    back = datetime.combine(seen.loan_due_on, DESK_CLOSES, tzinfo=seen.zone)
    late = [slot for slot in seen.of(TaskKind.HOLTER_24H) if slot.opens_at + HOLTER > back]
    return seen.finding("plans.lint.holter_after_due", late, seen.loan_due_on)


def _spot_too_late(seen: _Seen) -> list[Finding]:
    if seen.loan_due_on is None:
        return []
    back = datetime.combine(seen.loan_due_on, DESK_CLOSES, tzinfo=seen.zone)
    late = [slot for slot in seen.of(TaskKind.SPOT_ECG) if slot.opens_at > back]
    return seen.finding("plans.lint.spot_after_due", late, seen.loan_due_on)


def _return_differs(seen: _Seen) -> list[Finding]:
    if seen.loan_due_on is None:
        return []
    other = [s for s in seen.of(TaskKind.RETURN_DEVICE) if seen.day(s) != seen.loan_due_on]
    return seen.finding("plans.lint.return_differs", other, seen.loan_due_on)


def _after_the_end(seen: _Seen) -> list[Finding]:
    if seen.ends_on is None:
        return []
    found = []
    for kind in (TaskKind.CLINIC_VISIT, TaskKind.REMOTE_CALL):
        late = [slot for slot in seen.of(kind) if seen.day(slot) > seen.ends_on]
        found += seen.finding("plans.lint.after_end", late, seen.ends_on)
    return found


def _weekend(seen: _Seen) -> list[Finding]:
    found = []
    for kind in sorted(_APPOINTMENTS):
        free = [slot for slot in seen.of(kind) if seen.day(slot).weekday() >= _SATURDAY]
        found += seen.finding("plans.lint.weekend", free)
    return found


def _twice_a_day(seen: _Seen) -> list[Finding]:
    kinds = (TaskKind.CLINIC_VISIT, TaskKind.REMOTE_CALL, TaskKind.HOLTER_24H)
    count = Counter((slot.kind, seen.day(slot)) for slot in seen.of(*kinds))
    return [
        Finding("plans.lint.twice", kind, on, n=n)
        for (kind, on), n in sorted(count.items())
        if n > 1
    ]


_CHECKS: tuple[Callable[[_Seen], list[Finding]], ...] = (
    _no_unit,
    _nothing_to_train,
    _holter_too_late,
    _spot_too_late,
    _return_differs,
    _after_the_end,
    _weekend,
    _twice_a_day,
)
