"""A patient asks, a physician answers in the time that was stated.

The answer time is a promise of the clinic: past it, whoever is on duty is called, and
called again every hour until somebody has answered.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from clinic_server.alarms import notice
from clinic_server.alarms.models import AdviceRow
from clinic_server.consults.models import ConsultRow
from clinic_server.db import ring_after_commit
from clinic_server.devices.models import Issue
from clinic_server.errors import Conflict, NotFound, TooMany, Unprocessable
from clinic_server.notify import service as notify_service
from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Staff
from clinic_server.wire.care import Opinion
from clinic_server.wire.consult import LONGEST_S, Consult, ConsultCreate

OPENS, SHUTS = time(8), time(18)
"""Hours in which questions are read; what comes later is read from `OPENS` on."""
WITHIN = timedelta(hours=4)
MOST_OPEN = 5
"""Unanswered questions of one patient: past this the telephone is the better way."""
CALLED_AGAIN = timedelta(hours=1)
TOPIC = "consults"


def answer_by(asked_at: datetime, zone: ZoneInfo) -> datetime:
    """Say until when a question asked now is answered: four hours of the clinic's day."""
    here = asked_at.astimezone(zone)
    opens = datetime.combine(here.date(), OPENS, zone)
    if here < opens:
        return opens + WITHIN
    if here.time() < SHUTS:
        return asked_at + WITHIN
    return datetime.combine(here.date() + timedelta(days=1), OPENS, zone) + WITHIN


def ask(
    session: Session, issue: Issue, body: ConsultCreate, zone: ZoneInfo, now: datetime
) -> ConsultRow:
    """Keep a question and tell the attending physician; sent again it is the same one.

    Raises
    ------
    NotFound
        ``recordings.unknown``: not a recording of this loan.
    Unprocessable
        ``consults.range``: empty, or longer than `LONGEST_S`.
    TooMany
        ``consults.too_many`` unanswered.
    """
    recording = recordings_service.recording_of_issue(
        session, body.recording_id, issue.id or 0
    )
    if not 0 < body.end_sample - body.first_sample <= LONGEST_S * recording.fs_hz:
        raise Unprocessable("consults.range", seconds=round(LONGEST_S))
    known = session.exec(
        select(ConsultRow).where(
            ConsultRow.issue_id == issue.id,
            ConsultRow.recording_id == recording.id,
            ConsultRow.first_sample == body.first_sample,
            ConsultRow.end_sample == body.end_sample,
        )
    ).first()
    if known is not None:
        return known
    waiting = [c for c in of_patient(session, issue.patient_id) if c.answered_at is None]
    if len(waiting) >= MOST_OPEN:
        raise TooMany("consults.too_many", most=MOST_OPEN)
    row = ConsultRow(
        **body.model_dump(),
        patient_id=issue.patient_id,
        issue_id=issue.id or 0,
        asked_at=now,
        answer_by=answer_by(now, zone),
    )
    session.add(row)
    session.flush()
    _audit(session, row, "phone", str(issue.id), "consults.ask", now)
    patient = patients_service.patient_of_record(session, row.patient_id)
    _call(session, row, patient.attending_id, "asked", "notify.consult", now)
    ring_after_commit(session, TOPIC)
    return row


def of_patient(session: Session, patient_id: int) -> Sequence[ConsultRow]:
    """Give the questions of one patient, newest first."""
    return session.exec(
        select(ConsultRow)
        .where(ConsultRow.patient_id == patient_id)
        .order_by(col(ConsultRow.id).desc())
        .limit(100)
    ).all()


def view(row: ConsultRow) -> Consult:
    """Say one question as the app lists it."""
    return Consult.model_validate(row.model_dump(include=set(Consult.model_fields)))


def open_consults(session: Session, patient_ids: Sequence[int]) -> Sequence[ConsultRow]:
    """Give what nobody has answered, the nearest answer time first.

    Parameters
    ----------
    patient_ids : sequence of int
        Of `patients.service.patients_of`: those the reader may see.
    """
    return session.exec(
        select(ConsultRow)
        .where(
            col(ConsultRow.answered_at).is_(None),
            col(ConsultRow.patient_id).in_(patient_ids),
        )
        .order_by(col(ConsultRow.answer_by), col(ConsultRow.id))
    ).all()


def consult_for(
    session: Session, staff: Staff, consult_id: int, now: datetime
) -> ConsultRow:
    """Give a question to a person who may see its patient.

    Raises
    ------
    NotFound
        ``consults.unknown``, also when the patient is somebody else's.
    """
    row = session.get(ConsultRow, consult_id)
    if row is None:
        raise NotFound("consults.unknown")
    try:
        patients_service.patient_for(session, staff, row.patient_id, now)
    except NotFound as error:
        raise NotFound("consults.unknown") from error
    return row


def answer(
    session: Session,
    staff: Staff,
    consult_id: int,
    opinion: Opinion,
    within_days: int | None,
    text: str,
    now: datetime,
) -> AdviceRow:
    """Answer a question: the words go to the patient's inbox, once.

    Raises
    ------
    Conflict
        ``consults.answered`` by somebody already.
    Unprocessable
        ``alarms.text_missing``, ``alarms.days_missing``.
    """
    row = consult_for(session, staff, consult_id, now)
    if row.answered_at is not None:
        raise Conflict("consults.answered")
    if not text.strip():
        raise Unprocessable("alarms.text_missing")
    if opinion is Opinion.CLINIC_VISIT and within_days is None:
        raise Unprocessable("alarms.days_missing")
    sent = notice.send_notice(
        session,
        patient_id=row.patient_id,
        staff=staff,
        kind="consult",
        opinion=opinion,
        within_days=within_days,
        text=text.strip(),
        now=now,
    )
    row.answered_at, row.answered_by, row.advice_id = now, staff.id, sent.id
    session.add(row)
    session.flush()
    _audit(session, row, "staff", str(staff.id), "consults.answer", now)
    ring_after_commit(session, TOPIC)
    return sent


def sweep(session: Session, now: datetime) -> int:
    """Call whoever is on duty for what is past its answer time; once an hour each.

    Returns
    -------
    int
        Messages newly owed.
    """
    late = session.exec(
        select(ConsultRow).where(
            col(ConsultRow.answered_at).is_(None), ConsultRow.answer_by < now
        )
    ).all()
    owed = 0
    for row in late:
        nth = int((now - row.answer_by) / CALLED_AGAIN)
        patient = patients_service.patient_of_record(session, row.patient_id)
        people = {
            p.id or 0 for p in staff_service.on_duty(session, now, patient.site_id).values()
        }
        for person in sorted(people or {patient.attending_id}):
            owed += _call(session, row, person, f"late{nth}", "notify.consult_late", now)
    return owed


def _call(
    session: Session, row: ConsultRow, staff_id: int, why: str, code: str, now: datetime
) -> int:
    return len(
        notify_service.owe_outside(
            session,
            staff_id=staff_id,
            occurrence=f"consult:{row.id}:{why}",
            code=code,
            params={"number": row.id, "path": f"/console/consults/{row.id}"},
            now=now,
        )
    )


def _audit(
    session: Session,
    row: ConsultRow,
    actor_kind: str,
    actor_id: str,
    action: str,
    now: datetime,
) -> None:
    staff_service.audit(
        session,
        at=now,
        actor_kind=actor_kind,
        actor_id=actor_id,
        action=action,
        object_kind="consult",
        object_id=str(row.id),
        patient_id=row.patient_id,
    )
