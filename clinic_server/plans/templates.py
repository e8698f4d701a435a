"""Follow-up plans as templates: days after discharge, local time of day, windows.

Every line says what its day rests on. Where no source is named the day is our own: a
starting point that a physician reviews and changes, and the screens say so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from clinic_server.wire.care import TaskKind


class Basis(StrEnum):
    """What a line's day rests on (words: ``plans.basis.…``)."""

    OWN = "own"
    """Nothing but our own judgement."""
    DECK = "deck"
    """The follow-up rhythm after PCI of the programme this product is built for."""
    HF_VISIT = "hf_visit"
    """A visit 1 to 2 weeks after discharge: ESC 2021, doi:10.1093/eurheartj/ehab368."""
    HF_CALL = "hf_call"
    """A call within 3 days: ACCF/AHA 2013, doi:10.1161/CIR.0b013e31829e8776."""
    AF_VISIT = "af_visit"
    """Seen 3 months after ablation: HRS 2017, doi:10.1016/j.hrthm.2017.05.012."""
    PACED_VISIT = "paced_visit"
    """Seen 2 to 12 weeks after implantation: Canadian consensus, PubMed 10744799."""


@dataclass(frozen=True, slots=True)
class Shape:
    """When in the day a kind of task opens, and how long it may take."""

    at: time
    """Local time at which the window opens."""
    window: timedelta
    grace: timedelta
    """How long after the window before it counts as missed."""


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_OFFICE = Shape(time(9, 0), 9 * _HOUR, _DAY)
SHAPES: Mapping[TaskKind, Shape] = {
    TaskKind.VITALS: Shape(time(8, 0), 2 * _HOUR, 2 * _HOUR),
    TaskKind.SPOT_ECG: Shape(time(10, 0), 2 * _HOUR, 2 * _HOUR),
    TaskKind.HOLTER_24H: Shape(time(0, 0), 2 * _DAY, _DAY),
    TaskKind.REMOTE_CALL: _OFFICE,
    TaskKind.CLINIC_VISIT: _OFFICE,
    TaskKind.QUESTIONNAIRE: _OFFICE,
    TaskKind.RETURN_DEVICE: Shape(time(9, 0), 8 * _HOUR, _DAY),
    TaskKind.REHAB: Shape(time(9, 0), 9 * _HOUR, 3 * _HOUR),
}


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One line of a template."""

    kind: TaskKind
    day: int
    """Days after the start; day 0 is the day itself."""
    basis: Basis = Basis.OWN

    @property
    def shape(self) -> Shape:
        """When in the day."""
        return SHAPES[self.kind]


def _on(kind: TaskKind, *days: int, basis: Basis = Basis.OWN) -> tuple[PlannedTask, ...]:
    return tuple(PlannedTask(kind, day, basis) for day in days)


_AFTER_SURGERY = (
    *_on(TaskKind.VITALS, *range(1, 29)),
    *_on(TaskKind.SPOT_ECG, 1, 2, 3, 5, 7, 10, 14),
    *_on(TaskKind.HOLTER_24H, 0),
    *_on(TaskKind.REMOTE_CALL, 3, 14),
    *_on(TaskKind.QUESTIONNAIRE, 14),
    *_on(TaskKind.RETURN_DEVICE, 14),
    *_on(TaskKind.CLINIC_VISIT, 28),
)
TEMPLATES: Mapping[str, tuple[PlannedTask, ...]] = {
    "after_pci": (
        *_on(TaskKind.VITALS, *range(1, 15)),
        *_on(TaskKind.SPOT_ECG, 1, 3, 7, 14, basis=Basis.DECK),
        *_on(TaskKind.SPOT_ECG, 5, 10),
        *_on(TaskKind.HOLTER_24H, 0),
        *_on(TaskKind.REMOTE_CALL, 7, basis=Basis.DECK),
        *_on(TaskKind.QUESTIONNAIRE, 14),
        *_on(TaskKind.RETURN_DEVICE, 14),
        *_on(TaskKind.CLINIC_VISIT, 30, basis=Basis.DECK),
    ),
    "after_infarction": _AFTER_SURGERY,
    "af_ablation": (
        *_on(TaskKind.SPOT_ECG, *range(1, 15)),
        *_on(TaskKind.HOLTER_24H, 0),
        *_on(TaskKind.REMOTE_CALL, 7),
        *_on(TaskKind.RETURN_DEVICE, 14),
        *_on(TaskKind.CLINIC_VISIT, 90, basis=Basis.AF_VISIT),
    ),
    "after_cabg": _AFTER_SURGERY,
    "pacemaker": (
        *_on(TaskKind.SPOT_ECG, 1, 2, 3, 5, 7),
        *_on(TaskKind.HOLTER_24H, 0),
        *_on(TaskKind.CLINIC_VISIT, 7),  # the wound
        *_on(TaskKind.RETURN_DEVICE, 7),
        *_on(TaskKind.CLINIC_VISIT, 84, basis=Basis.PACED_VISIT),
    ),
    "heart_failure": (
        *_on(TaskKind.VITALS, *range(1, 31)),
        *_on(TaskKind.SPOT_ECG, 1, 3, 7, 10, 14),
        *_on(TaskKind.HOLTER_24H, 0),
        *_on(TaskKind.REMOTE_CALL, 3, basis=Basis.HF_CALL),
        *_on(TaskKind.QUESTIONNAIRE, 14),
        *_on(TaskKind.CLINIC_VISIT, 14, basis=Basis.HF_VISIT),
        *_on(TaskKind.RETURN_DEVICE, 14),
        *_on(TaskKind.CLINIC_VISIT, 30),
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
    return lay_out_lines(TEMPLATES[template], starts_on, zone)


def lay_out_lines(
    lines: Iterable[PlannedTask], starts_on: date, zone: ZoneInfo
) -> tuple[Window, ...]:
    """Put lines on the calendar, as `lay_out` does with a template's."""
    wanted = ((line.kind, starts_on + timedelta(days=line.day)) for line in lines)
    return windows_of(wanted, zone)


def windows_of(
    wanted: Iterable[tuple[TaskKind, date]], zone: ZoneInfo
) -> tuple[Window, ...]:
    """Give the windows of tasks on local days, in order of opening."""
    windows = []
    for kind, on in wanted:
        shape = SHAPES[kind]
        local = datetime.combine(on, shape.at, tzinfo=zone)
        utc_zone = ZoneInfo("UTC")
        opens_at = local.astimezone(utc_zone)
        # wall-clock arithmetic first, then to UTC: the window ends at its time of day
        due_at = (local + shape.window).astimezone(utc_zone)
        windows.append(Window(kind, opens_at, due_at, due_at + shape.grace))
    return tuple(sorted(windows, key=lambda window: (window.opens_at, window.kind)))


def last_day(lines: Iterable[PlannedTask], starts_on: date) -> date:
    """Give the day of the last line."""
    return starts_on + timedelta(days=max(line.day for line in lines))


def outline(lines: Iterable[PlannedTask]) -> list[tuple[TaskKind, Basis, list[int]]]:
    """Say a template in lines to read: kind, what it rests on, the days in order."""
    found: dict[tuple[TaskKind, Basis], list[int]] = {}
    for line in sorted(lines, key=lambda one: one.day):
        found.setdefault((line.kind, line.basis), []).append(line.day)
    return [(kind, basis, days) for (kind, basis), days in found.items()]
