"""People, their sessions, and who is on duty."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound, NotSignedIn, Unprocessable
from clinic_server.settings import Settings
from clinic_server.staff import people
from clinic_server.staff.audit import audit, audit_by, verify_audit
from clinic_server.staff.models import Duty, Role, SecondFactor, Staff, StaffSession
from clinic_server.staff.passwords import (
    hash_password,
    verify_password,
    waste_a_verification,
)
from clinic_server.staff.sites import is_within_reach, within_reach

__all__ = [
    "audit",
    "audit_by",
    "check_password",
    "create_staff",
    "on_duty",
    "open_session",
    "session_for",
    "set_duty",
    "sign_in",
    "sign_out",
    "staff_by_id",
    "staff_by_username",
    "verify_audit",
]


def token_hash(token: str) -> str:
    """Give what is stored of a secret: enough to recognise it, not to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_staff(
    session: Session,
    *,
    username: str,
    name: str,
    role: Role,
    password: str,
    phone: str = "",
    site_id: int | None = None,
    now: datetime,
) -> Staff:
    """Add a person who may sign in.

    Raises
    ------
    Conflict
        ``staff.username_taken``.
    Unprocessable
        A weak password or an empty name.
    """
    return people.add(
        session,
        username=username,
        name=name,
        phone=phone,
        role=role,
        site_id=site_id,
        password_hash=hash_password(password, username.strip().lower()),
        by=None,
        now=now,
    )


def staff_by_username(session: Session, username: str) -> Staff | None:
    """Find a person by sign-in name."""
    return session.exec(
        select(Staff).where(Staff.username == username.strip().lower())
    ).first()


def staff_by_id(session: Session, staff_id: int) -> Staff:
    """Find a person by number.

    Raises
    ------
    NotFound
        ``staff.unknown``.
    """
    staff = session.get(Staff, staff_id)
    if staff is None:
        raise NotFound("staff.unknown")
    return staff


def check_password(session: Session, username: str, password: str) -> Staff:
    """Say who this is; takes about 0.1 s, so not inside a writing transaction.

    Raises
    ------
    NotSignedIn
        ``staff.wrong_password``, the same for an unknown name, a wrong password and
        somebody who has left.
    """
    staff = staff_by_username(session, username)
    if staff is None or not staff.active:
        waste_a_verification(password)
        raise NotSignedIn("staff.wrong_password")
    if not verify_password(password, staff.password_hash):
        raise NotSignedIn("staff.wrong_password")
    return staff


def open_session(
    session: Session, staff: Staff, settings: Settings, now: datetime
) -> tuple[str, StaffSession]:
    """Start a browser session for somebody whose password was checked.

    Returns
    -------
    token : str
        For the cookie; only its hash is kept.
    row : StaffSession
    """
    token = secrets.token_urlsafe(32)
    row = StaffSession(
        token_hash=token_hash(token),
        staff_id=staff.id or 0,
        csrf_token=secrets.token_urlsafe(32),
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=settings.session_max_h),
        factor_ok=not (settings.second_factor or _has_factor(session, staff)),
    )
    session.add(row)
    session.flush()
    audit_by(
        session,
        staff,
        at=now,
        action="staff.sign_in",
        object_kind="staff",
        object_id=staff.id or 0,
    )
    return token, row


def _has_factor(session: Session, staff: Staff) -> bool:
    factor = session.get(SecondFactor, staff.id)
    return factor is not None and factor.confirmed_at is not None


def sign_in(
    session: Session, username: str, password: str, settings: Settings, now: datetime
) -> tuple[str, StaffSession]:
    """Check a password and open a session in one go (command line and tests).

    The sign-in page does the two steps apart, so that hashing never holds the writers'
    turn, and counts tries first.
    """
    staff = check_password(session, username, password)
    return open_session(session, staff, settings, now)


def session_for(
    session: Session,
    token: str,
    settings: Settings,
    now: datetime,
    seen: Mapping[str, datetime] | None = None,
) -> tuple[Staff, StaffSession]:
    """Find the person behind a cookie.

    Parameters
    ----------
    seen : mapping of str to datetime
        Last uses (by hash) that are not in the database yet.

    Raises
    ------
    NotSignedIn
        ``staff.session_ended``: unknown, signed out, idle too long, too old, or the
        person has left.
    """
    hash_ = token_hash(token)
    row = session.get(StaffSession, hash_)
    idle = timedelta(minutes=settings.session_idle_min)
    if (
        row is None
        or row.revoked_at is not None
        or now >= row.expires_at
        or now - max(row.last_seen_at, (seen or {}).get(hash_, row.last_seen_at)) >= idle
    ):
        raise NotSignedIn("staff.session_ended")
    staff = session.get(Staff, row.staff_id)
    if staff is None or not staff.active:
        raise NotSignedIn("staff.session_ended")
    return staff, row


def note_last_use(session: Session, seen: Mapping[str, datetime]) -> None:
    """Write down when sessions (by hash) were last used."""
    for hash_, at in seen.items():
        session.execute(
            update(StaffSession)
            .where(col(StaffSession.token_hash) == hash_)
            .where(col(StaffSession.last_seen_at) < at)
            .values(last_seen_at=at)
        )


