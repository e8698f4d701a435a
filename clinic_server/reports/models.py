"""Tables of the 24-hour report: what is owed, what was found, who signed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class ReportJob(SQLModel, table=True):
    """A closed recording is owed an analysis until ``done_at`` is set."""

    __tablename__ = "report_job"

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    owed_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    error: str = Field(default="", max_length=200)


class Report(SQLModel, table=True):
    """One version of a report; a signed one never changes."""

    __table_args__ = (UniqueConstraint("recording_id", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    version: int
    state: str = Field(max_length=12)
    """``draft``, ``signed`` or ``superseded``."""
    algorithm: str = Field(max_length=32)
    result: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """`analytics.holter.HolterReport` as JSON."""
    conclusion: str = Field(default="", max_length=4000)
    amend_reason: str = Field(default="", max_length=400)
    created_at: datetime = Field(sa_type=UtcDateTime)
    signed_by: int | None = Field(default=None, foreign_key="staff.id")
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sha256: str = Field(default="", max_length=64)
    """Over recording hashes, result, conclusion, signer and time."""
    pdf_zh: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    pdf_en: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
