"""A rehab session: questions before, the gate, the target zone, what came of it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Bpm = Annotated[int, Field(ge=20, le=300)]
Mmhg = Annotated[int, Field(ge=30, le=300)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
ClientId = Annotated[str, Field(min_length=8, max_length=64)]


class Refusal(StrEnum):
    """Why a session may not start."""

    NO_PRESCRIPTION = "no_prescription"
    SUPERVISED_ONLY = "supervised_only"
    ALL_DONE = "all_done"
    CHEST_PAIN = "chest_pain"
    DYSPNOEA = "dyspnoea"
    SYNCOPE = "syncope"
    WEIGHT_GAIN = "weight_gain"
    PRESSURE_MISSING = "pressure_missing"
    PRESSURE_HIGH = "pressure_high"
    PRESSURE_LOW = "pressure_low"
    ECG_NOT_ASSESSABLE = "ecg_not_assessable"
    RATE_HIGH = "rate_high"
    RATE_LOW = "rate_low"
    OPEN_ALARM = "open_alarm"


class RehabAsk(BaseModel):
    """What the wearer answered, and the resting minute."""

    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    asked_at: AwareDatetime
    new_chest_pain: bool
    new_dyspnoea: bool
    syncope: bool
    weight_gain: bool
    """2 kg and more in three days."""
    systolic_mmhg: Mmhg | None = None
    diastolic_mmhg: Mmhg | None = None
    rest_bpm: Bpm | None = None
    """Median of the resting minute; None: it could not be counted."""
    rest_good_s: Annotated[int, Field(ge=0, le=600)]
    """Seconds of the resting minute whose signal was good."""
    rest_s: Annotated[int, Field(ge=1, le=600)]
    """Length of the resting minute."""


class StageKind(StrEnum):
    """Parts of a session."""

    WARM_UP = "warm_up"
    WORK = "work"
    EASY = "easy"
    COOL_DOWN = "cool_down"


class Stage(BaseModel):
    """One part of a session."""

    kind: StageKind
    seconds: Annotated[int, Field(ge=1, le=7200)]


class RehabGate(BaseModel):
    """The clinic's answer: go, or not today and why."""

    session_id: int | None
    """None when it may not start for want of a prescription."""
    permitted: bool
    reasons: list[Refusal]
    number: int
    """Which session this is, from 1."""
    of: int
    target_low_bpm: int | None
    target_high_bpm: int | None
    stop_far_bpm: int
    """So far above the upper limit ends the session at once."""
    stop_after_s: int
    """So long above the upper limit ends it too."""
    stop_borg: int
    stages: list[Stage]


RehabEnd = Literal[
    "finished", "stopped", "chest_pain", "dizzy", "palpitations", "rate_high", "alarm"
]


class RehabSummary(BaseModel):
    """What came of it."""

    model_config = ConfigDict(extra="forbid")

    ended_at: AwareDatetime
    end: RehabEnd
    borg: Annotated[int, Field(ge=6, le=20)]
    trained_s: Seconds
    in_zone_s: Seconds
    good_s: Seconds
    """Seconds whose heart rate could be counted."""
    mean_bpm: Bpm | None = None
    max_bpm: Bpm | None = None


class RehabRecord(BaseModel):
    """A session as the clinic keeps it."""

    session_id: int
    number: int
    end: str
    borg: int | None
