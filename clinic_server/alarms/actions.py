"""What can happen to an alarm, and what is written down of it; see `machine`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clinic_server.alarms.models import Adjudication


@dataclass(frozen=True, slots=True)
class Change:
    """One row to append: what happened, by whom."""

    kind: str
    actor_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Time has passed: expire, wake, escalate by at most one step."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person takes responsibility; ``minutes`` may only shorten the tier's time.

    Somebody else's acknowledgement is taken over only by naming its holder: two who press
    at once do not take it from each other.
    """

    by: int
    minutes: int | None = None
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Responsibility is offered to ``to``, who must acknowledge in turn.

    What nobody holds is offered beside the escalation, never instead of it: offering it
    again and again postpones nobody's call.
    """

    by: int
    to: int


@dataclass(frozen=True, slots=True)
class Snooze:
    """No reminders for this rule and patient until then; never for an Emergency."""

    by: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Decide:
    """An opinion is written and sent to the patient."""

    by: int
    opinion: str
    advice_id: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The patient has opened the answer."""

    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """The condition is gone."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same rule fired again within its re-arm time; ``worse`` re-opens.

    What was acknowledged, decided or closed was judged by what was known then.
    """

    detail: Mapping[str, Any]
    worse: bool = False


@dataclass(frozen=True, slots=True)
class Adjudicate:
    """A person says what it was."""

    by: int
    finding: Adjudication


@dataclass(frozen=True, slots=True)
class Close:
    """A person ends it."""

    by: int
    outcome: str
    patient_reached: bool | None = None


Action = (
    Sweep
    | Acknowledge
    | HandOver
    | Snooze
    | Decide
    | Read
    | Clear
    | Repeat
    | Adjudicate
    | Close
)
