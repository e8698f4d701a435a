"""Exercise on the phone: resting minute, the clinic's gate, what runs, what came of it.

The gate is the clinic's: without a line no session starts. A refusal may be turned by a
physician; the phone asks again by itself and hears it.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median

from app.errors import Offline, ServerRefused
from app.heart_rate import Trust
from app.notebook import Notebook
from app.ports import Tone
from app.state import PhoneView
from app.training import Pace, Training
from clinic_server.wire.rehab import ExerciseKind, RehabAsk, RehabEnd, RehabGate

REST_S = 60
ASK_AGAIN_S = 15.0
"""A physician may have permitted it meanwhile."""
CUE_EVERY_S = 20.0
"""A pace that stays wrong is said again, not at every second."""
RECOVERY_S = 60
View = Callable[[], PhoneView]
Cue = Callable[[Tone, Pace | None], None]
"""Sounds a tone; with a pace also says its word."""


class Phase(StrEnum):
    """Where a session stands."""

    ASK = "ask"
    REST = "rest"
    WAIT = "wait"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    READY = "ready"
    TRAIN = "train"
    RECOVER = "recover"
    """The minute after a walk."""
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
    spo2_pct: int | None = None
    kind: ExerciseKind = ExerciseKind.SESSION


def _silent(_tone: Tone, _pace: Pace | None) -> None:
    """Make no sound."""


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
        self.cue: Cue = _silent
        """How the wearer is told; whoever opens a screen puts its own here."""
        self.phase = Phase.ASK
        self.rest_left_s = 0
        self.gate: RehabGate | None = None
        self.training: Training | None = None
        self._asked: RehabAsk | None = None
        self._view: View | None = None

    def rest(self, before: Before, view: View, rest_s: int) -> None:
        """Watch the heart at rest, then ask the clinic."""
        self._run(self._rest(before, view, rest_s))

    async def _rest(self, before: Before, view: View, rest_s: int) -> None:
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
            kind=before.kind,
            new_chest_pain=before.new_chest_pain,
            new_dyspnoea=before.new_dyspnoea,
            syncope=before.syncope,
            weight_gain=before.weight_gain,
            systolic_mmhg=before.systolic_mmhg,
            diastolic_mmhg=before.diastolic_mmhg,
            spo2_pct=before.spo2_pct,
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
        while self.phase is Phase.REFUSED and self.gate.may_be_permitted:
            await asyncio.sleep(ASK_AGAIN_S)
            try:
                self.gate = await self._ask_clinic(self._asked)
            except (Offline, ServerRefused):
                continue
            self.phase = Phase.READY if self.gate.permitted else Phase.REFUSED

    def begin(self, view: View) -> None:
        """Start what the clinic permitted."""
        gate, asked = self.gate, self._asked
        if gate is None or not gate.permitted or self.phase is not Phase.READY:
            return
        self._view, seen = view, view()
        self.training = Training(
            gate,
            rest_systolic_mmhg=asked.systolic_mmhg if asked else None,
            rest_bpm=asked.rest_bpm if asked else None,
            first_sample=seen.end_sample,
            recording=seen.recording,
        )
        self._run(self._train(self.training, view))

    async def _train(self, training: Training, view: View) -> None:
        self.phase = Phase.TRAIN
        loop = asyncio.get_running_loop()
        before, known = loop.time(), {event.alarm_id for event in view().events}
        cued: tuple[Pace | None, float] = (None, before)
        while training.end is None:
            await asyncio.sleep(1.0)
            now, seen = loop.time(), view()
            training.step(now - before, countable(seen), seen.rate.began)
            before = now
            if {event.alarm_id for event in seen.events} - known:
                training.end = training.end or "alarm"
            cued = self._say_pace(training, cued, now)
        await self._over(training, view)

    def _say_pace(
        self, training: Training, cued: tuple[Pace | None, float], now_s: float
    ) -> tuple[Pace | None, float]:
        """Sound a rising pair for "faster", a falling one for "slower"."""
        pace, at = cued
        tones = {Pace.TOO_SLOW: Tone.FASTER, Pace.TOO_FAST: Tone.SLOWER}
        tone = tones.get(training.pace)
        if training.end is not None or tone is None:
            return training.pace, now_s
        if training.pace is pace and now_s - at < CUE_EVERY_S:
            return cued
        self.cue(tone, training.pace)
        return training.pace, now_s

    async def _over(self, training: Training, view: View) -> None:
        """Say that it is over; after a whole walk the heart is watched for a minute."""
        self.cue(Tone.STOP, None)
        if not training.walk or training.end != "finished":
            self.phase = Phase.BORG
            return
        self.phase = Phase.RECOVER
        for left in range(RECOVERY_S, 0, -1):
            self.rest_left_s = left
            await asyncio.sleep(1.0)
            training.recovery_bpm = countable(view()) or training.recovery_bpm
        self.phase = Phase.BORG

    def stop(self, why: RehabEnd) -> None:
        """Stop now."""
        if self.training is None or self.phase is not Phase.TRAIN:
            return
        self._halt()
        self.training.end = self.training.end or why
        self.phase = Phase.BORG

    def finish(self, borg: int, distance_m: int | None = None) -> None:
        """Say how hard it was, and how far; the summary is kept and sent."""
        training, gate = self.training, self.gate
        if training is None or gate is None or self.phase is not Phase.BORG:
            return
        seen = self._view() if self._view else None
        same = seen is not None and seen.recording == training.recording
        end_sample = seen.end_sample if seen and same else 0
        summary = training.summary(self._clock(), borg, end_sample, distance_m)
        self._notebook.post("rehab", str(gate.session_id), summary.model_dump_json())
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
