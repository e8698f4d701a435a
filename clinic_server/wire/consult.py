"""A patient asks the physician about a spot ECG; and what the machine saw at once."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server.wire.ecg import SampleIndex

LONGEST_S = 120.0
"""Longest stretch of one question; a spot ECG has 30 s."""


class ConsultCreate(BaseModel):
    """A question about ``[first_sample, end_sample)`` of a recording of this loan."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    recording_id: str = Field(max_length=36)
    first_sample: SampleIndex
    end_sample: SampleIndex
    question: str = Field(min_length=1, max_length=400)


class ConsultTime(BaseModel):
    """Until when a question asked now would be answered."""

    answer_by: AwareDatetime


class ConsultAsked(BaseModel):
    """The clinic has the question, and says when it will be answered."""

    id: int
    answer_by: AwareDatetime


class Consult(BaseModel):
    """One question as the app lists it; the answer itself is in the inbox."""

    id: int
    recording_id: str
    first_sample: int
    end_sample: int
    question: str
    asked_at: AwareDatetime
    answer_by: AwareDatetime
    answered_at: AwareDatetime | None
    advice_id: int | None
    """Of the `Advice` that answers it (``kind`` ``consult``)."""


class PlainRhythm(StrEnum):
    """What a patient may be told of an unreviewed machine result: no diagnosis."""

    STEADY = "steady"
    """Regular, 50 to 100 a minute."""
    SLOW = "slow"
    """Regular, below 50 a minute."""
    FAST = "fast"
    """Regular, above 100 a minute."""
    EXTRA_BEATS = "extra_beats"
    """Steady but for single early beats."""
    IRREGULAR = "irregular"
    NEEDS_LOOK = "needs_look"
    """Something a physician must judge; an alarm of its own exists where it is serious."""


class Screening(BaseModel):
    """What the live analysis says of a stretch, seconds after it was recorded."""

    state: Literal["assessable", "not_assessable", "pending"]
    rhythm: PlainRhythm | None = None
    """Only when assessable."""
    heart_rate_bpm: int | None = None
    """Only when assessable."""
    reason: (
        Literal["not_received", "not_analysed", "gap", "lead_off", "noise", "few_beats"]
        | None
    ) = None
    """Why it is pending (the first two) or not assessable (the others)."""
