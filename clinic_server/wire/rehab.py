"""Exercise at home: questions before, the gate, the target zone, what came of it.

A training session and a six-minute walk pass the same gate.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Bpm = Annotated[int, Field(ge=20, le=300)]
Mmhg = Annotated[int, Field(ge=30, le=300)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Spo2 = Annotated[int, Field(ge=40, le=100)]
Borg = Annotated[int, Field(ge=6, le=20)]
ClientId = Annotated[str, Field(min_length=8, max_length=64)]


class ExerciseKind(StrEnum):
    """What may be done at home."""

    SESSION = "session"
    WALK = "walk"
    """Six-minute walk: does not count among the prescribed sessions."""


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
    kind: ExerciseKind = ExerciseKind.SESSION
    new_chest_pain: bool
    new_dyspnoea: bool
    syncope: bool
    weight_gain: bool
    """2 kg and more in three days."""
    systolic_mmhg: Mmhg | None = None
    diastolic_mmhg: Mmhg | None = None
    spo2_pct: Spo2 | None = None
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

    kind: ExerciseKind = ExerciseKind.SESSION
    session_id: int | None
    """None when it may not start for want of a prescription."""
    permitted: bool
    reasons: list[Refusal]
    number: int
    """Which one of its kind this is, from 1."""
    of: int
    """Sessions prescribed; 0 for walks."""
    permitted_by: str | None = None
    """The physician who permitted what the rules refused."""
    may_be_permitted: bool = False
    """Refused, but a physician may still permit it today."""
    target_low_bpm: int | None
    target_high_bpm: int | None
    target_low_rpe: Borg = 11
    target_high_rpe: Borg = 16
    """Perceived effort to train at."""
    stop_far_bpm: int
    """So far above the upper limit ends the session at once."""
    stop_after_s: int
    """So long above the upper limit ends it too."""
    stop_borg: int
    stop_spo2_pct: int = 88
    """Less than this ends it."""
    stop_drop_mmhg: int = 10
    """Systolic pressure so far below the one before ends it."""
    stop_rhythms: list[str] = []
    """Codes of `analytics.vocabulary.Rhythm` that end it when they begin."""
    stages: list[Stage]


RehabEnd = Literal[
    "finished",
    "stopped",
    "chest_pain",
    "dyspnoea",
    "dizzy",
    "palpitations",
    "rate_high",
    "rhythm",
    "borg_high",
    "spo2_low",
    "pressure_drop",
    "alarm",
]


class Reading(BaseModel):
    """What the wearer measured or felt on the way."""

    model_config = ConfigDict(extra="forbid")

    at_s: Seconds
    """Since the beginning."""
    borg: Borg | None = None
    spo2_pct: Spo2 | None = None
    systolic_mmhg: Mmhg | None = None
    diastolic_mmhg: Mmhg | None = None


class Walk(BaseModel):
    """Six-minute walk: ATS 2002, doi:10.1164/ajrccm.166.1.at1102."""

    model_config = ConfigDict(extra="forbid")

    distance_m: Annotated[int, Field(ge=0, le=1500)]
    borg_before: Borg | None = None
    rested_s: Seconds = 0
    """Stood still on the way."""
    bpm_before: Bpm | None = None
    bpm_end: Bpm | None = None
    """Mean of the last half minute that could be counted."""
    bpm_minute_after: Bpm | None = None


class RehabSummary(BaseModel):
    """What came of it."""

    model_config = ConfigDict(extra="forbid")

    ended_at: AwareDatetime
    end: RehabEnd
    borg: Borg
    trained_s: Seconds
    in_zone_s: Seconds
    good_s: Seconds
    """Seconds whose heart rate could be counted."""
    mean_bpm: Bpm | None = None
    max_bpm: Bpm | None = None
    readings: Annotated[list[Reading], Field(max_length=60)] = []
    walk: Walk | None = None
    recording_id: str | None = Field(default=None, max_length=36)
    first_sample: int | None = Field(default=None, ge=0, le=2**53)
    n_samples: int | None = Field(default=None, ge=1, le=10_000_000)
    """Where it lies on the running recording."""


class RehabRecord(BaseModel):
    """A session as the clinic keeps it."""

    session_id: int
    number: int
    end: str
    borg: int | None
    kind: ExerciseKind = ExerciseKind.SESSION
    asked_at: AwareDatetime
    trained_s: int | None = None
    distance_m: int | None = None


class RehabProgress(BaseModel):
    """How far the wearer got with what was prescribed."""

    prescribed: bool
    done: int
    of: int
    recent: list[RehabRecord]
    """Sessions and walks that ended, newest first."""
