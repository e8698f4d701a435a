"""What the desk sees: the fleet by state, loans by due date, what to do now."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server.desk import rank, reminders
from clinic_server.desk.reminders import Standing
from clinic_server.devices import service as devices
from clinic_server.devices.loans import open_issues_of
from clinic_server.devices.models import Issue, Unit, UnitState
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.plans.models import WorkItem, WorkKind
from clinic_server.plans.work import TRIES, worklist
from clinic_server.recordings import reading
from clinic_server.recordings.models import Recording
from clinic_server.staff.models import Staff

STATES = (
    "available", "reserved", "issued", "in_use", "due", "overdue", "returned_dirty",
    "disinfecting", "testing", "repair", "lost", "retired",
)  # fmt: skip
"""The twelve filters, in the order a unit goes through them."""
SOON_DAYS = 3
SHOWN_WORK = 40
SHOWN_LOANS = 200
SHOWN_UNITS = 200
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LoanRow:
    """One loan in the list of returns."""

    issue_id: int
    serial: str
    patient_id: int
    patient_name: str
    patient_phone: str
    due_on: date
    deposit_cny: int
    days_left: int
    """Negative: overdue."""
    enrolled: bool
    age_s: float | None
    """How old the newest sample is; None before the first one."""
    reminder: Standing


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit of the fleet."""

    serial: str
    model: str
    state: str
    """One of `STATES`: due and overdue follow from the loan's date."""
    battery_pct: int
    patient_name: str
    moves: list[str]
    """States it may go to by hand."""
    refusals: list[str]


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One line of the nurse's worklist; the same task missed often is one call."""

    ids: tuple[int, ...]
    kind: str
    task: str
    label: str
    why: str
    """A code of ``desk.why``; empty when the kind says it all."""
    tries: int
    """Calls that nobody answered."""
    patient_id: int
    patient_name: str
    patient_phone: str
    other_phone: str
    """The emergency contact's, once the patient did not answer often enough."""
    raised_at: datetime
    since: datetime
    """Silent or late since; else when the line was raised."""
    risk: int
    """1 to 4, see `rank`."""
    serial: str


@dataclass(frozen=True, slots=True)
class Month:
    """How the fleet was used."""

    out: int
    fleet: int
    """Units that are neither lost nor retired."""
    returned: int
    """Loans that came back in the last 30 days."""
    on_time: int
    lost: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The whole page."""

    counts: dict[str, int]
    overdue: int
    due_today: int
    out: int
    loans: list[LoanRow]
    """The first `SHOWN_LOANS`, the longest overdue first; a scan finds every one."""
    units: list[UnitRow]
    """The first `SHOWN_UNITS` of each state."""
    work: list[WorkRow]
    """The first `SHOWN_WORK`."""
    more_work: int
    prepare: list[tuple[str, int, float | None]]
    """Units on their way back to the shelf: state, how many, how long the oldest waits."""
    month: Month
    patients: list[Patient]


def today(now: datetime, zone: ZoneInfo) -> date:
    """Give the clinic's date."""
    return now.astimezone(zone).date()


def desk(session: Session, staff: Staff, now: datetime, zone: ZoneInfo) -> Desk:
    """Collect the page for one person of the desk."""
    known = {one.id: one for one in patients.patients_of(session, staff, now)}
    theirs = patients.ids_of(session, staff, now)
    out = open_issues_of(session, theirs)
    standings = reminders.standings(session, out, zone)
    newest = reading.latest_of_issues(session, [one.id or 0 for one in out])
    loans = [
        _loan(
            one,
            known[one.patient_id],
            newest.get(one.id or 0),
            standings[one.id or 0],
            now,
            zone,
        )
        for one in out
    ]
    by_serial = {loan.serial: loan for loan in loans}
    units = [
        _unit(unit, by_serial.get(unit.serial))
        for unit in devices.all_units(session, staff)
    ]
    back = devices.returned_since(session, now - MONTH, staff)
    waiting = worklist(session, patients=theirs)
    work = _work(waiting, known, now, today(now, zone))
    loans.sort(key=lambda loan: (loan.days_left, loan.serial))
    return Desk(
        counts=dict(Counter(unit.state for unit in units)),
        overdue=sum(loan.days_left < 0 for loan in loans),
        due_today=sum(loan.days_left == 0 for loan in loans),
        out=len(loans),
        loans=loans[:SHOWN_LOANS],
        units=_first_of_each_state(units),
        work=work[:SHOWN_WORK],
        more_work=max(0, len(work) - SHOWN_WORK),
        prepare=_prepare(units, back, now),
        month=_month(units, back, len(out), zone),
        patients=list(known.values()),
    )


