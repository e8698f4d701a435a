"""What a rule says about a recording, before there is an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clinic_server.alarms.models import AlarmKind, Tier


@dataclass(frozen=True, slots=True)
class Candidate:
    """A condition was found, has grown, or has ended.

    ``rule``, ``code`` and ``onset_sample`` identify it: all its phases carry the same.

    Attributes
    ----------
    params : mapping
        Measured numbers for the sentence: ``beats``, ``rate_bpm``, ``rr_ms`` …
    evidence : mapping
        Everything the decision rested on, for "why it fired"; ``severity`` (higher is
        worse, comparable within one rule) decides whether a repeat re-opens.
    decided_sample : int
        Last sample that was needed.
    """

    phase: Literal["raised", "updated", "cleared"]
    rule: str
    tier: Tier
    kind: AlarmKind
    code: str
    onset_sample: int
    decided_sample: int
    latching: bool
    offset_sample: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
