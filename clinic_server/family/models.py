"""Tables of the family page."""

from datetime import datetime

from sqlalchemy import false
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class FamilyLink(SQLModel, table=True):
    """A QR code given to a relative; only the hash of its token is kept."""

    __tablename__ = "family_link"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    label: str = Field(max_length=40)
    level: int
    token_hash: str = Field(unique=True, max_length=64)
    pin_hash: str | None = None
    pin_failures: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    printed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """On paper that anybody may see: first level until the patient raises it."""
    created_by: str = Field(max_length=80)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FamilySession(SQLModel, table=True):
    """The browser that scanned: keeps the token out of the address bar."""

    __tablename__ = "family_session"

    cookie_hash: str = Field(primary_key=True, max_length=64)
    link_id: int = Field(foreign_key="family_link.id", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    pin_ok: bool = True
    """False until the PIN was typed, where the link has one."""
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Last look that the patient is shown; the page's own renewals are none."""
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """This browser wants no requests before; it ends by itself."""


class FamilyView(SQLModel, table=True):
    """Somebody looked: the patient can see when."""

    __tablename__ = "family_view"

    id: int | None = Field(default=None, primary_key=True)
    link_id: int = Field(foreign_key="family_link.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    ip_prefix: str = Field(max_length=48)
    agent_hash: str = Field(max_length=64)


class FamilyNotice(SQLModel, table=True):
    """What a clinician released to the family, with an instruction."""

    __tablename__ = "family_notice"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    text: str = Field(max_length=500)
    urgent: bool = False
    released_by: int = Field(foreign_key="staff.id")
    released_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
