"""Tables of alarms. Nothing is deleted; every time has its own column."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class Tier(StrEnum):
    """How fast somebody must look."""

    EMERGENCY = "E"
    URGENT = "U"
    DAILY = "D"


class AlarmKind(StrEnum):
    """IEC 60601-1-8: of the patient or of the equipment."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class Adjudication(StrEnum):
    """What a person found the alarm to be."""

    TRUE = "true"
    ECTOPY = "ectopy"
    NOISE = "noise"
    T_WAVE = "t_wave"
    TRUE_NO_ACTION = "true_no_action"


class Alarm(SQLModel, table=True):
    """One alarm condition and what people did about it."""

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int | None = Field(default=None, foreign_key="patient.id", index=True)
    """None: the plant itself (nobody on duty, canary missing, channels down)."""
    recording_id: str | None = Field(
        default=None, foreign_key="recording.id", max_length=36
    )
    dedupe_key: str = Field(unique=True, max_length=120)
    """The same event raised twice is one alarm."""
    rule: str = Field(max_length=8)
    """E1 … E10, U1 … U12, D1 …, T1 …"""
    tier: Tier
    kind: AlarmKind
    code: str = Field(max_length=32)
    """What happened, a key of the locale files: ``alarms.vt``."""
    params: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """Measured numbers for the sentence: beats, rate_bpm, rr_ms, minutes …"""
    evidence: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    latching: bool
    onset_sample: int | None = Field(default=None, sa_column=Column(BigInteger))
    offset_sample: int | None = Field(default=None, sa_column=Column(BigInteger))
    onset_at: datetime = Field(sa_type=UtcDateTime)
    """Event time on the ECG."""
    received_at: datetime = Field(sa_type=UtcDateTime)
    """When the last sample needed was on the clinic's disk."""
    raised_at: datetime = Field(sa_type=UtcDateTime)
    notified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    notified_step: int = 0
    next_step_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    policy: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """The escalation it started with; a later change does not touch it."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: int | None = Field(default=None, foreign_key="staff.id")
    ack_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: int | None = Field(default=None, foreign_key="staff.id")
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    closed_by: int | None = Field(default=None, foreign_key="staff.id")
    outcome: str = Field(default="", max_length=32)
    adjudication: Adjudication | None = None
    adjudicated_by: int | None = Field(default=None, foreign_key="staff.id")
    adjudicated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    group_id: int | None = Field(default=None, index=True)
    """First alarm of a group of repeats."""
    repeats: int = 1


class AlarmEvent(SQLModel, table=True):
    """A numbered row per change: what live pages read, by id."""

    __tablename__ = "alarm_event"

    id: int | None = Field(default=None, primary_key=True)
    alarm_id: int = Field(foreign_key="alarm.id", index=True)
    patient_id: int | None = Field(default=None, index=True)
    kind: str = Field(max_length=24)
    """raised, grouped, updated, notified, delivered, acknowledged, ack_expired,
    handed_over, snoozed, snooze_ended, reopened, decided, advised, read, called, noted,
    cleared, adjudicated, critical_value, closed."""
    at: datetime = Field(sa_type=UtcDateTime)
    actor_id: int | None = None
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )


class AdviceRow(SQLModel, table=True):
    """What the physician wrote to the patient."""

    __tablename__ = "advice"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    alarm_id: int | None = Field(default=None, foreign_key="alarm.id", index=True)
    kind: str = Field(max_length=16)
    """``alarm``, ``report``, ``notice`` or ``consult``."""
    opinion: str = Field(max_length=24)
    within_days: int | None = None
    text: str = Field(max_length=1000)
    sent_by: int = Field(foreign_key="staff.id")
    sent_at: datetime = Field(sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reply: str | None = Field(default=None, max_length=16)


class LimitReplay(SQLModel, table=True):
    """A threshold being tried on all of a person's patients before it is saved."""

    __tablename__ = "limit_replay"

    number: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=48)
    value: float
    since: datetime = Field(sa_type=UtcDateTime)
    """Beginning of the days it is tried on; they end with the question."""
    asked_at: datetime = Field(sa_type=UtcDateTime)
    asked_by: int = Field(foreign_key="staff.id")
    waiting: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Patients still to come."""
    found: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )
    """`analysis.preview.Preview` of each patient that is through."""
    failed: int = 0
    """Patients whose replay broke off."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LimitOverride(SQLModel, table=True):
    """A threshold changed for a patient (or the site when patient is None)."""

    __tablename__ = "limit_override"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int | None = Field(default=None, foreign_key="patient.id", index=True)
    name: str = Field(max_length=48)
    value: float
    reason: str = Field(max_length=400)
    set_by: int = Field(foreign_key="staff.id")
    set_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
