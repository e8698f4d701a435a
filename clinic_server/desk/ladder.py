"""The ladder of reminders before and after a loan's due date. Pure.

T-3, T-1, T, T+1, T+3 at ten in the morning of the clinic. It ends with the unit's scan at
the desk and with nothing else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

RUNGS = (-3, -1, 0, 1, 3)
"""Days after the due date."""
SENT_AT = time(10, 0)


@dataclass(frozen=True, slots=True)
class Rung:
    """One reminder: which, and when it is owed (UTC)."""

    days: int
    at: datetime


def ladder(due_on: date, issued_at: datetime, zone: ZoneInfo) -> tuple[Rung, ...]:
    """Lay the rungs on the calendar; those before the loan began are left out."""
    rungs = []
    for days in RUNGS:
        local = datetime.combine(due_on + timedelta(days=days), SENT_AT, tzinfo=zone)
        at = local.astimezone(UTC)
        if at > issued_at:
            rungs.append(Rung(days, at))
    return tuple(rungs)


def owed(
    rungs: Collection[Rung], logged: Collection[int], now: datetime
) -> tuple[list[Rung], Rung | None]:
    """Say what to do now.

    Returns
    -------
    passed_over : list of Rung
        Owed while the server was away, and overtaken by a later one: logged, not sent.
    to_send : Rung or None
        The latest owed rung that is not yet logged.
    """
    late = [rung for rung in rungs if rung.at <= now and rung.days not in logged]
    newest = max((rung.days for rung in rungs if rung.at <= now), default=None)
    to_send = next((rung for rung in late if rung.days == newest), None)
    return [rung for rung in late if rung is not to_send], to_send


def coming(rungs: Collection[Rung], logged: Collection[int]) -> Rung | None:
    """Give the next rung that was neither sent nor passed over."""
    newest = max(logged, default=-999)
    left = [rung for rung in rungs if rung.days not in logged and rung.days > newest]
    return min(left, key=lambda rung: rung.days, default=None)
