"""A rehab session on the phone: resting minute, the clinic's gate, intervals, stop rules.

The gate is the clinic's: without a line no session starts. The stop rules run here, with
the clinic's figures, because they must work without a line too.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from statistics import median

from app.errors import Offline, ServerRefused
from app.heart_rate import Trust
from app.notebook import Notebook
from app.state import PhoneView
from clinic_server.wire.rehab import (
    RehabAsk,
    RehabEnd,
    RehabGate,
    RehabSummary,
    Stage,
    StageKind,
)

REST_S = 60
FAR_S = 3
"""So long far above the limit: the rate is a mean of 10 s, one beat more is no reason."""


class Pace(StrEnum):
    """The word the wearer reads first."""

    JUST_RIGHT = "just_right"
    TOO_SLOW = "too_slow"
    TOO_FAST = "too_fast"
    GENTLY = "gently"
    NOT_COUNTABLE = "not_countable"


@dataclass
class Training:
    """A session that runs; time is handed in.

    Parameters
    ----------
    gate : RehabGate
        The clinic's permission: zone, stages, stop rules.
    """

    gate: RehabGate
    elapsed_s: float = 0.0
    bpm: int | None = None
    in_zone_s: float = 0.0
    good_s: float = 0.0
    beats_s: float = 0.0
    max_bpm: int | None = None
    end: RehabEnd | None = None
    _above_s: float = field(default=0.0, repr=False)
    _far_s: float = field(default=0.0, repr=False)

    def step(self, seconds: float, bpm: int | None) -> None:
        """Let time pass at a heart rate; None: it cannot be counted now."""
        if self.end is not None:
            return
        self.bpm = bpm
        if bpm is not None:
            self.good_s += seconds
            self.beats_s += seconds * bpm
            self.max_bpm = max(bpm, self.max_bpm or 0)
            # time belongs to the stage in which it began
            self.in_zone_s += seconds if self.pace is Pace.JUST_RIGHT else 0.0
            self._watch(seconds, bpm)
        self.elapsed_s += seconds
        if self.end is None and self.elapsed_s >= self.total_s:
            self.end = "finished"

    def _watch(self, seconds: float, bpm: int) -> None:
        """Stop rules; seconds that cannot be counted neither clear nor fill them."""
        high = self.gate.target_high_bpm
        if high is None:
            return
        self._above_s = self._above_s + seconds if bpm > high else 0.0
        far = bpm >= high + self.gate.stop_far_bpm
        self._far_s = self._far_s + seconds if far else 0.0
        if self._above_s >= self.gate.stop_after_s or self._far_s >= FAR_S:
            self.end = "rate_high"

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
        if self.bpm > high:
            return Pace.TOO_FAST
        if self.stage.kind is not StageKind.WORK:
            return Pace.GENTLY
        return Pace.TOO_SLOW if self.bpm < low else Pace.JUST_RIGHT

    def summary(self, ended_at: datetime, borg: int) -> RehabSummary:
        """Put together what the clinic keeps."""
        return RehabSummary(
            ended_at=ended_at,
            end=self.end or "stopped",
            borg=borg,
            trained_s=round(self.elapsed_s),
            in_zone_s=round(self.in_zone_s),
            good_s=round(self.good_s),
            mean_bpm=round(self.beats_s / self.good_s) if self.good_s else None,
            max_bpm=self.max_bpm,
        )


class Phase(StrEnum):
    """Where a session stands."""

    ASK = "ask"
    REST = "rest"
    WAIT = "wait"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    READY = "ready"
    TRAIN = "train"
    BORG = "borg"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Before:
    """The wearer's answers before a session."""

    new_chest_pain: bool
    new_dyspnoea: bool
    syncope: bool
    weight_gain: bool
    systolic_mmhg: int | None
    diastolic_mmhg: int | None


