"""The units of the desk: what state each is in and what it needs before a loan."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.devices.models import Issue, Unit, UnitState, WipeCertificate
from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import is_within_reach, within_reach

MIN_BATTERY_PCT = 50
MAX_CLOCK_DRIFT_S = 2.0

_S = UnitState
NEXT: dict[UnitState, frozenset[UnitState]] = {
    _S.AVAILABLE: frozenset({_S.RESERVED, _S.TESTING, _S.REPAIR, _S.LOST, _S.RETIRED}),
    _S.RESERVED: frozenset({_S.AVAILABLE, _S.REPAIR, _S.LOST}),
    # a loan ends by `service.return_` only; lost is the one other way out
    _S.ISSUED: frozenset({_S.LOST}),
    _S.IN_USE: frozenset({_S.LOST}),
    _S.RETURNED_DIRTY: frozenset({_S.DISINFECTING, _S.REPAIR, _S.RETIRED}),
    _S.DISINFECTING: frozenset({_S.TESTING, _S.REPAIR, _S.RETIRED}),
    _S.TESTING: frozenset({_S.AVAILABLE, _S.REPAIR, _S.RETIRED}),
    _S.REPAIR: frozenset({_S.DISINFECTING, _S.TESTING, _S.RETIRED}),
    _S.LOST: frozenset({_S.RETURNED_DIRTY, _S.RETIRED}),
    _S.RETIRED: frozenset(),
}
"""Where a unit may go by hand."""


def register_unit(
    session: Session,
    *,
    serial: str,
    model: str,
    fs_hz: float,
    lead_names: Sequence[str],
    firmware: str = "",
    battery_pct: int = 100,
    now: datetime,
    by: Staff | None = None,
) -> Unit:
    """Take a unit into the fleet after its acceptance test: clean, wiped, available.

    Raises
    ------
    Conflict
        ``devices.serial_taken``.
    Unprocessable
        ``devices.bad_unit`` when the sampling rate or the leads are impossible.
    """
    serial = serial.strip()
    if not serial or not 100 <= fs_hz <= 1000 or not 1 <= len(lead_names) <= 12:
        raise Unprocessable("devices.bad_unit", serial=serial)
    if session.get(Unit, serial) is not None:
        raise Conflict("devices.serial_taken", serial=serial)
    unit = Unit(
        serial=serial,
        model=model,
        fs_hz=fs_hz,
        lead_names=list(lead_names),
        firmware=firmware,
        state=UnitState.AVAILABLE,
        battery_pct=battery_pct,
        wiped_at=now,
        disinfected_at=now,
        tested_at=now,
        created_at=now,
        site_id=by.site_id if by else None,
    )
    session.add(unit)
    session.flush()
    record(session, unit, "devices.register", now, by)
    return unit


def record(
    session: Session,
    unit: Unit,
    action: str,
    now: datetime,
    by: Staff | None,
    **detail: object,
) -> None:
    """Write an action on a unit into the audit."""
    staff_service.audit_by(
        session,
        by,
        at=now,
        action=action,
        object_kind="unit",
        object_id=unit.serial,
        detail=detail,
    )


def unit_by_serial(session: Session, serial: str) -> Unit:
    """Find a unit, locked for change.

    Raises
    ------
    NotFound
        ``devices.unknown_unit``.
    """
    unit = session.exec(
        select(Unit)
        .where(Unit.serial == serial.strip())
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if unit is None:
        raise NotFound("devices.unknown_unit", serial=serial)
    return unit


def unit_for(session: Session, staff: Staff, serial: str) -> Unit:
    """Find a unit of this person's desk, locked for change.

    Raises
    ------
    NotFound
        ``devices.unknown_unit``, also when it belongs to another site.
    """
    unit = unit_by_serial(session, serial)
    if not is_within_reach(unit.site_id, staff):
        raise NotFound("devices.unknown_unit", serial=serial)
    return unit


def all_units(session: Session, reader: Staff | None = None) -> Sequence[Unit]:
    """Give the fleet by serial; for a reader, that of their site."""
    query = select(Unit).order_by(col(Unit.serial))
    if reader is not None:
        query = query.where(within_reach(col(Unit.site_id), reader))
    return session.exec(query).all()


def open_issue_of_unit(session: Session, serial: str) -> Issue | None:
    """Give the loan a unit is out on."""
    return session.exec(
        select(Issue).where(Issue.serial == serial, col(Issue.returned_at).is_(None))
    ).first()


def refusals(session: Session, unit: Unit) -> list[str]:
    """Give the codes of everything that keeps a unit at the desk; empty when it may go."""
    bound = open_issue_of_unit(session, unit.serial) is not None
    return (["devices.still_open"] if bound else []) + unready(unit)


def unready(unit: Unit) -> list[str]:
    """Give what a unit itself lacks for a loan, whoever has it."""
    reasons: list[str] = []
    if unit.state not in (UnitState.AVAILABLE, UnitState.RESERVED):
        reasons.append("devices.not_available")
    if unit.disinfected_at is None:
        reasons.append("devices.not_disinfected")
    if unit.wiped_at is None:
        reasons.append("devices.not_wiped")
    if unit.battery_pct < MIN_BATTERY_PCT:
        reasons.append("devices.battery_low")
    if abs(unit.clock_drift_s) > MAX_CLOCK_DRIFT_S:
        reasons.append("devices.clock_drift")
    return reasons


def set_state(
    session: Session,
    serial: str,
    state: UnitState,
    staff: Staff,
    now: datetime,
    *,
    battery_pct: int | None = None,
    clock_drift_s: float | None = None,
    note: str | None = None,
) -> Unit:
    """Move a unit by hand.

    Leaving `DISINFECTING` for `TESTING` stamps the disinfection; reaching `AVAILABLE` from
    `TESTING` stamps the test, and needs the wipe (`wipe`) and the disinfection.

    Raises
    ------
    Conflict
        ``devices.bad_step`` when that move does not exist, ``devices.not_disinfected`` or
        ``devices.not_wiped`` when something is missing.
    """
    unit = unit_for(session, staff, serial)
    state = UnitState(state)
    if state not in NEXT[unit.state]:
        raise Conflict("devices.bad_step", serial=serial, state=unit.state, to=state)
    if state is UnitState.TESTING and unit.state is UnitState.DISINFECTING:
        unit.disinfected_at = now
    if state is UnitState.AVAILABLE and unit.state is UnitState.TESTING:
        if unit.disinfected_at is None:
            raise Conflict("devices.not_disinfected", serial=serial)
        if unit.wiped_at is None:
            raise Conflict("devices.not_wiped", serial=serial)
        unit.tested_at = now
    if state is UnitState.LOST:
        _cut_off(session, serial, now)
    before, unit.state = unit.state, state
    if battery_pct is not None:
        unit.battery_pct = max(0, min(100, battery_pct))
    if clock_drift_s is not None:
        unit.clock_drift_s = clock_drift_s
    if note is not None:
        unit.note = note[:400]
    session.add(unit)
    session.flush()
    record(session, unit, "devices.set_state", now, staff, before=before, after=state)
    return unit


def _cut_off(session: Session, serial: str, now: datetime) -> None:
    """End the token and the code of a lost unit's phone; the loan itself stays open."""
    issue = open_issue_of_unit(session, serial)
    if issue is not None:
        issue.phone_token_hash = None
        issue.pairing_expires_at = now
        session.add(issue)


