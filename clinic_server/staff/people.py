"""Accounts after they were made: changed, closed, given a new password, signed out.

Closing an account or changing its password ends its sessions in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound, Unprocessable
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Duty, Role, Site, Staff, StaffSession
from clinic_server.staff.sites import is_within_reach, within_reach

REF_LENGTH = 16
"""A session is named on pages by the beginning of its hash, never by its cookie."""


@dataclass(frozen=True)
class Person:
    """One line of the list of accounts."""

    staff: Staff
    site: str
    open_sessions: int
    last_seen_at: datetime | None


def _is_open(now: datetime) -> ColumnElement[bool]:
    return col(StaffSession.revoked_at).is_(None) & (col(StaffSession.expires_at) > now)


def everybody(session: Session, by: Staff, now: datetime) -> list[Person]:
    """Give the accounts an administrator answers for: active ones first, by name."""
    open_ = dict(
        session.exec(
            select(StaffSession.staff_id, func.count())
            .where(_is_open(now))
            .group_by(col(StaffSession.staff_id))
        ).all()
    )
    seen = dict(
        session.exec(
            select(StaffSession.staff_id, func.max(StaffSession.last_seen_at)).group_by(
                col(StaffSession.staff_id)
            )
        ).all()
    )
    rows = session.exec(
        select(Staff, Site.name)
        .join(Site, col(Site.id) == col(Staff.site_id), isouter=True)
        .where(within_reach(col(Staff.site_id), by))
        .order_by(col(Staff.active).desc(), col(Staff.name))
    ).all()
    return [
        Person(one, site or "", open_.get(one.id or 0, 0), seen.get(one.id or 0))
        for one, site in rows
    ]


def person_for(session: Session, staff_id: int, by: Staff) -> Staff:
    """Give the account, if this administrator answers for it.

    Raises
    ------
    NotFound
        ``staff.unknown``, also for an account of another site.
    """
    person = session.get(Staff, staff_id)
    if person is None or not is_within_reach(person.site_id, by):
        raise NotFound("staff.unknown")
    return person


def change(
    session: Session,
    person: Staff,
    *,
    name: str,
    phone: str,
    role: Role,
    site_id: int | None,
    active: bool,
    by: Staff,
    now: datetime,
) -> None:
    """Put what was entered over what stood; leaving ends sessions and duties at once.

    Raises
    ------
    Conflict
        ``staff.own_account``: nobody closes their own account or changes its role, so
        one administrator always remains.
    NotFound
        ``staff.unknown_site``.
    """
    _check_site(session, site_id, by)
    if person.id == by.id and (role is not person.role or not active):
        raise Conflict("staff.own_account")
    entered = {
        "name": name,
        "phone": phone,
        "role": role,
        "site_id": site_id,
        "active": active,
    }
    changed = [field for field, value in entered.items() if getattr(person, field) != value]
    if not changed:
        return
    for field in changed:
        setattr(person, field, entered[field])
    session.add(person)
    session.flush()
    _note(session, "staff.change", person, by, now, fields=changed)
    if not active or "role" in changed:
        end_sessions(session, person, by, now)
        _end_duties(session, person, now)


def _check_site(session: Session, site_id: int | None, by: Staff) -> None:
    known = site_id is None or session.get(Site, site_id) is not None
    if not known or not is_within_reach(site_id, by):
        raise NotFound("staff.unknown_site")


def add(
    session: Session,
    *,
    username: str,
    name: str,
    phone: str,
    role: Role,
    site_id: int | None,
    password_hash: str,
    by: Staff | None,
    now: datetime,
) -> Staff:
    """Open an account; the password was hashed before the writing transaction began.

    Raises
    ------
    Conflict
        ``staff.username_taken``.
    Unprocessable
        ``staff.name_missing``.
    NotFound
        ``staff.unknown_site``.
    """
    username = username.strip().lower()
    if not username or not name.strip():
        raise Unprocessable("staff.name_missing")
    if by is not None:
        _check_site(session, site_id, by)
    taken = select(Staff.id).where(Staff.username == username)
    if session.exec(taken).first() is not None:
        raise Conflict("staff.username_taken", username=username)
    person = Staff(
        username=username,
        name=name.strip(),
        role=role,
        password_hash=password_hash,
        phone=phone,
        site_id=site_id,
        created_at=now,
    )
    session.add(person)
    session.flush()
    detail = {"username": username, "role": role}
    _note(session, "staff.create", person, by, now, **detail)
    return person


def set_password(
    session: Session,
    person: Staff,
    password_hash: str,
    *,
    by: Staff,
    now: datetime,
    keep: str = "",
) -> None:
    """Give an account a new password; its sessions end but for ``keep`` (a hash)."""
    person.password_hash = password_hash
    session.add(person)
    _note(session, "staff.set_password", person, by, now)
    end_sessions(session, person, by, now, keep=keep)


def sessions_of(session: Session, staff_id: int, now: datetime) -> Sequence[StaffSession]:
    """Give the open sessions of an account, the last used first."""
    return session.exec(
        select(StaffSession)
        .where(StaffSession.staff_id == staff_id, _is_open(now))
        .order_by(col(StaffSession.last_seen_at).desc())
    ).all()


def end_session(
    session: Session, person: Staff, ref: str, *, by: Staff, now: datetime
) -> StaffSession:
    """End one session.

    Raises
    ------
    NotFound
        ``staff.unknown_session``.
    """
    for row in sessions_of(session, person.id or 0, now):
        if row.token_hash.startswith(ref) and len(ref) == REF_LENGTH:
            row.revoked_at = now
            session.add(row)
            _note(session, "staff.end_session", person, by, now)
            return row
    raise NotFound("staff.unknown_session")


def end_sessions(
    session: Session, person: Staff, by: Staff, now: datetime, keep: str = ""
) -> None:
    """End every session of an account, but for the one of hash ``keep``."""
    rows = [r for r in sessions_of(session, person.id or 0, now) if r.token_hash != keep]
    for row in rows:
        row.revoked_at = now
        session.add(row)
    if rows:
        _note(session, "staff.end_session", person, by, now, sessions=len(rows))
    session.flush()


def _end_duties(session: Session, person: Staff, now: datetime) -> None:
    for duty in session.exec(
        select(Duty).where(Duty.staff_id == person.id, Duty.ends_at > now)
    ):
        duty.ends_at = max(now, duty.starts_at)
        session.add(duty)
    session.flush()


def _note(
    session: Session,
    action: str,
    person: Staff,
    by: Staff | None,
    now: datetime,
    **detail: object,
) -> None:
    audit_by(
        session,
        by,
        at=now,
        action=action,
        object_kind="staff",
        object_id=person.id or 0,
        detail=detail,
    )
