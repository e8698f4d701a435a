"""The gate before exercise, and what came of it. Decided here, never on the phone."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from clinic_server.alarms.models import Alarm, AlarmKind, Tier
from clinic_server.bounds import is_plausible
from clinic_server.devices.models import Issue
from clinic_server.errors import Conflict, Gone, NotFound, Unprocessable
from clinic_server.patients import service as patients
from clinic_server.plans import work
from clinic_server.plans.models import WorkKind
from clinic_server.rehab.limits import LIMITS, target_zone
from clinic_server.rehab.models import RehabPrescription, RehabSession
from clinic_server.staff import service as staff_service
from clinic_server.staff.audit import audit, audit_by
from clinic_server.staff.models import Staff
from clinic_server.wire.rehab import (
    ExerciseKind,
    Refusal,
    RehabAsk,
    RehabGate,
    RehabProgress,
    RehabRecord,
    RehabSummary,
    Stage,
    StageKind,
)

WALK_S = 360
PERMIT_FOR = timedelta(hours=2)
"""A physician's word is for now: later the questions are asked anew."""
NOT_TO_PERMIT = frozenset({Refusal.NO_PRESCRIPTION, Refusal.ECG_NOT_ASSESSABLE})
"""Without a plan, or a resting rate to start from, there is nothing to permit."""
RECENT = 20
ENDED_WELL = frozenset({"finished", "stopped"})
"""Every other end is told to the nurse: it had a reason."""


def prescribe(
    session: Session, prescription: RehabPrescription, staff: Staff, now: datetime
) -> RehabPrescription:
    """Put a prescription in force; the one before it ends.

    Raises
    ------
    Unprocessable
        ``rehab.zone_upside_down``, ``rehab.effort_upside_down``.
    """
    if prescription.low_pct >= prescription.high_pct:
        raise Unprocessable("rehab.zone_upside_down")
    if prescription.rpe_low >= prescription.rpe_high:
        raise Unprocessable("rehab.effort_upside_down")
    before = running(session, prescription.patient_id)
    if before is not None:
        before.ended_at = now
        session.add(before)
    prescription.prescribed_by, prescription.prescribed_at = staff.id or 0, now
    session.add(prescription)
    session.flush()
    audit_by(
        session,
        staff,
        at=now,
        action="rehab.prescribe",
        object_kind="rehab_prescription",
        object_id=prescription.id or 0,
        patient_id=prescription.patient_id,
    )
    return prescription


def running(session: Session, patient_id: int) -> RehabPrescription | None:
    """Give the prescription in force."""
    return session.exec(
        select(RehabPrescription)
        .where(
            RehabPrescription.patient_id == patient_id,
            col(RehabPrescription.ended_at).is_(None),
        )
        .order_by(col(RehabPrescription.id).desc())
    ).first()


def ask(session: Session, issue: Issue, body: RehabAsk, now: datetime) -> RehabGate:
    """Permit or refuse a session. The same question again gives the same answer.

    Raises
    ------
    Unprocessable
        ``rehab.time_implausible``.
    """
    if not is_plausible(body.asked_at, now):
        raise Unprocessable("rehab.time_implausible")
    plan = running(session, issue.patient_id)
    if plan is None:
        return _no_plan()
    known = session.exec(
        select(RehabSession).where(
            RehabSession.issue_id == issue.id, RehabSession.client_id == body.client_id
        )
    ).first()
    if known is not None:
        return _gate(session, known, plan)
    number = len(_finished(session, plan, body.kind)) + 1
    reasons = refusals(body, plan, number)
    if _open_alarm(session, issue.patient_id):
        reasons.append(Refusal.OPEN_ALARM)
    row = RehabSession(
        patient_id=issue.patient_id,
        issue_id=issue.id or 0,
        prescription_id=plan.id or 0,
        client_id=body.client_id,
        kind=body.kind.value,
        number=number,
        asked_at=now,
        answers=body.model_dump(mode="json", exclude={"client_id"}),
        permitted=not reasons,
        reasons=[reason.value for reason in reasons],
    )
    if body.rest_bpm is not None:
        row.target_low_bpm, row.target_high_bpm = target_zone(
            body.rest_bpm, plan.max_bpm, plan.low_pct, plan.high_pct
        )
    session.add(row)
    session.flush()
    _audit(session, issue, row, "rehab.permit" if row.permitted else "rehab.refuse", now)
    return _gate(session, row, plan)


