"""Alarms against annotated events: true, false, missed, and how late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alarm_truth import Event

BEFORE_S, AFTER_S = 5.0, 30.0
"""An alarm belongs to an event when its onset lies this much around it."""
TOLD_S = 60.0
"""A missed event that begins this soon after an Emergency: somebody has been called."""


@dataclass
class Tally:
    """Counts of one rule."""

    true: int = 0
    false: int = 0
    events: int = 0
    missed: int = 0
    delays_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


ACCEPTS: Mapping[str, frozenset[str]] = {
    "E1 vf": frozenset({"VF", "VT", "VT_LABEL"}),
    "E1 asystole": frozenset({"ASYS", "PAUSE_E"}),
    "E2 vt": frozenset({"VT", "VT_LABEL", "VF"}),
    "E2 pvt": frozenset({"VT", "VT_LABEL", "VF"}),
    "E3 pause": frozenset({"PAUSE_E", "PAUSE_U", "ASYS"}),
    "E4 brady": frozenset({"BRADY_E"}),
    "E6 svt_fast": frozenset({"TACHY_E", "VT", "VT_LABEL", "VF"}),
    "E7 preexcited_af": frozenset(),
    "U1 nsvt": frozenset({"VT", "VT_LABEL", "VF", "NSVT"}),
    "U2 af_new": frozenset({"AF"}),
    "U3 af_fast": frozenset({"AF"}),
    "U4 pause": frozenset({"PAUSE_U", "PAUSE_E", "ASYS"}),
    "U5 brady": frozenset({"BRADY_U", "BRADY_E"}),
    "U6 tachy": frozenset({"TACHY_U", "TACHY_E", "VT", "VT_LABEL", "VF"}),
    "U10 pvc_burst": frozenset({"PVC"}),
    "U10 couplets": frozenset({"COUPLETS", "NSVT", "VT"}),
    "D1 af_again": frozenset({"AF"}),
}
"""Which annotated events make an alarm true. A ventricular tachycardia called fibrillation
(or the reverse) calls the right people: it counts as true and is told in the text."""
WANTED: Mapping[str, tuple[str, ...]] = {
    "VF": ("E1 vf", "E2 vt", "E2 pvt", "U1 nsvt"),
    "VT": ("E2 vt", "E2 pvt", "E1 vf"),
    "VT_LABEL": ("E2 vt", "E2 pvt", "E1 vf", "U1 nsvt"),
    "NSVT": ("U1 nsvt", "E2 vt", "E1 vf"),
    "ASYS": ("E1 asystole", "E3 pause"),
    "PAUSE_E": ("E3 pause", "E1 asystole"),
    "PAUSE_U": ("U4 pause", "E3 pause", "E1 asystole"),
    "AF": ("U2 af_new", "D1 af_again"),
    "BRADY_E": ("E4 brady",),
    "BRADY_U": ("U5 brady", "E4 brady"),
    "TACHY_E": ("E6 svt_fast", "E2 vt", "E1 vf"),
    "TACHY_U": ("U6 tachy", "E6 svt_fast", "E2 vt", "E1 vf"),
    "PVC": ("U10 pvc_burst",),
    "COUPLETS": ("U10 couplets",),
}
"""Which alarms an annotated event asks for, any of them."""


def name_of(alarm: Mapping[str, Any]) -> str:
    """Name a row of the table."""
    return f"{alarm['rule']} {alarm['code'].removeprefix('alarms.')}"


def judge(
    record: str,
    alarms: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    annotated: bool,
    tallies: dict[str, Tally],
    by_event: dict[str, Tally],
) -> None:
    """Compare one record's alarms with its events."""
    rhythm_rules = ("E1", "E2", "U2")
    for alarm in alarms:
        name = name_of(alarm)
        if name not in ACCEPTS or (not annotated and alarm["rule"] not in rhythm_rules):
            continue
        tally = tallies.setdefault(name, Tally())
        end = alarm["end_s"] or alarm["raised_s"]
        hits = [
            e
            for e in events
            if e.kind in ACCEPTS[name]
            and alarm["onset_s"] < e.end_s + AFTER_S
            and end > e.onset_s - BEFORE_S
        ]
        if hits:
            tally.true += 1
        else:
            tally.false += 1
            tally.wrong.append(f"{record} {alarm['onset_s']:.0f} s")
    for event in events:
        wanted = WANTED.get(event.kind)
        if wanted is None:
            continue
        tally = by_event.setdefault(event.kind, Tally())
        tally.events += 1
        raised = [
            a["raised_s"]
            for a in alarms
            if name_of(a) in wanted
            and a["onset_s"] < event.end_s + AFTER_S
            and (a["end_s"] or a["raised_s"]) > event.onset_s - BEFORE_S
        ]
        if raised:
            tally.delays_s.append(max(0.0, min(raised) - event.needed_s))
        else:
            tally.missed += 1
            tally.lost.append(f"{record} {event.onset_s:.0f} s" + _told(event, alarms))


def _told(event: Event, alarms: Sequence[Mapping[str, Any]]) -> str:
    """Say which Emergency had been raised already when an event was missed."""
    before = [
        a
        for a in alarms
        if a["tier"] == "E"
        and a["onset_s"] < event.end_s
        and (a["end_s"] or a["raised_s"]) > event.onset_s - TOLD_S
    ]
    if not before:
        return ""
    return f" (after {name_of(before[-1])} at {before[-1]['onset_s']:.0f} s)"
