"""Units that are late or silent become lines of the worklist, and leave it again."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server.devices.loans import open_loans
from clinic_server.devices.models import Issue
from clinic_server.plans import work
from clinic_server.plans.models import WorkItem, WorkKind
from clinic_server.recordings import reading
from clinic_server.recordings.models import Recording

SILENT_AFTER = timedelta(minutes=30)
_KINDS = (WorkKind.SILENT_DEVICE, WorkKind.OVERDUE_DEVICE)


def sweep(session: Session, now: datetime, zone: ZoneInfo) -> None:
    """Raise what is owed, close what has settled; safe to run twice."""
    today = now.astimezone(zone).date()
    open_lines = work.worklist(session, kinds=_KINDS)
    out = {loan.id: loan for loan in open_loans(session)}
    newest = reading.latest_of_issues(session, [loan_id or 0 for loan_id in out])
    heard = {
        loan_id: last_heard(loan, newest.get(loan_id or 0)) for loan_id, loan in out.items()
    }
    for item in open_lines:
        issue_id = item.detail.get("issue_id")
        _settle(session, item, out.get(issue_id), heard.get(issue_id), today, now)
    waiting = {
        (item.kind, item.detail.get("issue_id")) for item in open_lines if not item.done_at
    }
    for loan in out.values():
        if (WorkKind.OVERDUE_DEVICE, loan.id) not in waiting:
            _overdue(session, loan, today, zone, now)
        if (WorkKind.SILENT_DEVICE, loan.id) not in waiting:
            _silent(session, loan, heard[loan.id], now)


def last_heard(loan: Issue, newest: Recording | None) -> datetime | None:
    """When data of this loan last arrived, or its phone was paired; None before that."""
    if loan.enrolled_at is None:
        return None
    received = newest.last_received_at if newest else None
    return max(loan.enrolled_at, received) if received else loan.enrolled_at


def milestone(days_late: int) -> int | None:
    """Which day of lateness has a line of its own: 1, 3, then every seventh."""
    if days_late < 1:
        return None
    return 1 if days_late < 3 else 3 + (days_late - 3) // 7 * 7


def _overdue(
    session: Session, loan: Issue, today: date, zone: ZoneInfo, now: datetime
) -> None:
    day = milestone((today - loan.due_on).days)
    if day is None:
        return
    late_since = datetime.combine(loan.due_on + timedelta(days=1), time(), tzinfo=zone)
    work.raise_work(
        session,
        kind=WorkKind.OVERDUE_DEVICE,
        patient_id=loan.patient_id,
        dedupe_key=f"overdue:{loan.id}:{loan.due_on}:{day}",
        detail={
            "issue_id": loan.id,
            "serial": loan.serial,
            "since": late_since.astimezone(UTC).isoformat(),
        },
        now=now,
    )


def _silent(session: Session, loan: Issue, heard: datetime | None, now: datetime) -> None:
    if heard is None or now - heard <= SILENT_AFTER:
        return
    work.raise_work(
        session,
        kind=WorkKind.SILENT_DEVICE,
        patient_id=loan.patient_id,
        dedupe_key=f"silent:{loan.id}:{int(heard.timestamp())}",
        detail={"issue_id": loan.id, "serial": loan.serial, "since": heard.isoformat()},
        now=now,
    )


def _settle(
    session: Session,
    item: WorkItem,
    loan: Issue | None,
    heard: datetime | None,
    today: date,
    now: datetime,
) -> None:
    if loan is None:
        work.settle(session, item, "device_back", now)
    elif item.kind is WorkKind.OVERDUE_DEVICE and loan.due_on >= today:
        work.settle(session, item, "extended", now)
    elif item.kind is WorkKind.SILENT_DEVICE and heard != _since(item):
        work.settle(session, item, "data_back", now)


def _since(item: WorkItem) -> datetime:
    return datetime.fromisoformat(item.detail["since"])
