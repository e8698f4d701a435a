"""A phone becomes the phone of one loan, by the single-use code from the desk."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clinic_server.wire.care import Contact


class EnrolRequest(BaseModel):
    """What the phone sends."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=4, max_length=64)
    """As typed: spaces, dashes and case do not matter."""
    phone_name: str = Field(default="", max_length=80)
    app_version: str = Field(default="", max_length=32)
    locale: str = Field(default="zh_CN", max_length=8)


class IssuedUnit(BaseModel):
    """The unit the phone must find; any other is refused."""

    serial: str
    model: str
    lead_names: list[str]
    fs_hz: float
    due_on: str
    """ISO date."""


class EnrolResponse(BaseModel):
    """What the phone keeps."""

    token: str
    """Bearer token of this loan; only its hash is stored at the clinic."""
    issue_id: int
    patient_name: str
    locale: str
    unit: IssuedUnit
    contacts: list[Contact]
    server_at: AwareDatetime
