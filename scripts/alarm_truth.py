"""What the annotations of a record say happened: events that rules ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analytics.records import read_annotations
from analytics.records_types import RecordAnnotations

BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")


@dataclass(frozen=True)
class Event:
    """Something the annotations say happened."""

    kind: str
    onset_s: float
    end_s: float
    needed_s: float
    """When the rule's own duration was over: the earliest moment to raise it."""


def rhythm_events(notes: RecordAnnotations, fs: float, end_s: float) -> list[Event]:
    """Episodes the annotators drew."""
    marks = [
        (s / fs, aux.strip("\x00 ").lstrip("("))
        for s, symbol, aux in zip(notes.sample, notes.symbol, notes.aux, strict=True)
        if symbol == "+" and aux.strip("\x00 ")
    ]
    names = {
        "VF": "VF",
        "VFIB": "VF",
        "VFL": "VF",
        "VT": "VT_LABEL",
        "ASYS": "ASYS",
        "AFIB": "AF",
        "AFL": "AF",
    }
    least = {"VF": 3.0, "VT_LABEL": 3.0, "ASYS": 6.0, "AF": 30.0}
    found: list[Event] = []
    for i, (onset, label) in enumerate(marks):
        kind = names.get(label)
        end = marks[i + 1][0] if i + 1 < len(marks) else end_s
        if kind is None or end - onset < least[kind]:
            continue
        found.append(Event(kind, onset, end, onset + least[kind]))
    opened = None
    for sample, symbol in zip(notes.sample, notes.symbol, strict=True):
        if symbol == "[":
            opened = sample / fs
        elif symbol == "]" and opened is not None:
            if not any(e.kind == "VF" and e.onset_s - 5 < opened < e.end_s for e in found):
                found.append(Event("VF", opened, sample / fs, opened + 3.0))
            opened = None
    return found


def beat_events(times: Sequence[float], kinds: Sequence[str]) -> list[Event]:
    """Events that follow from annotated beats."""
    seconds = np.array(times)
    if len(seconds) < 20:
        return []
    rr = np.diff(seconds)
    found: list[Event] = []
    for i in np.flatnonzero(rr >= 3.0):
        kind = "PAUSE_E" if rr[i] >= 4.0 else "PAUSE_U"
        found.append(Event(kind, seconds[i], seconds[i + 1], seconds[i + 1]))
    found += _runs(seconds, kinds)
    for kind, window, low, high in (
        ("BRADY_E", 60.0, 0.0, 35.0),
        ("BRADY_U", 60.0, 35.0, 40.0),
        ("TACHY_U", 60.0, 150.0, 1000.0),
        ("TACHY_E", 30.0, 180.0, 1000.0),
    ):
        found += _rates(seconds, kind, window, low, high)
    ventricular = seconds[[k in ("V", "E") for k in kinds]]
    found += _dense(ventricular)
    return found


def _in_fibrillation(event: Event, lethal: Sequence[Event]) -> bool:
    """In fibrillation there are no beats to count pauses between, nor a rate."""
    return any(e.onset_s < event.end_s + 5 and e.end_s > event.onset_s - 5 for e in lethal)


def _runs(seconds: Any, kinds: Sequence[str]) -> list[Event]:
    found: list[Event] = []
    couplets: list[float] = []
    start = 0
    while start < len(kinds):
        if kinds[start] not in ("V", "E"):
            start += 1
            continue
        end = start
        while end + 1 < len(kinds) and kinds[end + 1] in ("V", "E"):
            end += 1
        n = end - start + 1
        duration = float(seconds[end] - seconds[start])
        rate = 60 * (n - 1) / duration if duration else 0.0
        onset, last = float(seconds[start]), float(seconds[end])
        if n >= 4 and rate >= 100:
            serious = (n >= 10 and rate >= 150) or duration >= 30
            kind = "VT" if serious else "NSVT"
            found.append(Event(kind, onset, last, last))
        if n == 2:
            couplets.append(last)
            if sum(last - c < 3600 for c in couplets) == 3:
                found.append(Event("COUPLETS", couplets[-3], last, last))
        start = end + 1
    return found


def _rates(seconds: Any, kind: str, window: float, low: float, high: float) -> list[Event]:
    found: list[Event] = []
    for i in range(len(seconds)):
        first = int(np.searchsorted(seconds, seconds[i] - window))
        span = seconds[i] - seconds[first]
        if span < 0.9 * window:
            continue
        rate = 60 * (i - first) / span
        if not low < rate <= high:
            continue
        onset, end = float(seconds[first]), float(seconds[i])
        if found and onset <= found[-1].end_s:
            before = found.pop()
            found.append(Event(kind, before.onset_s, end, before.needed_s))
        else:
            found.append(Event(kind, onset, end, end))
    return found


def _dense(ventricular: Any) -> list[Event]:
    found: list[Event] = []
    for i in range(len(ventricular)):
        first = int(np.searchsorted(ventricular, ventricular[i] - 300.0))
        if i - first + 1 <= 40:
            continue
        onset, end = float(ventricular[first]), float(ventricular[i])
        if found and onset <= found[-1].end_s:
            before = found.pop()
            found.append(Event("PVC", before.onset_s, end, before.needed_s))
        else:
            found.append(Event("PVC", onset, end, end))
    return found


def truth(place: Path, fs: float, duration_s: float) -> tuple[list[Event], bool]:
    """Read what happened; also say whether single beats are annotated."""
    notes = read_annotations(place, "atr")
    scale = fs if notes.fs is None else notes.fs
    beats = [
        (s / scale, symbol)
        for s, symbol in zip(notes.sample, notes.symbol, strict=True)
        if symbol in BEATS
    ]
    found = rhythm_events(notes, scale, duration_s)
    annotated = len(beats) > duration_s / 4
    if annotated:
        # a run is judged by its beats where there are any, by its label where not
        found = [e for e in found if e.kind != "VT_LABEL"]
        times, kinds = [t for t, _ in beats], [k for _, k in beats]
        lethal = [e for e in found if e.kind in ("VF", "ASYS")]
        for event in beat_events(times, kinds):
            if not _in_fibrillation(event, lethal):
                found.append(event)
    return found, annotated
