"""How a patient's data are erased: asked for, agreed to, carried out by a second person.

::

    asked ──agree (physician)──> agreed ──carry out (another person)──> ended
      └───────────────────────────┴──withdraw──> ended, withdrawn

What stands in the way (`obstacles`) is looked at again in every step. Carrying it out
erases what no law keeps and puts the rest out of sight; when the record's term is over,
the next request erases that too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.alarms.models import Alarm
from clinic_server.consults.models import ConsultRow
from clinic_server.devices import service as devices
from clinic_server.erasure import deleting
from clinic_server.erasure.deleting import Counts
from clinic_server.erasure.models import ErasureRequest, LegalHold
from clinic_server.errors import Conflict, NotFound
from clinic_server.patients import service as patients
from clinic_server.patients.models import CaseEvent, CaseFile, Patient
from clinic_server.plans import work
from clinic_server.plans.models import WorkKind
from clinic_server.recordings.models import Recording
from clinic_server.reports.models import ReportJob
from clinic_server.staff import house
from clinic_server.staff.audit import audit, audit_by
from clinic_server.staff.models import Staff

WORK_KEY = "erasure:"
"""Begins the key of the nurse's line about a request that came from a phone."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What carrying it out would do today."""

    goes: Counts
    stays: Counts
    kept_until: date
    """The medical record's term; it has passed when `whole`."""
    whole: bool
    obstacles: list[str]
    """Codes (``erasure.block_…``) of what must be settled first."""


def ask(
    session: Session, patient_id: int, *, by: str, proved_by: str, now: datetime
) -> ErasureRequest:
    """Write down that a patient asks; asking twice is asking once.

    Parameters
    ----------
    by : str
        ``phone:12`` or ``staff:3``.
    """
    open_one = open_request(session, patient_id)
    if open_one is not None:
        return open_one
    request = ErasureRequest(
        patient_id=patient_id, asked_at=now, asked_by=by, proved_by=proved_by
    )
    session.add(request)
    session.flush()
    _note(session, request, "erasure.ask", now, actor=by)
    if by.startswith("phone:"):
        work.raise_work(
            session,
            kind=WorkKind.CALL_PATIENT,
            patient_id=patient_id,
            dedupe_key=f"{WORK_KEY}{request.id}",
            now=now,
            detail={"why": "erasure"},
        )
    return request


def agree(
    session: Session, request: ErasureRequest, staff: Staff, *, copy: bool, now: datetime
) -> None:
    """Agree as the first person: the copy was offered, nothing stands in the way.

    Raises
    ------
    Conflict
        ``erasure.ended``, ``erasure.agreed`` or the first of `obstacles`.
    """
    _still_open(request)
    if request.agreed_at is not None:
        raise Conflict("erasure.agreed")
    _nothing_in_the_way(session, request)
    request.agreed_by, request.agreed_at, request.copy_given = staff.id, now, copy
    session.add(request)
    _note(session, request, "erasure.agree", now, staff=staff, copy=copy)


def carry_out(
    session: Session, request: ErasureRequest, staff: Staff, zone: ZoneInfo, now: datetime
) -> ErasureRequest:
    """Erase, as the second person. Nothing brings back what is gone.

    Raises
    ------
    Conflict
        ``erasure.ended``, ``erasure.not_agreed``, ``erasure.same_person`` or the first of
        `obstacles`.
    """
    _still_open(request)
    if request.agreed_at is None:
        raise Conflict("erasure.not_agreed")
    if request.agreed_by == staff.id:
        raise Conflict("erasure.same_person")
    _nothing_in_the_way(session, request)
    patient = patients.patient_of_record(session, request.patient_id)
    until = kept_until(session, patient, zone)
    whole = until < now.astimezone(zone).date()
    for line in work.lines_about(session, request.patient_id, ""):
        work.settle(session, line, "resolved", now)
    session.flush()
    gone = deleting.erase(session, request.patient_id, now, whole=whole)
    request = session.get_one(ErasureRequest, request.id)
    _, stays = deleting.forecast(session, request.patient_id)
    request.erased, request.kept = dict(gone), dict(stays)
    request.kept_until = None if whole else until
    request.ended_at, request.ended_by = now, staff.id
    session.add(request)
    _note(
        session, request, "erasure.carry_out", now,
        staff=staff, whole=whole, erased=gone, kept_until=request.kept_until,
    )  # fmt: skip
    return request


