"""The life of one alarm as a pure function: `apply(state, action, now)`.

Clearing belongs to the condition, acknowledging to a person; neither implies the other.
An acknowledgement is of *this* alarm and expires. A physiological alarm is closed only by
a person; a technical one that does not latch closes itself on recovery. Escalation gives
each step its own time from the moment that step was taken, so that nobody is skipped when
the server was down in between, and nobody is called early.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import Any

from clinic_server.alarms.actions import (
    Acknowledge,
    Action,
    Adjudicate,
    Change,
    Clear,
    Close,
    Decide,
    HandOver,
    Read,
    Repeat,
    Snooze,
    Sweep,
)
from clinic_server.alarms.models import Adjudication, AlarmKind, Tier
from clinic_server.errors import Conflict, Unprocessable

__all__ = [
    "ACK_MINUTES",
    "FALSE_FINDINGS",
    "HAND_OVER_S",
    "MAX_SNOOZE",
    "NOT_REACHED",
    "Acknowledge",
    "Action",
    "Adjudicate",
    "AlarmState",
    "Answer",
    "Change",
    "Clear",
    "Close",
    "Decide",
    "HandOver",
    "Read",
    "Repeat",
    "Snooze",
    "Sweep",
    "apply",
    "is_acknowledged",
    "is_handled",
]

ACK_MINUTES = {Tier.EMERGENCY: 15, Tier.URGENT: 4 * 60, Tier.DAILY: 24 * 60}
"""How long an acknowledgement holds, by tier; a shorter time may be asked for."""
HAND_OVER_S = {Tier.EMERGENCY: 120, Tier.URGENT: 1800, Tier.DAILY: 86400}
"""How long the receiver of a hand-over has before escalation starts again."""
NOT_REACHED = "not_reached"
"""Outcome of an Emergency whose patient could not be spoken to."""
MAX_SNOOZE = timedelta(hours=24)
FALSE_FINDINGS = frozenset({Adjudication.ECTOPY, Adjudication.NOISE, Adjudication.T_WAVE})


@dataclass(frozen=True, slots=True)
class AlarmState:
    """What decides; the columns of `Alarm` of the same names."""

    tier: Tier
    kind: AlarmKind
    latching: bool
    policy: tuple[Mapping[str, Any], ...]
    """Steps with ``after_s`` from the raising, in order; the last may ``repeat_s``."""
    raised_at: datetime
    notified_step: int = 0
    next_step_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: int | None = None
    ack_until: datetime | None = None
    snoozed_until: datetime | None = None
    decided_at: datetime | None = None
    decided_by: int | None = None
    answered_at: datetime | None = None
    read_at: datetime | None = None
    cleared_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: int | None = None
    outcome: str = ""
    adjudication: Adjudication | None = None
    adjudicated_by: int | None = None
    adjudicated_at: datetime | None = None
    repeats: int = 1


Answer = tuple[AlarmState, tuple[Change, ...]]


def is_acknowledged(state: AlarmState, now: datetime) -> bool:
    """Say whether somebody holds responsibility at ``now``."""
    return state.ack_until is not None and state.ack_until > now


def is_handled(state: AlarmState) -> bool:
    """Say whether escalation has nothing left to do."""
    return state.closed_at is not None or state.decided_at is not None


def apply(state: AlarmState, action: Action, now: datetime) -> Answer:
    """Take one action.

    Parameters
    ----------
    state : AlarmState
    action : Action
    now : datetime
        Aware UTC.

    Returns
    -------
    state : AlarmState
        The new one; equal to the old when nothing changed.
    changes : tuple of Change
        What to append to the log, in order.

    Raises
    ------
    Conflict
        The state forbids it: ``alarms.closed``, ``alarms.already_acknowledged``,
        ``alarms.already_decided``,
        ``alarms.close_needs_decision``, ``alarms.close_needs_reached``.
    Unprocessable
        ``alarms.no_snooze_emergency``, ``alarms.snooze_too_long``,
        ``alarms.minutes_not_allowed``.
    """
    return _apply(action, state, now)


@singledispatch
def _apply(action: Action, state: AlarmState, now: datetime) -> Answer:
    raise TypeError(type(action).__name__)


def _refuse_closed(state: AlarmState) -> None:
    if state.closed_at is not None:
        raise Conflict("alarms.closed")


@_apply.register
def _(action: Sweep, state: AlarmState, now: datetime) -> Answer:
    if is_handled(state):
        return state, ()
    changes: list[Change] = []
    state = _shorten(state, now)
    if state.ack_until is not None and state.ack_until <= now:
        changes.append(Change("ack_expired", None, {"by": state.acknowledged_by}))
        state = replace(
            state,
            acknowledged_at=None,
            acknowledged_by=None,
            ack_until=None,
            notified_step=0,
            next_step_at=now if state.policy else None,
        )
    if state.snoozed_until is not None and state.snoozed_until <= now:
        changes.append(Change("snooze_ended"))
        state = _awake(state, now)
    if state.ack_until is not None or state.snoozed_until is not None:
        return state, tuple(changes)
    state = _unstick(state, now)
    if state.next_step_at is not None and state.next_step_at <= now:
        state, notified = _step(state, now)
        changes.append(notified)
    return state, tuple(changes)


def _awake(state: AlarmState, now: datetime) -> AlarmState:
    """End a pause of reminders: the first are called again, nobody further on early."""
    due = now if state.policy and state.ack_until is None else None
    return replace(state, snoozed_until=None, notified_step=0, next_step_at=due)


def _shorten(state: AlarmState, now: datetime) -> AlarmState:
    """Keep an acknowledgement from outliving its tier's time when a clock is set back."""
    longest = now + timedelta(minutes=ACK_MINUTES[state.tier])
    if state.ack_until is not None and state.ack_until > longest:
        return replace(state, ack_until=longest)
    return state


