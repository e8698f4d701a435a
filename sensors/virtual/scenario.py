"""The script of a virtual heart: which rhythm, for how long, with which trouble."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sensors.errors import BadScenario

RHYTHMS: Mapping[str, tuple[str, float]] = {
    # name: (rhythm code of analytics.vocabulary, usual rate in bpm)
    "sinus": ("N", 70.0),
    "bigeminy": ("B", 75.0),
    "trigeminy": ("T", 75.0),
    "af": ("AFIB", 85.0),
    "afl": ("AFL", 75.0),
    "svt": ("SVTA", 175.0),
    "vt": ("VT", 175.0),
    "pvt": ("PVT", 220.0),
    "vf": ("VFIB", 0.0),
    "ivr": ("IVR", 60.0),
    "asystole": ("ASYS", 0.0),
    "avb1": ("AVB1", 65.0),
    "avb2_wenckebach": ("BII", 70.0),
    "avb2_mobitz": ("BII", 70.0),
    "avb3": ("AVB3", 38.0),
    "paced": ("P", 70.0),
}
"""Rhythms a segment may have."""

NOISES = frozenset({"muscle", "baseline", "motion", "mains"})
CONDUCTIONS = frozenset({"normal", "lbbb", "rbbb"})
ALL_LEADS = "all"
MAX_RATE_BPM = 320.0
BRADYCARDIA_BPM = 60.0  # sinus below is SBR, convention of the MIT-BIH labels
TACHYCARDIA_BPM = 100.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one rhythm with what rides on it."""

    rhythm: str
    duration_s: float
    rate_bpm: float | None = None
    """Ventricular rate; None is the usual one of the rhythm."""
    rate_end_bpm: float | None = None
    """Rate at the end of the segment, reached in a straight line."""
    hrv: float = 0.04
    """Standard deviation of sinus RR over its mean."""
    pvc_per_min: float = 0.0
    couplets_per_min: float = 0.0
    pac_per_min: float = 0.0
    pauses_per_min: float = 0.0
    pause_s: float = 3.0
    """Length of each pause, R to R."""
    st_mv: float = 0.0
    """ST level over baseline in the lead that shows it most; negative is depression."""
    conduction: str = "normal"
    noise: Mapping[str, float] = field(default_factory=dict)
    """Kind to root mean square in mV."""
    leads_off: tuple[str, ...] = ()
    """Names of leads without contact, or ``all``."""
    gap: bool = False
    """The patch measures nothing: these samples do not exist."""
    button: bool = False
    """The wearer presses the button when the segment begins."""
    vary: float = 0.0
    """Each pass is longer or shorter by up to this share of the duration."""

    def __post_init__(self) -> None:
        _require(self.rhythm in RHYTHMS, "rhythm", self.rhythm)
        _require(0 < self.duration_s < 30 * 86_400, "duration_s", self.duration_s)
        for rate in (self.rate_bpm, self.rate_end_bpm):
            _require(rate is None or 0 < rate <= MAX_RATE_BPM, "rate_bpm", rate)
        _require(0 <= self.hrv <= 0.3, "hrv", self.hrv)
        for name in ("pvc_per_min", "couplets_per_min", "pac_per_min", "pauses_per_min"):
            value = getattr(self, name)
            _require(0 <= value <= 60, name, value)
        _require(0.5 <= self.pause_s <= 60, "pause_s", self.pause_s)
        _require(-2 <= self.st_mv <= 2, "st_mv", self.st_mv)
        _require(self.conduction in CONDUCTIONS, "conduction", self.conduction)
        for kind, rms_mv in self.noise.items():
            _require(kind in NOISES and 0 <= rms_mv <= 5, "noise", {kind: rms_mv})
        _require(0 <= self.vary < 1, "vary", self.vary)

    @property
    def mean_rate_bpm(self) -> float:
        """Rate at the segment's start."""
        return RHYTHMS[self.rhythm][1] if self.rate_bpm is None else self.rate_bpm

    @property
    def rhythm_code(self) -> str:
        """Code of the rhythm in the words of `analytics.vocabulary`."""
        if self.rhythm == "sinus" and self.mean_rate_bpm < BRADYCARDIA_BPM:
            return "SBR"
        if self.rhythm == "sinus" and self.mean_rate_bpm > TACHYCARDIA_BPM:
            return "STACH"
        return RHYTHMS[self.rhythm][0]


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment with its place on the time axis of the heart."""

    segment: Segment
    start_s: float
    end_s: float
    st_from_mv: float
    """ST level when it begins, so that ischaemia grows and does not jump."""

    def rate_at(self, time_s: float) -> float:
        """Return the scripted ventricular rate in bpm at a moment of the segment."""
        begin = self.segment.mean_rate_bpm
        end = begin if self.segment.rate_end_bpm is None else self.segment.rate_end_bpm
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        return begin + (end - begin) * min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Segments in order; from ``loop_from`` on they come again for ever, unless None."""

    name: str
    segments: tuple[Segment, ...]
    loop_from: int | None = 0

    def __post_init__(self) -> None:
        _require(bool(self.segments), "segments", ())
        inside = self.loop_from is None or 0 <= self.loop_from < len(self.segments)
        _require(inside, "loop_from", self.loop_from)

    def placed(self, rng: np.random.Generator) -> Iterator[PlacedSegment]:
        """Lay the segments out in time, one after the other.

        Parameters
        ----------
        rng : numpy.random.Generator
            Decides how much each pass differs where a segment says ``vary``.

        Yields
        ------
        PlacedSegment
            Without end if the scenario loops.
        """
        start_s, st_mv = 0.0, self.segments[0].st_mv
        for turn in count():
            if turn and self.loop_from is None:
                return
            for segment in self.segments[0 if turn == 0 else self.loop_from :]:
                longer = 1 + segment.vary * rng.uniform(-1, 1)
                end_s = start_s + segment.duration_s * longer
                yield PlacedSegment(segment, start_s, end_s, st_mv)
                start_s, st_mv = end_s, segment.st_mv

    @property
    def first_pass_s(self) -> float:
        """Length of one pass through all segments, without variation."""
        return sum(segment.duration_s for segment in self.segments)


