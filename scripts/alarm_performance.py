"""Measure the default rules on annotated records and write `docs/alarm-performance.md`.

``python scripts/alarm_performance.py FOLDER`` reads ``FOLDER/{mitdb,vfdb,…}``, replays the
first lead of every record through the code that runs live (`clinic_server.alarms.replay`),
compares what was raised with the annotations, and prints the page. Records without a
signal give their annotated beats to the rhythm trackers and the rules: that judges the
rules on intervals over days, not the detection. ``--keep FILE`` keeps the alarms of each
record so that a broken run goes on where it stopped; ``--events FOLDER`` keeps what the
analysis said of each, so that changed rules are judged without analysing it again (remove
the folder when the analysis has changed).
"""

import argparse
import json
import pickle
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from alarm_intervals import beat_alarms
from alarm_judge import Tally, judge, name_of
from alarm_truth import Event, truth

from analytics.records import read_record
from clinic_server.alarms.replay import heard, judged

DATABASES = ("mitdb", "vfdb", "cudb", "cpsc2021", "qtdb", "nstdb")
BEATS_ONLY = ("ltafdb", "ltdb")


NOTES = Path(__file__).with_name("alarm_performance_notes.md")
"""What a person wrote about the figures: how to read them, and why each is wrong."""


def events_of(place: Path, folder: Path | None, key: str) -> dict[str, Any]:
    """Give what the live analysis says of a record, or take what was kept of it."""
    store = None if folder is None else folder / f"{key.replace('/', '_')}.pickle"
    if store is not None and store.exists():
        said: dict[str, Any] = pickle.loads(store.read_bytes())  # noqa: S301 - our own file
        return said
    record = read_record(place)
    started = time.process_time()
    said = {
        "heard": list(heard(record.lead_mv(0), record.fs)),
        "cpu_s": time.process_time() - started,
        "fs": record.fs,
        "duration_s": record.n_samples / record.fs,
        "lead": record.lead_names[0],
    }
    if store is not None:
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_bytes(pickle.dumps(said))
    return said


def alarms_of(
    place: Path, kept: dict[str, Any], key: str, events: Path | None
) -> dict[str, Any]:
    """Replay a record, or take what was kept of it."""
    if key not in kept and key.split("/")[0] in BEATS_ONLY:
        kept[key] = beat_alarms(place)
    if key not in kept:
        said = events_of(place, events, key)
        found = judged(said["heard"], said["fs"])
        kept[key] = {name: said[name] for name in ("cpu_s", "fs", "duration_s", "lead")} | {
            "alarms": [
                {
                    "rule": a.rule,
                    "tier": a.tier,
                    "code": a.code,
                    "onset_s": a.onset_s,
                    "raised_s": a.raised_s,
                    "end_s": a.end_s,
                }
                for a in found
            ],
        }
    result: dict[str, Any] = kept[key]
    return result


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def page(rows: Iterable[str]) -> str:
    """Join lines."""
    return "\n".join(rows) + "\n"


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--of", default="", help="revision that was measured")
    parser.add_argument("--only", nargs="*", default=[*DATABASES, *BEATS_ONLY])
    args = parser.parse_args()
    kept: dict[str, Any] = {}
    if args.keep and args.keep.exists():
        kept = json.loads(args.keep.read_text("utf-8"))
    result = Result()
    for database in args.only:
        for header in sorted((args.folder / database).glob("*.hea")):
            place = header.with_suffix("")
            if not place.with_suffix(".atr").exists():
                continue
            key = f"{database}/{place.name}"
            one = alarms_of(place, kept, key, args.events)
            if args.keep:
                args.keep.write_text(json.dumps(kept), "utf-8")
            events, annotated = truth(place, one["fs"], one["duration_s"])
            result.add(key, one, events, annotated)
            print(key, len(one["alarms"]), file=sys.stderr, flush=True)
    sys.stdout.write(result.page(args.of))
    return 0


