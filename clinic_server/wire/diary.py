"""What the wearer felt and when: the diary of symptoms, windows instead of points."""

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from clinic_server.wire.care import OpenEvent

LONGEST_WINDOW = timedelta(hours=24)
CLOCK_SLACK = timedelta(seconds=5)


class Symptom(StrEnum):
    """What a wearer can say with one touch."""

    CHEST_PAIN = "chest_pain"
    DYSPNOEA = "dyspnoea"
    DIZZY = "dizzy"
    SYNCOPE = "syncope"
    PALPITATIONS = "palpitations"
    OTHER = "other"


class DiaryNote(BaseModel):
    """One entry; "about 20 minutes ago" is a window, never a point."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(min_length=8, max_length=64)
    """Made by the phone: sending twice makes one entry, and one alarm. The same as that of
    the call for help that went with it."""
    noted_at: AwareDatetime
    first_at: AwareDatetime
    last_at: AwareDatetime
    symptoms: list[Symptom] = Field(min_length=1, max_length=6)
    lasted_5_min: bool | None = None
    """Asked about chest pain only."""
    severe: bool | None = None
    """Asked about dyspnoea only."""
    note: str = Field(default="", max_length=400)
    recording_id: str | None = Field(default=None, max_length=36)
    sample: int | None = Field(default=None, ge=0, le=2**53)
    """Newest sample of that recording at ``noted_at``."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.first_at <= self.last_at <= self.noted_at + CLOCK_SLACK:
            raise ValueError("the window does not end before it was noted")
        if self.last_at - self.first_at > LONGEST_WINDOW:
            raise ValueError("the window is too long")
        if len(set(self.symptoms)) != len(self.symptoms):
            raise ValueError("a symptom is there twice")
        return self

    @property
    def grave(self) -> bool:
        """Rule E10: chest pain of 5 min and more, syncope, or severe dyspnoea."""
        chosen = set(self.symptoms)
        return (
            Symptom.SYNCOPE in chosen
            or (Symptom.CHEST_PAIN in chosen and self.lasted_5_min is True)
            or (Symptom.DYSPNOEA in chosen and self.severe is True)
        )


class DiaryEntryView(BaseModel):
    """An entry as the clinic keeps it."""

    client_id: str
    noted_at: AwareDatetime
    first_at: AwareDatetime
    last_at: AwareDatetime
    symptoms: list[Symptom]
    note: str
    on_trace: bool
    """The moment is marked on a recording."""
    event: OpenEvent | None
    """The alarm it raised, when it was grave."""
