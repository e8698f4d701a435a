"""What to remind the wearer of, and when: pure functions over the plan's tasks.

The clinic's copy of the plan decides what was missed; this only rings. A task rings when
its window opens and once more before it is due. A ring inside the quiet hours waits for
the morning, unless the task would be over by then. Which rings were heard is remembered by
task and number, not by time: a clock set back rings nothing twice, a phone that was off
rings what it owes once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from clinic_server.wire.care import PatientTask, TaskState

SECOND_BEFORE_DUE = timedelta(minutes=15)
SNOOZE = timedelta(minutes=10)
OPEN_STATES = frozenset({TaskState.PLANNED, TaskState.DUE})


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nothing rings, by the clock on the wall."""

    start: time = time(22, 0)
    end: time = time(7, 0)

    def covers(self, at: datetime) -> bool:
        """Say whether a local moment is quiet."""
        clock = at.time().replace(tzinfo=None)
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def over_at(self, at: datetime) -> datetime:
        """Return when the quiet that covers a local moment ends."""
        morning = at.replace(
            hour=self.end.hour, minute=self.end.minute, second=0, microsecond=0
        )
        if morning > at:
            return morning
        next_day = at.date() + timedelta(days=1)
        return datetime.combine(next_day, self.end, at.tzinfo)


@dataclass(frozen=True, slots=True)
class Ring:
    """One reminder."""

    task_id: int
    number: int
    """1 when the window opens, 2 before it is due, 3 and up after a snooze."""
    at: datetime


def rings_of(task: PatientTask, zone: tzinfo, quiet: QuietHours) -> tuple[Ring, ...]:
    """Return when a task rings, in order, aware in ``zone``."""
    second = max(
        task.due_at - SECOND_BEFORE_DUE, task.opens_at + (task.due_at - task.opens_at) / 2
    )
    rings = []
    for number, planned in enumerate((task.opens_at, second), start=1):
        at = planned.astimezone(zone)
        if quiet.covers(at):
            morning = quiet.over_at(at)
            if morning < task.grace_until:
                at = morning
        rings.append(Ring(task.id, number, at))
    return tuple(rings)


def owed(
    tasks: Iterable[PatientTask],
    heard: Collection[tuple[int, int]],
    snoozed: Mapping[int, datetime],
    now: datetime,
    zone: tzinfo,
    quiet: QuietHours | None = None,
) -> tuple[Ring, ...]:
    """Return the rings that should sound now, at most one per task.

    Parameters
    ----------
    tasks : iterable of PatientTask
        The plan as the clinic last told it.
    heard : collection of (task_id, number)
        Rings that sounded before.
    snoozed : mapping of task_id to datetime
        "In ten minutes again": nothing rings before, one ring is owed after.
    now : datetime
        Aware.
    zone : tzinfo
        Where the wearer is now.
    quiet : QuietHours, optional
        Default 22:00 to 07:00.

    Returns
    -------
    tuple of Ring
        Of several owed rings of a task only the last one: two at once help nobody.
    """
    quiet = quiet or QuietHours()
    found = []
    for task in tasks:
        if task.state not in OPEN_STATES or now > task.grace_until:
            continue
        wake_at = snoozed.get(task.id)
        # no snooze is longer than this: a clock set back must not lengthen one
        if wake_at is not None and timedelta(0) < wake_at - now <= SNOOZE:
            continue
        due = [
            ring
            for ring in rings_of(task, zone, quiet)
            if ring.at <= now and (ring.task_id, ring.number) not in heard
        ]
        if wake_at is not None:
            numbers = [n for i, n in heard if i == task.id]
            due.append(Ring(task.id, max(2, *numbers, 2) + 1, wake_at))
        if due:
            found.append(due[-1])
    return tuple(found)


def heard_with(heard: Collection[tuple[int, int]], ring: Ring) -> set[tuple[int, int]]:
    """Add a ring and all earlier ones of its task to what was heard."""
    earlier = {(ring.task_id, number) for number in range(1, min(ring.number, 2) + 1)}
    return {*heard, *earlier, (ring.task_id, ring.number)}


def what_now(tasks: Iterable[PatientTask], now: datetime) -> PatientTask | None:
    """Return the one task to show: open now, the earliest due first."""
    open_now = [
        task
        for task in tasks
        if task.state in OPEN_STATES and task.opens_at <= now <= task.grace_until
    ]
    return min(open_now, key=lambda task: (task.due_at, task.id), default=None)
