"""The record of everything that was done: rows chained by hash, never changed.

``hash = SHA-256(prev_hash + canonical JSON of the row)``, written in the transaction of
the change itself; rows are numbered 1, 2, 3 without a gap. The database refuses UPDATE and
DELETE (triggers of the second migration); `verify_audit` finds every bit that was altered
in spite of that, and every row removed or moved. A cut-off tail cannot be seen from
inside: keep the newest hash somewhere else too.
"""

import hashlib
import json
import json.encoder
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from clinic_server.staff.models import AuditEntry, Staff

GENESIS = "0" * 64
_PG_LOCK = 0x616E78696E  # "anxin": one appender at a time, until its transaction ends
_PAGE = 10_000
_BEFORE_ALL = -(2**63)
_COLUMNS = (
    "id", "at", "actor_kind", "actor_id", "action", "object_kind", "object_id",
    "patient_id", "detail", "prev_hash", "hash",
)  # fmt: skip
_AS_WRITTEN = {
    # what lies in the file, not what a driver makes of it: two spellings of one value
    # differ in a bit
    "sqlite": {},
    "postgresql": {
        "at": "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "detail": "detail::text",
    },
}
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
_canonical = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":")
).encode
_quoted = json.encoder.encode_basestring
_stored = json.JSONEncoder().encode
"""How the JSON column writes a value."""


def _digest(
    prev_hash: str,
    at: str,
    actor: tuple[str, str],
    action: str,
    touched: tuple[str, str, int | None],
    detail: Any,
) -> str:
    kind, number = actor
    thing, name, patient_id = touched
    patient = "null" if patient_id is None else int.__repr__(patient_id)
    row = (  # put together by hand, keys in order: three times as fast as an encoder
        f'{{"action":{_quoted(action)},"actor_id":{_quoted(number)},'
        f'"actor_kind":{_quoted(kind)},"at":"{at}","detail":{_canonical(detail)},'
        f'"object_id":{_quoted(name)},"object_kind":{_quoted(thing)},'
        f'"patient_id":{patient}}}'
    )
    return hashlib.sha256((prev_hash + row).encode()).hexdigest()


def audit(
    session: Session,
    *,
    at: datetime,
    actor_kind: str,
    actor_id: str | int,
    action: str,
    object_kind: str,
    object_id: str | int,
    patient_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append one action to the record, in the caller's transaction.

    Parameters
    ----------
    session : Session
        A writing session.
    at : datetime
        Aware time of the action.
    actor_kind : str
        ``staff``, ``phone``, ``family``, ``system`` or ``anonymous``.
    actor_id : str or int
        Number of the person, loan or link; empty for the system.
    action : str
        ``room.verb``, for example ``devices.issue``.
    object_kind, object_id : str
        What it was done to.
    patient_id : int or None
        Whose data it touched.
    detail : mapping
        What else must be known later; JSON values only.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_LOCK})
    number, before = session.exec(
        select(AuditEntry.id, AuditEntry.hash).order_by(col(AuditEntry.id).desc()).limit(1)
    ).first() or (0, GENESIS)
    session.add(
        chained(
            (number or 0) + 1,
            before,
            at=at,
            actor=(actor_kind, str(actor_id)),
            action=action,
            touched=(object_kind, str(object_id), patient_id),
            detail=detail or {},
        )
    )
    session.flush()


def chained(
    number: int,
    before: str,
    *,
    at: datetime,
    actor: tuple[str, str],
    action: str,
    touched: tuple[str, str, int | None],
    detail: Mapping[str, Any],
) -> AuditEntry:
    """Make the row that follows the one whose hash is ``before``; see `audit`."""
    kept = json.loads(json.dumps(dict(detail), default=str))
    written_at = at.astimezone(UTC).isoformat(timespec="microseconds")
    return AuditEntry(
        id=number,
        at=at,
        actor_kind=actor[0],
        actor_id=actor[1],
        action=action,
        object_kind=touched[0],
        object_id=touched[1],
        patient_id=touched[2],
        detail=kept,
        prev_hash=before,
        hash=_digest(before, written_at, actor, action, touched, kept),
    )


def audit_by(
    session: Session,
    by: Staff | None,
    *,
    at: datetime,
    action: str,
    object_kind: str,
    object_id: str | int,
    patient_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append what a person of the clinic did; None: the system did it.

    Parameters
    ----------
    by : Staff or None
        Who did it; the rest as for `audit`.
    """
    audit(
        session,
        at=at,
        actor_kind="staff" if by else "system",
        actor_id=(by.id or 0) if by else "",
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        patient_id=patient_id,
        detail=detail,
    )


def verify_audit(session: Session) -> int | None:
    """Walk the whole chain.

    Returns
    -------
    int or None
        Number of the first row that does not fit, None when all do.
    """
    expected = GENESIS
    try:
        for number, row in enumerate(_rows(session), 1):
            fits = row.id == number and row.prev_hash == expected
            if not fits or row.hash != _digest_of(row):
                return int(row.id)
            expected = row.hash
    except _UnreadableError as error:
        return error.number
    return None


class _UnreadableError(Exception):
    """A row whose text is no text."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _rows(session: Session) -> Iterator[Row[Any]]:
    """Read the table as it is written, page by page in the order of its numbers."""
    written = _AS_WRITTEN[session.get_bind().dialect.name]
    columns = ", ".join(f"{written.get(name, name)} AS {name}" for name in _COLUMNS)
    after, many = _BEFORE_ALL, _PAGE
    while True:
        where = f"FROM audit WHERE id > {after} ORDER BY id LIMIT {many}"
        try:
            page = session.execute(text(f"SELECT {columns} {where}")).all()
        except OperationalError as error:
            if many == 1:
                number = session.execute(text(f"SELECT id {where}")).scalar_one()
                raise _UnreadableError(number) from error
            many = 1
            continue
        yield from page
        if len(page) < many:
            return
        after = page[-1].id


def _digest_of(row: Row[Any]) -> str:
    """Compute what the hash of a stored row must be; empty when it cannot be one."""
    try:
        detail = json.loads(row.detail)
        if not _TIME.fullmatch(row.at) or _stored(detail) != row.detail:
            return ""
        return _digest(
            row.prev_hash,
            f"{row.at[:10]}T{row.at[11:]}+00:00",
            (row.actor_kind, row.actor_id),
            row.action,
            (row.object_kind, row.object_id, row.patient_id),
            detail,
        )
    except (TypeError, ValueError):  # other types than we write, no JSON, no UTF-8
        return ""
