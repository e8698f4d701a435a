"""Table of consults. A question is never changed; an answer is written once."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class ConsultRow(SQLModel, table=True):
    """What a patient asked about a stretch of a recording, and until when."""

    __tablename__ = "consult"
    __table_args__ = (
        # the same stretch asked about twice is the phone sending again
        UniqueConstraint("issue_id", "recording_id", "first_sample", "end_sample"),
    )

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    issue_id: int = Field(foreign_key="issue.id")
    recording_id: str = Field(foreign_key="recording.id", max_length=36)
    first_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    end_sample: int = Field(sa_column=Column(BigInteger, nullable=False))
    question: str = Field(max_length=400)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    answer_by: datetime = Field(sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    answered_by: int | None = Field(default=None, foreign_key="staff.id")
    advice_id: int | None = Field(default=None, foreign_key="advice.id")
