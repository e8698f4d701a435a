"""Exercise that runs: stages, the word for the heart rate, stop rules. Time is handed in.

The stop rules run on the phone, with the clinic's figures, because they must work without
a line too. What cannot be counted or was not measured neither stops nor permits anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import fmean

from clinic_server.wire.rehab import (
    ExerciseKind,
    Reading,
    RehabEnd,
    RehabGate,
    RehabSummary,
    Stage,
    StageKind,
    Walk,
)

FAR_S = 3
"""So long far above the limit: the rate is a mean of 10 s, one beat more is no reason."""
MOST_READINGS = 60
LAST_S = 30
"""The rate at the end of a walk is the mean of so many countable seconds."""


class Pace(StrEnum):
    """The word the wearer reads first."""

    JUST_RIGHT = "just_right"
    TOO_SLOW = "too_slow"
    TOO_FAST = "too_fast"
    GENTLY = "gently"
    NOT_COUNTABLE = "not_countable"


@dataclass
class Training:
    """A session or a walk that runs.

    Parameters
    ----------
    gate : RehabGate
        The clinic's permission: zone, stages, stop rules.
    rest_systolic_mmhg : int, optional
        Measured before.
    rest_bpm : int, optional
        Of the resting minute.
    first_sample : int
        Newest sample of the running recording at the beginning.
    """

    gate: RehabGate
    rest_systolic_mmhg: int | None = None
    rest_bpm: int | None = None
    first_sample: int = 0
    recording: str | None = None
    elapsed_s: float = 0.0
    bpm: int | None = None
    in_zone_s: float = 0.0
    good_s: float = 0.0
    beats_s: float = 0.0
    max_bpm: int | None = None
    rested_s: float = 0.0
    resting: bool = False
    """The walker stands still for a while; the clock goes on."""
    end: RehabEnd | None = None
    readings: list[Reading] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    """Stages after which the effort was asked for, or asked in vain."""
    recovery_bpm: int | None = None
    felt: int | None = None
    """The effort that was last told, Borg 6 to 20; a new hard part asks anew."""
    _above_s: float = field(default=0.0, repr=False)
    _far_s: float = field(default=0.0, repr=False)
    _last: list[int] = field(default_factory=list, repr=False)

    @property
    def walk(self) -> bool:
        """It is a six-minute walk."""
        return self.gate.kind is ExerciseKind.WALK

    def step(
        self,
        seconds: float,
        bpm: int | None,
        began: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Let time pass.

        Parameters
        ----------
        seconds : float
            How much.
        bpm : int or None
            Heart rate; None: it cannot be counted now.
        began : iterable of (str, int)
            Rhythms that began lately, and their onset on the running recording.
        """
        if self.end is not None:
            return
        self.bpm = bpm
        if bpm is not None:
            self.good_s += seconds
            self.beats_s += seconds * bpm
            self.max_bpm = max(bpm, self.max_bpm or 0)
            self._last = [*self._last[-LAST_S + 1 :], bpm]
            # time belongs to the stage in which it began
            self.in_zone_s += seconds if self.pace is Pace.JUST_RIGHT else 0.0
            self._watch(seconds, bpm)
        stopping = set(self.gate.stop_rhythms)
        if any(r in stopping and at >= self.first_sample for r, at in began):
            self.end = self.end or "rhythm"
        self.rested_s += seconds if self.resting else 0.0
        self.elapsed_s += seconds
        if self.end is None and self.elapsed_s >= self.total_s:
            self.end = "finished"

    def _watch(self, seconds: float, bpm: int) -> None:
        """Stop rules; seconds that cannot be counted neither clear nor fill them.

        A walk is at the wearer's own pace: only a rate far above the limit stops it.
        """
        high = self.gate.target_high_bpm
        if high is None:
            return
        self._above_s = self._above_s + seconds if bpm > high else 0.0
        far = bpm >= high + self.gate.stop_far_bpm
        self._far_s = self._far_s + seconds if far else 0.0
        long = self._above_s >= self.gate.stop_after_s and not self.walk
        if long or self._far_s >= FAR_S:
            self.end = "rate_high"

    def read(
        self,
        *,
        borg: int | None = None,
        spo2_pct: int | None = None,
        systolic_mmhg: int | None = None,
        diastolic_mmhg: int | None = None,
    ) -> None:
        """Take what was measured or felt on the way; it may end the session."""
        reading = Reading(
            at_s=round(self.elapsed_s),
            borg=borg,
            spo2_pct=spo2_pct,
            systolic_mmhg=systolic_mmhg,
            diastolic_mmhg=diastolic_mmhg,
        )
        self.readings = [*self.readings, reading][-MOST_READINGS:]
        if self.end is not None:
            return
        before = self.rest_systolic_mmhg
        if borg is not None and borg >= self.gate.stop_borg:
            self.end = "borg_high"
        elif spo2_pct is not None and spo2_pct < self.gate.stop_spo2_pct:
            self.end = "spo2_low"
        elif (
            systolic_mmhg is not None
            and before is not None
            and before - systolic_mmhg >= self.gate.stop_drop_mmhg
        ):
            self.end = "pressure_drop"

    @property
    def asks_effort(self) -> bool:
        """After every hard part, and halfway through a walk, the effort is asked for."""
        return self.end is None and self._to_ask() is not None

    def _to_ask(self) -> int | None:
        place, left_s = self.place
        if self.walk:
            half = self.elapsed_s >= self.total_s / 2
            return 0 if half and 0 not in self.asked else None
        before = place - 1
        hard = before >= 0 and self.gate.stages[before].kind is StageKind.WORK
        return before if hard and left_s > 0 and before not in self.asked else None

    def effort(self, borg: int | None) -> None:
        """Take the answer about the effort; None: it was not given."""
        stage = self._to_ask()
        if stage is not None:
            self.asked = self.asked | {stage}
        self.felt = borg
        if borg is not None:
            self.read(borg=borg)

    @property
    def effort_word(self) -> Pace | None:
        """Say what the effort that was told asks for; None: nothing was told.

        Where a drug holds the heart rate down the effort counts more than the rate, so
        "harder" is never said while the rate is at its limit.
        """
        if self.felt is None or self.walk:
            return None
        if self.felt > self.gate.target_high_rpe:
            return Pace.TOO_FAST
        high = self.gate.target_high_bpm
        if self.felt < self.gate.target_low_rpe:
            full = self.bpm is None or (high is not None and self.bpm >= high)
            return None if full else Pace.TOO_SLOW
        return Pace.JUST_RIGHT

    @property
    def total_s(self) -> int:
        """Length of all stages."""
        return sum(stage.seconds for stage in self.gate.stages)

    @property
    def place(self) -> tuple[int, float]:
        """Index of the running stage and seconds left in it."""
        passed = self.elapsed_s
        for index, stage in enumerate(self.gate.stages):
            if passed < stage.seconds:
                return index, stage.seconds - passed
            passed -= stage.seconds
        return len(self.gate.stages) - 1, 0.0

    @property
    def stage(self) -> Stage:
        """The running stage."""
        return self.gate.stages[self.place[0]]

    @property
    def pace(self) -> Pace:
        """The word for the heart rate of this moment."""
        low, high = self.gate.target_low_bpm, self.gate.target_high_bpm
        if self.bpm is None or low is None or high is None:
            return Pace.NOT_COUNTABLE
        if self.walk:
            far = self.bpm >= high + self.gate.stop_far_bpm
            return Pace.TOO_FAST if far else Pace.GENTLY
        if self.bpm > high:
            return Pace.TOO_FAST
        if self.stage.kind is not StageKind.WORK:
            return Pace.GENTLY
        if self.bpm >= low:
            return Pace.JUST_RIGHT
        # a drug may hold the rate down: who finds it too hard already is not hurried
        return Pace.GENTLY if self.effort_word is Pace.TOO_FAST else Pace.TOO_SLOW

    def summary(
        self, ended_at: datetime, borg: int, end_sample: int, distance_m: int | None = None
    ) -> RehabSummary:
        """Put together what the clinic keeps.

        Parameters
        ----------
        ended_at : datetime
            Aware.
        borg : int
            Effort, 6 to 20.
        end_sample : int
            Newest sample of the recording that ran at the beginning.
        distance_m : int, optional
            Of a walk.
        """
        n_samples = end_sample - self.first_sample
        placed = self.recording is not None and n_samples > 0
        return RehabSummary(
            ended_at=ended_at,
            end=self.end or "stopped",
            borg=borg,
            trained_s=round(self.elapsed_s),
            in_zone_s=round(self.in_zone_s),
            good_s=round(self.good_s),
            mean_bpm=round(self.beats_s / self.good_s) if self.good_s else None,
            max_bpm=self.max_bpm,
            readings=self.readings,
            walk=None if distance_m is None else self._walked(distance_m),
            recording_id=self.recording if placed else None,
            first_sample=self.first_sample if placed else None,
            n_samples=n_samples if placed else None,
        )

    def _walked(self, distance_m: int) -> Walk:
        return Walk(
            distance_m=distance_m,
            rested_s=round(self.rested_s),
            bpm_before=self.rest_bpm,
            bpm_end=round(fmean(self._last)) if self._last else None,
            bpm_minute_after=self.recovery_bpm,
        )