def permit(
    session: Session, staff: Staff, session_id: int, reason: str, now: datetime
) -> RehabSession:
    """Permit what the rules refused; the phone hears it when it asks again.

    Raises
    ------
    NotFound
        ``rehab.unknown_session``: also when this person may not see the patient.
    Unprocessable
        ``rehab.reason_missing``, or ``rehab.not_to_permit`` for a want of a prescription
        or of a resting heart rate.
    Conflict
        ``rehab.already_permitted``.
    Gone
        ``rehab.too_late``: `PERMIT_FOR` after the question.
    """
    row = session.get(RehabSession, session_id)
    if row is None:
        raise NotFound("rehab.unknown_session")
    try:
        patients.patient_for(session, staff, row.patient_id, now)
    except NotFound as error:
        raise NotFound("rehab.unknown_session") from error
    if not reason.strip():
        raise Unprocessable("rehab.reason_missing")
    if row.permitted:
        raise Conflict("rehab.already_permitted")
    if not may_be_permitted(row):
        raise Unprocessable("rehab.not_to_permit")
    if now - row.asked_at > PERMIT_FOR:
        raise Gone("rehab.too_late")
    row.permitted, row.permitted_by, row.permitted_at = True, staff.id, now
    row.permit_reason = reason.strip()[:400]
    session.add(row)
    session.flush()
    audit_by(
        session,
        staff,
        at=now,
        action="rehab.override",
        object_kind="rehab_session",
        object_id=row.id or 0,
        patient_id=row.patient_id,
        detail={"reasons": row.reasons, "why": row.permit_reason},
    )
    return row


def may_be_permitted(row: RehabSession) -> bool:
    """Say whether a physician can let a refused one start."""
    refused = {Refusal(reason) for reason in row.reasons}
    return not row.permitted and not refused & NOT_TO_PERMIT


def sessions_of(session: Session, patient_id: int) -> Sequence[RehabSession]:
    """Give everything that was asked for, refused ones too, newest first."""
    return session.exec(
        select(RehabSession)
        .where(RehabSession.patient_id == patient_id)
        .order_by(col(RehabSession.id).desc())
    ).all()


def exercising(session: Session, patient_id: int, at: datetime) -> bool:
    """Say whether a permitted session may have been running at a time."""
    found = session.exec(
        select(RehabSession.id)
        .where(
            RehabSession.patient_id == patient_id,
            col(RehabSession.permitted),
            col(RehabSession.asked_at) <= at,
            col(RehabSession.asked_at) > at - PERMIT_FOR,
            or_(col(RehabSession.ended_at).is_(None), col(RehabSession.ended_at) > at),
        )
        .limit(1)
    ).first()
    return found is not None


def progress(session: Session, patient_id: int) -> RehabProgress:
    """Say how far the wearer got with the prescription in force."""
    plan = running(session, patient_id)
    ended = [row for row in sessions_of(session, patient_id) if row.ended_at is not None]
    return RehabProgress(
        prescribed=plan is not None,
        done=len(_finished(session, plan, ExerciseKind.SESSION)) if plan else 0,
        of=plan.sessions if plan else 0,
        recent=[_record(row) for row in ended[:RECENT]],
    )


def refusals(body: RehabAsk, plan: RehabPrescription, number: int) -> list[Refusal]:
    """Give every reason of the wearer's own why a session may not start."""
    upper, lower = body.systolic_mmhg, body.diastolic_mmhg
    rest, limits = body.rest_bpm, LIMITS
    measured = upper is not None and lower is not None
    clear = body.rest_good_s >= limits.good_share * body.rest_s
    found = (
        (plan.risk == "high", Refusal.SUPERVISED_ONLY),
        (
            body.kind is ExerciseKind.SESSION and number > plan.sessions,
            Refusal.ALL_DONE,
        ),
        (body.new_chest_pain, Refusal.CHEST_PAIN),
        (body.new_dyspnoea, Refusal.DYSPNOEA),
        (body.syncope, Refusal.SYNCOPE),
        (body.weight_gain, Refusal.WEIGHT_GAIN),
        (not measured, Refusal.PRESSURE_MISSING),
        (
            (upper or 0) > limits.systolic_high_mmhg
            or (lower or 0) > limits.diastolic_high_mmhg,
            Refusal.PRESSURE_HIGH,
        ),
        (
            upper is not None and upper < limits.systolic_low_mmhg,
            Refusal.PRESSURE_LOW,
        ),
        (rest is None or not clear, Refusal.ECG_NOT_ASSESSABLE),
        (rest is not None and rest > limits.rest_high_bpm, Refusal.RATE_HIGH),
        (rest is not None and rest < plan.rest_low_bpm, Refusal.RATE_LOW),
    )
    return [reason for true, reason in found if true]


