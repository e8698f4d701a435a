"""What the patient's app shows: tasks, the doctor's answers, the seven steps."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server.wire.questionnaire import Answer, Question

ALL_DAY = "24 h"
"""Hours of a number that is answered day and night."""


class Contact(BaseModel):
    """Somebody to ring."""

    role: Literal["nurse", "attending", "clinic", "emergency"]
    name: str
    phone: str
    hours: str
    """As the clinic wrote them, `ALL_DAY`, or nothing."""


class Step(StrEnum):
    """The seven steps, in order; both ends show the same words."""

    MONITORING = "monitoring"
    ABNORMAL = "abnormal"
    SENDING = "sending"
    RECEIVED = "received"
    OPINION = "opinion"
    ADVICE_SENT = "advice_sent"
    READ = "read"


class StepState(BaseModel):
    """One step of one alarm."""

    step: Step
    state: Literal["done", "now", "to_come"]
    at: AwareDatetime | None = None
    percent: int | None = Field(default=None, ge=0, le=100)


class Opinion(StrEnum):
    """What the physician decides."""

    OBSERVE = "observe"
    ADJUST_MEDICATION = "adjust_medication"
    CLINIC_VISIT = "clinic_visit"
    EMERGENCY_NOW = "emergency_now"
    FREE_TEXT = "free_text"


class Advice(BaseModel):
    """One answer in the patient's inbox."""

    id: int
    alarm_id: int | None
    kind: Literal["alarm", "report", "notice", "consult"]
    opinion: Opinion
    within_days: int | None
    text: str
    from_name: str
    sent_at: AwareDatetime
    read_at: AwareDatetime | None
    reply: Literal["understood", "call_me"] | None


class AdviceReply(BaseModel):
    """The patient has opened an answer, and may say more."""

    model_config = ConfigDict(extra="forbid")

    reply: Literal["understood", "call_me"] | None = None


class TaskKind(StrEnum):
    """What a follow-up plan can ask for."""

    SPOT_ECG = "spot_ecg"
    HOLTER_24H = "holter_24h"
    VITALS = "vitals"
    REMOTE_CALL = "remote_call"
    CLINIC_VISIT = "clinic_visit"
    RETURN_DEVICE = "return_device"
    QUESTIONNAIRE = "questionnaire"
    REHAB = "rehab"


class TaskState(StrEnum):
    """Life of a task."""

    PLANNED = "planned"
    DUE = "due"
    DONE = "done"
    MISSED = "missed"
    CANCELLED = "cancelled"


class PatientTask(BaseModel):
    """One thing to do, with its window."""

    id: int
    kind: TaskKind
    state: TaskState
    opens_at: AwareDatetime
    due_at: AwareDatetime
    grace_until: AwareDatetime
    done_at: AwareDatetime | None
    done_here: bool
    """The app can do it; otherwise it is an appointment."""


Mmhg = Annotated[int, Field(ge=30, le=300)]


class TaskDone(BaseModel):
    """The patient did it; numbers as measured, each bounded to the humanly possible."""

    model_config = ConfigDict(extra="forbid")

    done_at: AwareDatetime
    systolic_mmhg: Mmhg | None = None
    diastolic_mmhg: Mmhg | None = None
    pulse_bpm: Annotated[int, Field(ge=20, le=300)] | None = None
    spo2_pct: Annotated[int, Field(ge=40, le=100)] | None = None
    glucose_mmol_l: Annotated[float, Field(ge=0.5, le=60, allow_inf_nan=False)] | None = (
        None
    )
    weight_kg: Annotated[float, Field(ge=20, le=350, allow_inf_nan=False)] | None = None
    recording_id: str | None = Field(default=None, max_length=36)
    first_sample: int | None = Field(default=None, ge=0, le=2**53)
    n_samples: int | None = Field(default=None, ge=1, le=10_000_000)
    answers: dict[Question, Answer] | None = None
    """Of a questionnaire: all questions or none."""


