"""Tables of follow-up plans, their tasks, and the nurse's worklist."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime
from clinic_server.wire.care import TaskKind, TaskState


class Plan(SQLModel, table=True):
    """What a physician prescribed after discharge."""

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    template: str = Field(max_length=32)
    starts_on: date
    prescribed_by: int = Field(foreign_key="staff.id")
    prescribed_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PlanTemplate(SQLModel, table=True):
    """A template of the house; a changed one is a new row, so that plans keep theirs."""

    __tablename__ = "plan_template"

    id: int | None = Field(default=None, primary_key=True)
    site_id: int | None = Field(default=None, foreign_key="site.id", index=True)
    name: str = Field(max_length=64)
    """The house's own words; shown as they are."""
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    """``{"kind": "vitals", "days": [1, 2, 3]}``, days after the start."""
    set_by: int = Field(foreign_key="staff.id")
    set_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Task(SQLModel, table=True):
    """One thing to do within a window; the server's copy decides what was missed."""

    id: int | None = Field(default=None, primary_key=True)
    plan_id: int | None = Field(default=None, foreign_key="plan.id", index=True)
    """None: measured without being asked."""
    patient_id: int = Field(foreign_key="patient.id", index=True)
    kind: TaskKind
    state: TaskState = TaskState.PLANNED
    opens_at: datetime = Field(sa_type=UtcDateTime, index=True)
    due_at: datetime = Field(sa_type=UtcDateTime)
    grace_until: datetime = Field(sa_type=UtcDateTime)
    reminded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str = Field(default="", max_length=80)
    missed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    result: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )


class WorkKind(StrEnum):
    """Why the nurse has something to do."""

    MISSED_TASK = "missed_task"
    SILENT_DEVICE = "silent_device"
    OVERDUE_DEVICE = "overdue_device"
    CALL_PATIENT = "call_patient"
    CALL_FAMILY = "call_family"
    CONTACT_LOST = "contact_lost"
    FAMILY_SEEN = "family_seen"
    """A relative confirmed what a clinician had released to them."""
    CHECK_WEARER = "check_wearer"
    """The heart of a new recording does not look like the patient's."""


class WorkItem(SQLModel, table=True):
    """One line of the nurse's worklist."""

    __tablename__ = "work_item"
    __table_args__ = (
        Index(
            "ix_work_item_open",
            "raised_at",
            "id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: WorkKind
    patient_id: int = Field(foreign_key="patient.id", index=True)
    dedupe_key: str = Field(unique=True, max_length=80)
    """Raised twice is raised once."""
    raised_at: datetime = Field(sa_type=UtcDateTime)
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Nobody answered, or a time was agreed: off the list until then."""
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Calls that nobody answered."""
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: int | None = Field(default=None, foreign_key="staff.id")
    outcome: str = Field(default="", max_length=32)
    note: str = Field(default="", max_length=400)