def sign_out(session: Session, row: StaffSession, now: datetime) -> None:
    """End a session at once."""
    stored = session.get(StaffSession, row.token_hash)
    if stored is None or stored.revoked_at is not None:
        return
    stored.revoked_at = now
    session.add(stored)
    audit(
        session,
        at=now,
        actor_kind="staff",
        actor_id=stored.staff_id,
        action="staff.sign_out",
        object_kind="staff",
        object_id=stored.staff_id,
    )


def on_duty(
    session: Session, now: datetime, site_id: int | None = None
) -> dict[int, Staff]:
    """Who is on duty now, for the patients of a site.

    Returns
    -------
    dict of int to Staff
        Step of the escalation (1 first, 2 second, 3 head) to person; somebody of the site
        itself comes before somebody of all sites, then the latest entry wins; a step with
        nobody is absent.
    """
    rows = session.exec(
        select(Duty, Staff)
        .join(Staff, col(Staff.id) == col(Duty.staff_id))
        .where(
            Duty.starts_at <= now,
            Duty.ends_at > now,
            col(Staff.active).is_(True),
            col(Staff.site_id).is_(None) | (col(Staff.site_id) == site_id),
        )
        .order_by(col(Staff.site_id).is_not(None), col(Duty.id))
    ).all()
    return {duty.step: staff for duty, staff in rows}


def administrators(session: Session) -> list[Staff]:
    """Give those who look after the plant itself, of every site."""
    query = select(Staff).where(Staff.role == Role.ADMIN, col(Staff.active).is_(True))
    return list(session.exec(query.order_by(col(Staff.id))))


def set_duty(
    session: Session,
    *,
    staff_id: int,
    step: int,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    by: Staff | None = None,
) -> Duty:
    """Put a person on duty for a time.

    Raises
    ------
    Unprocessable
        ``staff.duty_times`` when it ends before it starts, ``staff.duty_role`` when the
        person is no physician or nurse.
    NotFound
        ``staff.unknown``.
    """
    staff = staff_by_id(session, staff_id)
    if by is not None and not is_within_reach(staff.site_id, by):
        raise NotFound("staff.unknown")
    if ends_at <= starts_at or not 1 <= step <= 3:
        raise Unprocessable("staff.duty_times")
    if staff.role not in (Role.PHYSICIAN, Role.NURSE):
        raise Unprocessable("staff.duty_role", name=staff.name)
    duty = Duty(staff_id=staff_id, step=step, starts_at=starts_at, ends_at=ends_at)
    session.add(duty)
    session.flush()
    audit_by(
        session,
        by,
        at=now,
        action="staff.set_duty",
        object_kind="staff",
        object_id=staff_id,
        detail={"step": step, "starts_at": starts_at, "ends_at": ends_at},
    )
    return duty


def physicians(session: Session, reader: Staff | None = None) -> list[Staff]:
    """Give the physicians who may be attending, by name; of the reader's site, if any."""
    query = select(Staff).where(Staff.role == Role.PHYSICIAN, col(Staff.active).is_(True))
    if reader is not None:
        query = query.where(within_reach(col(Staff.site_id), reader))
    return list(session.exec(query.order_by(Staff.name)).all())


def duties_between(
    session: Session, start: datetime, end: datetime, reader: Staff | None = None
) -> list[tuple[Duty, Staff]]:
    """Give the duties that touch a span, with their people, by beginning.

    For a reader with a site: of that site, and of those who are there for all.
    """
    query = (
        select(Duty, Staff)
        .join(Staff, col(Staff.id) == col(Duty.staff_id))
        .where(Duty.starts_at < end, Duty.ends_at > start, col(Staff.active).is_(True))
        .order_by(col(Duty.starts_at), col(Duty.step), col(Duty.id))
    )
    if reader is not None:
        own = within_reach(col(Staff.site_id), reader)
        query = query.where(own | col(Staff.site_id).is_(None))
    return [(duty, staff) for duty, staff in session.exec(query).all()]


def end_duty(session: Session, duty_id: int, by: Staff, now: datetime) -> Duty:
    """End a duty now; one that has not begun never begins.

    Raises
    ------
    NotFound
        ``staff.unknown_duty``.
    Conflict
        ``staff.duty_over``.
    """
    duty = session.get(Duty, duty_id)
    person = session.get(Staff, duty.staff_id) if duty else None
    if duty is None or person is None or not is_within_reach(person.site_id, by):
        raise NotFound("staff.unknown_duty")
    if duty.ends_at <= now:
        raise Conflict("staff.duty_over")
    duty.ends_at = max(now, duty.starts_at)
    session.add(duty)
    session.flush()
    audit_by(
        session,
        by,
        at=now,
        action="staff.end_duty",
        object_kind="staff",
        object_id=duty.staff_id,
        detail={"duty_id": duty_id, "step": duty.step},
    )
    return duty


def who_may_be_on_duty(session: Session, by: Staff) -> list[Staff]:
    """Give the physicians and nurses whom this person may put on duty, by name."""
    return list(
        session.exec(
            select(Staff)
            .where(
                col(Staff.role).in_([Role.PHYSICIAN, Role.NURSE]),
                col(Staff.active).is_(True),
                within_reach(col(Staff.site_id), by),
            )
            .order_by(Staff.name)
        ).all()
    )
