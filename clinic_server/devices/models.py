"""Tables of the loaned units and their loans."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class UnitState(StrEnum):
    """Where a unit stands. Due and overdue follow from the loan's date, not from here."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ISSUED = "issued"
    IN_USE = "in_use"
    RETURNED_DIRTY = "returned_dirty"
    DISINFECTING = "disinfecting"
    TESTING = "testing"
    REPAIR = "repair"
    LOST = "lost"
    RETIRED = "retired"


class Unit(SQLModel, table=True):
    """A patch or Holter recorder of the desk."""

    serial: str = Field(primary_key=True, max_length=64)
    model: str = Field(max_length=64)
    fs_hz: float
    lead_names: list[str] = Field(sa_column=Column(JSON, nullable=False))
    firmware: str = Field(default="", max_length=32)
    state: UnitState
    battery_pct: int
    clock_drift_s: float = 0.0
    wiped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disinfected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = Field(default="", max_length=400)
    created_at: datetime = Field(sa_type=UtcDateTime)
    site_id: int | None = Field(default=None, foreign_key="site.id", index=True)
    """Whose desk it belongs to, see `Staff.site_id`."""


class Issue(SQLModel, table=True):
    """A loan: one unit to one patient until it is scanned back."""

    __table_args__ = (
        # one open loan per unit and per patient, whatever two desks do at once
        Index(
            "uq_issue_open_per_unit",
            "serial",
            unique=True,
            sqlite_where=text("returned_at IS NULL"),
            postgresql_where=text("returned_at IS NULL"),
        ),
        Index(
            "uq_issue_open_per_patient",
            "patient_id",
            unique=True,
            sqlite_where=text("returned_at IS NULL"),
            postgresql_where=text("returned_at IS NULL"),
        ),
        # what is out, by due date; what came back lately
        Index(
            "ix_issue_out",
            "due_on",
            "id",
            sqlite_where=text("returned_at IS NULL"),
            postgresql_where=text("returned_at IS NULL"),
        ),
        Index("ix_issue_returned_at", "returned_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    serial: str = Field(foreign_key="unit.serial", index=True, max_length=64)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    issued_by: int = Field(foreign_key="staff.id")
    due_on: date
    accessories: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    deposit_cny: int = 0
    deposit_back_cny: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """What of it was given back at the return."""
    terms_signed: bool = False
    terms_version: str = Field(default="", max_length=16)
    """Which wording was signed, see `desk.terms`."""
    terms_signed_by: str = Field(default="", max_length=64)
    """Name of whoever signed for the loan."""
    pairing_code_hash: str | None = Field(default=None, max_length=64, unique=True)
    pairing_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    pairing_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    phone_token_hash: str | None = Field(default=None, max_length=64, unique=True)
    enrolled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    returned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    returned_by: int | None = Field(default=None, foreign_key="staff.id")
    return_condition: str = Field(default="", max_length=32)
    accessories_back: bool | None = None
    """Whether everything lent with the unit came back; None for loans of before."""
    return_note: str = Field(default="", max_length=400)
    return_signed_by: str = Field(default="", max_length=64)
    """Name of whoever handed the unit back and signed for it."""


class DeviceKit(SQLModel, table=True):
    """What is lent with units of one model; see `devices.kits`."""

    __tablename__ = "device_kit"
    __table_args__ = (UniqueConstraint("site_id", "model"),)

    id: int | None = Field(default=None, primary_key=True)
    site_id: int | None = Field(default=None, foreign_key="site.id")
    """None: for every site that has no list of its own."""
    model: str = Field(max_length=64)
    parts: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    """`devices.kits.Part` as JSON, in the order of the desk's sheet."""
    set_by: int = Field(foreign_key="staff.id")
    set_at: datetime = Field(sa_type=UtcDateTime)


class LoanExtension(SQLModel, table=True):
    """The due date of a loan was moved."""

    __tablename__ = "loan_extension"

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id", index=True)
    from_on: date
    to_on: date
    reason: str = Field(max_length=200)
    at: datetime = Field(sa_type=UtcDateTime)
    staff_id: int = Field(foreign_key="staff.id")


class PictureKind(StrEnum):
    """What a picture of a loan shows."""

    ISSUE_SIGNATURE = "issue_signature"
    RETURN_SIGNATURE = "return_signature"
    RETURN_PHOTO = "return_photo"


class LoanPicture(SQLModel, table=True):
    """A signature drawn at the desk, or a photo of what came back."""

    __tablename__ = "loan_picture"

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id", index=True)
    kind: PictureKind
    media_type: str = Field(max_length=16)
    sha256: str = Field(max_length=64)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)
    staff_id: int = Field(foreign_key="staff.id")


class WipeCertificate(SQLModel, table=True):
    """A unit's memory was erased; its number goes on the paper."""

    __tablename__ = "wipe_certificate"

    id: int | None = Field(default=None, primary_key=True)
    serial: str = Field(foreign_key="unit.serial", index=True, max_length=64)
    wiped_at: datetime = Field(sa_type=UtcDateTime)
    wiped_by: int = Field(foreign_key="staff.id")

    @property
    def number(self) -> str:
        """Say the number as it is written: ``W-00042``."""
        return f"W-{self.id or 0:05d}"


class PhoneState(SQLModel, table=True):
    """What the phone last said of itself and the patch."""

    __tablename__ = "phone_state"

    issue_id: int = Field(primary_key=True, foreign_key="issue.id")
    reported_at: datetime = Field(sa_type=UtcDateTime)
    """Server time of receipt."""
    phone_at: datetime = Field(sa_type=UtcDateTime)
    battery_pct: int | None = None
    phone_battery_pct: int | None = None
    leads_on: list[bool] | None = Field(default=None, sa_column=Column(JSON))
    lead_off_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    link: str = Field(default="", max_length=32)
    queue_segments: int = 0
    oldest_unsent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TimePoint(SQLModel, table=True):
    """The wristband was scanned at a step of the desk."""

    __tablename__ = "time_point"

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    step: str = Field(max_length=32)
    at: datetime = Field(sa_type=UtcDateTime)
    staff_id: int = Field(foreign_key="staff.id")
