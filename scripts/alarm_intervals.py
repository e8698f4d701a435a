"""Annotated beats through the rhythm trackers and the rules, where there is no signal."""

from pathlib import Path
from typing import Any

from alarm_truth import BEATS

from analytics import live_rhythm
from analytics.live_items import BEAT_LOOK_AHEAD_S
from analytics.live_trackers import BeatItem, Trackers
from analytics.records import read_annotations, record_header
from analytics.types import Beat, LiveEvent
from analytics.vocabulary import Aami
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.rules import evaluate, start_rules

AT_ONCE = 200
"""Beats whose events are judged together."""


def beat_alarms(place: Path) -> dict[str, Any]:
    """Give annotated beats to the trackers and the rules, as if they had been found."""
    notes = read_annotations(place, "atr")
    header = record_header(place)
    fs = float(header.fs if header is not None else notes.fs or 0.0)
    trackers = live_rhythm.begin(Trackers(fs), 0)
    rules = start_rules(fs)
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    events: list[LiveEvent] = []
    before: int | None = None
    for sample, symbol in zip(notes.sample.tolist(), notes.symbol, strict=True):
        if symbol not in BEATS:
            continue
        item = _beat_item(int(sample), symbol, before, fs)
        before = item.sample
        trackers, told = live_rhythm.feed(trackers, item)
        beat = Beat(
            item.sample, item.aami, item.confidence, item.rr_ms, item.wide, item.usable
        )
        events += [beat, *told]
        if len(events) >= AT_ONCE:
            rules, candidates = evaluate(rules, events)
            _keep(found, candidates, fs)
            events = []
    _, candidates = evaluate(rules, events)
    _keep(found, candidates, fs)
    return {
        "fs": fs,
        "duration_s": float(notes.sample.max()) / fs,
        "lead": "",
        "alarms": list(found.values()),
    }


def _keep(
    found: dict[tuple[str, str, int], dict[str, Any]],
    candidates: tuple[Candidate, ...],
    fs: float,
) -> None:
    for one in candidates:
        key = (one.rule, one.code, one.onset_sample)
        if one.phase == "raised":
            found[key] = {
                "rule": one.rule,
                "tier": one.tier.value,
                "code": one.code,
                "onset_s": round(one.onset_sample / fs, 3),
                "raised_s": round(one.decided_sample / fs, 3),
                "end_s": None,
            }
        if one.offset_sample is not None and key in found:
            found[key]["end_s"] = round(one.offset_sample / fs, 3)


def _beat_item(sample: int, symbol: str, before: int | None, fs: float) -> BeatItem:
    ventricular, early = symbol in "VEr", symbol in "AaJS"
    kind = Aami.V if ventricular else Aami.S if early else Aami.N
    rr_ms = None if before is None else 1000.0 * (sample - before) / fs
    return BeatItem(
        sample=sample,
        aami=kind,
        rr_ms=rr_ms,
        rr_quiet=True,
        usable=True,
        wide=ventricular,
        contact=1.0,
        flat=0.0,
        confidence=1.0,
        known=sample + round(BEAT_LOOK_AHEAD_S * fs),
    )
