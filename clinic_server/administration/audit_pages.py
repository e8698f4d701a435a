"""The record of what was done, for who must be able to ask: filtered, checked, exported."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.deps import AppDep, ReadSession
from clinic_server.staff.audit import verify_audit
from clinic_server.staff.auth import CurrentStaff, require
from clinic_server.staff.models import AuditEntry, Role, Staff
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
PAGE = 200
_EXPORTED_AT_ONCE = 5000
_COLUMNS = (
    "id", "at", "actor_kind", "actor_id", "action", "object_kind", "object_id",
    "patient_id", "detail", "hash",
)  # fmt: skip


def _auditor(staff: CurrentStaff) -> Staff:
    return require(staff, Role.AUDITOR)


Auditor = Annotated[Staff, Depends(_auditor)]
"""Reads who did what; opens no patient."""


class Asked(BaseModel):
    """Which entries; an empty field asks for all."""

    model_config = ConfigDict(extra="ignore")

    action: str = Field(default="", max_length=64, pattern=r"^[a-z_.]*$")
    actor_id: str = Field(default="", max_length=64)
    patient_id: str = Field(default="", pattern=r"^\d{0,9}$")
    since: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    until: str = Field(default="", pattern=r"^(\d{4}-\d\d-\d\d)?$")
    before: int = Field(default=2**31 - 1, ge=1, le=2**31 - 1)
    """Number below which to go on: the page before this one ended there."""


AskedDep = Annotated[Asked, Query()]


def _midnight(day: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(day), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):  # empty, 30 February, the year 1
        return None


def _query(asked: Asked, zone: ZoneInfo) -> SelectOfScalar[AuditEntry]:
    query = select(AuditEntry).where(col(AuditEntry.id) < asked.before)
    if asked.action:
        query = query.where(
            col(AuditEntry.action).startswith(asked.action, autoescape=True)
        )
    if asked.actor_id:
        query = query.where(AuditEntry.actor_id == asked.actor_id)
    if asked.patient_id:
        query = query.where(AuditEntry.patient_id == int(asked.patient_id))
    if (since := _midnight(asked.since, zone)) is not None:
        query = query.where(AuditEntry.at >= since)
    if (until := _midnight(asked.until, zone)) is not None:
        query = query.where(AuditEntry.at < until + timedelta(days=1))
    return query.order_by(col(AuditEntry.id).desc())


def _names(session: Session, entries: Sequence[AuditEntry]) -> dict[str, str]:
    """Give the names of the staff who acted, by the number they are written with."""
    ids = {int(e.actor_id) for e in entries if e.actor_kind == "staff" and e.actor_id}
    rows = session.exec(select(Staff).where(col(Staff.id).in_(ids))).all()
    return {str(one.id): one.name for one in rows}


@router.get("/audit")
def audit_page(
    here: PageDep,
    asked: AskedDep,
    session: ReadSession,
    _staff: Auditor,
) -> HTMLResponse:
    """Show entries, the newest first."""
    entries = session.exec(_query(asked, here.zone).limit(PAGE + 1)).all()
    shown = entries[:PAGE]
    return here.show(
        "admin_audit.html",
        asked=asked,
        entries=shown,
        names=_names(session, shown),
        older=shown[-1].id if len(entries) > PAGE else None,
        moment=lambda at: at.astimezone(here.zone).strftime("%Y-%m-%d %H:%M:%S"),
    )


class Verified(BaseModel):
    """What the walk over the whole chain found."""

    entries: int
    first_bad: int | None
    newest_hash: str
    """To be kept somewhere else: a cut-off tail cannot be seen from inside."""


@router.post("/audit/verify")
def verify(session: ReadSession, _staff: Auditor) -> Verified:
    """Walk the whole chain of hashes; a million entries take some seconds."""
    newest = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc())).first()
    return Verified(
        entries=(newest.id or 0) if newest else 0,
        first_bad=verify_audit(session),
        newest_hash=newest.hash if newest else "",
    )


@router.get("/audit.csv")
def export(app: AppDep, asked: AskedDep, _staff: Auditor) -> StreamingResponse:
    """Give the entries asked for as a table, without holding them all in memory."""
    zone = ZoneInfo(app.settings.time_zone)

    def lines() -> Iterator[str]:
        yield _line(_COLUMNS)
        before = asked.before
        while True:
            asked_now = asked.model_copy(update={"before": before})
            with app.db.read() as session:
                page_ = session.exec(_query(asked_now, zone).limit(_EXPORTED_AT_ONCE)).all()
                yield from (
                    _line([_cell(getattr(one, name)) for name in _COLUMNS]) for one in page_
                )
                if len(page_) < _EXPORTED_AT_ONCE:
                    return
                before = page_[-1].id or 0

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def _cell(value: object) -> str:
    """Write a value so that a spreadsheet never takes it for a formula."""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
