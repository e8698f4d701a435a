"""Loans: a unit goes to a patient, a phone becomes its phone, and it comes back."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from clinic_server.bounds import is_plausible
from clinic_server.db import ring_after_commit
from clinic_server.devices import codes
from clinic_server.devices.loans import check_due
from clinic_server.devices.models import Issue, PhoneState, TimePoint, Unit, UnitState
from clinic_server.devices.units import (
    all_units,
    certificate_by_id,
    certificate_of,
    moves_from,
    open_issue_of_unit,
    record,
    refusals,
    register_unit,
    set_state,
    unit_by_serial,
    unit_for,
    unready,
    wipe,
)
from clinic_server.errors import Conflict, Gone, NotFound, NotSignedIn, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import CaseVerb
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.staff.service import token_hash
from clinic_server.staff.sites import within_reach
from clinic_server.wire.care import PhoneReport

__all__ = [
    "all_units",
    "certificate_by_id",
    "certificate_of",
    "enrol",
    "issue",
    "issue_by_id",
    "issue_for_token",
    "issues_of",
    "moves_from",
    "new_code",
    "open_issue_of",
    "open_issue_of_unit",
    "open_issues",
    "phone_report",
    "phone_state",
    "refusals",
    "register_unit",
    "return_",
    "returned_since",
    "set_state",
    "time_point",
    "time_points",
    "unit_by_serial",
    "unit_for",
    "unit_of",
    "unready",
    "wipe",
]


def issue(
    session: Session,
    *,
    serial: str,
    patient_id: int,
    staff: Staff,
    due_on: date,
    accessories: Mapping[str, Any] | None = None,
    deposit_cny: int = 0,
    terms_signed: bool = False,
    terms_version: str = "",
    terms_signed_by: str = "",
    now: datetime,
    code_minutes: int,
) -> tuple[Issue, str]:
    """Lend a unit to a patient.

    Returns
    -------
    issue : Issue
    code : str
        The pairing code, shown once; only its hash is kept.

    Raises
    ------
    Conflict
        The first reason of `refusals` (all of them in ``reasons``), or
        ``devices.patient_has_unit``.
    NotFound
        Unknown unit, or a patient this person may not see.
    Unprocessable
        ``devices.due_in_past``, ``devices.due_too_far``.
    """
    patients_service.patient_for(session, staff, patient_id, now)
    unit = unit_for(session, staff, serial)
    reasons = refusals(session, unit)
    if reasons:
        raise Conflict(reasons[0], serial=serial, reasons=",".join(reasons))
    if open_issue_of(session, patient_id) is not None:
        raise Conflict("devices.patient_has_unit")
    check_due(due_on, now)
    loan = Issue(
        serial=unit.serial,
        patient_id=patient_id,
        issued_at=now,
        issued_by=staff.id or 0,
        due_on=due_on,
        accessories=dict(accessories or {}),
        deposit_cny=deposit_cny,
        terms_signed=terms_signed,
        terms_version=terms_version,
        terms_signed_by=terms_signed_by[:64],
    )
    session.add(loan)
    try:
        session.flush()
    except IntegrityError as error:  # the other desk was faster: an index decides
        taken = "patient" in str(error.orig)
        code = "devices.patient_has_unit" if taken else "devices.still_open"
        raise Conflict(code, serial=serial, reasons=code) from error
    unit.state = UnitState.ISSUED
    session.add(unit)
    code = _give_code(session, loan, now, code_minutes)
    record(session, unit, "devices.issue", now, staff, issue_id=loan.id)
    patients_service.record_case(
        session,
        patient_id,
        CaseVerb.ISSUE_DEVICE,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"serial": unit.serial, "issue_id": loan.id},
    )
    ring_after_commit(session, "devices")
    return loan, code


def _give_code(session: Session, loan: Issue, now: datetime, code_minutes: int) -> str:
    code = codes.make_code()
    loan.pairing_code_hash = codes.code_hash(code)
    loan.pairing_expires_at = now + timedelta(minutes=code_minutes)
    loan.pairing_used_at = None
    session.add(loan)
    session.flush()
    return code


def new_code(
    session: Session, loan: Issue, staff: Staff, now: datetime, code_minutes: int
) -> str:
    """Make a fresh pairing code; the one before is dead.

    Raises
    ------
    Gone
        ``devices.loan_ended``.
    """
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    code = _give_code(session, loan, now, code_minutes)
    unit = unit_by_serial(session, loan.serial)
    record(session, unit, "devices.new_code", now, staff, issue_id=loan.id)
    return code


def enrol(
    session: Session, code: str, now: datetime, phone_name: str = ""
) -> tuple[Issue, str]:
    """Make a phone the phone of a loan; a phone enrolled before is cut off.

    Returns
    -------
    issue : Issue
    token : str
        256-bit bearer token; only its hash is kept.

    Raises
    ------
    NotFound
        ``devices.code_unknown``.
    Gone
        ``devices.code_used``, ``devices.code_expired`` or ``devices.loan_ended``.
    """
    loan = session.exec(
        select(Issue)
        .where(Issue.pairing_code_hash == codes.code_hash(code))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if loan is None:
        raise NotFound("devices.code_unknown")
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    if loan.pairing_used_at is not None:
        raise Gone("devices.code_used")
    if loan.pairing_expires_at is None or now >= loan.pairing_expires_at:
        raise Gone("devices.code_expired")
    token = secrets.token_urlsafe(32)
    loan.phone_token_hash = token_hash(token)
    loan.pairing_used_at = now
    loan.enrolled_at = now
    session.add(loan)
    unit = unit_by_serial(session, loan.serial)
    unit.state = UnitState.IN_USE
    session.add(unit)
    session.flush()
    staff_service.audit(
        session,
        at=now,
        actor_kind="phone",
        actor_id=loan.id or 0,
        action="devices.enrol",
        object_kind="issue",
        object_id=loan.id or 0,
        patient_id=loan.patient_id,
        detail={"serial": loan.serial, "phone": phone_name},
    )
    ring_after_commit(session, "devices")
    return loan, token


def issue_for_token(session: Session, token: str) -> Issue:
    """Find the loan behind a phone's token.

    Raises
    ------
    NotSignedIn
        ``devices.token_unknown``.
    Gone
        ``devices.loan_ended`` when the unit was returned.
    """
    loan = session.exec(
        select(Issue).where(Issue.phone_token_hash == token_hash(token))
    ).first()
    if loan is None:
        raise NotSignedIn("devices.token_unknown")
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    return loan


def return_(
    session: Session,
    issue_id: int,
    staff: Staff,
    condition: str,
    now: datetime,
    note: str = "",
    signed_by: str = "",
    accessories_back: bool | None = None,
    deposit_back_cny: int = 0,
) -> Issue:
    """Take a unit back: the phone's token ends, its recordings close, the unit is dirty.

    Raises
    ------
    NotFound
        Unknown loan, or a patient this person may not see.
    Gone
        ``devices.loan_ended`` when it came back before.
    Unprocessable
        ``devices.deposit_too_much``: more is given back than was left.
    """
    loan = issue_by_id(session, issue_id)
    patients_service.patient_for(session, staff, loan.patient_id, now)
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    if deposit_back_cny > loan.deposit_cny:
        raise Unprocessable("devices.deposit_too_much", max=loan.deposit_cny)
    loan.returned_at = now
    loan.returned_by = staff.id
    loan.return_condition = condition[:32]
    loan.return_note = note[:400]
    loan.return_signed_by = signed_by[:64]
    loan.accessories_back = accessories_back
    loan.deposit_back_cny = deposit_back_cny
    session.add(loan)
    for recording in recordings_service.open_of_issue(session, issue_id):
        recordings_service.close(session, recording, "returned", now)
    unit = unit_by_serial(session, loan.serial)
    unit.state = UnitState.RETURNED_DIRTY
    unit.wiped_at = unit.disinfected_at = unit.tested_at = None
    session.add(unit)
    session.flush()
    record(session, unit, "devices.return", now, staff, issue_id=issue_id, state=condition)
    patients_service.record_case(
        session,
        loan.patient_id,
        CaseVerb.RETURN_DEVICE,
        at=now,
        actor=f"staff:{staff.id}",
        detail={"serial": unit.serial, "condition": condition},
    )
    ring_after_commit(session, "devices")
    return loan


def issue_by_id(session: Session, issue_id: int) -> Issue:
    """Find a loan, locked for change.

    Raises
    ------
    NotFound
        ``devices.unknown_issue``.
    """
    loan = session.exec(
        select(Issue)
        .where(Issue.id == issue_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if loan is None:
        raise NotFound("devices.unknown_issue")
    return loan


def open_issue_of(session: Session, patient_id: int) -> Issue | None:
    """Give the patient's loan that has not come back."""
    return session.exec(
        select(Issue)
        .where(Issue.patient_id == patient_id, col(Issue.returned_at).is_(None))
        .order_by(col(Issue.id).desc())
    ).first()