class OpenEvent(BaseModel):
    """An alarm or SOS the patient may follow; never a diagnosis."""

    alarm_id: int
    sos: bool
    steps: list[StepState]
    opened_at: AwareDatetime | None = None
    """When somebody of the staff first took it up; it stays when that expires."""
    opened_by: str = ""


class VitalLimits(BaseModel):
    """Beyond these the clinic is told of a measurement; set by the physician."""

    systolic_low_mmhg: float
    systolic_high_mmhg: float
    spo2_low_pct: float
    glucose_low_mmol_l: float
    glucose_high_mmol_l: float
    weight_gain_kg: float
    """Gained within three days."""


class Home(BaseModel):
    """Everything the home screen needs from the clinic, in one answer."""

    server_at: AwareDatetime
    patient_name: str
    monitored: bool
    """Samples are fresh at the clinic and somebody is on duty."""
    last_sample_at: AwareDatetime | None
    tasks: list[PatientTask]
    unread: int
    events: list[OpenEvent]
    contacts: list[Contact]
    due_on: str
    returned: bool
    medicines: str = ""
    """As the clinic wrote them, one after the other with ``;`` between."""
    limits: VitalLimits | None = None
    """None from a clinic of an older version."""


class PhoneReport(BaseModel):
    """How the phone and the patch are; sent every 15 s and on change."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime
    battery_pct: int | None = Field(default=None, ge=0, le=100)
    phone_battery_pct: int | None = Field(default=None, ge=0, le=100)
    leads_on: list[bool] | None = Field(default=None, max_length=12)
    link: str = Field(max_length=32)
    """A `sensors.frames.LinkReason`."""
    queue_segments: int = Field(ge=0, le=10_000_000)
    oldest_unsent_at: AwareDatetime | None = None
    app_version: str = Field(default="", max_length=32)


class Place(BaseModel):
    """Where the phone is, as far as it knows; only with consent."""

    model_config = ConfigDict(extra="forbid")

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    accuracy_m: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    """WGS 84, and how far off it may be."""


class Sos(BaseModel):
    """The one button."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(min_length=8, max_length=64)
    """Made by the phone: sending twice raises one alarm."""
    pressed_at: AwareDatetime
    recording_id: str | None = Field(default=None, max_length=36)
    sample: int | None = Field(default=None, ge=0, le=2**53)
    symptoms: list[
        Literal["chest_pain", "dyspnoea", "dizzy", "syncope", "palpitations", "other"]
    ] = Field(default_factory=list, max_length=6)
    place: Place | None = None


class FamilyLinkCreate(BaseModel):
    """The patient lets a relative look."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(min_length=1, max_length=40)
    level: int = Field(default=1, ge=1, le=3)
    days: int = Field(default=30, ge=1, le=90)
    pin: str | None = Field(default=None, pattern="^[0-9]{6}$")
    """Six figures the relative must type once per phone; None: the link alone opens it."""


class FamilyLinkView(BaseModel):
    """One relative's link as the patient sees it."""

    id: int
    label: str
    level: int
    created_at: AwareDatetime
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None
    views: int
    last_view_at: AwareDatetime | None
    has_pin: bool = False
    locked_until: AwareDatetime | None = None
    """Too many wrong PINs: nobody new gets in before this."""
    printed: bool = False
    """On the discharge sheet or wristband: first level until the patient raises it."""
    url: str | None = None
    """Only in the answer that created it: afterwards nobody can read it again."""


class FamilyLevel(BaseModel):
    """How much a relative sees from now on."""

    model_config = ConfigDict(extra="forbid")

    level: int = Field(ge=1, le=3)


class FamilyLook(BaseModel):
    """Somebody opened a family page."""

    at: AwareDatetime
    network: str
    """Half of the address they came from."""
    phone: int
    """The same number is the same kind of phone and browser, counted from 1."""
