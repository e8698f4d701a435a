"""A session on the phone: stages, the word, stop rules; the desk with a clinic beside."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import rehab
from app.errors import Offline
from app.heart_rate import HeartRate, Trust
from app.notebook import Notebook
from app.ports import Tone
from app.rehab import Before, Phase, RehabDesk, countable
from app.training import Pace, Training
from clinic_server.wire.rehab import RehabAsk, RehabGate, RehabSummary, Stage, StageKind

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WELL = Before(False, False, False, False, 128, 78)


def gate(**changes: Any) -> RehabGate:
    stages = [
        Stage(kind=StageKind.WARM_UP, seconds=10),
        Stage(kind=StageKind.WORK, seconds=100),
        Stage(kind=StageKind.COOL_DOWN, seconds=10),
    ]
    fields = {
        "session_id": 7,
        "permitted": True,
        "reasons": [],
        "number": 3,
        "of": 36,
        "target_low_bpm": 96,
        "target_high_bpm": 112,
        "stop_far_bpm": 20,
        "stop_after_s": 60,
        "stop_borg": 17,
        "stages": stages,
    } | changes
    return RehabGate.model_validate(fields)


def at_work(bpm: int | None) -> Training:
    training = Training(gate())
    training.step(11, bpm)
    return training


@pytest.mark.parametrize(
    ("bpm", "pace"),
    [
        (95, Pace.TOO_SLOW),
        (96, Pace.JUST_RIGHT),
        (112, Pace.JUST_RIGHT),
        (113, Pace.TOO_FAST),
        (None, Pace.NOT_COUNTABLE),
    ],
)
def test_the_word_follows_the_zone(bpm, pace):
    assert at_work(bpm).pace is pace


def intervals() -> Training:
    hard = Stage(kind=StageKind.WORK, seconds=60)
    return Training(gate(stages=[hard, hard], target_low_rpe=11, target_high_rpe=13))


@pytest.mark.parametrize(
    ("felt", "bpm", "word"),
    [
        (15, 100, Pace.TOO_FAST),
        (13, 100, Pace.JUST_RIGHT),
        (11, 100, Pace.JUST_RIGHT),
        (9, 100, Pace.TOO_SLOW),
        (9, 112, None),
        (9, None, None),
        (None, 100, None),
    ],
)
def test_the_effort_is_held_against_the_prescribed_range(felt, bpm, word):
    training = intervals()
    training.step(61, bpm)
    training.effort(felt)
    assert training.effort_word is word
    assert training.end is None


def test_who_finds_it_too_hard_is_not_hurried_by_a_rate_that_a_drug_holds_down():
    training = intervals()
    training.step(61, 90)
    paces = [training.pace]
    training.effort(15)
    paces.append(training.pace)
    assert paces == [Pace.TOO_SLOW, Pace.GENTLY]


def test_nobody_is_hurried_while_warming_up():
    training = Training(gate())
    training.step(5, 70)
    paces = [training.pace]
    training.step(1, 113)
    paces.append(training.pace)
    assert paces == [Pace.GENTLY, Pace.TOO_FAST]


def test_a_minute_above_the_limit_ends_it_and_a_break_starts_anew():
    training = at_work(100)
    for _ in range(59):
        training.step(1, 113)
    assert training.end is None
    training.step(1, 112)
    for _ in range(20):
        training.step(1, 113)
    assert training.end is None
    slow = Training(gate(stages=[Stage(kind=StageKind.WORK, seconds=600)]))
    for _ in range(60):
        slow.step(1, 113)
    assert slow.end == "rate_high"


def test_noise_neither_fills_nor_clears_the_minute_above():
    training = Training(gate(stages=[Stage(kind=StageKind.WORK, seconds=600)]))
    for _ in range(59):
        training.step(1, 120)
    for _ in range(100):
        training.step(1, None)
    assert training.end is None
    training.step(1, 120)
    assert training.end == "rate_high"


def test_far_above_ends_it_within_seconds():
    training = at_work(132)
    assert training.end == "rate_high"
    short = at_work(100)
    short.step(2, 132)
    assert short.end is None
    short.step(1, 132)
    assert short.end == "rate_high"


def test_the_end_is_the_end_and_the_summary_is_of_what_was_counted():
    training = Training(gate())
    training.step(10, 100)
    training.step(50, 100)
    training.step(50, None)
    training.step(10, 110)
    assert training.end == "finished"
    training.step(10, 200)
    summary = training.summary(NOW, 13, 0)
    assert (summary.trained_s, summary.good_s, summary.max_bpm) == (120, 70, 110)
    assert summary.mean_bpm == 101
    assert summary.in_zone_s == 50, "warming up and cooling down do not count"


def seen(bpm: int | None, events: tuple[int, ...] = ()) -> Any:
    return SimpleNamespace(
        on_skin=True,
        rate=HeartRate(bpm, Trust.GOOD if bpm else Trust.NONE),
        events=tuple(SimpleNamespace(alarm_id=n) for n in events),
        recording="r1",
        end_sample=1000,
    )


def test_a_doubtful_rate_does_not_count():
    assert countable(seen(70)) == 70
    view = seen(70)
    view.on_skin = False
    assert countable(view) is None
    view = seen(70)
    view.rate = HeartRate(70, Trust.POOR)
    assert countable(view) is None


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "notebook.sqlite")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that take no time."""
    real = asyncio.sleep

    async def sleep(_seconds: float) -> None:
        await real(0.002)

    monkeypatch.setattr(
        rehab, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep})
    )