def withdraw(
    session: Session, request: ErasureRequest, *, by: str, why: str, now: datetime
) -> None:
    """Take a request back before it is carried out.

    Raises
    ------
    Conflict
        ``erasure.ended``.
    """
    _still_open(request)
    kind, _, number = by.partition(":")
    request.ended_at, request.withdrawn, request.why = now, True, why[:200]
    request.ended_by = int(number) if kind == "staff" else None
    session.add(request)
    line = work.by_key(session, f"{WORK_KEY}{request.id}")
    work.settle(session, line, "resolved", now)
    _note(session, request, "erasure.withdraw", now, actor=by)


def reopen(
    session: Session, request: ErasureRequest, staff: Staff, why: str, now: datetime
) -> None:
    """Show a put-away file again: the patient has come back, or a court asks for it.

    What was erased stays erased.

    Raises
    ------
    Conflict
        ``erasure.not_put_away`` when there is no file to show.
    """
    found = patients.put_away_for(session, staff, now, request.patient_id)
    if not found or request.ended_at is None or request.kept_until is None:
        raise Conflict("erasure.not_put_away")
    found[0].removed_at = None
    request.reopened_at, request.reopened_by, request.why = now, staff.id, why[:200]
    session.add_all([found[0], request])
    _note(session, request, "erasure.reopen", now, staff=staff, why=why[:200])


def hold(
    session: Session, patient_id: int, staff: Staff, reason: str, now: datetime
) -> LegalHold:
    """Forbid erasure while a dispute lasts; a second hold stands beside the first."""
    row = LegalHold(
        patient_id=patient_id, reason=reason[:200], set_by=staff.id or 0, set_at=now
    )
    session.add(row)
    session.flush()
    _note_hold(session, row, "erasure.hold", staff, now)
    return row


def lift(
    session: Session, patient_id: int, hold_id: int, staff: Staff, now: datetime
) -> None:
    """End a hold.

    Raises
    ------
    NotFound
        ``erasure.unknown_hold``, also for another patient's, or one that has ended.
    """
    row = session.get(LegalHold, hold_id)
    if row is None or row.patient_id != patient_id or row.lifted_at is not None:
        raise NotFound("erasure.unknown_hold")
    row.lifted_at, row.lifted_by = now, staff.id
    session.add(row)
    _note_hold(session, row, "erasure.lift", staff, now)


def holds_on(session: Session, patient_id: int) -> Sequence[LegalHold]:
    """Give the holds in force, oldest first."""
    return session.exec(
        select(LegalHold)
        .where(LegalHold.patient_id == patient_id, col(LegalHold.lifted_at).is_(None))
        .order_by(col(LegalHold.id))
    ).all()


def outlook(session: Session, patient: Patient, zone: ZoneInfo, now: datetime) -> Outlook:
    """Say what carrying it out would erase today, what stays, and what is in the way."""
    goes, stays = deleting.forecast(session, patient.id or 0)
    until = kept_until(session, patient, zone)
    return Outlook(
        goes=goes,
        stays=stays,
        kept_until=until,
        whole=until < now.astimezone(zone).date(),
        obstacles=obstacles(session, patient.id or 0),
    )


def kept_until(session: Session, patient: Patient, zone: ZoneInfo) -> date:
    """Give the last day of the medical record's term: years after the last contact."""
    last = session.exec(
        select(func.max(CaseEvent.at))
        .join(CaseFile, col(CaseFile.id) == col(CaseEvent.case_id))
        .where(CaseFile.patient_id == patient.id)
    ).one()
    on = (last or patient.created_at).astimezone(zone).date()
    years = house.rules_of(session, patient.site_id).keep_years
    try:
        return on.replace(year=on.year + years)
    except ValueError:  # 29 February
        return date(on.year + years, 3, 1)


