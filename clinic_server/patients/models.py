"""Tables of patients, who cares for them, and the course of their case."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, false, text
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class Patient(SQLModel, table=True):
    """A person sent home."""

    id: int | None = Field(default=None, primary_key=True)
    mrn: str = Field(unique=True, max_length=32)
    """Medical record number."""
    name: str = Field(max_length=64)
    sex: str = Field(max_length=1)
    """``F`` or ``M``."""
    born_on: date
    phone: str = Field(default="", max_length=32)
    emergency_name: str = Field(default="", max_length=64)
    emergency_relation: str = Field(default="", max_length=32)
    emergency_phone: str = Field(default="", max_length=32)
    diagnosis: str = Field(default="", max_length=200)
    procedure: str = Field(default="", max_length=200)
    procedure_on: date | None = None
    drugs: str = Field(default="", max_length=400)
    lvef_pct: int | None = None
    has_pacemaker: bool = False
    pacemaker_lower_bpm: int | None = None
    """Lowest programmed rate, that of the night or of the hysteresis if there is one."""
    known_af: bool = False
    alarm_template: str = Field(
        default="default", max_length=24, sa_column_kwargs={"server_default": "default"}
    )
    """Diagnosis template of alarm thresholds, of `alarms.limits.TEMPLATES`."""
    attending_id: int = Field(foreign_key="staff.id", index=True)
    place: int
    """Square on the wall; it does not move."""
    locale: str = Field(default="zh_CN", max_length=8)
    discharged_on: date | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    synthetic: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Nobody: the canary that proves the path. On no screen and in no statistics."""
    site_id: int | None = Field(default=None, foreign_key="site.id", index=True)
    """Where the patient was treated, see `Staff.site_id`."""
    department_id: int | None = Field(default=None, foreign_key="department.id")
    """Which ward sent the patient home."""


class CareTeamMember(SQLModel, table=True):
    """Somebody besides the attending physician who may see the patient."""

    __tablename__ = "care_team_member"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    added_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BreakGlass(SQLModel, table=True):
    """A physician opened somebody else's patient in an emergency, for a short time."""

    __tablename__ = "break_glass"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    reason: str = Field(max_length=400)
    at: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    reviewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reviewed_by: int | None = Field(default=None, foreign_key="staff.id")
    finding: str = Field(default="", max_length=16)
    """``justified`` or ``not_justified``, by the attending physician."""


class CaseVerb(StrEnum):
    """The twelve verbs of rehabilitation after discharge, in their usual order."""

    ISSUE_DEVICE = "issue_device"
    OPEN_FILE = "open_file"
    PRESCRIBE_PLAN = "prescribe_plan"
    REMIND = "remind"
    MEASURE = "measure"
    ANALYSE = "analyse"
    ALARM = "alarm"
    ADVISE = "advise"
    FOLLOW_UP_REMOTE = "follow_up_remote"
    FOLLOW_UP_CLINIC = "follow_up_clinic"
    RETURN_DEVICE = "return_device"
    CLOSE_CASE = "close_case"


class CaseFile(SQLModel, table=True):
    """One follow-up: opened at discharge, closed after the device is back."""

    __tablename__ = "case_file"
    __table_args__ = (
        Index(
            "one_open_case",
            "patient_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseEvent(SQLModel, table=True):
    """A verb was done."""

    __tablename__ = "case_event"

    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    verb: CaseVerb
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(max_length=80)
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