def _first_of_each_state(units: Sequence[UnitRow]) -> list[UnitRow]:
    seen: Counter[str] = Counter()
    shown = []
    for unit in units:
        seen[unit.state] += 1
        if seen[unit.state] <= SHOWN_UNITS:
            shown.append(unit)
    return shown


def _loan(
    loan: Issue,
    patient: Patient,
    recording: Recording | None,
    reminder: Standing,
    now: datetime,
    zone: ZoneInfo,
) -> LoanRow:
    last_at = reading.newest_sample_at(recording) if recording else None
    return LoanRow(
        issue_id=loan.id or 0,
        serial=loan.serial,
        patient_id=loan.patient_id,
        patient_name=patient.name,
        patient_phone=patient.phone,
        due_on=loan.due_on,
        deposit_cny=loan.deposit_cny,
        days_left=(loan.due_on - today(now, zone)).days,
        enrolled=loan.enrolled_at is not None,
        age_s=(now - last_at).total_seconds() if last_at else None,
        reminder=reminder,
    )


def _unit(unit: Unit, loan: LoanRow | None) -> UnitRow:
    return UnitRow(
        serial=unit.serial,
        model=unit.model,
        state=_state(unit, loan),
        battery_pct=unit.battery_pct,
        patient_name=loan.patient_name if loan else "",
        moves=[state.value for state in devices.moves_from(unit.state)],
        refusals=devices.unready(unit) if unit.state is UnitState.AVAILABLE else [],
    )


def _state(unit: Unit, loan: LoanRow | None) -> str:
    if loan is not None and unit.state in (UnitState.ISSUED, UnitState.IN_USE):
        if loan.days_left < 0:
            return "overdue"
        if loan.days_left == 0:
            return "due"
    return unit.state.value


def _work(
    items: Sequence[WorkItem],
    known: dict[int | None, Patient],
    now: datetime,
    today: date,
) -> list[WorkRow]:
    """Order by `rank.order`; the longest-waiting of equals first."""
    groups: dict[tuple[object, ...], list[WorkItem]] = defaultdict(list)
    for item in items:
        if item.patient_id in known and (item.next_at is None or item.next_at <= now):
            missed = item.kind is WorkKind.MISSED_TASK
            alike = item.detail.get("task") if missed else item.id
            groups[item.patient_id, item.kind, alike].append(item)
    rows = [
        _work_row(group, known[group[0].patient_id], today) for group in groups.values()
    ]
    return sorted(
        rows,
        key=lambda row: (
            rank.order(WorkKind(row.kind), row.risk, now - row.since),
            row.since,
            row.ids,
        ),
    )


def _work_row(group: Sequence[WorkItem], patient: Patient, today: date) -> WorkRow:
    first = group[0]
    since = first.detail.get("since")
    return WorkRow(
        ids=tuple(item.id or 0 for item in group),
        kind=first.kind.value,
        task=str(first.detail.get("task", "")),
        label=str(first.detail.get("label", "")),
        why=str(first.detail.get("why", "")),
        tries=max(item.tries for item in group),
        patient_id=first.patient_id,
        patient_name=patient.name,
        patient_phone=patient.phone,
        other_phone=patient.emergency_phone
        if max(item.tries for item in group) >= TRIES
        else "",
        raised_at=first.raised_at,
        since=datetime.fromisoformat(since) if since else first.raised_at,
        risk=rank.risk(patient, today),
        serial=str(first.detail.get("serial", "")),
    )


def _prepare(
    units: Sequence[UnitRow], back: Sequence[Issue], now: datetime
) -> list[tuple[str, int, float | None]]:
    came = {one.serial: one.returned_at for one in back if one.returned_at is not None}
    rows = []
    for state in (UnitState.RETURNED_DIRTY, UnitState.DISINFECTING, UnitState.TESTING):
        serials = [unit.serial for unit in units if unit.state == state.value]
        since = [came[serial] for serial in serials if serial in came]
        if serials:
            waited = (now - min(since)).total_seconds() if since else None
            rows.append((state.value, len(serials), waited))
    return rows


def _month(
    units: Sequence[UnitRow], back: Sequence[Issue], out: int, zone: ZoneInfo
) -> Month:
    gone = Counter(unit.state for unit in units)
    return Month(
        out=out,
        fleet=len(units) - gone["lost"] - gone["retired"],
        returned=len(back),
        on_time=sum(
            one.returned_at is not None and today(one.returned_at, zone) <= one.due_on
            for one in back
        ),
        lost=gone["lost"],
    )