def wipe(session: Session, serial: str, staff: Staff, now: datetime) -> WipeCertificate:
    """Write down that a unit's memory was erased; the certificate carries a number."""
    unit = unit_for(session, staff, serial)
    unit.wiped_at = now
    paper = WipeCertificate(serial=unit.serial, wiped_at=now, wiped_by=staff.id or 0)
    session.add_all([unit, paper])
    session.flush()
    record(session, unit, "devices.wipe", now, staff, certificate=paper.number)
    return paper


def certificate_of(session: Session, unit: Unit) -> WipeCertificate | None:
    """Give the certificate of the wipe that still holds; a loan ends it."""
    if unit.wiped_at is None:
        return None
    return session.exec(
        select(WipeCertificate)
        .where(
            WipeCertificate.serial == unit.serial, WipeCertificate.wiped_at == unit.wiped_at
        )
        .order_by(col(WipeCertificate.id).desc())
    ).first()


def certificate_by_id(
    session: Session, staff: Staff, certificate_id: int
) -> WipeCertificate:
    """Find a certificate of a unit of this person's desk.

    Raises
    ------
    NotFound
        ``devices.unknown_certificate``; ``devices.unknown_unit`` for another site's.
    """
    paper = session.get(WipeCertificate, certificate_id)
    if paper is None:
        raise NotFound("devices.unknown_certificate")
    unit_for(session, staff, paper.serial)
    return paper


def moves_from(state: UnitState) -> list[UnitState]:
    """Give the states a unit may go to by hand, in the order of the life of a unit."""
    return [one for one in UnitState if one in NEXT[state]]
