"""Each rule on made-up events: when it fires, when it holds back, when it ends."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.types import (
    Beat,
    Episode,
    EpisodeEvent,
    LiveEvent,
    Pulse,
    QualityWindow,
    Waves,
)
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm
from clinic_server.alarms.candidate import Candidate
from clinic_server.alarms.limits import Limits
from clinic_server.alarms.rules import (
    RuleState,
    doubt,
    evaluate,
    restore_rules,
    start_rules,
)
from clinic_server.alarms.rules_beats import counted_twice
from clinic_server.alarms.rules_work import Context

FS = 250.0


def at(seconds: float) -> int:
    return round(seconds * FS)


def run(
    events: Iterable[LiveEvent], context: Context | None = None, **limits: float
) -> list[Candidate]:
    _, found = evaluate(start_rules(FS, Limits(limits)), list(events), context)
    return list(found)


def raised(found: Sequence[Candidate]) -> list[tuple[str, str]]:
    return [(c.rule, c.code) for c in found if c.phase == "raised"]


def beats(
    rr_ms: Sequence[float], kind: Aami = Aami.N, begin_s: float = 0.0, usable: bool = True
) -> list[Beat]:
    now, rows = begin_s, []
    for rr in rr_ms:
        now += rr / 1000
        rows.append(Beat(at(now), kind, 0.9, rr, kind is Aami.V, usable))
    return rows


def episode(
    rhythm: Rhythm,
    onset_s: float,
    end_s: float | None = None,
    phase: str = "updated",
    confidence: float = 0.95,
    **evidence: float,
) -> EpisodeEvent:
    offset = None if end_s is None else at(end_s)
    decided = at((onset_s if end_s is None else end_s) + 1.6)
    if end_s is None:
        decided = at(onset_s + evidence.get("duration_s", evidence.get("gap_s", 1.0)))
    found = Episode(rhythm, at(onset_s), offset, confidence, evidence)
    return EpisodeEvent(phase, found, decided)


def pause(rr_ms: float, onset_s: float = 100.0, **more: float) -> EpisodeEvent:
    evidence = {"rr_ms": rr_ms, "contact": 1.0, "flat": 0.0} | more
    return episode(Rhythm.PAUSE, onset_s, onset_s + rr_ms / 1000, "closed", **evidence)


def vt(n: int, rate: float, phase: str = "updated", wide: float = 1.0) -> EpisodeEvent:
    duration = (n - 1) * 60 / rate
    end = 10 + duration if phase == "closed" else None
    return episode(
        Rhythm.VT,
        10.0,
        end,
        phase,
        beats=float(n),
        rate_bpm=rate,
        duration_s=duration,
        wide=wide,
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([vt(3, 180), vt(3, 180, "closed")], []),
        ([vt(4, 120), vt(4, 120, "closed")], [("U1", "alarms.nsvt")]),
        ([vt(9, 180), vt(9, 180, "closed")], [("U1", "alarms.nsvt")]),
        ([vt(10, 150)], [("E2", "alarms.vt")]),
        ([vt(10, 149)], [("U1", "alarms.nsvt")]),
        ([vt(10, 149), vt(12, 152)], [("U1", "alarms.nsvt"), ("E2", "alarms.vt")]),
        ([vt(51, 101)], [("U1", "alarms.nsvt")]),
        ([vt(52, 101)], [("E2", "alarms.vt")]),
        ([vt(20, 180, wide=0.2)], []),
        ([vt(10, 180), vt(40, 180), vt(41, 180, "closed")], [("E2", "alarms.vt")]),
    ],
)
def test_a_run_is_told_once_by_its_length_and_rate(
    events: list[EpisodeEvent], expected: list[tuple[str, str]]
) -> None:
    found = run(events)
    assert raised(found) == expected
    closed = events[-1].phase == "closed"
    assert sum(c.phase == "cleared" for c in found) == (
        len(expected) if closed else max(0, len(expected) - 1)
    )


def test_a_polymorphic_run_of_five_is_an_emergency() -> None:
    torsade = episode(Rhythm.PVT, 5, None, beats=5.0, rate_bpm=210.0, duration_s=1.4)
    assert raised(run([torsade])) == [("E2", "alarms.pvt")]


def test_fibrillation_is_an_emergency_from_its_third_second() -> None:
    assert not run([episode(Rhythm.VFIB, 5, None, duration_s=2.9)])
    found = run(
        [
            episode(Rhythm.VFIB, 5, None, duration_s=3.0),
            episode(Rhythm.VFIB, 5, None, duration_s=4.0),
            episode(Rhythm.VFIB, 5, 12, "closed"),
        ]
    )
    assert [c.phase for c in found] == ["raised", "updated", "updated", "cleared"]
    assert raised(found) == [("E1", "alarms.vf")]


@pytest.mark.parametrize(
    ("gap_s", "proven_s", "confidence", "fires"),
    [
        (6.0, 6.0, 0.9, True),
        (5.9, 5.9, 0.9, False),
        (9.0, 5.0, 0.9, False),  # an electrode, not a heart
        (15.0, 6.0, 0.9, True),  # the electrode holds again, and the heart is silent
        (9.0, 9.0, 0.6, False),  # nothing was seen beating before
    ],
)
def test_asystole_needs_silence_that_is_proven(
    gap_s: float, proven_s: float, confidence: float, fires: bool
) -> None:
    event = episode(
        Rhythm.ASYS, 5, None, confidence=confidence, gap_s=gap_s, proven_s=proven_s
    )
    assert bool(raised(run([event]))) is fires


@pytest.mark.parametrize(
    ("rr_ms", "rule"),
    [(1999, None), (2000, "D1"), (2999, "D1"), (3000, "U4"), (3999, "U4"), (4000, "E3")],
)
def test_a_pause_is_graded_by_its_length(rr_ms: float, rule: str | None) -> None:
    assert [r for r, _ in raised(run([pause(rr_ms)]))] == ([rule] if rule else [])


def test_the_third_long_pause_in_a_day_is_an_emergency() -> None:
    day = 86_400
    far = run([pause(3100, 10), pause(3100, 20), pause(3100, day + 30)])
    assert [r for r, _ in raised(far)] == ["U4", "U4", "U4"]
    near = run([pause(3100, 10), pause(3100, 20), pause(3100, 30)])
    assert [r for r, _ in raised(near)] == ["U4", "U4", "E3"]


@pytest.mark.parametrize("doubt_", [{"contact": 0.5}, {"flat": 0.8}])
def test_a_pause_with_a_loose_electrode_is_none(doubt_: dict[str, float]) -> None:
    assert not run([pause(6000, **doubt_)])


def test_in_af_only_five_seconds_are_an_emergency() -> None:
    af = episode(
        Rhythm.AFIB, 10, None, "opened", duration_s=31.0, rate_bpm=80.0, ectopy_share=0.0
    )
    assert ("E3", "alarms.pause") not in raised(run([af, af, pause(4500)]))
    assert ("E3", "alarms.pause") in raised(run([af, af, pause(5000)]))


def test_a_pause_that_was_told_as_asystole_is_not_told_again() -> None:
    asystole = [
        episode(Rhythm.ASYS, 100, None, gap_s=7.0, proven_s=7.0),
        episode(Rhythm.ASYS, 100, 107.5, "closed", gap_s=7.0, proven_s=7.0),
    ]
    assert raised(run([*asystole, pause(7500, 100)])) == [("E1", "alarms.asystole")]


def test_the_first_af_is_urgent_and_the_next_is_for_the_digest() -> None:
    def af(onset: float, ectopy: float = 0.02) -> list[EpisodeEvent]:
        numbers = {"duration_s": 40.0, "rate_bpm": 90.0, "ectopy_share": ectopy}
        numbers["rr_irregularity"] = 0.15
        return [
            episode(Rhythm.AFIB, onset, None, "opened", **numbers),
            episode(Rhythm.AFIB, onset, None, "updated", **numbers),
            episode(Rhythm.AFIB, onset, onset + 60, "closed", **numbers),
        ]

    both = [*af(100), *af(500)]
    assert raised(run(both)) == [("U2", "alarms.af_new"), ("D1", "alarms.af_again")]
    known = raised(run(both, Context(known_af=True)))
    assert known == [("D1", "alarms.af_again")] * 2
    assert not raised(run(af(100, ectopy=0.2)))


def test_fast_af_is_urgent_after_ten_minutes() -> None:
    def af(second: float, rate: float) -> EpisodeEvent:
        numbers = {"duration_s": second, "rate_bpm": rate, "ectopy_share": 0.0}
        return episode(Rhythm.AFIB, 0, None, "updated", **numbers)

    fast = [af(float(s), 130.0) for s in range(30, 700, 10)]
    assert ("U3", "alarms.af_fast") in raised(run(fast, Context(known_af=True)))
    calm = [af(float(s), 130.0 if s != 300 else 110.0) for s in range(30, 700, 10)]
    assert ("U3", "alarms.af_fast") not in raised(run(calm, Context(known_af=True)))


@pytest.mark.parametrize(
    ("bpm", "asleep", "expected"),
    [
        (55, False, []),
        (45, False, ["D1"]),
        (38, False, ["U5"]),
        (38, True, ["D1"]),
        (34, False, ["E4"]),
        (34, True, ["D1"]),
        (29, True, ["E4"]),
        (100, False, []),
    ],
)
def test_a_slow_rate_is_judged_by_the_hour(
    bpm: float, asleep: bool, expected: list[str]
) -> None:
    rows = beats([60_000 / bpm] * 130)
    assert [r for r, _ in raised(run(rows, Context(asleep=asleep)))] == expected


@pytest.mark.parametrize(
    ("bpm", "expected"),
    [(115, []), (140, ["D1"]), (152, ["U6"]), (179, ["U6"]), (185, ["E6"])],
)
def test_a_fast_rate_is_judged_by_its_speed(bpm: float, expected: list[str]) -> None:
    rows = beats([60_000 / bpm] * 400)
    assert [r for r, _ in raised(run(rows))] == expected


def test_a_session_explains_a_fast_rate_but_not_a_very_fast_one() -> None:
    assert not raised(run(beats([60_000 / 160] * 400), Context(in_session=True)))
    assert raised(run(beats([60_000 / 190] * 400), Context(in_session=True)))


def test_a_rate_ends_below_its_limit_with_hysteresis() -> None:
    rows = beats([60_000 / 160] * 300)
    rows += beats([60_000 / 90] * 200, begin_s=rows[-1].sample / FS)
    found = [c for c in run(rows) if c.rule == "U6"]
    assert [c.phase for c in found if c.phase != "updated"] == ["raised", "cleared"]


def test_no_rate_rests_on_beats_that_are_not_trusted() -> None:
    assert not run(beats([60_000 / 34] * 130, usable=False))
    assert not run(beats([60_000 / 190] * 400, usable=False))


def test_t_waves_counted_as_beats_are_no_tachycardia() -> None:
    assert counted_twice([320, 480] * 20)
    assert not counted_twice([390, 400, 410] * 20)
    assert not raised(run(beats([300, 420] * 250)))


def test_ventricular_load_and_couplets() -> None:
    load: list[Beat] = []
    now = 0.0
    for i in range(500):
        kind = Aami.V if i % 6 == 0 else Aami.N
        load += beats([800], kind, now)
        now += 0.8
    assert ("U10", "alarms.pvc_burst") in raised(run(load))
    couplets: list[Beat] = []
    for i in range(60):
        kind = Aami.V if i % 20 in (5, 6) else Aami.N
        couplets += beats([800], kind, i * 0.8)
    assert raised(run(couplets)) == [("U10", "alarms.couplets")]


def test_beats_of_a_run_with_its_own_alarm_are_no_ventricular_load() -> None:
    normal = beats([800] * 20)
    start = normal[-1].sample / FS
    fast = beats([350] * 60, Aami.V, start)
    after = beats([800] * 60, Aami.N, fast[-1].sample / FS)
    rules = {rule for rule, _ in raised(run([*normal, *fast, *after]))}
    assert "E2" in rules
    assert "U10" not in rules


def test_an_electrode_off_for_five_minutes_and_back() -> None:
    def window(i: int, cause: NoiseCause | None) -> QualityWindow:
        grade = Grade.X if cause else Grade.A
        return QualityWindow(at(i * 10), at(i * 10 + 10), grade, cause and cause.value)

    off = [window(i, NoiseCause.LEAD_OFF) for i in range(30)]
    found = run([*off, window(30, None)])
    assert raised(found) == [("T2", "alarms.lead_off")]
    assert found[-1].phase == "cleared"
    assert not raised(run([*off[:29], window(29, None)]))


def test_an_hour_mostly_unreadable_is_told() -> None:
    windows = [
        QualityWindow(at(i * 10), at(i * 10 + 10), Grade.A if i % 5 < 2 else Grade.X, None)
        for i in range(360)
    ]
    assert raised(run(windows)) == [("T2", "alarms.poor_signal")]


def test_a_run_whose_intervals_alternate_is_judged_by_its_mean() -> None:
    rows = beats([800] * 20)
    now = rows[-1].sample / FS
    ventricular = beats([480, 650] * 30, Aami.V, now)
    found = run([*rows, *ventricular, *beats([800] * 3, begin_s=now + 34)])
    assert raised(found)[0] == ("U1", "alarms.nsvt")
    assert ("E2", "alarms.vt") in raised(found)
    assert sum(c.phase == "cleared" and c.rule == "E2" for c in found) == 1


def test_a_run_no_faster_than_the_rhythm_before_is_urgent_only() -> None:
    before = beats([60_000 / 155] * 25)
    assert raised(run([*before, vt(12, 160)])) == [("U1", "alarms.nsvt")]
    calm = beats([60_000 / 80] * 13)
    assert raised(run([*calm, vt(12, 160)])) == [("E2", "alarms.vt")]
    assert raised(run([*before, vt(12, 200)])) == [("E2", "alarms.vt")]


def test_sinus_arrhythmia_is_no_fibrillation() -> None:
    numbers = {"duration_s": 60.0, "rate_bpm": 65.0, "ectopy_share": 0.0}
    looks = [
        episode(Rhythm.AFIB, 5, None, "updated", rr_irregularity=irr, **numbers)
        for irr in (0.08, 0.07, 0.09, 0.102, 0.08)
    ]
    assert not run(looks)


def pulses(period_ms: float | None, seconds: float) -> list[LiveEvent]:
    return [Pulse(at(s), at(s + 10), period_ms, 0.9) for s in range(0, round(seconds), 10)]


def in_order(*events: LiveEvent) -> list[LiveEvent]:
    def known(event: LiveEvent) -> int:
        if isinstance(event, Beat):
            return event.sample
        if isinstance(event, EpisodeEvent):
            return event.decided_sample
        return event.end_sample

    return sorted(events, key=known)


@pytest.mark.parametrize(
    ("bpm", "period_ms", "rules"),
    [
        (34, 60_000 / 34, ["E4"]),
        (34, 30_000 / 34, []),  # every second beat was missed
        (34, None, ["E4"]),
        (160, 60_000 / 160, ["U6"]),
        (160, 120_000 / 160, []),  # every T wave was counted
        (190, 60_000 / 190, ["E6"]),
        (190, 120_000 / 190, []),
        (190, 30_000 / 190, ["E6"]),
    ],
)
def test_a_rate_that_the_signal_contradicts_is_not_told(
    bpm: float, period_ms: float | None, rules: list[str]
) -> None:
    rows = beats([60_000 / bpm] * 300)
    found = run(in_order(*rows, *pulses(period_ms, rows[-1].sample / FS)))
    assert [rule for rule, _ in raised(found)] == rules


def stretches(
    levels_mv: Sequence[Sequence[float | None]],
    qt_ms: float | None = 400.0,
    begin: int = 0,
    slope: float = 0.0,
) -> list[Waves]:
    rows: list[Waves] = []
    for i, levels in enumerate(levels_mv, begin):
        rows.append(
            Waves(
                first_sample=at(30 * i),
                end_sample=at(30 * i + 30),
                beats=30,
                rr_ms=1000.0,
                qrs_ms=90.0,
                qt_ms=qt_ms,
                t_peak_ms=None if qt_ms is None else qt_ms - 120.0,
                t_end_ms=None if qt_ms is None else qt_ms - 40.0,
                st_mv=tuple(levels),
                st_slope_mv_per_s=(slope,) * len(levels),
                r_mv=(1.0,) * len(levels),
            )
        )
    return rows


@pytest.mark.parametrize(
    ("after", "slope", "expected"),
    [
        ([(-0.12, -0.13)] * 2, 0.0, [("U8", "alarms.st_depression")]),
        ([(-0.12, -0.13)], 0.0, []),  # half a minute
        ([(-0.12, -0.05)] * 2, 0.0, [("D1", "alarms.st_possible")]),  # one lead of two
        ([(-0.12, -0.13)] * 2, 2.0, []),  # it rises quickly after J
        ([(-0.09, -0.09)] * 9, 0.0, []),
    ],
)
def test_st_depression_is_urgent_in_two_leads_against_the_own_level(
    after: list[tuple[float, float]], slope: float, expected: list[tuple[str, str]]
) -> None:
    calm = stretches([(0.02, -0.01)] * 10)
    moved = [(a + 0.02, b - 0.01) for a, b in after]
    found = run([*calm, *stretches(moved, begin=10, slope=slope)])
    assert raised(found) == expected


def test_one_lead_tells_a_possible_st_change_in_the_digest() -> None:
    calm, low = stretches([(0.0,)] * 10), stretches([(-0.2,)] * 3, begin=10)
    found = run([*calm, *low, *stretches([(0.0,)] * 2, begin=13)])
    assert raised(found) == [("D1", "alarms.st_possible")]
    assert found[-1].phase == "cleared"
    high = stretches([(0.2,)] * 3, begin=10)
    assert raised(run([*calm, *high])) == [("D1", "alarms.st_possible")]


TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.mark.parametrize(
    ("change_mv", "fires"),
    [
        ({"II": 0.15, "III": 0.15}, True),
        ({"II": 0.15, "V2": 0.4}, False),  # not neighbours
        ({"V1": 0.2, "V2": 0.2}, False),  # up to 0.3 mV is normal there
        ({"V1": 0.35, "V2": 0.35}, True),
        ({"V5": 0.12, "V6": 0.12}, True),
    ],
)
def test_st_elevation_is_an_emergency_in_neighbours_of_twelve_leads(
    change_mv: dict[str, float], fires: bool
) -> None:
    calm = stretches([(0.0,) * 12] * 10)
    high = stretches([tuple(change_mv.get(name, 0.0) for name in TWELVE)] * 2, begin=10)
    found = run([*calm, *high], Context(lead_names=TWELVE))
    assert (("E8", "alarms.st_elevation") in raised(found)) is fires


def test_a_turn_in_bed_is_no_ischaemia() -> None:
    calm = stretches([(0.0, 0.0)] * 10)
    turned = [replace(w, r_mv=(0.7, 0.7)) for w in stretches([(-0.2, -0.2)] * 4, begin=10)]
    assert not run([*calm, *turned])


def test_an_unstable_beginning_is_no_reference() -> None:
    wild = [((-1) ** i * 0.1,) for i in range(12)]
    assert not run([*stretches(wild), *stretches([(-0.3,)] * 3, begin=12)])


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "expected"),
    [
        (400, 495, ["U9"]),  # 95 more than before
        (400, 455, []),
        (505, 505, ["U9"]),
        (445, 498, []),  # 53 more, below 500
    ],
)
def test_a_long_qt_is_told_from_a_ten_minute_median(
    before_ms: float, after_ms: float, expected: list[str]
) -> None:
    flat = [(0.0,)] * 21
    found = run([*stretches(flat, before_ms), *stretches(flat, after_ms, begin=21)])
    assert [rule for rule, _ in raised(found)] == expected


def test_a_qt_of_a_wide_or_unsteady_beat_is_not_graded() -> None:
    rows = stretches([(0.0,)] * 30, 560.0)
    assert not run([replace(w, qrs_ms=130.0) for w in rows])
    rates = [replace(w, rr_ms=800.0 + 200.0 * (i % 2)) for i, w in enumerate(rows)]
    assert not run(rates)
    assert not run(stretches([(0.0,)] * 30, None))


def test_a_very_long_qt_with_a_ventricular_run_is_an_emergency() -> None:
    rows = stretches([(0.0,)] * 21, 560.0)
    late = at(631)
    run_of_v = episode(Rhythm.VT, 630, None, beats=4.0, rate_bpm=150.0, duration_s=1.0)
    both = run([*rows, replace(run_of_v, decided_sample=late)])
    assert ("E9", "alarms.long_qt_ectopy") in raised(both)
    first = run([replace(run_of_v, decided_sample=late), *rows])
    assert ("E9", "alarms.long_qt_ectopy") in raised(first)
    calm = run([*stretches([(0.0,)] * 21, 540.0), replace(run_of_v, decided_sample=late)])
    assert ("E9", "alarms.long_qt_ectopy") not in raised(calm)


@pytest.mark.parametrize(
    ("rr_ms", "confidence", "fires"),
    [(300, 0.9, True), (330, 0.9, False), (300, 0.7, False), (150, 0.9, False)],
)
def test_a_beat_on_the_t_wave_is_told(rr_ms: float, confidence: float, fires: bool) -> None:
    calm = stretches([(0.0,)])  # T peaks at 280 ms and ends at 360 ms
    normal = beats([1000] * 5, begin_s=31)
    early = beats([rr_ms], Aami.V, normal[-1].sample / FS)
    found = run([*calm, *normal, replace(early[0], confidence=confidence)])
    assert (("U10", "alarms.r_on_t") in raised(found)) is fires


@pytest.mark.parametrize(
    ("rhythm", "kind", "p_evidence", "expected"),
    [
        (Rhythm.BII, "type_1", 0.95, []),
        (Rhythm.BII, "type_2", 0.95, [("U7", "U")]),
        (Rhythm.BII, "two_to_one", 0.7, [("U7", "U")]),
        (Rhythm.AVB3, "beats", 0.95, [("E5", "E")]),
        (Rhythm.AVB3, "beats", 0.85, [("E5", "U")]),  # one lead, P waves less sure
    ],
)
def test_block_is_graded_by_its_kind_and_by_the_p_waves(
    rhythm: Rhythm, kind: str, p_evidence: float, expected: list[tuple[str, str]]
) -> None:
    numbers = {"p_evidence": p_evidence, kind: 1.0, "duration_s": 20.0}
    events = [
        episode(rhythm, 10, None, "updated", **numbers),
        episode(rhythm, 10, 60, "closed", **numbers),
    ]
    found = run(events)
    told = [(c.rule, c.tier.value) for c in found if c.phase == "raised"]
    assert told == expected
    assert sum(c.phase == "cleared" for c in found) == len(expected)


def test_runs_and_loads_of_doubtful_beats_are_the_electrodes() -> None:
    doubtful = episode(
        Rhythm.VT, 10, 14, "closed", 0.6, beats=6.0, rate_bpm=150.0, duration_s=2.0
    )
    assert not run([doubtful])
    seen = episode(
        Rhythm.VT,
        10,
        14,
        "closed",
        0.6,
        beats=6.0,
        rate_bpm=150.0,
        duration_s=2.0,
        waveform=0.7,
    )
    assert raised(run([seen])) == [("U1", "alarms.nsvt")]
    load: list[Beat] = []
    for i in range(500):
        kind = Aami.V if i % 4 == 0 else Aami.N
        one = beats([800], kind, i * 0.8)[0]
        sure = 0.9 if i % 16 == 0 else 0.55
        load.append(replace(one, confidence=sure if kind is Aami.V else 0.9))
    assert not raised(run(load))


EVENTS = st.lists(
    st.one_of(
        st.builds(vt, st.integers(3, 60), st.floats(90, 250), st.just("updated")),
        st.builds(vt, st.integers(3, 60), st.floats(90, 250), st.just("closed")),
        st.builds(pause, st.floats(2000, 9000), st.floats(1, 1000)),
        st.builds(lambda s: beats([800.0], Aami.V, s)[0], st.floats(0, 1000)),
        st.builds(lambda s: beats([400.0], Aami.S, s)[0], st.floats(0, 1000)),
    ),
    max_size=40,
)


@given(EVENTS, st.integers(0, 40))
def test_the_rules_do_not_care_how_events_were_cut_or_restored(
    events: list[LiveEvent], cut: int
) -> None:
    whole = run(events)
    state, first = evaluate(start_rules(FS), events[:cut])
    stored = json.loads(json.dumps(state.to_json()))
    _, second = evaluate(restore_rules(stored, FS), events[cut:])
    assert [*first, *second] == whole


def test_evaluating_leaves_the_given_state_as_it_was() -> None:
    state, _ = evaluate(start_rules(FS), beats([800] * 20))
    before = json.dumps(state.to_json())
    evaluate(state, [vt(12, 180), *beats([700] * 5, begin_s=20)])
    assert json.dumps(state.to_json()) == before


def test_a_condition_whose_end_was_lost_ends_by_itself_after_a_restart() -> None:
    state, found = evaluate(start_rules(FS), [vt(12, 180)])
    assert raised(found) == [("E2", "alarms.vt")]
    state = doubt(state, at(20))
    state, found = evaluate(state, beats([800] * 60, begin_s=20))
    assert not found
    _, found = evaluate(state, beats([800] * 40, begin_s=70))
    assert [(c.phase, c.rule) for c in found] == [("cleared", "E2")]


def test_a_state_of_another_version_begins_anew() -> None:
    assert (
        restore_rules({"v": 0, "fs": FS, "memory": {"open": {}}}, FS)
        == RuleState(FS, restore_rules({}, FS).limits)
        or restore_rules({"v": 0}, FS).memory == {}
    )
