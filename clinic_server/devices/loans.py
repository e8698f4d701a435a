"""What happens to a loan while it lasts, and many loans at once."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func
from sqlmodel import Session, col, select

from clinic_server.db import ring_after_commit
from clinic_server.devices.models import (
    Issue,
    LoanExtension,
    LoanPicture,
    PhoneState,
    PictureKind,
    Unit,
    UnitState,
)
from clinic_server.errors import Conflict, Gone, NotFound, TooMany, Unprocessable
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.staff.sites import within_reach

MAX_LOAN = timedelta(days=400)
MAX_PICTURES = 12
"""Per loan: somebody who draws again and again is stopped."""
_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND"),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
}


def check_due(due_on: date, now: datetime) -> None:
    """Refuse a due date that nobody can mean.

    Raises
    ------
    Unprocessable
        ``devices.due_in_past``, ``devices.due_too_far``.
    """
    if due_on < now.date() - timedelta(days=1):  # a day of slack: the clinic's time zone
        raise Unprocessable("devices.due_in_past")
    if due_on > now.date() + MAX_LOAN:
        raise Unprocessable("devices.due_too_far", days=MAX_LOAN.days)


def extend(
    session: Session, loan: Issue, staff: Staff, due_on: date, reason: str, now: datetime
) -> LoanExtension:
    """Let a patient keep a unit longer; the ladder of reminders follows the new date.

    Raises
    ------
    Gone
        ``devices.loan_ended``.
    Unprocessable
        ``devices.not_later``, ``devices.due_in_past``, ``devices.due_too_far``.
    """
    if loan.returned_at is not None:
        raise Gone("devices.loan_ended")
    if due_on <= loan.due_on:
        raise Unprocessable("devices.not_later")
    check_due(due_on, now)
    moved = LoanExtension(
        issue_id=loan.id or 0,
        from_on=loan.due_on,
        to_on=due_on,
        reason=reason[:200],
        at=now,
        staff_id=staff.id or 0,
    )
    loan.due_on = due_on
    session.add_all([loan, moved])
    session.flush()
    _record(session, loan, "devices.extend", staff, now, to=due_on, why=reason)
    ring_after_commit(session, "devices")
    return moved


def extensions_of(session: Session, issue_id: int) -> Sequence[LoanExtension]:
    """Give how often the due date was moved, oldest first."""
    return session.exec(
        select(LoanExtension)
        .where(LoanExtension.issue_id == issue_id)
        .order_by(col(LoanExtension.id))
    ).all()


def media_type_of(body: bytes) -> str:
    """Say what a picture is by its own first and last bytes.

    Raises
    ------
    Unprocessable
        ``devices.bad_picture`` when it is neither a whole PNG nor a whole JPEG.
    """
    for media_type, (head, tail) in _MAGIC.items():
        if body.startswith(head) and tail in body[-64:]:
            return media_type
    raise Unprocessable("devices.bad_picture")


def add_picture(
    session: Session,
    loan: Issue,
    kind: PictureKind,
    body: bytes,
    staff: Staff,
    now: datetime,
) -> LoanPicture:
    """Keep a signature or a photo with a loan; the newest of a kind counts.

    Raises
    ------
    Conflict
        ``devices.issue_over``: a signature for the issue after the unit came back.
    TooMany
        ``devices.too_many_pictures``.
    Unprocessable
        ``devices.bad_picture``.
    """
    media_type = media_type_of(body)
    if kind is PictureKind.ISSUE_SIGNATURE and loan.returned_at is not None:
        raise Conflict("devices.issue_over")
    count = session.exec(
        select(func.count()).select_from(LoanPicture).where(LoanPicture.issue_id == loan.id)
    ).one()
    if count >= MAX_PICTURES:
        raise TooMany("devices.too_many_pictures", max=MAX_PICTURES)
    picture = LoanPicture(
        issue_id=loan.id or 0,
        kind=kind,
        media_type=media_type,
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        at=now,
        staff_id=staff.id or 0,
    )
    session.add(picture)
    session.flush()
    _record(session, loan, "devices.picture", staff, now, what=kind, sha256=picture.sha256)
    return picture


def picture_of(session: Session, issue_id: int, kind: PictureKind) -> LoanPicture:
    """Give the newest picture of a kind.

    Raises
    ------
    NotFound
        ``devices.no_picture``.
    """
    picture = session.exec(
        select(LoanPicture)
        .where(LoanPicture.issue_id == issue_id, LoanPicture.kind == kind)
        .order_by(col(LoanPicture.id).desc())
    ).first()
    if picture is None:
        raise NotFound("devices.no_picture")
    return picture


def kinds_of_pictures(session: Session, issue_id: int) -> set[PictureKind]:
    """Say which pictures a loan has."""
    kinds = select(col(LoanPicture.kind)).where(LoanPicture.issue_id == issue_id).distinct()
    return {PictureKind(kind) for kind in session.exec(kinds)}


def open_loans(session: Session, due_by: date | None = None) -> Sequence[Issue]:
    """Give the loans of units that are out and not lost, the longest due first."""
    query = (
        select(Issue)
        .join(Unit, col(Unit.serial) == col(Issue.serial))
        .where(col(Issue.returned_at).is_(None), Unit.state != UnitState.LOST)
        .order_by(col(Issue.due_on), col(Issue.id))
    )
    if due_by is not None:
        query = query.where(col(Issue.due_on) <= due_by)
    return session.exec(query).all()


def open_issues_of(session: Session, patients: Select[Any]) -> Sequence[Issue]:
    """Give the loans of some patients (a subquery of numbers), the longest due first."""
    return session.exec(
        select(Issue)
        .where(col(Issue.returned_at).is_(None), col(Issue.patient_id).in_(patients))
        .order_by(col(Issue.due_on), col(Issue.id))
    ).all()


def loans_since(session: Session, since: datetime, reader: Staff) -> Sequence[Issue]:
    """Give the loans of a person's site that lasted into the time since then."""
    return session.exec(
        select(Issue)
        .join(Unit, col(Unit.serial) == col(Issue.serial))
        .where(
            within_reach(col(Unit.site_id), reader),
            col(Issue.returned_at).is_(None) | (col(Issue.returned_at) >= since),
        )
        .order_by(col(Issue.id))
    ).all()


def last_returns(session: Session, patient_ids: Collection[int]) -> dict[int, datetime]:
    """Give when the newest loan of each patient came back; without those still out."""
    newest = (
        select(func.max(Issue.id))
        .where(col(Issue.patient_id).in_(patient_ids))
        .group_by(col(Issue.patient_id))
    )
    rows = session.exec(
        select(Issue.patient_id, Issue.returned_at).where(
            col(Issue.id).in_(newest), col(Issue.returned_at).is_not(None)
        )
    )
    return {patient_id: at for patient_id, at in rows if at is not None}


def phone_states(session: Session, issue_ids: Collection[int]) -> dict[int, PhoneState]:
    """Give what the phones of some loans last said, by loan."""
    rows = session.exec(select(PhoneState).where(col(PhoneState.issue_id).in_(issue_ids)))
    return {row.issue_id: row for row in rows}


def _record(
    session: Session,
    loan: Issue,
    action: str,
    staff: Staff,
    now: datetime,
    **detail: object,
) -> None:
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action=action,
        object_kind="issue",
        object_id=loan.id or 0,
        patient_id=loan.patient_id,
        detail=detail,
    )