def obstacles(session: Session, patient_id: int) -> list[str]:
    """Give what must be settled first: erasing now would lose something that is owed."""
    found = []
    if holds_on(session, patient_id):
        found.append("erasure.block_hold")
    if devices.open_issue_of(session, patient_id) is not None:
        found.append("erasure.block_loan")
    if patients.open_case(session, patient_id) is not None:
        found.append("erasure.block_case")
    alarm = select(Alarm.id).where(
        Alarm.patient_id == patient_id, col(Alarm.closed_at).is_(None)
    )
    if session.exec(alarm.limit(1)).first() is not None:
        found.append("erasure.block_alarm")
    consult = select(ConsultRow.id).where(
        ConsultRow.patient_id == patient_id, col(ConsultRow.answered_at).is_(None)
    )
    if session.exec(consult.limit(1)).first() is not None:
        found.append("erasure.block_consult")
    job = (
        select(ReportJob.recording_id)
        .join(Recording, col(Recording.id) == col(ReportJob.recording_id))
        .where(Recording.patient_id == patient_id, col(ReportJob.done_at).is_(None))
    )
    if session.exec(job.limit(1)).first() is not None:
        found.append("erasure.block_report")
    return found


def open_request(session: Session, patient_id: int) -> ErasureRequest | None:
    """Give the request that is neither carried out nor taken back."""
    return session.exec(
        select(ErasureRequest).where(
            ErasureRequest.patient_id == patient_id, col(ErasureRequest.ended_at).is_(None)
        )
    ).first()


def requests_of(session: Session, patient_ids: Sequence[int]) -> Sequence[ErasureRequest]:
    """Give the requests of some patients, the newest first."""
    return session.exec(
        select(ErasureRequest)
        .where(col(ErasureRequest.patient_id).in_(patient_ids))
        .order_by(col(ErasureRequest.id).desc())
    ).all()


def request_for(
    session: Session, staff: Staff, request_id: int, now: datetime
) -> ErasureRequest:
    """Give a request about a patient this person may see, or might without it.

    Raises
    ------
    NotFound
        ``erasure.unknown``, also for another team's patient.
    """
    request = session.exec(
        select(ErasureRequest)
        .where(ErasureRequest.id == request_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if request is None:
        raise NotFound("erasure.unknown")
    if not patients.put_away_for(session, staff, now, request.patient_id):
        try:
            patients.patient_for(session, staff, request.patient_id, now)
        except NotFound as error:
            raise NotFound("erasure.unknown") from error
    return request


def _still_open(request: ErasureRequest) -> None:
    if request.ended_at is not None:
        raise Conflict("erasure.ended")


def _nothing_in_the_way(session: Session, request: ErasureRequest) -> None:
    found = obstacles(session, request.patient_id)
    if found:
        raise Conflict(found[0], reasons=",".join(found))


def _note(
    session: Session,
    request: ErasureRequest,
    action: str,
    now: datetime,
    *,
    staff: Staff | None = None,
    actor: str = "",
    **detail: object,
) -> None:
    kind, _, number = (actor or f"staff:{staff.id if staff else 0}").partition(":")
    audit(
        session,
        at=now,
        actor_kind=kind,
        actor_id=number,
        action=action,
        object_kind="erasure_request",
        object_id=request.id or 0,
        patient_id=request.patient_id,
        detail=detail,
    )


def _note_hold(
    session: Session, row: LegalHold, action: str, staff: Staff, now: datetime
) -> None:
    audit_by(
        session,
        staff,
        at=now,
        action=action,
        object_kind="legal_hold",
        object_id=row.id or 0,
        patient_id=row.patient_id,
        detail={"reason": row.reason},
    )
