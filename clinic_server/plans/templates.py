"""Follow-up plans as templates: days after discharge, local time of day, windows.

The days of the plan after PCI follow the usual Chinese follow-up rhythm (day 1, 3, 7, 14,
30, then clinic); they are a starting point that a physician changes, not a guideline
quotation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic_server.wire.care import TaskKind


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One line of a template."""

    kind: TaskKind
    day: int
    """Days after the start; day 0 is the day itself."""
    at: time
    """Local time at which the window opens."""
    window: timedelta
    grace: timedelta
    """How long after the window before it counts as missed."""


_MORNING = time(8, 0)
_TWO_HOURS = timedelta(hours=2)
_DAY = timedelta(days=1)


def _daily(kind: TaskKind, days: range | tuple[int, ...], at: time) -> list[PlannedTask]:
    return [PlannedTask(kind, day, at, _TWO_HOURS, _TWO_HOURS) for day in days]


def _whole_day(kind: TaskKind, day: int) -> PlannedTask:
    return PlannedTask(kind, day, time(9, 0), timedelta(hours=9), _DAY)


TEMPLATES: Mapping[str, tuple[PlannedTask, ...]] = {
    "after_pci": (
        *_daily(TaskKind.VITALS, range(1, 15), _MORNING),
        *_daily(TaskKind.SPOT_ECG, (1, 3, 5, 7, 10, 14), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.REMOTE_CALL, 7),
        PlannedTask(TaskKind.RETURN_DEVICE, 14, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 30),
    ),
    "after_infarction": (
        *_daily(TaskKind.VITALS, range(1, 29), _MORNING),
        *_daily(TaskKind.SPOT_ECG, (1, 2, 3, 5, 7, 10, 14), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.REMOTE_CALL, 3),
        _whole_day(TaskKind.REMOTE_CALL, 14),
        PlannedTask(TaskKind.RETURN_DEVICE, 14, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 28),
    ),
    "af_ablation": (
        *_daily(TaskKind.SPOT_ECG, range(1, 15), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.REMOTE_CALL, 7),
        PlannedTask(TaskKind.RETURN_DEVICE, 14, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 90),
    ),
    "after_cabg": (
        *_daily(TaskKind.VITALS, range(1, 29), _MORNING),
        *_daily(TaskKind.SPOT_ECG, (1, 2, 3, 5, 7, 10, 14), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.REMOTE_CALL, 3),
        _whole_day(TaskKind.REMOTE_CALL, 14),
        PlannedTask(TaskKind.RETURN_DEVICE, 14, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 28),
    ),
    "pacemaker": (
        *_daily(TaskKind.SPOT_ECG, (1, 2, 3, 5, 7), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 7),  # the wound
        PlannedTask(TaskKind.RETURN_DEVICE, 7, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 90),
    ),
    "heart_failure": (
        *_daily(TaskKind.VITALS, range(1, 31), _MORNING),
        *_daily(TaskKind.SPOT_ECG, (1, 3, 7, 10, 14), time(10, 0)),
        PlannedTask(TaskKind.HOLTER_24H, 0, time(0, 0), timedelta(days=2), _DAY),
        _whole_day(TaskKind.REMOTE_CALL, 3),
        _whole_day(TaskKind.CLINIC_VISIT, 14),
        PlannedTask(TaskKind.RETURN_DEVICE, 14, time(9, 0), timedelta(hours=8), _DAY),
        _whole_day(TaskKind.CLINIC_VISIT, 30),
    ),
}
"""Template name to its lines; the names are codes (``plans.template.after_pci``)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A planned line on the calendar, in UTC."""

    kind: TaskKind
    opens_at: datetime
    due_at: datetime
    grace_until: datetime


def lay_out(template: str, starts_on: date, zone: ZoneInfo) -> tuple[Window, ...]:
    """Put a template on the calendar.

    Parameters
    ----------
    template : str
        A key of `TEMPLATES`.
    starts_on : date
        Day 0, local.
    zone : ZoneInfo
        The clinic's zone. Times of day are wall-clock times: a window opens at 08:00 on
        both sides of a clock change.

    Returns
    -------
    tuple of Window
        In order of opening.
    """
    windows = []
    for line in TEMPLATES[template]:
        local = datetime.combine(starts_on + timedelta(days=line.day), line.at, tzinfo=zone)
        utc_zone = ZoneInfo("UTC")
        opens_at = local.astimezone(utc_zone)
        # wall-clock arithmetic first, then to UTC: the window ends at its time of day
        due_at = (local + line.window).astimezone(utc_zone)
        grace_until = due_at + line.grace
        windows.append(Window(line.kind, opens_at, due_at, grace_until))
    return tuple(sorted(windows, key=lambda window: (window.opens_at, window.kind)))


def ends_on(template: str, starts_on: date) -> date | None:
    """Give the day of a template's last line; None for a template that is gone."""
    lines = TEMPLATES.get(template)
    return starts_on + timedelta(days=max(line.day for line in lines)) if lines else None