def open_issues(session: Session, among: Collection[int] | None = None) -> Sequence[Issue]:
    """Give all loans that are out, or those among some; the longest due first."""
    query = select(Issue).where(col(Issue.returned_at).is_(None))
    if among is not None:
        query = query.where(col(Issue.id).in_(among))
    return session.exec(query.order_by(col(Issue.due_on), col(Issue.id))).all()


def returned_since(
    session: Session, since: datetime, reader: Staff | None = None
) -> Sequence[Issue]:
    """Give the loans that came back since a time; for a reader, of their site's units."""
    query = select(Issue).where(col(Issue.returned_at) >= since)
    if reader is not None and reader.site_id is not None:
        query = query.join(Unit, col(Unit.serial) == col(Issue.serial)).where(
            within_reach(col(Unit.site_id), reader)
        )
    return session.exec(query).all()


def issues_of(session: Session, patient_id: int) -> Sequence[Issue]:
    """Give all loans of a patient, newest first."""
    return session.exec(
        select(Issue).where(Issue.patient_id == patient_id).order_by(col(Issue.id).desc())
    ).all()


def unit_of(session: Session, loan: Issue) -> Unit:
    """Give the unit of a loan."""
    return session.exec(select(Unit).where(Unit.serial == loan.serial)).one()


