"""Tables of what was derived from samples. All of it can be recomputed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class AnalysisCursor(SQLModel, table=True):
    """How far the live analysis of a recording has come, and what it last saw."""

    __tablename__ = "analysis_cursor"

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    sample: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, default=0))
    """Everything stored below this has been analysed, or is owed as a backlog range."""
    algorithm: str = Field(max_length=32)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    heart_rate_bpm: float | None = None
    heart_rate_sample: int | None = Field(default=None, sa_column=Column(BigInteger))
    rhythm: str = Field(default="", max_length=16)
    grade: str = Field(default="", max_length=1)
    contact: bool = False
    rule_state: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )


class AnalysedRange(SQLModel, table=True):
    """Stored samples that have been analysed; what is not covered is owed."""

    __tablename__ = "analysed_range"

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    first_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    end_sample: int = Field(sa_column=Column(BigInteger, nullable=False))


class BeatChunk(SQLModel, table=True):
    """Beats of one step, packed: (int64 sample, uint8 class, uint8 flags, f4 RR)."""

    __tablename__ = "beat_chunk"

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    first_sample: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    end_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    n_beats: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EpisodeRow(SQLModel, table=True):
    """A rhythm episode found live."""

    __tablename__ = "episode"

    id: int | None = Field(default=None, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True, max_length=36)
    rhythm: str = Field(max_length=16)
    onset_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    offset_sample: int | None = Field(default=None, sa_column=Column(BigInteger))
    confidence: float
    evidence: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    algorithm: str = Field(max_length=32)


class MinuteTrend(SQLModel, table=True):
    """One minute of one recording, for trends."""

    __tablename__ = "minute_trend"

    recording_id: str = Field(primary_key=True, foreign_key="recording.id", max_length=36)
    minute: int = Field(primary_key=True)
    """Whole minutes since sample 0."""
    n_beats: int = 0
    n_v: int = 0
    n_s: int = 0
    mean_bpm: float | None = None
    min_bpm: float | None = None
    max_bpm: float | None = None