class RehabDesk:
    """One wearer's session; it goes on whatever screen is shown.

    Parameters
    ----------
    notebook : Notebook
        Where the summary waits for a line.
    gate : callable
        Asks the clinic.
    clock : callable
        Now, aware UTC.
    """

    def __init__(
        self,
        notebook: Notebook,
        gate: Callable[[RehabAsk], Awaitable[RehabGate]],
        clock: Callable[[], datetime],
    ) -> None:
        self._notebook = notebook
        self._ask_clinic = gate
        self._clock = clock
        self._job: asyncio.Task[None] | None = None
        self.phase = Phase.ASK
        self.rest_left_s = 0
        self.gate: RehabGate | None = None
        self.training: Training | None = None
        self._asked: RehabAsk | None = None

    def rest(self, before: Before, view: Callable[[], PhoneView], rest_s: int) -> None:
        """Watch the heart at rest, then ask the clinic."""
        self._run(self._rest(before, view, rest_s))

    async def _rest(
        self, before: Before, view: Callable[[], PhoneView], rest_s: int
    ) -> None:
        self.phase, seen = Phase.REST, []
        for left in range(rest_s, 0, -1):
            self.rest_left_s = left
            await asyncio.sleep(1.0)
            bpm = countable(view())
            if bpm is not None:
                seen.append(bpm)
        self._asked = RehabAsk(
            client_id=str(uuid.uuid4()),
            asked_at=self._clock(),
            new_chest_pain=before.new_chest_pain,
            new_dyspnoea=before.new_dyspnoea,
            syncope=before.syncope,
            weight_gain=before.weight_gain,
            systolic_mmhg=before.systolic_mmhg,
            diastolic_mmhg=before.diastolic_mmhg,
            rest_bpm=round(median(seen)) if seen else None,
            rest_good_s=len(seen),
            rest_s=rest_s,
        )
        await self._ask()

    def ask_again(self) -> None:
        """Ask the clinic once more, with the same answers."""
        self._run(self._ask())

    async def _ask(self) -> None:
        if self._asked is None:
            return
        self.phase = Phase.WAIT
        try:
            self.gate = await self._ask_clinic(self._asked)
        except (Offline, ServerRefused):
            self.phase = Phase.NO_ANSWER
            return
        self.phase = Phase.READY if self.gate.permitted else Phase.REFUSED

    def begin(self, view: Callable[[], PhoneView]) -> None:
        """Start what the clinic permitted."""
        if self.gate is None or not self.gate.permitted:
            return
        self.training = Training(self.gate)
        self._run(self._train(self.training, view))

    async def _train(self, training: Training, view: Callable[[], PhoneView]) -> None:
        self.phase = Phase.TRAIN
        loop = asyncio.get_running_loop()
        before, known = loop.time(), {event.alarm_id for event in view().events}
        while training.end is None:
            await asyncio.sleep(1.0)
            now, seen = loop.time(), view()
            training.step(now - before, countable(seen))
            before = now
            if {event.alarm_id for event in seen.events} - known:
                training.end = training.end or "alarm"
        self.phase = Phase.BORG

    def stop(self, why: RehabEnd) -> None:
        """Stop now."""
        if self.training is None:
            return
        self._halt()
        self.training.end = self.training.end or why
        self.phase = Phase.BORG

    def finish(self, borg: int) -> None:
        """Say how hard it was; the summary is kept and sent."""
        if self.training is None or self.gate is None or self.phase is not Phase.BORG:
            return
        summary = self.training.summary(self._clock(), borg)
        number = str(self.gate.session_id)
        self._notebook.post("rehab", number, summary.model_dump_json())
        self.phase = Phase.DONE

    def leave(self) -> None:
        """Close it: the next one begins with the questions."""
        self._halt()
        self.phase, self.gate, self.training, self._asked = Phase.ASK, None, None, None

    def _run(self, job: Awaitable[None]) -> None:
        self._halt()
        self._job = asyncio.ensure_future(job)

    def _halt(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None


def countable(view: PhoneView) -> int | None:
    """Return the heart rate if it may be believed."""
    good = view.on_skin and view.rate.trust is Trust.GOOD
    return view.rate.bpm if good else None