def finish(
    session: Session, issue: Issue, session_id: int, body: RehabSummary, now: datetime
) -> RehabRecord:
    """Keep what came of a session; the first summary stays.

    Raises
    ------
    NotFound
        ``rehab.unknown_session``: also when it is another patient's.
    Conflict
        ``rehab.not_permitted``.
    """
    row = session.get(RehabSession, session_id)
    if row is None or row.patient_id != issue.patient_id:
        raise NotFound("rehab.unknown_session")
    if not row.permitted:
        raise Conflict("rehab.not_permitted")
    if row.ended_at is None:
        row.ended_at = now
        row.end, row.borg = body.end, body.borg
        row.result = body.model_dump(mode="json", exclude={"end", "borg"})
        session.add(row)
        _audit(session, issue, row, "rehab.finish", now)
        if body.end not in ENDED_WELL:
            work.raise_work(
                session,
                kind=WorkKind.CALL_PATIENT,
                patient_id=row.patient_id,
                dedupe_key=f"rehab:{row.id}",
                now=now,
                detail={"why": "exercise_stopped", "end": body.end},
            )
    return _record(row)


def _record(row: RehabSession) -> RehabRecord:
    walk = row.result.get("walk") or {}
    return RehabRecord(
        session_id=row.id or 0,
        number=row.number,
        end=row.end,
        borg=row.borg,
        kind=ExerciseKind(row.kind),
        asked_at=row.asked_at,
        trained_s=row.result.get("trained_s"),
        distance_m=walk.get("distance_m"),
    )


def _open_alarm(session: Session, patient_id: int) -> bool:
    row = session.exec(
        select(Alarm.id).where(
            Alarm.patient_id == patient_id,
            Alarm.kind == AlarmKind.PHYSIOLOGICAL,
            col(Alarm.tier).in_((Tier.EMERGENCY, Tier.URGENT)),
            col(Alarm.closed_at).is_(None),
        )
    ).first()
    return row is not None


def _finished(
    session: Session, plan: RehabPrescription, kind: ExerciseKind
) -> Sequence[int | None]:
    return session.exec(
        select(RehabSession.id).where(
            RehabSession.prescription_id == plan.id,
            RehabSession.kind == kind.value,
            RehabSession.end == "finished",
        )
    ).all()


def _stages(plan: RehabPrescription, kind: ExerciseKind) -> list[Stage]:
    if kind is ExerciseKind.WALK:
        return [Stage(kind=StageKind.WORK, seconds=WALK_S)]
    work = Stage(kind=StageKind.WORK, seconds=plan.work_s)
    easy = Stage(kind=StageKind.EASY, seconds=plan.easy_s)
    middle = [part for _ in range(plan.repeats) for part in (work, easy)][:-1]
    return [
        Stage(kind=StageKind.WARM_UP, seconds=plan.warm_up_s),
        *middle,
        Stage(kind=StageKind.COOL_DOWN, seconds=plan.cool_down_s),
    ]


def _gate(session: Session, row: RehabSession, plan: RehabPrescription) -> RehabGate:
    kind = ExerciseKind(row.kind)
    patient = patients.patient_of_record(session, row.patient_id)
    by = staff_service.staff_by_id(session, row.permitted_by) if row.permitted_by else None
    new = () if patient.known_af else LIMITS.stop_rhythms_new
    return RehabGate(
        kind=kind,
        session_id=row.id,
        permitted=row.permitted,
        reasons=[Refusal(reason) for reason in row.reasons],
        number=row.number,
        of=plan.sessions if kind is ExerciseKind.SESSION else 0,
        permitted_by=by.name if by else None,
        may_be_permitted=may_be_permitted(row),
        target_low_bpm=row.target_low_bpm,
        target_high_bpm=row.target_high_bpm,
        target_low_rpe=plan.rpe_low,
        target_high_rpe=plan.rpe_high,
        stop_far_bpm=LIMITS.stop_far_bpm,
        stop_after_s=LIMITS.stop_after_s,
        stop_borg=LIMITS.stop_borg,
        stop_spo2_pct=LIMITS.stop_spo2_pct,
        stop_drop_mmhg=LIMITS.stop_drop_mmhg,
        stop_rhythms=[*LIMITS.stop_rhythms, *new],
        stages=_stages(plan, kind) if row.permitted else [],
    )


def _no_plan() -> RehabGate:
    return RehabGate(
        session_id=None,
        permitted=False,
        reasons=[Refusal.NO_PRESCRIPTION],
        number=0,
        of=0,
        target_low_bpm=None,
        target_high_bpm=None,
        stop_far_bpm=LIMITS.stop_far_bpm,
        stop_after_s=LIMITS.stop_after_s,
        stop_borg=LIMITS.stop_borg,
        stages=[],
    )


def _audit(
    session: Session, issue: Issue, row: RehabSession, action: str, now: datetime
) -> None:
    audit(
        session,
        at=now,
        actor_kind="phone",
        actor_id=issue.id or 0,
        action=action,
        object_kind="rehab_session",
        object_id=row.id or 0,
        patient_id=row.patient_id,
        detail={"reasons": row.reasons, "end": row.end},
    )
