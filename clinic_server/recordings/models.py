"""Tables of the ground state: samples as they arrived. Append-only."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class Recording(SQLModel, table=True):
    """One wearing of one unit on one sample clock."""

    __table_args__ = (
        # the newest of a patient or of a loan, and what is still open, without a scan
        Index("ix_recording_of_patient", "patient_id", "created_at"),
        Index("ix_recording_of_issue", "issue_id", "created_at"),
        Index(
            "ix_recording_open",
            "started_at",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    """UUID made by the phone."""
    patient_id: int = Field(foreign_key="patient.id")
    issue_id: int | None = None
    """The loan it belongs to; None for an imported file."""
    serial: str = Field(max_length=64)
    fs_hz: float
    lead_names: list[str] = Field(sa_column=Column(JSON, nullable=False))
    gain_counts_per_mv: float
    started_at: datetime = Field(sa_type=UtcDateTime)
    """When sample 0 was taken."""
    clock_start_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When sample 0 was taken, by the longest fit of the patch's clock; with it"""
    clock_fs_hz: float | None = None
    """the patch's true rate,"""
    clock_span_s: float = 0.0
    """and the stretch it was measured over. ``fs_hz`` stays the nominal rate."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_seq: int = 0
    """Lowest sequence number not stored."""
    max_seq: int = -1
    end_sample: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, default=0)
    )
    """One past the newest stored sample."""
    stored_samples: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, default=0)
    )
    last_received_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    measures_contact: bool = True
    """False for files and makes that cannot tell: their segments claim no contact."""
    last_contact: bool = False
    """Nothing says that an electrode was off at the newest sample."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    close_reason: str = Field(default="", max_length=32)
    """``full_day``, ``returned``, ``phone``, ``imported``."""
    last_seq: int | None = None
    """What the phone said is the last segment, when it closed."""


class Segment(SQLModel, table=True):
    """A stored upload."""

    __table_args__ = (
        # coverage and windows are answered without touching the samples themselves
        Index("ix_segment_span", "recording_id", "first_sample", "end_sample"),
    )

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    seq: int = Field(primary_key=True)
    first_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    end_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    contact: bool
    gap_cause: str | None = Field(default=None, max_length=16)
    sha256: str = Field(max_length=64)
    phone_at: datetime = Field(sa_type=UtcDateTime)
    phone_mono_s: float
    received_at: datetime = Field(sa_type=UtcDateTime)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class SegmentConflict(SQLModel, table=True):
    """The same number with other content: kept, flagged, never used silently."""

    __tablename__ = "segment_conflict"

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    seq: int
    sha256: str = Field(max_length=64)
    received_at: datetime = Field(sa_type=UtcDateTime)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EventMark(SQLModel, table=True):
    """A moment on the trace somebody marked: button, symptom, SOS."""

    __tablename__ = "event_mark"

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: str = Field(max_length=32)
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    created_at: datetime = Field(sa_type=UtcDateTime)