async def reach(desk: RehabDesk, phase: Phase) -> None:
    for _ in range(2000):
        if desk.phase is phase:
            return
        await asyncio.sleep(0.002)
    raise AssertionError(f"{desk.phase}, not {phase}")


def test_a_session_goes_from_questions_to_the_summary(notebook):
    asked: list[RehabAsk] = []

    async def clinic(ask: RehabAsk) -> RehabGate:
        asked.append(ask)
        if len(asked) == 1:
            raise Offline
        return gate()

    async def go() -> None:
        desk = RehabDesk(notebook, clinic, lambda: NOW)
        desk.rest(WELL, lambda: seen(64), 5)
        await reach(desk, Phase.NO_ANSWER)
        desk.ask_again()
        await reach(desk, Phase.READY)
        desk.begin(lambda: seen(100))
        await reach(desk, Phase.TRAIN)
        desk.stop("dizzy")
        phases = [desk.phase]
        desk.finish(15)
        desk.finish(19)
        phases.append(desk.phase)
        assert phases == [Phase.BORG, Phase.DONE]

    asyncio.run(go())
    assert asked[0] == asked[1], "asked again with the same number and answers"
    assert (asked[0].rest_bpm, asked[0].rest_good_s, asked[0].rest_s) == (64, 5, 5)
    (message,) = notebook.messages()
    assert (message.kind, message.target) == ("rehab", "7")
    summary = RehabSummary.model_validate_json(message.body)
    assert (summary.end, summary.borg) == ("dizzy", 15)


def test_a_new_alarm_at_the_clinic_ends_the_session_an_old_one_does_not(notebook):
    async def clinic(_ask: RehabAsk) -> RehabGate:
        return gate()

    async def go() -> None:
        desk = RehabDesk(notebook, clinic, lambda: NOW)
        desk.rest(WELL, lambda: seen(64), 3)
        await reach(desk, Phase.READY)
        views = iter([seen(100, (1,))] * 3)
        desk.begin(lambda: next(views, seen(100, (1, 2))))
        await reach(desk, Phase.BORG)
        assert desk.training is not None
        assert desk.training.end == "alarm"

    asyncio.run(go())


def test_nothing_starts_that_was_refused(notebook):
    async def clinic(_ask: RehabAsk) -> RehabGate:
        return gate(permitted=False, reasons=["rate_high"], stages=[])

    async def go() -> None:
        desk = RehabDesk(notebook, clinic, lambda: NOW)
        desk.rest(WELL, lambda: seen(130), 3)
        await reach(desk, Phase.REFUSED)
        desk.begin(lambda: seen(100))
        desk.stop("stopped")
        desk.finish(11)
        assert desk.phase is Phase.REFUSED

    asyncio.run(go())
    assert notebook.messages() == []


