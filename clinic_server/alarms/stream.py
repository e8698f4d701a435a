"""Samples in, events and candidates out: the one path, live and in replay.

A value: `advance` leaves what it was given as it was, so that a step whose commit failed
is simply taken again.
"""

from dataclasses import dataclass
from typing import Any

from analytics import live
from analytics.live import LiveState
from analytics.types import Block, LiveEvent
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.rules import RuleState, doubt, evaluate, restore_rules
from clinic_server.alarms.rules_work import Context

WARM_S = 60.0
"""Signal that is analysed again, silently, before a stream goes on after a restart."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Analysis and rules of one recording."""

    live: LiveState
    rules: RuleState


Answer = tuple[Stream, tuple[LiveEvent, ...], tuple[Candidate, ...]]


def start(
    fs: float,
    limits: Limits,
    stored: dict[str, Any] | None = None,
    *,
    n_leads: int = 1,
    measures_contact: bool = True,
) -> Stream:
    """Begin, or go on with a stored memory of the rules.

    Parameters
    ----------
    fs : float
        Hz.
    limits : Limits
    stored : dict, optional
        Of `RuleState.to_json`.
    n_leads : int
        Columns of every block. Beats are taken from the first, ST from all.
    measures_contact : bool
        False: that a block claims no contact says nothing.
    """
    begun = live.start(fs, n_leads=n_leads, measures_contact=measures_contact)
    return Stream(begun, restore_rules(stored or {}, fs, limits))


def warm(stream: Stream, blocks: list[Block]) -> Stream:
    """Show the analysis signal it has seen before; nothing is said about it again.

    Conditions that ran before are doubted until the analysis confirms them.
    """
    state = stream.live
    for block in blocks:
        state, _ = live.step(state, block)
    end = blocks[-1].first_sample + len(blocks[-1].ecg_mv) if blocks else 0
    return Stream(state, doubt(stream.rules, end))


def advance(stream: Stream, block: Block, context: Context) -> Answer:
    """Take one block.

    Returns
    -------
    stream : Stream
    events : tuple of LiveEvent
    candidates : tuple of Candidate
    """
    state, events = live.step(stream.live, block)
    rules, candidates = evaluate(stream.rules, events, context)
    return Stream(state, rules), events, candidates


def finish(stream: Stream, context: Context) -> Answer:
    """End the recording: decide with what there is."""
    state, events = live.finish(stream.live)
    rules, candidates = evaluate(stream.rules, events, context)
    return Stream(state, rules), events, candidates
