"""The course of a case: twelve verbs on one small state machine.

::

    closed --(open_file | issue_device | prescribe_plan)--> open --(close_case)--> closed

A patient has one open case at most; the database holds that too. What still arrives for a
case that has ended (a late report, a measurement out of a spool) is written on that case
and opens none. Every verb is a row of the audit as well.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from clinic_server.errors import Conflict
from clinic_server.patients.models import CaseEvent, CaseFile, CaseVerb
from clinic_server.staff.audit import audit

OPENS = frozenset({CaseVerb.OPEN_FILE, CaseVerb.ISSUE_DEVICE, CaseVerb.PRESCRIBE_PLAN})


def record_case(
    session: Session,
    patient_id: int,
    verb: CaseVerb,
    *,
    at: datetime,
    actor: str,
    detail: Mapping[str, Any] | None = None,
) -> CaseEvent:
    """Write one of the twelve verbs on the patient's timeline and into the audit.

    A verb of `OPENS` opens the case when none is open (its first row is then
    ``open_file``); so does the very first verb of a patient, whatever it is.

    Parameters
    ----------
    actor : str
        Who did it: ``staff:3``, ``phone:12`` or ``system``.

    Raises
    ------
    Conflict
        ``patients.no_open_case`` when there is nothing to close,
        ``patients.case_open`` when a file is opened twice.
    """
    case = open_case(session, patient_id, lock=verb is CaseVerb.CLOSE_CASE)
    if case is None and verb is CaseVerb.CLOSE_CASE:
        raise Conflict("patients.no_open_case")
    if case is not None and verb is CaseVerb.OPEN_FILE:
        raise Conflict("patients.case_open")
    if case is None and verb not in OPENS:
        case = _newest(session, patient_id)
    if case is None:
        case = _open(session, patient_id, at)
        if verb is not CaseVerb.OPEN_FILE:
            _write(session, case, CaseVerb.OPEN_FILE, at, actor, {})
    row = _write(session, case, verb, at, actor, dict(detail or {}))
    if verb is CaseVerb.CLOSE_CASE:
        case.closed_at = at
        session.add(case)
        session.flush()
    return row


def open_case(session: Session, patient_id: int, *, lock: bool = False) -> CaseFile | None:
    """Find the case that is not closed; ``lock`` it for whoever will close it."""
    query = select(CaseFile).where(
        CaseFile.patient_id == patient_id, col(CaseFile.closed_at).is_(None)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.exec(query).first()


def case_timeline(session: Session, patient_id: int) -> Sequence[CaseEvent]:
    """Give every verb done for the patient, oldest first, over all cases."""
    return session.exec(
        select(CaseEvent)
        .join(CaseFile, col(CaseFile.id) == col(CaseEvent.case_id))
        .where(CaseFile.patient_id == patient_id)
        .order_by(col(CaseEvent.at), col(CaseEvent.id))
    ).all()


def _newest(session: Session, patient_id: int) -> CaseFile | None:
    return session.exec(
        select(CaseFile)
        .where(CaseFile.patient_id == patient_id)
        .order_by(col(CaseFile.id).desc())
    ).first()


def _open(session: Session, patient_id: int, at: datetime) -> CaseFile:
    case = CaseFile(patient_id=patient_id, opened_at=at)
    try:
        with session.begin_nested():
            session.add(case)
    except IntegrityError:  # the other desk was faster: its case is the one
        found = open_case(session, patient_id)
        if found is None:
            raise
        return found
    return case


def _write(
    session: Session,
    case: CaseFile,
    verb: CaseVerb,
    at: datetime,
    actor: str,
    detail: dict[str, Any],
) -> CaseEvent:
    row = CaseEvent(case_id=case.id or 0, verb=verb, at=at, actor=actor, detail=detail)
    session.add(row)
    session.flush()
    kind, _, number = actor.partition(":")
    audit(
        session,
        at=at,
        actor_kind=kind,
        actor_id=number,
        action=f"case.{verb.value}",
        object_kind="case_event",
        object_id=row.id or 0,
        patient_id=case.patient_id,
        detail=detail,
    )
    return row
