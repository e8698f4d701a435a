"""Tables of the 24-hour report: what is owed, what was found, who signed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, UniqueConstraint
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
    analysable_pct: float | None = None
    """Share of the recorded time that could be analysed; None for reports of before."""
    conclusion: str = Field(default="", max_length=4000)
    amend_reason: str = Field(default="", max_length=400)
    created_at: datetime = Field(sa_type=UtcDateTime)
    signed_by: int | None = Field(default=None, foreign_key="staff.id")
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sha256: str = Field(default="", max_length=64)
    """Over recording hashes, result, conclusion, signer and time."""
    edit_number: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Newest step of the edit script that ``result`` was made with; 0: none."""
    edits_sha256: str = Field(
        default="", max_length=64, sa_column_kwargs={"server_default": ""}
    )
    """Over the steps of the script up to ``edit_number``."""
    remeasure_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From when on ``result`` is owed to be made again from the edited beats."""
    preread_by: int | None = Field(default=None, foreign_key="staff.id")
    preread_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Somebody has read the whole day and leaves it to the physician to sign."""
    pdf_zh: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    pdf_en: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


class ReportReading(SQLModel, table=True):
    """What the machine found in a recording, beat by beat; never changed."""

    __tablename__ = "report_reading"

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    algorithm: str = Field(max_length=32)
    made_at: datetime = Field(sa_type=UtcDateTime)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """`clinic_server.reports.archive`, for the analysis."""
    day: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The same for the page, gzip: it is sent as it is."""


class ReportTile(SQLModel, table=True):
    """Ten minutes of trace as lows and highs, for looking at a whole day."""

    __tablename__ = "report_tile"

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    block: int = Field(primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ReportEdit(SQLModel, table=True):
    """One step of the script of edits over a recording's beats. Append-only."""

    __tablename__ = "report_edit"
    __table_args__ = (
        UniqueConstraint("recording_id", "number"),
        UniqueConstraint("recording_id", "key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", max_length=36)
    number: int
    """1, 2, 3 … without a gap within a recording."""
    key: str = Field(max_length=36)
    """Made by the page, so that an edit sent twice is stored once."""
    report_id: int = Field(foreign_key="report.id", index=True)
    """The version it was made on."""
    author_id: int = Field(foreign_key="staff.id")
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(max_length=16)
    """`analytics.beat_edits.EditKind`, ``undo`` or ``redo``."""
    of_number: int | None = None
    """Step that is taken back or done again."""
    to: str = Field(default="", max_length=12)
    rhythm: str = Field(default="", max_length=12)
    shape: int = 0
    """Template that beats move into."""
    first_sample: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, default=0)
    )
    end_sample: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, default=0)
    )
    samples: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    """Beats it touches: differences of their samples, int64 little-endian, zlib."""