@pytest.mark.parametrize(
    ("reading", "end"),
    [
        ({"borg": 16}, None),
        ({"borg": 17}, "borg_high"),
        ({"spo2_pct": 88}, None),
        ({"spo2_pct": 87}, "spo2_low"),
        ({"systolic_mmhg": 119}, None),
        ({"systolic_mmhg": 118}, "pressure_drop"),
        ({"systolic_mmhg": 150}, None),
    ],
)
def test_what_is_measured_on_the_way_may_end_it(reading, end):
    training = Training(gate(), rest_systolic_mmhg=128)
    training.step(5, 90)
    training.read(**reading)
    assert training.end == end
    assert training.readings[0].at_s == 5


def test_a_pressure_without_one_before_ends_nothing():
    training = Training(gate())
    training.read(systolic_mmhg=80)
    assert training.end is None


def test_a_rhythm_of_the_clinics_list_ends_it_only_if_it_began_now():
    stopping = gate(stop_rhythms=["VT", "AFIB"])
    training = Training(stopping, first_sample=5000)
    training.step(1, 100, [("AFIB", 4999), ("SVTA", 6000)])
    assert training.end is None
    training.step(1, 100, [("VT", 6000)])
    assert training.end == "rhythm"


def test_effort_is_asked_once_after_each_hard_part():
    training = at_work(100)
    assert training.asks_effort is False
    training.step(100, 100)
    assert training.asks_effort is True
    training.effort(None)
    assert (training.asks_effort, training.readings) == (False, [])


def walk_gate(**changes: Any) -> RehabGate:
    stages = [Stage(kind=StageKind.WORK, seconds=360)]
    return gate(kind="walk", of=0, stages=stages, **changes)


def test_a_walk_is_at_ones_own_pace_and_stops_far_above_only():
    walk = Training(walk_gate(), rest_bpm=66)
    for _ in range(120):
        walk.step(1, 120)
    assert walk.end is None
    walk.step(1, 131)
    assert walk.pace is Pace.GENTLY
    for _ in range(3):
        walk.step(1, 132)
    assert walk.end == "rate_high"


def test_a_walk_counts_rests_the_last_half_minute_and_the_minute_after():
    walk = Training(walk_gate(), rest_bpm=66, first_sample=100, recording="r1")
    for second in range(360):
        walk.resting = 100 <= second < 120
        walk.step(1, 90 if second < 300 else 108)
    assert walk.end == "finished"
    walk.recovery_bpm = 84
    summary = walk.summary(NOW, 13, 90_100, 412)
    assert summary.walk is not None
    kept = summary.walk.model_dump(exclude_none=True)
    assert kept == {
        "distance_m": 412,
        "rested_s": 20,
        "bpm_before": 66,
        "bpm_end": 108,
        "bpm_minute_after": 84,
    }
    assert (summary.recording_id, summary.first_sample) == ("r1", 100)
    assert summary.n_samples == 90_000


def test_a_doctors_word_turns_a_refusal_without_being_asked(notebook):
    answers = [gate(permitted=False, reasons=["pressure_high"], may_be_permitted=True)] * 2

    async def clinic(_ask: RehabAsk) -> RehabGate:
        return answers.pop() if answers else gate(permitted_by="Zhang")

    async def go() -> None:
        desk = RehabDesk(notebook, clinic, lambda: NOW)
        desk.rest(WELL, lambda: seen(64), 3)
        await reach(desk, Phase.READY)
        assert desk.gate is not None
        assert desk.gate.permitted_by == "Zhang"

    asyncio.run(go())


def test_the_pace_is_told_by_tones_and_not_every_second(notebook):
    told: list[Tone] = []

    async def clinic(_ask: RehabAsk) -> RehabGate:
        return gate(stages=[Stage(kind=StageKind.WORK, seconds=600)])

    async def go() -> None:
        desk = RehabDesk(notebook, clinic, lambda: NOW)
        desk.cue = lambda tone, _pace: told.append(tone)
        desk.rest(WELL, lambda: seen(64), 3)
        await reach(desk, Phase.READY)
        views = iter([seen(70)] * 20 + [seen(100)] * 5 + [seen(131)] * 20)
        desk.begin(lambda: next(views, seen(131)))
        for _ in range(2000):
            if Tone.SLOWER in told:
                break
            await asyncio.sleep(0.002)
        desk.stop("stopped")

    asyncio.run(go())
    assert told == [Tone.FASTER, Tone.SLOWER]
