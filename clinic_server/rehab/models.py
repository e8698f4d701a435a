"""Tables of rehab: what was prescribed, every session that was asked for."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class RehabPrescription(SQLModel, table=True):
    """A physician's exercise prescription."""

    __tablename__ = "rehab_prescription"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    sessions: int
    risk: str = Field(max_length=8)
    """``low``, ``medium`` or ``high``; high trains under supervision only."""
    max_bpm: int | None = None
    """From the stress test; None: there was none."""
    low_pct: int
    high_pct: int
    rpe_low: int = Field(default=11, sa_column_kwargs={"server_default": "11"})
    rpe_high: int = Field(default=16, sa_column_kwargs={"server_default": "16"})
    """Perceived effort to train at, Borg 6 to 20: what counts where a drug holds the heart
    rate down."""
    rest_low_bpm: int
    """Lowest resting rate that may start: lower under a beta-blocker."""
    warm_up_s: int
    work_s: int
    easy_s: int
    repeats: int
    cool_down_s: int
    prescribed_by: int = Field(foreign_key="staff.id")
    prescribed_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RehabSession(SQLModel, table=True):
    """One session that was asked for, refused ones too."""

    __tablename__ = "rehab_session"
    __table_args__ = (UniqueConstraint("issue_id", "client_id"),)

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    issue_id: int = Field(foreign_key="issue.id")
    prescription_id: int = Field(foreign_key="rehab_prescription.id")
    client_id: str = Field(max_length=64)
    kind: str = Field(default="session", max_length=8)
    """A `clinic_server.wire.rehab.ExerciseKind`."""
    number: int
    asked_at: datetime = Field(sa_type=UtcDateTime)
    answers: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    permitted: bool
    """By the rules or by a physician."""
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Why the rules refused; they stay when a physician permits it."""
    permitted_by: int | None = Field(default=None, foreign_key="staff.id")
    permitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    permit_reason: str = Field(default="", max_length=400)
    target_low_bpm: int | None = None
    target_high_bpm: int | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end: str = Field(default="", max_length=16)
    borg: int | None = None
    result: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
