"""Departments: the wards and outpatient clinics that send patients home."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from clinic_server.errors import Conflict, NotFound
from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Department, Staff
from clinic_server.staff.sites import is_within_reach, within_reach


def departments(
    session: Session, reader: Staff, *, closed: bool = False
) -> Sequence[Department]:
    """Give the departments of a person's site, by name; closed ones only on request."""
    query = (
        select(Department)
        .where(within_reach(col(Department.site_id), reader))
        .order_by(col(Department.name), col(Department.id))
    )
    if not closed:
        query = query.where(col(Department.closed_at).is_(None))
    return session.exec(query).all()


def department_by_id(
    session: Session, number: int, reader: Staff | None = None
) -> Department:
    """Give a department.

    Raises
    ------
    NotFound
        ``staff.unknown_department``; for a reader, also another site's.
    """
    row = session.get(Department, number)
    if row is None or (reader is not None and not is_within_reach(row.site_id, reader)):
        raise NotFound("staff.unknown_department")
    return row


def save(
    session: Session,
    number: int | None,
    *,
    name: str,
    phone: str,
    is_open: bool,
    by: Staff,
    now: datetime,
) -> Department:
    """Open a department, or change one; a closed one keeps its patients and takes no more.

    Raises
    ------
    Conflict
        ``staff.department_taken``.
    NotFound
        ``staff.unknown_department``.
    """
    row = (
        Department(site_id=by.site_id, name=name, created_at=now)
        if number is None
        else department_by_id(session, number, by)
    )
    twin = session.exec(
        select(Department.id).where(
            Department.name == name,
            col(Department.id) != (number or 0),
            col(Department.closed_at).is_(None),
            col(Department.site_id).is_not_distinct_from(row.site_id),
        )
    ).first()
    if twin is not None:
        raise Conflict("staff.department_taken", name=name)
    row.name, row.phone = name, phone
    row.closed_at = None if is_open else row.closed_at or now
    session.add(row)
    session.flush()
    audit_by(
        session,
        by,
        at=now,
        action="staff.department",
        object_kind="department",
        object_id=row.id or 0,
        detail={"name": name, "open": is_open},
    )
    return row
