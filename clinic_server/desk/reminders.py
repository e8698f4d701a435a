"""Reminding patients to bring the unit back, and what of it is on record."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from clinic_server import timewords
from clinic_server.alarms import notice
from clinic_server.desk.ladder import RUNGS, Rung, coming, ladder, owed
from clinic_server.desk.models import LoanReminder
from clinic_server.devices.loans import open_loans
from clinic_server.devices.models import Issue
from clinic_server.errors import Conflict
from clinic_server.i18n import t
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseVerb, Patient
from clinic_server.staff import service as staff_service
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Staff
from clinic_server.wire.care import Opinion

BY_HAND = timedelta(hours=24)
"""A nurse may send a rung this much before it is owed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a loan stands on its ladder."""

    last: LoanReminder | None
    """The newest that was sent."""
    read_at: datetime | None
    next: Rung | None


def sweep(session: Session, now: datetime, zone: ZoneInfo, phone: str) -> int:
    """Send what is owed; twice in a row sends nothing twice.

    Parameters
    ----------
    phone : str
        The clinic's number, for the message; may be empty.

    Returns
    -------
    int
        Messages sent.
    """
    sent = 0
    # the first rung of all others cannot be owed yet
    reached = now.astimezone(zone).date() - timedelta(days=min(RUNGS))
    loans = open_loans(session, due_by=reached)
    logs = _logs(session, loans)
    for loan in loans:
        rungs = ladder(loan.due_on, loan.issued_at, zone)
        logged = {row.rung for row in logs[loan.id or 0]}
        passed, to_send = owed(rungs, logged, now)
        for rung in passed:
            _log(session, loan, rung, now)
        if to_send is not None:
            _send(session, loan, to_send, zone, phone, now)
            sent += 1
    return sent


def send_now(
    session: Session, loan: Issue, staff: Staff, zone: ZoneInfo, phone: str, now: datetime
) -> LoanReminder:
    """Send a loan's next reminder by hand, at most a day before it is owed.

    Raises
    ------
    Conflict
        ``desk.no_reminder_due`` when none is left or the next is further away.
    """
    logged = {row.rung for row in _logs(session, [loan])[loan.id or 0]}
    rung = coming(ladder(loan.due_on, loan.issued_at, zone), logged)
    if loan.returned_at is not None or rung is None or rung.at - now > BY_HAND:
        raise Conflict("desk.no_reminder_due", serial=loan.serial)
    return _send(session, loan, rung, zone, phone, now, staff)


def tell_extended(
    session: Session, loan: Issue, staff: Staff, zone: ZoneInfo, now: datetime
) -> None:
    """Tell the patient the new due date; the ladder begins anew for it."""
    patient = patients.patient_of_record(session, loan.patient_id)
    noon = datetime(loan.due_on.year, loan.due_on.month, loan.due_on.day, 12, tzinfo=zone)
    notice.send_notice(
        session,
        patient_id=loan.patient_id,
        staff=staff,
        kind="notice",
        opinion=Opinion.FREE_TEXT,
        text=t(
            "desk.extended_notice",
            patient.locale,
            serial=loan.serial,
            day=timewords.day(noon, zone, patient.locale),
        ),
        now=now,
        verb=CaseVerb.REMIND,
    )


def standings(
    session: Session, loans: Sequence[Issue], zone: ZoneInfo
) -> dict[int, Standing]:
    """Say for each loan what was sent last, whether it was read, and what comes next."""
    logs = _logs(session, loans)
    sent_ids = [row.advice_id for rows in logs.values() for row in rows if row.advice_id]
    read = notice.read_at(session, sent_ids)
    found = {}
    for loan in loans:
        rows = logs[loan.id or 0]
        sent = [row for row in rows if row.advice_id is not None]
        last = max(sent, key=lambda row: row.rung, default=None)
        rungs = ladder(loan.due_on, loan.issued_at, zone)
        found[loan.id or 0] = Standing(
            last=last,
            read_at=read.get(last.advice_id or 0) if last else None,
            next=coming(rungs, {row.rung for row in rows}),
        )
    return found


def text(loan: Issue, days: int, patient: Patient, zone: ZoneInfo, phone: str) -> str:
    """Write a reminder in the patient's language: what, until when, whom to ring."""
    noon = datetime(loan.due_on.year, loan.due_on.month, loan.due_on.day, 12, tzinfo=zone)
    when = "before" if days < 0 else "today" if days == 0 else "after"
    parts = [
        t(
            f"desk.reminder.{when}",
            patient.locale,
            serial=loan.serial,
            day=timewords.day(noon, zone, patient.locale),
            n=abs(days),
        )
    ]
    if phone:
        parts.append(t("desk.reminder.ring", patient.locale, phone=phone))
    parts.append(t("desk.reminder.automatic", patient.locale))
    return t("desk.reminder.gap", patient.locale).join(parts)


def _logs(session: Session, loans: Sequence[Issue]) -> defaultdict[int, list[LoanReminder]]:
    """Give what is logged for the due date that each loan has now."""
    due = {loan.id: loan.due_on for loan in loans}
    rows = session.exec(
        select(LoanReminder)
        .where(col(LoanReminder.issue_id).in_(due))
        .order_by(col(LoanReminder.rung))
    )
    found: defaultdict[int, list[LoanReminder]] = defaultdict(list)
    for row in rows:
        if row.due_on == due[row.issue_id]:
            found[row.issue_id].append(row)
    return found


def _send(
    session: Session,
    loan: Issue,
    rung: Rung,
    zone: ZoneInfo,
    phone: str,
    now: datetime,
    staff: Staff | None = None,
) -> LoanReminder:
    patient = patients.patient_of_record(session, loan.patient_id)
    # what goes by itself goes in the name of whoever lent the unit
    sender = staff or staff_service.staff_by_id(session, loan.issued_by)
    advice = notice.send_notice(
        session,
        patient_id=loan.patient_id,
        staff=sender,
        kind="notice",
        opinion=Opinion.FREE_TEXT,
        text=text(loan, rung.days, patient, zone, phone),
        now=now,
        verb=CaseVerb.REMIND,
    )
    return _log(session, loan, rung, now, advice.id, staff)


def _log(
    session: Session,
    loan: Issue,
    rung: Rung,
    now: datetime,
    advice_id: int | None = None,
    staff: Staff | None = None,
) -> LoanReminder:
    row = LoanReminder(
        issue_id=loan.id or 0,
        due_on=loan.due_on,
        rung=rung.days,
        owed_at=rung.at,
        logged_at=now,
        advice_id=advice_id,
        sent_by=staff.id if staff else None,
    )
    session.add(row)
    session.flush()
    audit_by(
        session,
        staff,
        at=now,
        action="desk.remind" if advice_id else "desk.reminder_passed_over",
        object_kind="issue",
        object_id=loan.id or 0,
        patient_id=loan.patient_id,
        detail={"rung": rung.days, "due_on": loan.due_on},
    )
    return row
