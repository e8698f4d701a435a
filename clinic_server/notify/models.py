"""The outbox: a message is owed from the moment its alarm is on disk."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class OutboxMessage(SQLModel, table=True):
    """One message to one person through one channel."""

    __tablename__ = "outbox"

    id: int | None = Field(default=None, primary_key=True)
    alarm_id: int | None = Field(default=None, foreign_key="alarm.id", index=True)
    step: int = 1
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    channel: str = Field(max_length=32)
    dedupe_key: str = Field(unique=True, max_length=120)
    code: str = Field(max_length=48)
    params: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    """Number, tier and the page to open only: no name, no finding."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = Field(default="", max_length=200)


class Channel(SQLModel, table=True):
    """A way to reach people, set by the administrator."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=32)
    address: str = Field(max_length=400)
    """An apprise address; a secret."""
    position: int
    active: bool = True
    last_ok_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
