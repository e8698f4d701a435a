"""The default rules on the live stream: events in, candidates out, nothing else.

`evaluate` is a pure function of its state and the events in their order. The state is
plain JSON, bounded, and is stored in the transaction that moves the analysis' cursor: a
replay after a crash starts from exactly what was raised.

Rules here: E1 to E9, U1 to U11, D1, T2; what a rule cannot be fed with on a unit stands in
`catalogue.NOT_ASSESSED`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.types import Beat, EpisodeEvent, LiveEvent, Pulse, QualityWindow, Waves
from clinic_server.alarms import (
    rules_beats,
    rules_episodes,
    rules_quality,
    rules_rate,
    rules_runs,
    rules_waves,
)
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.rules_work import Context, Work

VERSION = 2


@dataclass(frozen=True, slots=True)
class RuleState:
    """What the rules remember of one recording.

    Attributes
    ----------
    fs : float
        Hz.
    limits : Limits
        Thresholds in force; not part of the memory, so that a change holds at once.
    memory : mapping
        JSON: open conditions, recent beats, counters.
    """

    fs: float
    limits: Limits
    memory: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give what `restore_rules` takes."""
        return {"v": VERSION, "fs": self.fs, "memory": dict(self.memory)}


def start_rules(fs: float, limits: Limits | None = None) -> RuleState:
    """Begin with no memory.

    Parameters
    ----------
    fs : float
        Hz.
    limits : Limits, optional
        Default: the shipped thresholds.
    """
    return RuleState(fs, limits or Limits())


def restore_rules(
    stored: Mapping[str, Any], fs: float, limits: Limits | None = None
) -> RuleState:
    """Go on from a stored state; one of another version or rate begins anew."""
    if stored.get("v") != VERSION or stored.get("fs") != fs:
        return start_rules(fs, limits)
    return RuleState(fs, limits or Limits(), stored.get("memory", {}))


def evaluate(
    state: RuleState, events: Sequence[LiveEvent], context: Context | None = None
) -> tuple[RuleState, tuple[Candidate, ...]]:
    """Take events in their order and say which conditions begin, grow and end.

    Parameters
    ----------
    state : RuleState
    events : sequence of LiveEvent
        As `analytics.live.step` gives them.
    context : Context, optional
        What is known of the patient and the hour.

    Returns
    -------
    state : RuleState
    candidates : tuple of Candidate
        In the order of their events.
    """
    if not events:
        return state, ()
    work = Work(
        fs=state.fs,
        limits=state.limits,
        context=context or Context(),
        memory=_copied(state.memory),
    )
    for event in events:
        if isinstance(event, Beat):
            if not work.is_new_beat(event.sample):
                continue
            work.end_doubtful(event.sample)
            rules_runs.run(work, event)
            rules_beats.beat(work, event)
        elif isinstance(event, EpisodeEvent):
            rules_episodes.episode(work, event)
        elif isinstance(event, QualityWindow):
            rules_quality.window(work, event)
        elif isinstance(event, Pulse):
            rules_rate.pulse(work, event)
        elif isinstance(event, Waves):
            rules_waves.waves(work, event)
    return RuleState(state.fs, state.limits, work.memory), tuple(work.found)


def _copied(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the memory through its own text: five times as fast as `copy.deepcopy`."""
    copied: dict[str, Any] = json.loads(json.dumps(dict(memory)))
    return copied


def doubt(state: RuleState, sample: int) -> RuleState:
    """Mark running conditions as unconfirmed: the analysis was started anew.

    One that no event confirms within a minute of signal is ended, so that a condition
    whose end was lost with a crash does not run for ever.
    """
    memory = _copied(state.memory)
    for running in memory.get("open", {}).values():
        running["doubt"] = int(sample)
    return RuleState(state.fs, state.limits, memory)
