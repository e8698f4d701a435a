"""Table of the diary. Append-only but for where an entry was placed."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class DiaryEntry(SQLModel, table=True):
    """What somebody felt, within a window."""

    __tablename__ = "diary_entry"
    __table_args__ = (UniqueConstraint("issue_id", "client_id"),)

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    issue_id: int = Field(foreign_key="issue.id")
    client_id: str = Field(max_length=64)
    noted_at: datetime = Field(sa_type=UtcDateTime)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    received_at: datetime = Field(sa_type=UtcDateTime)
    symptoms: list[str] = Field(sa_column=Column(JSON, nullable=False))
    lasted_5_min: bool | None = None
    severe: bool | None = None
    note: str = Field(default="", max_length=400)
    recording_id: str | None = Field(default=None, max_length=36)
    """As the phone said; the recording itself may arrive later."""
    sample: int | None = Field(default=None, sa_column=Column(BigInteger))
    """Newest sample of that recording when it was noted."""
    mark_id: int | None = Field(default=None, foreign_key="event_mark.id")
    grave: bool
    """It raised an Emergency (E10)."""
