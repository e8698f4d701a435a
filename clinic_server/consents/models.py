"""Table of consents. Append-only: the newest row of a purpose is where it stands."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class Consent(SQLModel, table=True):
    """One decision about one purpose."""

    __table_args__ = (UniqueConstraint("issue_id", "purpose", "decided_at"),)

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    issue_id: int = Field(foreign_key="issue.id")
    purpose: str = Field(max_length=16)
    granted: bool
    version: int
    """Of the words that were shown."""
    decided_at: datetime = Field(sa_type=UtcDateTime)
    """By the phone's clock."""
    received_at: datetime = Field(sa_type=UtcDateTime)
