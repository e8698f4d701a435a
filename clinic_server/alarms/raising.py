"""From a candidate to an alarm, exactly once; repeats join a card, nothing is dropped."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.catalogue import RULES, Rule, policy_for
from clinic_server.alarms.escalation import advance
from clinic_server.alarms.log import act, append, is_synthetic
from clinic_server.alarms.machine import FALSE_FINDINGS, Change, Clear, Repeat
from clinic_server.alarms.models import Alarm, AlarmEvent, Tier
from clinic_server.patients import service as patients_service
from clinic_server.patients.models import CaseVerb
from clinic_server.recordings.models import Recording
from clinic_server.recordings.service import sample_time

STORM_PER_HOUR = 20
"""More events than this for one patient in an hour are shown as one group."""
WORSE_FACTOR = 1.25
"""A repeat this much more severe re-opens what was decided or closed."""
SAME_EVENT_S = 5.0
"""Two findings of one rule closer than this are one event seen twice (replay, backlog)."""
STRIKES, STRIKES_WITHIN = 3, timedelta(days=1)
"""So often a finding that is no Emergency must be judged false before its repeats are only
counted on the last card; none is dropped."""
UPDATE_S, UPDATE_SHARE = 5.0, 0.1
"""New numbers of a running alarm are told after this much, or this share of its age."""
LATE = timedelta(minutes=5)
"""An alarm raised this long after its event is marked late: the phone sent a backlog."""


def raise_(
    session: Session,
    candidate: Candidate,
    recording: Recording,
    received_at: datetime,
    now: datetime,
) -> Alarm | None:
    """Raise an alarm for a candidate, or add it to the card it belongs to.

    Safe to repeat: the same candidate (rule, code, onset of one recording) makes one
    alarm, and one repeat at most, however often it comes.

    Parameters
    ----------
    candidate : Candidate
        With phase ``raised``.
    received_at : datetime
        When the last sample needed was on disk.

    Returns
    -------
    Alarm or None
        The new alarm; None when it was known or joined another card.
    """
    rule = RULES[candidate.rule]
    key = f"{recording.id}:{rule.id}:{candidate.code}:{candidate.onset_sample}"
    if _known(session, key, recording.patient_id) or _overlaps(
        session, candidate, recording
    ):
        return None
    onset_at = sample_time(recording, candidate.onset_sample)
    evidence = {**candidate.evidence, "decided_sample": candidate.decided_sample}
    if now - onset_at > LATE:
        evidence["late_s"] = round((now - onset_at).total_seconds(), 1)
    alarm = Alarm(
        patient_id=recording.patient_id,
        recording_id=recording.id,
        dedupe_key=key,
        rule=rule.id,
        tier=candidate.tier,
        kind=candidate.kind,
        code=candidate.code,
        params=dict(candidate.params),
        evidence=evidence,
        latching=candidate.latching,
        onset_sample=candidate.onset_sample,
        offset_sample=candidate.offset_sample,
        onset_at=onset_at,
        received_at=received_at,
        raised_at=now,
    )
    return _file(session, alarm, rule, now)


def raise_condition(
    session: Session,
    *,
    rule_id: str,
    code: str,
    dedupe_key: str,
    patient_id: int | None,
    onset_at: datetime,
    now: datetime,
    recording_id: str | None = None,
    onset_sample: int | None = None,
    tier: Tier | None = None,
    params: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Alarm | None:
    """Raise an alarm that does not come from the ECG: SOS, silence, battery, the plant.

    Parameters
    ----------
    dedupe_key : str
        Names the occurrence: the same one again raises nothing.

    Returns
    -------
    Alarm or None
        As `raise_`.
    """
    if _known(session, dedupe_key, patient_id):
        return None
    rule = RULES[rule_id]
    alarm = Alarm(
        patient_id=patient_id,
        recording_id=recording_id,
        dedupe_key=dedupe_key,
        rule=rule.id,
        tier=tier or rule.tier,
        kind=rule.kind,
        code=code,
        params=dict(params or {}),
        evidence=dict(evidence or {}),
        latching=rule.latching,
        onset_sample=onset_sample,
        onset_at=onset_at,
        received_at=now,
        raised_at=now,
    )
    return _file(session, alarm, rule, now)


def settle(
    session: Session, candidate: Candidate, recording: Recording, now: datetime
) -> None:
    """Carry a later phase of a candidate to its alarm: new numbers, or its end.

    An alarm that is closed or was never raised is left alone.
    """
    alarm = _find(session, candidate, recording)
    if alarm is None:
        return
    changed = any(alarm.params.get(k) != v for k, v in candidate.params.items())
    alarm.params = dict(alarm.params) | dict(candidate.params)
    alarm.evidence = dict(alarm.evidence) | dict(candidate.evidence)
    if candidate.offset_sample is not None:
        alarm.offset_sample = candidate.offset_sample
    session.add(alarm)
    if candidate.phase == "cleared":
        sample = candidate.offset_sample or candidate.decided_sample
        act(session, alarm, Clear(sample_time(recording, sample)), now)
        return
    # a rate changes with every beat: screens are told often at first, then less often, so
    # that the log of a day of fibrillation is a hundred lines
    age_s = (now - alarm.raised_at).total_seconds()
    told_s = float(alarm.evidence.get("told_s", 0.0))
    if changed and age_s - told_s >= max(UPDATE_S, UPDATE_SHARE * age_s):
        alarm.evidence = dict(alarm.evidence) | {"told_s": round(age_s, 1)}
        append(session, alarm, [Change("updated", None, dict(candidate.params))], now)


def _file(session: Session, alarm: Alarm, rule: Rule, now: datetime) -> Alarm | None:
    card = _card(session, alarm, rule)
    if card is not None:
        _join(session, card, alarm, now)
        return None
    synthetic = is_synthetic(session, alarm)
    if not synthetic:  # the canary calls nobody
        tiered = rule if alarm.tier is rule.tier else _at(rule, alarm.tier)
        alarm.policy = policy_for(tiered)
    if alarm.policy:
        alarm.next_step_at = now + timedelta(seconds=alarm.policy[0]["after_s"])
    alarm.snoozed_until = _snoozed_until(session, alarm, now)
    storm = None if rule.id == "T7" else _storm(session, alarm, now)
    if storm is not None:
        alarm.group_id = storm.id
    session.add(alarm)
    session.flush()
    detail = {"rule": alarm.rule, "tier": alarm.tier.value, "code": alarm.code}
    append(session, alarm, [Change("raised", None, detail)], now)
    if alarm.patient_id is not None and not synthetic:
        patients_service.record_case(
            session,
            alarm.patient_id,
            CaseVerb.ALARM,
            at=now,
            actor="system",
            detail={"alarm_id": alarm.id, "rule": alarm.rule},
        )
    advance(session, alarm, now)
    return alarm


def _at(rule: Rule, tier: Tier) -> Rule:
    return Rule(rule.id, tier, rule.kind, rule.latching, rule.rearm_s)


def _known(session: Session, key: str, patient_id: int | None) -> bool:
    alarm = session.exec(select(Alarm.id).where(Alarm.dedupe_key == key)).first()
    if alarm is not None:
        return True
    return (
        session.exec(
            select(AlarmEvent.id).where(
                AlarmEvent.patient_id == patient_id,
                AlarmEvent.kind == "grouped",
                # JSON text of one key: works the same on both databases
                col(AlarmEvent.detail)["key"].as_string() == key,
            )
        ).first()
        is not None
    )


def _overlaps(session: Session, candidate: Candidate, recording: Recording) -> bool:
    return _find(session, candidate, recording) is not None


def _find(session: Session, candidate: Candidate, recording: Recording) -> Alarm | None:
    """Find the alarm a candidate belongs to: same onset, or an onset inside it."""
    slack = round(SAME_EVENT_S * recording.fs_hz)
    rows = session.exec(
        select(Alarm)
        .where(
            Alarm.recording_id == recording.id,
            Alarm.rule == candidate.rule,
            Alarm.code == candidate.code,
            col(Alarm.onset_sample) <= candidate.onset_sample + slack,
            func.coalesce(Alarm.offset_sample, Alarm.onset_sample)
            >= candidate.onset_sample - slack,
        )
        .order_by(col(Alarm.onset_sample).desc())
    )
    return rows.first()


def _card(session: Session, alarm: Alarm, rule: Rule) -> Alarm | None:
    """Find the card an occurrence joins: same patient, rule and finding, within re-arm."""
    if rule.rearm_s == 0:
        return None
    rows = session.exec(
        select(Alarm)
        .where(
            Alarm.rule == alarm.rule,
            Alarm.code == alarm.code,
            Alarm.tier == alarm.tier,
            Alarm.patient_id == alarm.patient_id,
            col(Alarm.onset_at) > alarm.onset_at - timedelta(seconds=rule.rearm_s),
            col(Alarm.onset_at) < alarm.onset_at + timedelta(seconds=rule.rearm_s),
        )
        .order_by(col(Alarm.id).desc())
    )
    card = rows.first()
    if card is None or card.closed_at is None:
        return card
    # a new Emergency is never filed under one that a person has ended
    fresh = alarm.tier is Tier.EMERGENCY or card.outcome == "recovered"
    # nor anything under what was no event of the heart, until that has become a habit
    fresh |= card.adjudication in FALSE_FINDINGS and not _struck_out(session, alarm)
    return None if fresh else card


def _struck_out(session: Session, alarm: Alarm) -> bool:
    """Say whether people have found this finding false again and again within a day."""
    found = session.exec(
        select(func.count())
        .select_from(Alarm)
        .where(
            Alarm.patient_id == alarm.patient_id,
            Alarm.rule == alarm.rule,
            Alarm.code == alarm.code,
            col(Alarm.adjudication).in_(FALSE_FINDINGS),
            col(Alarm.onset_at) > alarm.onset_at - STRIKES_WITHIN,
        )
    ).one()
    return found >= STRIKES


def _join(session: Session, card: Alarm, alarm: Alarm, now: datetime) -> None:
    before = float(card.evidence.get("severity", 0.0))
    severity = float(alarm.evidence.get("severity", 0.0))
    detail = {
        "key": alarm.dedupe_key,
        "recording_id": alarm.recording_id,
        "onset_sample": alarm.onset_sample,
        "offset_sample": alarm.offset_sample,
        "onset_at": alarm.onset_at.isoformat(),
        "params": dict(alarm.params),
    }
    worse = before > 0 and severity > WORSE_FACTOR * before
    if severity > before:
        card.evidence = dict(card.evidence) | {"severity": severity}
    act(session, card, Repeat(detail, worse), now)
    if worse:
        advance(session, card, now)


def _snoozed_until(session: Session, alarm: Alarm, now: datetime) -> datetime | None:
    """Give the reminder pause of this rule and patient: it covers the next alarm too."""
    if alarm.tier is Tier.EMERGENCY:
        return None
    return session.exec(
        select(Alarm.snoozed_until)
        .where(
            Alarm.patient_id == alarm.patient_id,
            Alarm.rule == alarm.rule,
            Alarm.tier == alarm.tier,
            col(Alarm.snoozed_until) > now,
        )
        .order_by(col(Alarm.snoozed_until).desc())
    ).first()


def _storm(session: Session, alarm: Alarm, now: datetime) -> Alarm | None:
    """Give the storm card of a patient with too many events; raise it when it is due."""
    if alarm.patient_id is None:
        return None
    since = now - timedelta(hours=1)
    count = session.exec(
        select(func.count())
        .select_from(AlarmEvent)
        .where(
            AlarmEvent.patient_id == alarm.patient_id,
            col(AlarmEvent.kind).in_(("raised", "grouped")),
            col(AlarmEvent.at) > since,
        )
    ).one()
    if count < STORM_PER_HOUR:
        return None
    card = session.exec(
        select(Alarm).where(
            Alarm.patient_id == alarm.patient_id,
            Alarm.rule == "T7",
            col(Alarm.closed_at).is_(None),
        )
    ).first()
    if card is not None:
        card.params = dict(card.params) | {"count": count + 1}
        session.add(card)
        return card
    return raise_condition(
        session,
        rule_id="T7",
        code="alarms.storm",
        dedupe_key=f"storm:{alarm.patient_id}:{now.isoformat()}",
        patient_id=alarm.patient_id,
        onset_at=now,
        now=now,
        params={"count": count + 1},
    )
