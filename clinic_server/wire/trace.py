"""Who looked at the wearer's data, and what a relative did on the wearer's phone."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Deed(StrEnum):
    """What was done, in words a wearer knows."""

    LOOKED = "looked"
    """Opened the file or the ECG."""
    EMERGENCY = "emergency"
    """Somebody from outside the care team opened the file, with a reason."""
    ALARM = "alarm"
    REPORT = "report"
    CONSULT = "consult"
    PLAN = "plan"
    REHAB = "rehab"
    DEVICE = "device"
    FAMILY = "family"
    RECORD = "record"
    """Changed what is written about the person."""
    EXPORTED = "exported"
    """Printed it, or took a copy out of the system."""
    HELPED = "helped"
    """On the wearer's own phone."""
    OTHER = "other"


class Trace(BaseModel):
    """One person did one kind of thing; repeats within an hour are one line."""

    at: AwareDatetime
    """The last time."""
    who: str
    """Name of whoever treats the wearer or helped; empty for those who run the system."""
    role: Literal["physician", "nurse", "technician", "admin", "helper"]
    deed: Deed
    times: int


class HelperAct(StrEnum):
    """What a helper can do for the wearer; agreeing to something is not among it."""

    READ = "read"
    DONE = "done"
    DIARY = "diary"
    REHAB = "rehab"
    CONSULT = "consult"
    SOS = "sos"


class HelperNote(BaseModel):
    """A relative did something on the wearer's phone."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    client_id: str = Field(min_length=8, max_length=64)
    """Made by the phone: sending twice notes it once."""
    helper: Annotated[str, Field(min_length=1, max_length=40)]
    act: HelperAct
    at: AwareDatetime