def phone_report(session: Session, loan: Issue, report: PhoneReport, now: datetime) -> None:
    """Keep what the phone says of itself and the patch.

    ``lead_off_since`` is the server's time of the first report with an electrode off; a
    report that does not know leaves it as it was.

    Raises
    ------
    Unprocessable
        ``devices.bad_time`` when the phone's times are more than a year off.
    """
    times = [report.at, report.oldest_unsent_at or report.at]
    if not all(is_plausible(at, now) for at in times):
        raise Unprocessable("devices.bad_time")
    state = session.get(PhoneState, loan.id)
    if state is None:
        state = PhoneState(issue_id=loan.id or 0, reported_at=now, phone_at=report.at)
    state.reported_at = now
    state.phone_at = report.at
    state.battery_pct = report.battery_pct
    state.phone_battery_pct = report.phone_battery_pct
    if report.leads_on is not None:
        state.leads_on = list(report.leads_on)
        if all(report.leads_on):
            state.lead_off_since = None
        elif state.lead_off_since is None:
            state.lead_off_since = now
    state.link = report.link
    state.queue_segments = report.queue_segments
    state.oldest_unsent_at = report.oldest_unsent_at
    session.add(state)
    session.flush()


def phone_state(session: Session, issue_id: int) -> PhoneState | None:
    """Give what the phone last said."""
    return session.get(PhoneState, issue_id)


def time_point(
    session: Session, patient_id: int, step: str, staff: Staff, now: datetime
) -> TimePoint:
    """Stamp a step of the desk: the wristband was scanned."""
    patients_service.patient_for(session, staff, patient_id, now)
    point = TimePoint(patient_id=patient_id, step=step[:32], at=now, staff_id=staff.id or 0)
    session.add(point)
    session.flush()
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action="devices.time_point",
        object_kind="patient",
        object_id=patient_id,
        patient_id=patient_id,
        detail={"step": step},
    )
    return point


def time_points(session: Session, patient_id: int) -> Sequence[TimePoint]:
    """Give the stamps of a patient, oldest first."""
    return session.exec(
        select(TimePoint)
        .where(TimePoint.patient_id == patient_id)
        .order_by(col(TimePoint.at), col(TimePoint.id))
    ).all()
