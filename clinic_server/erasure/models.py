"""Tables of erasure: what was asked for, who agreed, what was done, what must wait."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class ErasureRequest(SQLModel, table=True):
    """A person asked that their data be erased. It stays: it proves what was done."""

    __tablename__ = "erasure_request"
    __table_args__ = (
        # one request at a time is open for a patient, whatever two desks do at once
        Index(
            "uq_erasure_open_per_patient",
            "patient_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    asked_by: str = Field(max_length=80)
    """``phone:12``, or ``staff:3`` who wrote down what was asked at the desk."""
    proved_by: str = Field(default="", max_length=200)
    """How the person proved who they are; a paired phone is one."""
    copy_given: bool | None = None
    """Whether a copy of the file was handed over before; False: it was declined."""
    agreed_by: int | None = Field(default=None, foreign_key="staff.id")
    agreed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: int | None = Field(default=None, foreign_key="staff.id")
    """The second person, who carried it out; or who took it back."""
    withdrawn: bool = False
    why: str = Field(default="", max_length=200)
    """Why it was taken back, or the file opened again."""
    erased: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """Rows that are gone, by table."""
    kept: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """Rows that stay, by table."""
    kept_until: date | None = None
    """Day after which the rest may go; None: nothing but proof is left."""
    scrubbed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the database's journal was emptied of what was erased."""
    reopened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reopened_by: int | None = Field(default=None, foreign_key="staff.id")


class LegalHold(SQLModel, table=True):
    """Nothing of a patient may be erased: a dispute, a court, an inquiry."""

    __tablename__ = "legal_hold"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    reason: str = Field(max_length=200)
    set_by: int = Field(foreign_key="staff.id")
    set_at: datetime = Field(sa_type=UtcDateTime)
    lifted_by: int | None = Field(default=None, foreign_key="staff.id")
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
