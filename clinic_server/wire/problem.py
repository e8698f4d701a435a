"""A refusal on the wire (RFC 9457), with a code a program can act on."""

from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What was refused and why, in the caller's language."""

    code: str
    """Stable, for example ``devices.already_issued``."""
    status: int
    title: str
    """One sentence in the language of ``Accept-Language``."""
    params: dict[str, str]