def _gap_s(state: AlarmState) -> float:
    """Seconds from the step taken to the next one; 0 before the first."""
    taken, policy = state.notified_step, state.policy
    if taken == 0:
        return 0.0
    if taken < len(policy):
        return float(policy[taken]["after_s"]) - float(policy[taken - 1]["after_s"])
    return float(policy[-1].get("repeat_s", 0))


def _unstick(state: AlarmState, now: datetime) -> AlarmState:
    """Bring a due time back that lies further off than its step's own interval.

    That can only come from a clock that was set back: without this the next person would
    be called an hour late.
    """
    if state.next_step_at is None:
        return state
    longest = timedelta(seconds=max(_gap_s(state), HAND_OVER_S[state.tier]))
    if state.next_step_at - now > longest:
        return replace(state, next_step_at=now + longest)
    return state


def _step(state: AlarmState, now: datetime) -> tuple[AlarmState, Change]:
    again = state.notified_step >= len(state.policy)
    step = len(state.policy) if again else state.notified_step + 1
    taken = replace(state, notified_step=step)
    gap_s = _gap_s(taken)
    due = now + timedelta(seconds=gap_s) if gap_s > 0 else None
    detail = {"step": step, "again": again, "to": list(state.policy[step - 1]["to"])}
    return replace(taken, next_step_at=due), Change("notified", None, detail)


@_apply.register
def _(action: Acknowledge, state: AlarmState, now: datetime) -> Answer:
    _refuse_closed(state)
    held = is_acknowledged(state, now) and state.acknowledged_by != action.by
    if held and state.acknowledged_by != action.instead_of:
        raise Conflict("alarms.already_acknowledged", by=state.acknowledged_by)
    longest = ACK_MINUTES[state.tier]
    minutes = longest if action.minutes is None else action.minutes
    if not 1 <= minutes <= longest:
        raise Unprocessable("alarms.minutes_not_allowed", longest=longest)
    until = now + timedelta(minutes=minutes)
    state = replace(
        state,
        acknowledged_at=state.acknowledged_at or now,
        acknowledged_by=action.by,
        ack_until=until,
        snoozed_until=None,
        next_step_at=None,
    )
    detail: dict[str, Any] = {"until": until.isoformat()}
    if held:
        detail["instead_of"] = action.instead_of
    return state, (Change("acknowledged", action.by, detail),)


@_apply.register
def _(action: HandOver, state: AlarmState, now: datetime) -> Answer:
    _refuse_closed(state)
    if is_acknowledged(state, now) and state.acknowledged_by != action.by:
        raise Conflict("alarms.already_acknowledged", by=state.acknowledged_by)
    handed = Change("handed_over", action.by, {"to": action.to})
    if state.ack_until is None and not is_handled(state):
        return state, (handed,)
    due = now + timedelta(seconds=HAND_OVER_S[state.tier])
    state = replace(
        state,
        acknowledged_at=None,
        acknowledged_by=None,
        ack_until=None,
        notified_step=0,
        next_step_at=due if state.policy and not is_handled(state) else None,
    )
    return state, (handed,)


