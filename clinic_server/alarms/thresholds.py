"""Which thresholds hold for a patient now, who set them, and what the rules must know."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from clinic_server.alarms import limits as guard
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.machine import FALSE_FINDINGS
from clinic_server.alarms.models import Alarm, LimitOverride
from clinic_server.alarms.rules_work import Context
from clinic_server.db import ring_after_commit
from clinic_server.errors import Forbidden, Unprocessable
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import Patient
from clinic_server.staff import service as staff_service
from clinic_server.staff.models import Role, Staff


def templates_of(patient: Patient) -> tuple[str, ...]:
    """Name the diagnosis templates of a patient: known AF, and the one that was chosen."""
    return _templates(patient.known_af, patient.alarm_template)


def _templates(known_af: bool, chosen: str) -> tuple[str, ...]:
    return (("known_af",) if known_af else ()) + ((chosen,) if chosen else ())


def in_force(
    session: Session, patient_id: int | None, now: datetime
) -> Sequence[LimitOverride]:
    """Give the overrides of a patient (None: of the site) that hold now, oldest first."""
    whose = (
        col(LimitOverride.patient_id).is_(None)
        if patient_id is None
        else col(LimitOverride.patient_id) == patient_id
    )
    return session.exec(_holding(now).where(whose)).all()


def _holding(now: datetime) -> SelectOfScalar[LimitOverride]:
    return (
        select(LimitOverride)
        .where(
            LimitOverride.set_at <= now,
            col(LimitOverride.ended_at).is_(None) | (col(LimitOverride.ended_at) > now),
            or_(
                col(LimitOverride.expires_at).is_(None),
                col(LimitOverride.expires_at) > now,
            ),
        )
        .order_by(col(LimitOverride.id))
    )


def limits_for(session: Session, patient: Patient, now: datetime) -> Limits:
    """Resolve the thresholds of a patient: site, diagnosis template, own overrides."""
    return guard.resolve(
        templates_of(patient),
        [(row.name, row.value) for row in in_force(session, None, now)],
        [(row.name, row.value) for row in in_force(session, patient.id, now)],
    )


def limits_of_many(
    session: Session, patient_ids: Iterable[int], now: datetime
) -> dict[int, Limits]:
    """Resolve the thresholds of many patients in a few queries, by patient."""
    site = [(row.name, row.value) for row in in_force(session, None, now)]
    own: defaultdict[int, list[tuple[str, float]]] = defaultdict(list)
    theirs = _holding(now).where(col(LimitOverride.patient_id).is_not(None))
    for row in session.exec(theirs):
        own[row.patient_id or 0].append((row.name, row.value))
    files = patients_service.alarm_files(session)
    shared: dict[tuple[str, ...], Limits] = {}
    found: dict[int, Limits] = {}
    for number in patient_ids:
        templates = _templates(*files.get(number, (False, "")))
        if number in own:
            found[number] = guard.resolve(templates, site, own[number])
        else:
            if templates not in shared:
                shared[templates] = guard.resolve(templates, site)
            found[number] = shared[templates]
    return found


def limits_seen_by(
    session: Session, staff: Staff, patient_id: int, now: datetime
) -> Limits:
    """Resolve the thresholds of a patient for a person who may see them."""
    patient = patients_service.patient_for(session, staff, patient_id, now)
    return limits_for(session, patient, now)


def override(
    session: Session,
    staff: Staff,
    *,
    patient_id: int | None,
    name: str,
    value: float,
    reason: str,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[LimitOverride, tuple[str, ...]]:
    """Change a threshold, with a reason and perhaps an end; the one before ends.

    Returns
    -------
    row : LimitOverride
    warnings : tuple of str
        Of `limits.check`.

    Raises
    ------
    Forbidden
        Only physicians.
    Unprocessable
        Of `limits.check`; ``alarms.reason_missing``.
    """
    if staff.role is not Role.PHYSICIAN:
        raise Forbidden("staff.wrong_role")
    if patient_id is not None:
        patients_service.patient_for(session, staff, patient_id, now)
    warnings = guard.check(name, value)
    if not reason.strip():
        raise Unprocessable("alarms.reason_missing")
    for row in in_force(session, patient_id, now):
        if row.name == name:
            row.ended_at = now
            session.add(row)
    row = LimitOverride(
        patient_id=patient_id,
        name=name,
        value=value,
        reason=reason.strip(),
        set_by=staff.id or 0,
        set_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    staff_service.audit_by(
        session,
        staff,
        at=now,
        action="alarms.limit",
        object_kind="limit",
        object_id=name,
        patient_id=patient_id,
        detail={"value": value, "reason": reason.strip()},
    )
    ring_after_commit(session, "alarms")
    return row, warnings


def context_for(
    session: Session, patient: Patient, limits: Limits, zone: ZoneInfo, at: datetime
) -> Context:
    """Say what the rules must know besides the ECG at a time.

    Parameters
    ----------
    at : datetime
        Time of the signal, not of its analysis: a backlog from the night is judged as
        night.
    """
    return Context(
        known_af=patient.known_af or _found_af(session, patient.id or 0),
        asleep=is_asleep(limits, zone, at),
        pacing_lower_bpm=patient.pacemaker_lower_bpm if patient.has_pacemaker else None,
    )


def is_asleep(limits: Limits, zone: ZoneInfo, at: datetime) -> bool:
    """Say whether an hour is one of sleep, as the patient's thresholds set it."""
    hour = at.astimezone(zone).hour
    return hour >= limits["sleep_from_h"] or hour < limits["sleep_to_h"]


def _found_af(session: Session, patient_id: int) -> bool:
    rows = session.exec(
        select(Alarm.adjudication).where(Alarm.patient_id == patient_id, Alarm.rule == "U2")
    ).all()
    return any(finding not in FALSE_FINDINGS for finding in rows)
