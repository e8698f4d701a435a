"""The second factor of staff: an authenticator, and codes for the day it is lost."""

import secrets
from datetime import datetime

from sqlmodel import Session

from clinic_server.errors import Conflict, NotFound, NotSignedIn
from clinic_server.staff import totp
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import SecondFactor, Staff, StaffSession
from clinic_server.staff.service import token_hash

RECOVERY_CODES = 8
_RECOVERY_BYTES = 5


def stored(session: Session, staff: Staff) -> SecondFactor | None:
    """Give a person's authenticator, also one that was only begun."""
    return session.get(SecondFactor, staff.id)


def begin(session: Session, staff: Staff, now: datetime) -> SecondFactor:
    """Make a key to scan; asking again before it is confirmed shows the same one.

    Raises
    ------
    Conflict
        ``staff.factor_there``.
    """
    row = stored(session, staff)
    if row is not None:
        if row.confirmed_at is not None:
            raise Conflict("staff.factor_there")
        return row
    row = SecondFactor(staff_id=staff.id or 0, secret=totp.make_secret(), made_at=now)
    session.add(row)
    session.flush()
    return row


def confirm(session: Session, staff: Staff, typed: str, now: datetime) -> list[str]:
    """Turn the authenticator on with its first code.

    Returns
    -------
    list of str
        Recovery codes, shown once; only their hashes are kept.

    Raises
    ------
    NotFound
        ``staff.no_factor`` when none was begun.
    Conflict
        ``staff.factor_there``.
    NotSignedIn
        ``staff.wrong_code``.
    """
    row = stored(session, staff)
    if row is None:
        raise NotFound("staff.no_factor")
    if row.confirmed_at is not None:
        raise Conflict("staff.factor_there")
    step = totp.matching_step(row.secret, typed, now, row.last_step)
    if step is None:
        raise NotSignedIn("staff.wrong_code")
    codes = [secrets.token_hex(_RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    row.confirmed_at, row.last_step = now, step
    row.recovery_hashes = [token_hash(one) for one in codes]
    session.add(row)
    _record(session, staff, "staff.factor_on", now)
    return codes


def check(session: Session, staff: Staff, typed: str, now: datetime) -> None:
    """Take a code of the authenticator or a recovery code; each works once.

    Raises
    ------
    NotSignedIn
        ``staff.wrong_code``.
    """
    row = stored(session, staff)
    if row is None or row.confirmed_at is None:
        raise NotSignedIn("staff.wrong_code")
    step = totp.matching_step(row.secret, typed, now, row.last_step)
    recovery = token_hash(typed.strip().lower())
    if step is not None:
        row.last_step = step
    elif recovery in row.recovery_hashes:
        row.recovery_hashes = [one for one in row.recovery_hashes if one != recovery]
        _record(session, staff, "staff.recovery_code", now, left=len(row.recovery_hashes))
    else:
        raise NotSignedIn("staff.wrong_code")
    session.add(row)
    session.flush()


def complete(session: Session, row: StaffSession) -> None:
    """Open a session whose second factor was still owed."""
    stored = session.get_one(StaffSession, row.token_hash)
    stored.factor_ok = True
    session.add(stored)


def remove(session: Session, staff: Staff, now: datetime, by: Staff) -> None:
    """Take the authenticator off: with a code, or by an administrator when it is lost."""
    row = stored(session, staff)
    if row is not None:
        session.delete(row)
        session.flush()
        _record(session, staff, "staff.factor_off", now, by=by)


def _record(
    session: Session,
    staff: Staff,
    action: str,
    now: datetime,
    by: Staff | None = None,
    **detail: object,
) -> None:
    audit_by(
        session,
        by or staff,
        at=now,
        action=action,
        object_kind="staff",
        object_id=staff.id or 0,
        detail=detail,
    )
