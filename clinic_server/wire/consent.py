"""What the wearer agreed to, purpose by purpose; each can be taken back."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Purpose(StrEnum):
    """Each is asked alone; none is tied to another."""

    CARE = "care"
    FAMILY = "family"
    TEACHING = "teaching"
    RESEARCH = "research"
    LOCATION = "location"


TEXT_VERSION = 2
"""Version of the words the app shows; raised whenever their meaning changes."""
Version = Annotated[int, Field(ge=1, le=10_000)]


class ConsentDecision(BaseModel):
    """Yes or no to one purpose, in the words of one version."""

    model_config = ConfigDict(extra="forbid")

    purpose: Purpose
    granted: bool
    version: Version
    decided_at: AwareDatetime


class ConsentPut(BaseModel):
    """Decisions, oldest first; repeating them changes nothing."""

    model_config = ConfigDict(extra="forbid")

    decisions: list[ConsentDecision] = Field(min_length=1, max_length=50)


class ConsentState(BaseModel):
    """Where one purpose stands."""

    purpose: Purpose
    granted: bool | None
    """None: not asked yet, which counts as no."""
    version: int | None
    """Of the words that were agreed to."""
    decided_at: AwareDatetime | None
