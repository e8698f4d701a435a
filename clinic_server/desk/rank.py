"""In which order the nurse rings: risk times how long it has lasted. Pure.

A rule of order for one worklist, made here; it is no clinical score.
"""

from datetime import date, timedelta
from typing import Protocol

from clinic_server.plans.models import WorkKind

CAN_WAIT = frozenset({WorkKind.MISSED_TASK, WorkKind.OVERDUE_DEVICE})
"""An overdue recorder is no emergency, however long: these come after all others."""
EARLY = timedelta(days=14)
LOW_LVEF_PCT = 40
OLD_YEARS = 75


class Person(Protocol):
    """What the order looks at."""

    @property
    def born_on(self) -> date:
        """Date of birth."""
        ...

    @property
    def lvef_pct(self) -> int | None:
        """Ejection fraction, percent."""
        ...

    @property
    def procedure_on(self) -> date | None:
        """Day of the procedure."""
        ...

    @property
    def discharged_on(self) -> date | None:
        """Day of going home."""
        ...


def risk(person: Person, today: date) -> int:
    """Say 1 (usual) to 4: weak heart, first two weeks, 75 and older add one each."""
    points = 1
    if person.lvef_pct is not None and person.lvef_pct <= LOW_LVEF_PCT:
        points += 1
    began = [day for day in (person.procedure_on, person.discharged_on) if day is not None]
    if began and today - max(began) <= EARLY:
        points += 1
    years = today.year - person.born_on.year
    had_birthday = (today.month, today.day) >= (person.born_on.month, person.born_on.day)
    if years - (not had_birthday) >= OLD_YEARS:
        points += 1
    return points


def order(kind: WorkKind, points: int, lasted: timedelta) -> tuple[bool, float]:
    """Give what to sort by: those that cannot wait first, then the highest score."""
    return kind in CAN_WAIT, -score(points, lasted)


def score(points: int, lasted: timedelta) -> float:
    """Give risk times duration, in points x minutes; the highest is rung first."""
    return points * max(0.0, lasted.total_seconds() / 60)