@_apply.register
def _(action: Snooze, state: AlarmState, now: datetime) -> Answer:
    _refuse_closed(state)
    if state.tier is Tier.EMERGENCY:
        raise Unprocessable("alarms.no_snooze_emergency")
    if not now < action.until <= now + MAX_SNOOZE:
        raise Unprocessable("alarms.snooze_too_long", hours=24)
    state = replace(state, snoozed_until=action.until, next_step_at=None)
    return state, (Change("snoozed", action.by, {"until": action.until.isoformat()}),)


@_apply.register
def _(action: Decide, state: AlarmState, now: datetime) -> Answer:
    _refuse_closed(state)
    if state.decided_at is not None:
        # two at once, or a page that lost its answer: the patient gets one
        raise Conflict("alarms.already_decided", by=state.decided_by)
    state = replace(
        state,
        # deciding is taking responsibility: the decider acknowledges with it
        acknowledged_at=state.acknowledged_at or now,
        acknowledged_by=state.acknowledged_by or action.by,
        decided_at=now,
        decided_by=action.by,
        answered_at=now,
        read_at=None,
        next_step_at=None,
        snoozed_until=None,
    )
    detail = {"opinion": action.opinion, "advice_id": action.advice_id}
    return state, (
        Change("decided", action.by, {"opinion": action.opinion}),
        Change("advised", action.by, detail),
    )


@_apply.register
def _(action: Read, state: AlarmState, now: datetime) -> Answer:
    if state.answered_at is None:
        raise Conflict("alarms.not_answered")
    detail = {} if action.reply is None else {"reply": action.reply}
    if state.read_at is not None and not detail:
        return state, ()
    return replace(state, read_at=state.read_at or now), (Change("read", None, detail),)


@_apply.register
def _(action: Clear, state: AlarmState, now: datetime) -> Answer:
    if state.cleared_at is not None or state.closed_at is not None:
        return state, ()
    state = replace(state, cleared_at=action.at)
    changes = [Change("cleared", None, {"at": action.at.isoformat()})]
    if state.kind is AlarmKind.TECHNICAL and not state.latching:
        state = replace(state, closed_at=now, outcome="recovered", next_step_at=None)
        changes.append(Change("closed", None, {"outcome": "recovered"}))
    return state, tuple(changes)


@_apply.register
def _(action: Repeat, state: AlarmState, now: datetime) -> Answer:
    grouped = Change("grouped", None, dict(action.detail))
    state = replace(state, repeats=state.repeats + 1)
    if not action.worse:
        if state.closed_at is None:
            state = replace(state, cleared_at=None)
        return state, (grouped,)
    if not is_handled(state) and state.ack_until is None:
        state = replace(state, cleared_at=None)
        if state.snoozed_until is None:
            return state, (grouped,)
        # reminders were paused for what was known then
        state = _awake(state, now)
        return state, (grouped, Change("snooze_ended", None, dict(action.detail)))
    state = replace(
        state,
        cleared_at=None,
        closed_at=None,
        closed_by=None,
        outcome="",
        decided_at=None,
        decided_by=None,
        answered_at=None,
        read_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        ack_until=None,
        snoozed_until=None,
        notified_step=0,
        next_step_at=now if state.policy else None,
    )
    return state, (grouped, Change("reopened", None, dict(action.detail)))


@_apply.register
def _(action: Adjudicate, state: AlarmState, now: datetime) -> Answer:
    state = replace(
        state, adjudication=action.finding, adjudicated_by=action.by, adjudicated_at=now
    )
    return state, (Change("adjudicated", action.by, {"finding": action.finding.value}),)


@_apply.register
def _(action: Close, state: AlarmState, now: datetime) -> Answer:
    _refuse_closed(state)
    found_false = state.adjudication in FALSE_FINDINGS
    serious = state.kind is AlarmKind.PHYSIOLOGICAL and state.tier is not Tier.DAILY
    if serious and state.decided_at is None and not found_false:
        raise Conflict("alarms.close_needs_decision")
    reached = bool(action.patient_reached) or state.read_at is not None
    # that nobody could be reached is an answer too, where it is said as the outcome
    said = action.patient_reached is False and action.outcome == NOT_REACHED
    if serious and state.tier is Tier.EMERGENCY and not (reached or said or found_false):
        raise Conflict("alarms.close_needs_reached")
    state = replace(
        state,
        closed_at=now,
        closed_by=action.by,
        outcome=action.outcome,
        next_step_at=None,
        snoozed_until=None,
    )
    detail = {"outcome": action.outcome, "patient_reached": action.patient_reached}
    return state, (Change("closed", action.by, detail),)
