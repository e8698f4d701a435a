"""Hospitals of a network: a person reaches the rows of their own, or of all.

A house that stands alone has no site, and every ``site_id`` in it is None.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, true
from sqlmodel import Session, col, select

from clinic_server.staff.audit import audit_by
from clinic_server.staff.models import Site, Staff


def within_reach(column: Any, staff: Staff) -> ColumnElement[bool]:
    """Give the condition on a ``site_id`` column for what a person may reach."""
    reach: ColumnElement[bool] = (
        true() if staff.site_id is None else column == staff.site_id
    )
    return reach


def is_within_reach(site_id: int | None, staff: Staff) -> bool:
    """Whether a person may reach a row of that site."""
    return staff.site_id is None or staff.site_id == site_id


def site_named(session: Session, name: str, now: datetime, by: Staff | None = None) -> Site:
    """Find a site by its name; the first time, it is opened."""
    site = session.exec(select(Site).where(Site.name == name.strip())).first()
    if site is None:
        site = Site(name=name.strip(), created_at=now)
        session.add(site)
        session.flush()
        audit_by(
            session,
            by,
            at=now,
            action="staff.open_site",
            object_kind="site",
            object_id=site.id or 0,
            detail={"name": site.name},
        )
    return site


def all_sites(session: Session) -> list[Site]:
    """Give the sites by name."""
    return list(session.exec(select(Site).order_by(col(Site.name))).all())
