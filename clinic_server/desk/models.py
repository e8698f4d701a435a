"""The ladder of reminders of a loan."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from clinic_server.db import UtcDateTime


class LoanReminder(SQLModel, table=True):
    """One rung of the ladder of one loan: sent, or passed over, and when."""

    __tablename__ = "loan_reminder"
    __table_args__ = (
        UniqueConstraint("issue_id", "due_on", "rung", name="loan_reminder_once"),
    )

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id", index=True)
    due_on: date
    """Which due date it speaks of: an extended loan climbs a ladder of its own."""
    rung: int
    """Days after the due date: -3, -1, 0, 1, 3."""
    owed_at: datetime = Field(sa_type=UtcDateTime)
    logged_at: datetime = Field(sa_type=UtcDateTime)
    advice_id: int | None = Field(default=None, foreign_key="advice.id")
    """The message in the patient's inbox; None when a later rung was owed already."""
    sent_by: int | None = Field(default=None, foreign_key="staff.id")
    """Who sent it by hand; None when it went by itself."""