@dataclass
class Result:
    """Everything, summed up."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    by_event: dict[str, Tally] = field(default_factory=dict)
    hours: dict[str, float] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    with_h: float = 0.0
    without_h: float = 0.0
    calm_h: float = 0.0
    calm_false: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    signal_h: float = 0.0
    beats_h: float = 0.0
    af_h: float = 0.0
    by_interval: dict[str, Tally] = field(default_factory=dict)
    noise: dict[str, int] = field(default_factory=dict)

    def add(
        self, key: str, one: Mapping[str, Any], events: Sequence[Event], annotated: bool
    ) -> None:
        """Take one record."""
        database = key.split("/")[0]
        hours = one["duration_s"] / 3600
        self.hours[database] = self.hours.get(database, 0.0) + hours
        self.records[database] = self.records.get(database, 0) + 1
        if database in BEATS_ONLY:
            self._add_intervals(key, one, events)
            return
        self.signal_h += hours
        self.cpu_s += one.get("cpu_s", 0.0)
        if database == "nstdb":
            for alarm in one["alarms"]:
                if alarm["tier"] in ("E", "U"):
                    name = name_of(alarm)
                    self.noise[name] = self.noise.get(name, 0) + 1
            return
        judge(key, one["alarms"], events, annotated, self.tallies, self.by_event)
        if events:
            self.with_h += hours
        else:
            self.without_h += hours
        serious = {"VF", "VT", "VT_LABEL", "ASYS", "PAUSE_E", "BRADY_E", "TACHY_E"}
        if annotated and not any(e.kind in serious for e in events):
            self.calm_h += hours
            self.calm_false += [
                f"{key} {name_of(a)} {a['onset_s']:.0f} s"
                for a in one["alarms"]
                if a["tier"] == "E"
            ]

    def _add_intervals(
        self, key: str, one: Mapping[str, Any], events: Sequence[Event]
    ) -> None:
        """Judge AF where only beats are known: there other rules are their own truth."""
        self.beats_h += one["duration_s"] / 3600
        af = [e for e in events if e.kind == "AF"]
        self.af_h += sum(e.end_s - e.onset_s for e in af) / 3600
        alarms = [a for a in one["alarms"] if name_of(a) in ("U2 af_new", "D1 af_again")]
        found: dict[str, Tally] = {}
        judge(key, alarms, af, True, found, found)
        for name, tally in found.items():
            known = self.by_interval.setdefault(name, Tally())
            known.true += tally.true
            known.false += tally.false
            known.events += tally.events
            known.missed += tally.missed
            known.delays_s += tally.delays_s

    def page(self, revision: str) -> str:
        """Write the page."""
        total = sum(self.hours.values())
        per_day = 24 * len(self.calm_false) / self.calm_h if self.calm_h else 0.0
        rows = [
            "# What the default rules do on annotated ECG",
            "",
            "Written by `scripts/alarm_performance.py`; do not edit the tables by hand.",
            "First lead of every record, default thresholds, the code that runs live"
            + (f" (at {revision})." if revision else "."),
            "",
            "| database | records | hours |",
            "|---|---|---|",
        ]
        rows += [f"| {d} | {self.records[d]} | {h:.1f} |" for d, h in self.hours.items()]
        rows += [
            f"| together | {sum(self.records.values())} | {total:.1f} |",
            "",
            f"Signals: {self.signal_h:.1f} h; with at least one annotated event "
            f"{self.with_h:.1f} h, with none {self.without_h:.1f} h, the rest noise "
            "stress. "
            f"Beats without signals: {self.beats_h:.0f} h, of them {self.af_h:.0f} h in "
            "fibrillation.",
            "",
            f"**False Emergency events on records without any: {len(self.calm_false)} in "
            f"{self.calm_h:.1f} h = {per_day:.2f} per 24 h.**",
            "",
            f"Processor time: {self.cpu_s / max(self.signal_h, 1e-9):.0f} s per hour of "
            "signal, one thread, beside other work.",
            "",
            "## Alarms raised",
            "",
            "| rule | true | false | PPV % |",
            "|---|---|---|---|",
        ]
        for name, t in sorted(self.tallies.items(), key=lambda i: _order(i[0])):
            share = 100 * t.true / (t.true + t.false)
            rows.append(f"| {name} | {t.true} | {t.false} | {share:.0f} |")
        rows += [
            "",
            "## Events annotated",
            "",
            "Delay: from the moment the rule's own duration was over to the raised alarm.",
            "",
            "| event | annotated | missed | median delay s | p95 s |",
            "|---|---|---|---|---|",
        ]
        for kind, t in self.by_event.items():
            middle = f"{median(t.delays_s):.1f}" if t.delays_s else "–"
            slow = f"{percentile(t.delays_s, 0.95):.1f}" if t.delays_s else "–"
            rows.append(f"| {kind} | {t.events} | {t.missed} | {middle} | {slow} |")
        rows += self._intervals_and_noise()
        rows += ["", NOTES.read_text("utf-8").strip(), "", "## False ones, where", ""]
        for name, t in sorted(self.tallies.items(), key=lambda i: _order(i[0])):
            if t.wrong:
                rows.append(f"- {name}: {'; '.join(t.wrong)}")
        rows += ["", "## Missed ones, where", ""]
        for kind, t in self.by_event.items():
            if t.lost:
                rows.append(f"- {kind}: {'; '.join(t.lost)}")
        rows += ["", "## False Emergencies on calm records", ""]
        rows += [f"- {line}" for line in self.calm_false] or ["None."]
        return page(rows)

    def _intervals_and_noise(self) -> list[str]:
        rows = [
            "",
            "## Fibrillation by intervals, days at a time",
            "",
            "| rule | true | false | PPV % |",
            "|---|---|---|---|",
        ]
        for name in ("U2 af_new", "D1 af_again"):
            t = self.by_interval.get(name, Tally())
            share = 100 * t.true / max(t.true + t.false, 1)
            rows.append(f"| {name} | {t.true} | {t.false} | {share:.0f} |")
        af = self.by_interval.get("AF", Tally())
        slow = percentile(af.delays_s, 0.95) if af.delays_s else 0.0
        middle = median(af.delays_s) if af.delays_s else 0.0
        rows += [
            "",
            f"Episodes of 30 s or more: {af.events}, missed {af.missed}; delay after the "
            f"criterion: median {middle:.0f} s, p95 {slow:.0f} s.",
            "",
            "## Noise stress",
            "",
            "Record 118 with electrode motion at 12, 6, 0 and -6 dB: "
            + (
                ", ".join(f"{name} {count}" for name, count in sorted(self.noise.items()))
                or "nothing"
            )
            + f" in {self.hours.get('nstdb', 0.0):.1f} h.",
        ]
        return rows


def _order(name: str) -> tuple[int, int, str]:
    rule = name.split()[0]
    return "EUD".index(rule[0]), int(rule[1:]), name


if __name__ == "__main__":
    sys.exit(main())
