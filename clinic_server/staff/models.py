"""Tables of the people who work here, and of everything that was ever done."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint, true
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class Role(StrEnum):
    """What a person may do."""

    PHYSICIAN = "physician"
    NURSE = "nurse"
    TECHNICIAN = "technician"
    ADMIN = "admin"
    """Runs the system; sees no clinical data."""
    QUALITY = "quality"
    """Reads how alarms fare, in numbers; opens no patient."""
    AUDITOR = "auditor"
    """Reads who did what; opens no patient."""


CLINICAL = frozenset({Role.PHYSICIAN, Role.NURSE, Role.TECHNICIAN})
"""Who may open a patient at all."""


class Site(SQLModel, table=True):
    """A hospital of a network; a house that stands alone needs none."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Staff(SQLModel, table=True):
    """A person who signs in."""

    id: int | None = Field(default=None, primary_key=True)
    username: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=64)
    role: Role
    password_hash: str
    phone: str = Field(default="", max_length=32)
    locale: str = Field(default="zh_CN", max_length=8)
    active: bool = True
    site_id: int | None = Field(default=None, foreign_key="site.id", index=True)
    """Whose patients and units they may reach; None: every site's (a reading centre, or a
    house that stands alone)."""
    created_at: datetime = Field(sa_type=UtcDateTime)


class StaffSession(SQLModel, table=True):
    """A signed-in browser; only the hash of its cookie is kept."""

    __tablename__ = "staff_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    csrf_token: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    factor_ok: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """False while the second factor is still owed: the session opens nothing else."""


class SecondFactor(SQLModel, table=True):
    """A person's authenticator (RFC 6238)."""

    __tablename__ = "second_factor"

    staff_id: int = Field(primary_key=True, foreign_key="staff.id")
    secret: str = Field(max_length=64)
    """Base 32, as the authenticator has it."""
    made_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """None: shown, not yet answered with a code; it is not asked for."""
    last_step: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, default=0)
    )
    """Time step of the code used last: none counts twice."""
    recovery_hashes: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False)
    )


class Duty(SQLModel, table=True):
    """Who is on duty, at which step of the escalation."""

    id: int | None = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    step: int
    """1 first, 2 second, 3 head of department."""
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """One action; the hash chains it to the one before."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor_kind: str = Field(max_length=16)
    """``staff``, ``phone``, ``family``, ``system`` or ``anonymous``."""
    actor_id: str = Field(default="", max_length=64)
    action: str = Field(max_length=64, index=True)
    object_kind: str = Field(max_length=32)
    object_id: str = Field(max_length=64)
    patient_id: int | None = Field(default=None, index=True)
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    prev_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64, unique=True)


class Department(SQLModel, table=True):
    """A ward or outpatient clinic that sends patients home."""

    id: int | None = Field(default=None, primary_key=True)
    site_id: int | None = Field(default=None, foreign_key="site.id", index=True)
    name: str = Field(max_length=64)
    phone: str = Field(default="", max_length=32)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class HouseSetting(SQLModel, table=True):
    """What a house, or one site of it, decided for itself; see `staff.house`."""

    __tablename__ = "house_setting"
    __table_args__ = (UniqueConstraint("site_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    site_id: int | None = Field(default=None, foreign_key="site.id")
    """None: for every site that has not decided otherwise."""
    name: str = Field(max_length=32)
    value: str = Field(max_length=64)
    set_by: int = Field(foreign_key="staff.id")
    set_at: datetime = Field(sa_type=UtcDateTime)
