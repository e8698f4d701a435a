"""How the fleet was used: utilisation, returns, losses, and which unit records badly."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlmodel import Session

from clinic_server.deps import ReadSession
from clinic_server.devices import service as devices
from clinic_server.devices.loans import loans_since
from clinic_server.devices.models import Issue, Unit, UnitState
from clinic_server.recordings import reading
from clinic_server.reports.service import analysable_shares
from clinic_server.staff.auth import DeskStaff
from clinic_server.staff.models import Staff
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
PERIOD = timedelta(days=90)
DAY = timedelta(days=1)
DAMAGED = frozenset({"damaged", "incomplete"})
SHORTEST_DAYS = 1.0
"""Out for less, a unit says nothing about hours a day."""


@dataclass(frozen=True, slots=True)
class UnitUse:
    """One unit in the period."""

    serial: str
    model: str
    state: UnitState
    loans: int
    out_days: float
    worn_h_per_day: float | None
    """Hours of ECG on disk per day out; None before the first whole day."""
    arrived: float | None
    """Share of what its clock counted that is on disk; None without a recording."""
    analysable_pct: float | None
    """Median share that could be analysed, over the reports of its recordings."""
    reports: int
    damaged: int
    """Returns that were damaged or incomplete."""


@dataclass(frozen=True, slots=True)
class FleetUse:
    """The fleet in the period."""

    units: list[UnitUse]
    """Those that lose most of what they record first, then those without a recording."""
    utilisation: float | None
    """Days out per day in the fleet, over units that are neither lost nor retired."""
    returned: int
    on_time: int
    median_loan_days: float | None
    lost: list[str]


def fleet_use(session: Session, staff: Staff, now: datetime, zone: ZoneInfo) -> FleetUse:
    """Count over the last `PERIOD`, for the site of one person."""
    since = now - PERIOD
    units = devices.all_units(session, staff)
    loans: defaultdict[str, list[Issue]] = defaultdict(list)
    for loan in loans_since(session, since, staff):
        loans[loan.serial].append(loan)
    ids = [loan.id or 0 for some in loans.values() for loan in some]
    seconds = reading.seconds_of_issues(session, ids)
    wear = analysable_shares(session, ids)
    rows = [_use(unit, loans[unit.serial], seconds, wear, since, now) for unit in units]
    kept = [(unit, row) for unit, row in zip(units, rows, strict=True) if not _gone(unit)]
    owned = sum((now - max(since, unit.created_at)) / DAY for unit, _ in kept)
    out = sum(row.out_days for _, row in kept)
    back = [one for some in loans.values() for one in some if one.returned_at is not None]
    lengths = [(one.returned_at - one.issued_at) / DAY for one in back if one.returned_at]
    return FleetUse(
        units=sorted(rows, key=_worst_first),
        utilisation=min(1.0, out / owned) if owned >= SHORTEST_DAYS else None,
        returned=len(back),
        on_time=sum(
            one.returned_at is not None
            and one.returned_at.astimezone(zone).date() <= one.due_on
            for one in back
        ),
        median_loan_days=median(lengths) if lengths else None,
        lost=[unit.serial for unit in units if unit.state is UnitState.LOST],
    )


def _gone(unit: Unit) -> bool:
    return unit.state in (UnitState.LOST, UnitState.RETIRED)


def _use(
    unit: Unit,
    loans: Sequence[Issue],
    seconds: dict[int, tuple[float, float]],
    wear: dict[int, list[float]],
    since: datetime,
    now: datetime,
) -> UnitUse:
    out = sum(
        ((loan.returned_at or now) - max(since, loan.issued_at)) / DAY for loan in loans
    )
    known = [seconds[loan.id or 0] for loan in loans if loan.id in seconds]
    stored = sum(one for one, _ in known)
    ran = sum(one for _, one in known)
    shares = [one for loan in loans for one in wear.get(loan.id or 0, [])]
    return UnitUse(
        serial=unit.serial,
        model=unit.model,
        state=unit.state,
        loans=len(loans),
        out_days=out,
        worn_h_per_day=stored / 3600 / out if out >= SHORTEST_DAYS else None,
        arrived=stored / ran if ran > 0 else None,
        analysable_pct=median(shares) if shares else None,
        reports=len(shares),
        damaged=sum(loan.return_condition in DAMAGED for loan in loans),
    )


def _worst_first(row: UnitUse) -> tuple[bool, float, str]:
    return row.arrived is None, row.arrived or 0.0, row.serial


@router.get("/desk/statistics")
def statistics(
    frame: PageDep,
    session: ReadSession,
    staff: DeskStaff,
) -> HTMLResponse:
    """Show how the fleet was used, the worst unit first."""
    use = fleet_use(session, staff, frame.now, ZoneInfo(frame.app.settings.time_zone))
    return frame.show(
        "desk_statistics.html",
        use=use,
        days=PERIOD.days,
    )