def scenario_from_table(name: str, table: Mapping[str, Any]) -> Scenario:
    """Make a scenario from a TOML table.

    Parameters
    ----------
    name : str
        What the scenario is called.
    table : mapping
        ``segments``, a list of tables with the fields of `Segment`, and ``loop_from``
        (an index, or the string ``never``).

    Returns
    -------
    Scenario

    Raises
    ------
    BadScenario
        An unknown field, rhythm or noise, or a value out of its range.
    """
    known = {item.name for item in fields(Segment)}
    segments = []
    for row in table.get("segments", ()):
        _require(set(row) <= known, "field", sorted(set(row) - known))
        values = dict(row)
        if "leads_off" in values:
            values["leads_off"] = tuple(values["leads_off"])
        try:
            segments.append(Segment(**values))
        except TypeError as error:
            raise BadScenario(scenario=name, field=str(error)) from error
    loop_from = table.get("loop_from", 0)
    return Scenario(name, tuple(segments), None if loop_from == "never" else loop_from)


def read_scenarios(path: Path) -> dict[str, Scenario]:
    """Read a TOML file of scenarios, one table each.

    Raises
    ------
    BadScenario
        The file is no TOML or a scenario in it is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise BadScenario(field="file", value=str(error)) from error
    return {name: scenario_from_table(name, table) for name, table in tables.items()}


def rhythm_spans(
    changes: list[tuple[int, str]], end_sample: int
) -> list[tuple[int, int, str]]:
    """Turn rhythm changes into spans ``(onset, offset, rhythm)`` up to ``end_sample``."""
    closed = [*changes, (end_sample, "")]
    return [(a, b, rhythm) for (a, rhythm), (b, _) in pairwise(closed) if b > a]


def _require(condition: bool, name: str, value: object) -> None:
    if not condition:
        raise BadScenario(field=name, value=value)
