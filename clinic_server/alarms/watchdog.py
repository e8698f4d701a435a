"""Silence is an alarm: no data, electrodes off, batteries, nobody on duty.

`sweep` looks at every open loan. Each condition is one row while it lasts: it is raised
once, made more urgent by its own later threshold, and clears by itself (technical alarms
do not latch).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from clinic_server.alarms import thresholds
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.log import act
from clinic_server.alarms.machine import Clear
from clinic_server.alarms.models import Alarm, Tier
from clinic_server.alarms.raising import raise_condition
from clinic_server.db import Database
from clinic_server.devices import service as devices_service
from clinic_server.devices.loans import phone_states
from clinic_server.devices.models import Issue, PhoneState
from clinic_server.recordings import reading
from clinic_server.recordings.models import Recording
from clinic_server.staff import service as staff_service
from clinic_server.staff.sites import all_sites

ROSTER_AHEAD = timedelta(hours=12)
ROSTER_STEP = timedelta(minutes=30)
BATTERY_HYSTERESIS_PCT = 5
BATCH = 200
"""Loans looked at in one transaction: bounds how long a sample waits to be stored."""
_Standing = defaultdict[tuple[int, str, str], list[Alarm]]
"""Open alarms by patient, rule and code."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """One loan, and what is known of it."""

    issue: Issue
    recording: Recording | None
    phone: PhoneState | None
    limits: Limits
    standing: _Standing
    asleep: bool
    """The hour is one of sleep."""

    def open(self, rule: str, code: str) -> Sequence[Alarm]:
        """Give the patient's alarms of a rule that are not closed."""
        return self.standing.get((self.issue.patient_id, rule, code), ())


def sweep(db: Database, now: datetime, zone: ZoneInfo) -> None:
    """Look at everything that should speak, and at who should listen.

    Loans are looked at in batches, so that between them samples and alarms have their
    turn.

    Parameters
    ----------
    zone : ZoneInfo
        Where the patients sleep: a loose electrode wakes nobody.
    """
    with db.read() as session:
        issues = devices_service.open_issues(session)
        wearers = {issue.patient_id for issue in issues}
        limits = thresholds.limits_of_many(session, wearers, now)
    numbers = [issue.id or 0 for issue in issues]
    for first in range(0, len(numbers), BATCH):
        with db.write() as session:
            batch = devices_service.open_issues(session, numbers[first : first + BATCH])
            _look(session, batch, limits, now, zone)
    with db.write() as session:
        out = {issue.patient_id for issue in devices_service.open_issues(session)}
        _end_returned(session, _standing(session), out, now)
        _roster(session, now)


def _look(
    session: Session,
    issues: Sequence[Issue],
    limits: Mapping[int, Limits],
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Look at some of the loans that are out."""
    enrolled = {issue.id or 0: issue for issue in issues if issue.enrolled_at is not None}
    standing = _standing(session, {issue.patient_id for issue in enrolled.values()})
    recordings = reading.latest_of_issues(session, enrolled)
    phones = phone_states(session, enrolled)
    for issue_id, issue in enrolled.items():
        own = limits[issue.patient_id]
        one = _Watched(
            issue=issue,
            recording=recordings.get(issue_id),
            phone=phones.get(issue_id),
            limits=own,
            standing=standing,
            asleep=thresholds.is_asleep(own, zone, now),
        )
        _silence(session, one, now)
        _lead_off(session, one, now)
        _batteries(session, one, now)


def _standing(session: Session, patient_ids: Collection[int] | None = None) -> _Standing:
    """Give the open technical alarms of these patients or of all, in one query."""
    query = select(Alarm).where(
        col(Alarm.rule).in_(("T1", "T2", "T3")),
        col(Alarm.closed_at).is_(None),
        col(Alarm.patient_id).is_not(None),
    )
    if patient_ids is not None:
        query = query.where(col(Alarm.patient_id).in_(patient_ids))
    found: _Standing = defaultdict(list)
    for alarm in session.exec(query):
        found[alarm.patient_id or 0, alarm.rule, alarm.code].append(alarm)
    return found


def _silence(session: Session, one: _Watched, now: datetime) -> None:
    """Raise T1: low at 15 min without data, medium at 30 min; each is its own row."""
    issue, recording = one.issue, one.recording
    heard = recording.last_received_at if recording else None
    since = max(t for t in (issue.enrolled_at, heard) if t is not None)
    silent = now - since
    raised = {alarm.dedupe_key for alarm in one.open("T1", "alarms.silence")}
    for tier, name in (
        (Tier.DAILY, "silence_low_min"),
        (Tier.URGENT, "silence_medium_min"),
    ):
        key = f"silence:{issue.id}:{since.isoformat()}:{tier.value}"
        if silent < timedelta(minutes=one.limits[name]) or key in raised:
            continue
        raise_condition(
            session,
            rule_id="T1",
            code="alarms.silence",
            dedupe_key=key,
            patient_id=issue.patient_id,
            recording_id=recording.id if recording else None,
            onset_at=since,
            now=now,
            tier=tier,
            params={"minutes": round(one.limits[name])},
        )
    for alarm in one.open("T1", "alarms.silence"):
        if alarm.onset_at < since:
            act(session, alarm, Clear(since), now)


def _lead_off(session: Session, one: _Watched, now: datetime) -> None:
    """Raise T2 from what the phone says of the electrodes."""
    issue, recording, phone = one.issue, one.recording, one.phone
    since = phone.lead_off_since if phone else None
    if since is None:
        on = recording is not None and recording.last_contact
        if phone is not None and on:
            _clear(session, one.open("T2", "alarms.lead_off"), now)
        return
    if one.asleep or now - since < timedelta(minutes=one.limits["lead_off_min"]):
        return
    if one.open("T2", "alarms.lead_off"):
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


def _batteries(session: Session, one: _Watched, now: datetime) -> None:
    """Raise T3 for the desk; the patient is told by the app itself, earlier."""
    issue, phone = one.issue, one.phone
    if phone is None:
        return
    limit = one.limits["battery_desk_pct"]
    for percent, code in (
        (phone.battery_pct, "alarms.battery"),
        (phone.phone_battery_pct, "alarms.phone_battery"),
    ):
        if percent is None:
            continue
        if percent >= limit + BATTERY_HYSTERESIS_PCT:
            _clear(session, one.open("T3", code), now)
        elif percent < limit and not one.open("T3", code):
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


def _end_returned(
    session: Session, standing: _Standing, out: Collection[int], now: datetime
) -> None:
    """End technical conditions of patients whose unit has been taken back."""
    for (patient_id, _, _), alarms in standing.items():
        if patient_id not in out:
            _clear(session, alarms, now)


def _clear(session: Session, alarms: Iterable[Alarm], now: datetime) -> None:
    for alarm in alarms:
        act(session, alarm, Clear(now), now)


def _roster(session: Session, now: datetime) -> None:
    """Raise T5 when somewhere in the next 12 h nobody is on duty at step 1 for a site."""
    hole = _first_hole(session, now)
    if hole is None:
        _clear_roster(session, now)
        return
    if _roster_alarms(session):
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
    for alarm in _roster_alarms(session):
        alarm.latching = False
        act(session, alarm, Clear(now), now)


def _roster_alarms(session: Session) -> Sequence[Alarm]:
    return session.exec(
        select(Alarm).where(
            Alarm.code == "alarms.roster_empty", col(Alarm.closed_at).is_(None)
        )
    ).all()
