"""Units that are late or silent become lines of the worklist, and leave it again."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from clinic_server.devices import service as devices
from clinic_server.devices.models import Issue, UnitState
from clinic_server.plans import work
from clinic_server.plans.models import WorkItem, WorkKind
from clinic_server.recordings import service as recordings

SILENT_AFTER = timedelta(minutes=30)
RING_AGAIN_AFTER = timedelta(hours=2)
"""Not reached, or asked to ring again: the line comes back after this."""
_AGAIN = frozenset({"not_reached", "call_back"})
_KINDS = frozenset({WorkKind.SILENT_DEVICE, WorkKind.OVERDUE_DEVICE})


def sweep(session: Session, now: datetime, zone: ZoneInfo) -> None:
    """Raise what is owed, close what has settled; safe to run twice."""
    today = now.astimezone(zone).date()
    open_lines = [item for item in work.worklist(session) if item.kind in _KINDS]
    out = {
        loan.id: loan
        for loan in devices.open_issues(session)
        if devices.unit_of(session, loan).state is not UnitState.LOST
    }
    for item in open_lines:
        _settle(session, item, out.get(item.detail.get("issue_id")), now)
    waiting = {
        (item.kind, item.detail.get("issue_id")) for item in open_lines if not item.done_at
    }
    for loan in out.values():
        if (WorkKind.OVERDUE_DEVICE, loan.id) not in waiting:
            _overdue(session, loan, today, zone, now)
        if (WorkKind.SILENT_DEVICE, loan.id) not in waiting:
            _silent(session, loan, now)


def last_heard(session: Session, loan: Issue) -> datetime | None:
    """When data of this loan last arrived, or its phone was paired; None before that."""
    if loan.enrolled_at is None:
        return None
    recording = recordings.latest_for(session, loan.patient_id)
    heard = recording.last_received_at if recording else None
    if recording is None or recording.issue_id != loan.id or heard is None:
        return loan.enrolled_at
    return max(loan.enrolled_at, heard)


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
        dedupe_key=f"overdue:{loan.id}:{day}",
        detail={
            "issue_id": loan.id,
            "serial": loan.serial,
            "since": late_since.astimezone(UTC).isoformat(),
        },
        now=now,
    )


def _silent(session: Session, loan: Issue, now: datetime) -> None:
    heard = last_heard(session, loan)
    if heard is None or now - heard <= SILENT_AFTER:
        return
    tries = 0
    while True:
        key = f"silent:{loan.id}:{int(heard.timestamp())}:{tries}"
        before = work.by_key(session, key)
        if before is None:
            break
        rested = before.done_at is not None and now - before.done_at >= RING_AGAIN_AFTER
        if before.outcome not in _AGAIN or not rested:
            return
        tries += 1
    work.raise_work(
        session,
        kind=WorkKind.SILENT_DEVICE,
        patient_id=loan.patient_id,
        dedupe_key=key,
        detail={"issue_id": loan.id, "serial": loan.serial, "since": heard.isoformat()},
        now=now,
    )


def _settle(session: Session, item: WorkItem, loan: Issue | None, now: datetime) -> None:
    if loan is None:
        work.settle(session, item, "device_back", now)
    elif item.kind is WorkKind.SILENT_DEVICE:
        heard = last_heard(session, loan)
        if heard is not None and heard > datetime.fromisoformat(item.detail["since"]):
            work.settle(session, item, "data_back", now)
