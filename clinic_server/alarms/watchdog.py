"""Silence is an alarm: no data, electrodes off, batteries, nobody on duty.

`sweep` looks at every open loan. Each condition is one row while it lasts: it is raised
once, made more urgent by its own later threshold, and clears by itself (technical alarms
do not latch).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from clinic_server.alarms import thresholds
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm, Tier
from clinic_server.alarms.raising import raise_condition
from clinic_server.devices import service as devices_service
from clinic_server.devices.models import Issue, PhoneState
from clinic_server.patients import service as patients_service
from clinic_server.recordings import service as recordings_service
from clinic_server.recordings.models import Recording
from clinic_server.staff import service as staff_service
from clinic_server.staff.sites import all_sites

ROSTER_AHEAD = timedelta(hours=12)
ROSTER_STEP = timedelta(minutes=30)
BATTERY_HYSTERESIS_PCT = 5


def sweep(session: Session, now: datetime) -> None:
    """Look at everything that should speak, and at who should listen."""
    for issue in devices_service.open_issues(session):
        if issue.enrolled_at is None or issue.returned_at is not None:
            continue
        patient = patients_service.patient_of_record(session, issue.patient_id)
        limits = thresholds.limits_for(session, patient, now)
        recording = _recording_of(session, issue)
        phone = devices_service.phone_state(session, issue.id or 0)
        _silence(session, issue, recording, limits, now)
        _lead_off(session, issue, recording, phone, limits, now)
        _batteries(session, issue, phone, limits, now)
    _end_returned(session, now)
    _roster(session, now)


def _recording_of(session: Session, issue: Issue) -> Recording | None:
    newest = recordings_service.latest_for(session, issue.patient_id)
    return newest if newest is not None and newest.issue_id == issue.id else None


def _open(
    session: Session, patient_id: int | None, rule: str, code: str
) -> Sequence[Alarm]:
    return session.exec(
        select(Alarm).where(
            col(Alarm.patient_id).is_(None)
            if patient_id is None
            else col(Alarm.patient_id) == patient_id,
            Alarm.rule == rule,
            Alarm.code == code,
            col(Alarm.closed_at).is_(None),
        )
    ).all()


def _clear(
    session: Session, patient_id: int | None, rule: str, code: str, now: datetime
) -> None:
    for alarm in _open(session, patient_id, rule, code):
        act(session, alarm, Clear(now), now)


def _silence(
    session: Session,
    issue: Issue,
    recording: Recording | None,
    limits: Limits,
    now: datetime,
) -> None:
    """Raise T1: low at 15 min without data, medium at 30 min; each is its own row."""
    heard = recording.last_received_at if recording else None
    since = max(t for t in (issue.enrolled_at, heard) if t is not None)
    silent = now - since
    for tier, name in (
        (Tier.DAILY, "silence_low_min"),
        (Tier.URGENT, "silence_medium_min"),
    ):
        if silent < timedelta(minutes=limits[name]):
            continue
        raise_condition(
            session,
            rule_id="T1",
            code="alarms.silence",
            dedupe_key=f"silence:{issue.id}:{since.isoformat()}:{tier.value}",
            patient_id=issue.patient_id,
            recording_id=recording.id if recording else None,
            onset_at=since,
            now=now,
            tier=tier,
            params={"minutes": round(limits[name])},
        )
    for alarm in _open(session, issue.patient_id, "T1", "alarms.silence"):
        if alarm.onset_at < since:
            act(session, alarm, Clear(since), now)


def _lead_off(
    session: Session,
    issue: Issue,
    recording: Recording | None,
    phone: PhoneState | None,
    limits: Limits,
    now: datetime,
) -> None:
    """Raise T2 from what the phone says of the electrodes."""
    since = phone.lead_off_since if phone else None
    if since is None:
        on = recording is not None and recording.last_contact
        if phone is not None and on:
            _clear(session, issue.patient_id, "T2", "alarms.lead_off", now)
        return
    if now - since < timedelta(minutes=limits["lead_off_min"]):
        return
    if _open(session, issue.patient_id, "T2", "alarms.lead_off"):
        return
    raise_condition(
        session,
        rule_id="T2",
        code="alarms.lead_off",
        dedupe_key=f"lead_off:{issue.id}:{since.isoformat()}",
        patient_id=issue.patient_id,
        recording_id=recording.id if recording else None,
        onset_at=since,
        now=now,
        params={"minutes": round((now - since).total_seconds() / 60)},
    )


def _batteries(
    session: Session,
    issue: Issue,
    phone: PhoneState | None,
    limits: Limits,
    now: datetime,
) -> None:
    """Raise T3 for the desk; the patient is told by the app itself, earlier."""
    if phone is None:
        return
    limit = limits["battery_desk_pct"]
    for percent, code in (
        (phone.battery_pct, "alarms.battery"),
        (phone.phone_battery_pct, "alarms.phone_battery"),
    ):
        if percent is None:
            continue
        if percent >= limit + BATTERY_HYSTERESIS_PCT:
            _clear(session, issue.patient_id, "T3", code, now)
        elif percent < limit and not _open(session, issue.patient_id, "T3", code):
            raise_condition(
                session,
                rule_id="T3",
                code=code,
                dedupe_key=f"{code}:{issue.id}:{now.isoformat()}",
                patient_id=issue.patient_id,
                onset_at=now,
                now=now,
                params={"percent": percent},
            )


def _end_returned(session: Session, now: datetime) -> None:
    """End technical conditions of patients whose unit has been taken back."""
    rows = session.exec(
        select(Alarm).where(
            col(Alarm.rule).in_(("T1", "T2", "T3")),
            col(Alarm.closed_at).is_(None),
            col(Alarm.patient_id).is_not(None),
        )
    ).all()
    for alarm in rows:
        if devices_service.open_issue_of(session, alarm.patient_id or 0) is None:
            act(session, alarm, Clear(now), now)


def _roster(session: Session, now: datetime) -> None:
    """Raise T5 when somewhere in the next 12 h nobody is on duty at step 1 for a site."""
    hole = _first_hole(session, now)
    if hole is None:
        _clear_roster(session, now)
        return
    if _open(session, None, "T5", "alarms.roster_empty"):
        return
    raise_condition(
        session,
        rule_id="T5",
        code="alarms.roster_empty",
        dedupe_key=f"roster:{now.isoformat()}",
        patient_id=None,
        onset_at=now,
        now=now,
        params={"hours": round(ROSTER_AHEAD.total_seconds() / 3600)},
        evidence={"from": hole.isoformat()},
    )


def _first_hole(session: Session, now: datetime) -> datetime | None:
    until = now + ROSTER_AHEAD
    first = [
        (duty.starts_at, duty.ends_at, person.site_id)
        for duty, person in staff_service.duties_between(session, now, until + ROSTER_STEP)
        if duty.step == 1
    ]
    of_sites = [one.id for one in all_sites(session)] or [None]
    at = now
    while at <= until:
        manned = {site for starts_at, ends_at, site in first if starts_at <= at < ends_at}
        if None not in manned and not manned.issuperset(of_sites):
            return at
        at += ROSTER_STEP
    return None


def _clear_roster(session: Session, now: datetime) -> None:
    # T5 latches, because most plant faults need a look; a filled roster needs none
    for alarm in _open(session, None, "T5", "alarms.roster_empty"):
        alarm.latching = False
        act(session, alarm, Clear(now), now)
