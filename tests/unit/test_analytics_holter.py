"""Sections of the 24-hour report on beats laid out by hand."""

import itertools
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from analytics.errors import BadShape
from analytics.holter import analyze_holter, read_ecg
from analytics.holter_beats import Clock, HolterOptions, beat_table
from analytics.holter_conclusions import CODES
from analytics.holter_ectopy import ectopy, supraventricular_extras, ventricular_extras
from analytics.holter_report import Reading
from analytics.holter_types import Symptom
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm

FS = 100.0
SHANGHAI = timezone(timedelta(hours=8))


def beats_of(rows, first_s=0.5):
    """Beats from ``(RR in ms or None, class)``; None is a gap of 10 s."""
    beats, at_ms = [], first_s * 1000.0
    for k, (rr, kind) in enumerate(rows):
        at_ms += 0.0 if k == 0 else (10000.0 if rr is None else rr)
        known = None if k == 0 or rr is None else float(rr)
        sample = round(at_ms / 1000.0 * FS)
        aami = Aami(kind)
        beats.append(Beat(sample, aami, 0.9, known, aami is Aami.V, usable=True))
    return tuple(beats)


def regular(n, rr=1000, kind="N"):
    return [(rr, kind)] * n


def pauses_among(beats, cause="cause_sinus_arrest"):
    """PAUSE episodes, as the rhythm analysis would accept them."""
    return tuple(
        Episode(Rhythm.PAUSE, a.sample, b.sample, 0.9, {"rr_ms": b.rr_ms, cause: 1.0})
        for a, b in itertools.pairwise(beats)
        if b.rr_ms is not None and b.rr_ms >= 2000.0
    )


def report_of(beats, *, seconds=None, quality=None, episodes=(), leads=("I",), **more):
    n = round((seconds or beats[-1].sample / FS + 1) * FS)
    if quality is None:
        quality = (QualityWindow(0, n, Grade.A, None),)
    reading = Reading(tuple(beats), tuple(quality), tuple(episodes))
    signal = np.zeros((n, len(leads)))
    return analyze_holter(signal, FS, lead_names=leads, reading=reading, **more)


# Section 1


def test_analysable_time_is_recorded_less_noise_lead_off_and_gaps():
    quality = (
        QualityWindow(0, 1000, Grade.A, None),
        QualityWindow(1000, 2000, Grade.X, NoiseCause.GAP.value),
        QualityWindow(2000, 3000, Grade.X, NoiseCause.LEAD_OFF.value),
        QualityWindow(3000, 4500, Grade.X, NoiseCause.MOTION.value),
        QualityWindow(4500, 6000, Grade.B, NoiseCause.MUSCLE.value),
    )
    got = report_of(beats_of(regular(5)), seconds=60, quality=quality).coverage
    assert (got.recorded_s, got.analysable_s) == (60.0, 25.0)
    assert (got.gap_s, got.lead_off_s, got.noise_s) == (10.0, 10.0, 15.0)
    assert got.analysable_pct == pytest.approx(100.0 * 25 / 60)
    assert got.grade_s == {"A": 10.0, "B": 15.0, "C": 0.0, "X": 35.0}
    assert got.cause_s["muscle"] == 15.0
    assert not got.full_day


def test_eighteen_analysable_hours_are_a_full_day():
    beats = beats_of(regular(3))
    assert report_of(beats, seconds=18 * 3600).coverage.full_day
    assert not report_of(beats, seconds=18 * 3600 - 1).coverage.full_day


# Section 3


def test_mean_rate_is_beats_over_analysable_time():
    got = report_of(beats_of(regular(90)), seconds=100).heart_rate
    assert got.total_beats == 90
    assert got.mean_bpm == pytest.approx(60.0 * 90 / 100)


def test_lowest_and_highest_rate_are_means_of_eight_rr():
    rows = regular(20, 800) + regular(8, 500) + regular(20, 800) + regular(8, 1200)
    got = report_of(beats_of([*rows, *regular(20, 800)])).heart_rate
    assert got.max is not None
    assert got.max.bpm == pytest.approx(120.0)
    assert got.min is not None
    assert got.min.bpm == pytest.approx(50.0)
    # The fast 4 s begin at beat 19, 0.5 s + 19 x 0.8 s = 15.7 s; their middle is 2 s on.
    assert got.max.at.elapsed_s == pytest.approx(17.7, abs=0.02)


def test_seven_fast_intervals_are_not_enough():
    rows = regular(20, 800) + regular(7, 500) + regular(20, 800)
    got = report_of(beats_of(rows)).heart_rate
    assert got.max is not None
    assert got.max.bpm == pytest.approx(60000 * 8 / (7 * 500 + 800))


def test_a_pause_counts_in_the_lowest_rate_only_when_the_setting_says_so():
    beats = beats_of([*regular(20, 1000), (3000, "N"), *regular(20, 1000)])
    episodes = pauses_among(beats)
    without = report_of(beats, episodes=episodes).heart_rate
    allowed = HolterOptions(pauses_in_min_rate=True)
    with_pause = report_of(beats, episodes=episodes, options=allowed).heart_rate
    assert without.min is not None
    assert without.min.bpm == pytest.approx(60.0)
    assert with_pause.min is not None
    assert with_pause.min.bpm == pytest.approx(60000 * 8 / (7 * 1000 + 3000))
    assert with_pause.pauses_in_min


def test_a_rate_never_spans_a_gap():
    rows = [*regular(5, 500), (None, "N"), *regular(5, 500)]
    got = report_of(beats_of(rows))
    assert got.heart_rate.min is None
    assert got.reasons["heart_rate.min"] == "too_few_beats"


def test_time_over_and_under_limits_is_the_sum_of_their_intervals():
    rows = regular(41, 1000) + regular(40, 500) + regular(40, 2000 - 1)
    got = report_of(beats_of(rows)).heart_rate
    # A window of 8 goes above 100 bpm (mean RR < 600 ms) with 7 fast: 34 intervals, and
    # stays there for one slow interval of 2 s only if (7 x 500 + 1999) / 8 = 687: no.
    assert got.over_100_s == pytest.approx(34 * 0.5)
    # Below 40 bpm: mean RR > 1500 needs (8-k) x 500 + k x 1999 > 12000, k >= 6: 35.
    assert got.under_40_s == pytest.approx(35 * 1.999)


def test_day_and_night_means_give_the_circadian_index():
    # Starts 21:59:00 local: one minute of day at 80 bpm, then night at 60 bpm.
    rows = regular(80, 750) + regular(200, 1000)
    start = datetime(2026, 3, 1, 21, 59, 0, tzinfo=SHANGHAI)
    got = report_of(beats_of(rows, first_s=0.0), start_at=start).heart_rate
    assert got.day_mean_bpm == pytest.approx(80.0)
    assert got.night_mean_bpm == pytest.approx(60.0, rel=0.01)
    assert got.circadian_index == pytest.approx(got.day_mean_bpm / got.night_mean_bpm)


def test_without_a_clock_there_is_no_day_and_a_reason():
    got = report_of(beats_of(regular(30)))
    assert got.heart_rate.day_mean_bpm is None
    assert got.reasons["heart_rate.circadian_index"] == "no_clock"


def test_a_clock_offset_alone_is_enough_for_day_and_night():
    beats = beats_of(regular(80, 750) + regular(200, 1000), first_s=0.0)
    got = report_of(beats, clock_offset_s=21 * 3600 + 59 * 60)
    assert got.heart_rate.circadian_index == pytest.approx(80 / 60, rel=0.01)
    assert got.hourly[1].starts.elapsed_s == pytest.approx(60.0)


def test_hours_follow_the_clock_and_add_up():
    start = datetime(2026, 3, 1, 9, 50, 0, tzinfo=SHANGHAI)
    rows = [*regular(5400), (800, "V"), *regular(1800)]
    got = report_of(beats_of(rows, first_s=0.0), seconds=7200, start_at=start)
    hours = got.hourly
    assert [h.recorded_s for h in hours] == [600.0, 3600.0, 3000.0]
    assert hours[1].starts.at == datetime(2026, 3, 1, 10, 0, tzinfo=SHANGHAI)
    assert sum(h.beats for h in hours) == got.heart_rate.total_beats
    assert [h.v for h in hours] == [0, 0, 1]
    assert hours[1].mean_bpm == pytest.approx(60.0)
    assert hours[0].longest_rr_ms == 1000.0


# Section 4


def table_of(rows):
    return beat_table(beats_of(rows), (), FS)


def letters(text, rr=600):
    return [(rr, kind) for kind in text]


def ectopy_of(text, rr=600, kind=Aami.V, seconds=3600.0):
    return ectopy(table_of(letters(text, rr)), kind, Clock(FS, None), seconds)


def test_isolated_couplet_triplet_and_runs_are_told_apart():
    got = ectopy_of("NVNNVVNNVVVNNVVVVVVN", rr=500)
    assert got.count == 1 + 2 + 3 + 6
    assert (got.isolated, got.couplets, got.triplets) == (1, 1, 1)
    assert (got.short_runs, got.long_runs, got.runs) == (1, 1, 2)
    assert got.beats_in_runs == 9
    assert got.burden_pct == pytest.approx(100 * 12 / 20)
    assert got.per_hour == pytest.approx(12.0)


def test_a_gap_splits_a_run():
    rows = [*letters("NVV"), (None, "V"), (600, "V"), (600, "N")]
    got = ectopy(table_of(rows), Aami.V, Clock(FS, None), 3600.0)
    assert (got.couplets, got.runs) == (2, 0)


def test_the_rate_of_a_run_is_that_of_its_inner_intervals():
    rows = [*letters("NN", 1000), (400, "V"), (500, "V"), (300, "V"), (1200, "N")]
    got = ectopy(table_of(rows), Aami.V, Clock(FS, None), 3600.0)
    assert got.fastest is not None
    assert got.fastest.bpm == pytest.approx(60 * 2 / 0.8)  # 150
    assert got.fastest.duration_s == pytest.approx(0.8)
    assert got.fastest.kind == "vt_nonsustained"
    assert got.longest == got.fastest
    assert got.second_longest is None


@pytest.mark.parametrize(
    ("rr", "beats", "kind"),
    [
        (600, 5, "aivr"),  # 100 bpm is not above 100
        (599, 5, "vt_nonsustained"),
        (500, 60, "vt_nonsustained"),  # 59 x 0.5 s = 29.5 s
        (500, 61, "vt_sustained"),  # 30 s
    ],
)
def test_runs_are_named_by_rate_and_length(rr, beats, kind):
    got = ectopy_of("NN" + "V" * beats + "N", rr=rr)
    assert got.fastest is not None
    assert got.fastest.kind == kind
    assert got.sustained == (kind == "vt_sustained")
    assert got.tachycardias == (kind != "aivr")
    assert got.slow_runs == (kind == "aivr")
    assert list(got.longest_by_kind) == [kind]


def test_bigeminy_and_trigeminy_need_three_cycles():
    assert ectopy_of("NNNVNVNN").bigeminy_episodes == 0
    got = ectopy_of("NNNVNVNVNN")
    assert (got.bigeminy_episodes, got.bigeminy_beats) == (1, 3)
    assert ectopy_of("NNVNNVNN").trigeminy_episodes == 0
    got = ectopy_of("NNNVNNVNNVNN")
    assert (got.trigeminy_episodes, got.trigeminy_beats) == (1, 3)
    assert got.bigeminy_episodes == 0


def test_coupling_is_measured_from_the_normal_beat_before():
    rows = [*letters("NN", 1000), (400, "V"), (1400, "N"), (500, "V"), (300, "V")]
    got = ectopy(table_of(rows), Aami.V, Clock(FS, None), 3600.0)
    assert got.coupling_mean_ms == pytest.approx(450.0)
    assert got.coupling_sd_ms == pytest.approx(np.std([400, 500], ddof=1))


def test_flags_follow_the_counts_of_a_day():
    assert ectopy_of("N" * 9 + ("V" + "N" * 99) * 100, seconds=86400.0).flags == ()
    got = ectopy_of("N" * 9 + ("V" + "N" * 99) * 101, seconds=86400.0)
    assert got.flags == ("over_100_per_24h",)
    assert got.max_per_minute == 1
    # Two days with 101 V are 50 a day.
    assert ectopy_of("N" * 9 + ("V" + "N" * 99) * 101, seconds=2 * 86400.0).flags == ()
    # 6 within a minute are more than 5 a minute; 21 % burden is high.
    got = ectopy_of("NNNN" + "V" + "NNNN" + "V" + "NNN" + "VNNN" * 4, seconds=60.0)
    assert got.max_per_minute == 6
    assert got.flags == ("frequent", "high")


def test_an_empty_recording_has_no_ectopy():
    got = ectopy(table_of([]), Aami.V, Clock(FS, None), 0.0)
    assert got.count == 0
    assert got.burden_pct is None
    assert got.per_hour is None
    assert got.fastest is None


def test_r_on_t_by_coupling_and_by_t_end():
    # RR before the V is 1000 ms: the limit is 430 ms.
    early = [*letters("NNN", 1000), (420, "V"), (1500, "N")]
    late = [*letters("NNN", 1000), (440, "V"), (1500, "N")]
    got = ventricular_extras(table_of(early), 2, None)
    assert (got.r_on_t, got.r_on_t_method, got.morphologies) == (1, "coupling", 2)
    assert ventricular_extras(table_of(late), 0, None).r_on_t == 0
    t_end = np.full(5, 450.0)
    got = ventricular_extras(table_of(late), 0, t_end)
    assert (got.r_on_t, got.r_on_t_method) == (1, "t_end")


def test_an_interpolated_v_leaves_the_rhythm_alone():
    inside = [*letters("NNN", 1000), (500, "V"), (550, "N"), (1000, "N")]
    compensatory = [*letters("NNN", 1000), (600, "V"), (1400, "N"), (1000, "N")]
    assert ventricular_extras(table_of(inside), 0, None).interpolated == 1
    assert ventricular_extras(table_of(compensatory), 0, None).interpolated == 0


# Section 5


def test_supraventricular_runs_are_named_by_rate():
    got = ectopy_of("NNSSSN", rr=500, kind=Aami.S)
    assert got.fastest is not None
    assert got.fastest.kind == "svt"
    got = ectopy_of("NNSSSN", rr=700, kind=Aami.S)
    assert got.fastest is not None
    assert got.fastest.kind == "atrial_run"


def test_s_beats_less_premature_than_the_setting_are_counted_apart():
    rows = [*regular(9, 1000), (790, "S"), (1000, "N"), *regular(8), (810, "S")]
    got = supraventricular_extras(table_of(rows), 20.0)
    assert got.below_setting == 1
    assert got.aberrant == 0


# Section 6


def af(first_s, end_s):
    return Episode(Rhythm.AFIB, round(first_s * FS), round(end_s * FS), 0.9)


def test_burden_is_episode_time_over_analysable_time():
    beats = beats_of(regular(200, 500))
    episodes = (af(10, 40), af(50, 79.9), af(80, 120))  # the second is too short
    got = report_of(beats, seconds=200, episodes=episodes).af
    assert got.episodes == 2
    assert got.total_s == pytest.approx(70.0)
    assert got.burden_pct == pytest.approx(35.0)
    assert got.longest_s == pytest.approx(40.0)
    assert got.longest_onset is not None
    assert got.longest_onset.elapsed_s == 80.0
    assert got.first_onset is not None
    assert got.first_onset.elapsed_s == 10.0
    assert got.mean_bpm == pytest.approx(120.0)
    assert got.min_bpm == got.max_bpm == pytest.approx(120.0)


def test_noise_inside_an_episode_is_neither_burden_nor_time():
    quality = (
        QualityWindow(0, 2000, Grade.A, None),
        QualityWindow(2000, 3000, Grade.X, NoiseCause.MOTION.value),
        QualityWindow(3000, 10000, Grade.A, None),
    )
    beats = beats_of(regular(100, 900))
    got = report_of(beats, seconds=100, quality=quality, episodes=(af(10, 55),)).af
    assert got.total_s == pytest.approx(35.0)
    assert got.burden_pct == pytest.approx(100 * 35 / 90)


def test_the_pause_at_conversion_is_found():
    beats = beats_of([*regular(60, 600), (2600, "N"), *regular(20, 800)])
    end_s = beats[59].sample / FS + 1.0
    got = report_of(beats, episodes=(af(0, end_s), *pauses_among(beats))).af
    assert got.conversion_pause_ms == pytest.approx(2600.0)
    assert got.conversion_pause_at is not None
    assert got.conversion_pause_at.sample == beats[59].sample


def test_flutter_is_counted_apart_from_fibrillation():
    flutter = Episode(Rhythm.AFL, 0, round(60 * FS), 0.9)
    got = report_of(beats_of(regular(100)), episodes=(flutter,)).af
    assert (got.episodes, got.flutter_episodes, got.flutter_s) == (0, 1, 60.0)


def test_variability_is_not_said_of_a_heart_in_fibrillation():
    beats = beats_of(regular(400, 700))
    got = report_of(beats, seconds=300, episodes=(af(0, 250),))
    assert got.hrv_time is None
    assert got.reasons["hrv_time"] == "not_sinus"
    assert got.rhythm.basic is Rhythm.AFIB
    assert got.rhythm.shares[0].group == "af"
    assert got.rhythm.shares[0].pct == pytest.approx(100 * 250 / 300)


# Section 7


def test_pauses_are_counted_by_length():
    rows = regular(10)
    for rr in (1999, 2000, 2499, 2500, 3000, 3999, 4000):
        rows += [(rr, "N"), *regular(9)]
    beats = beats_of(rows)
    got = report_of(beats, episodes=pauses_among(beats))
    assert got.pauses.count == 6
    expected = {"2.0-2.49": 2, "2.5-2.99": 1, "3.0-3.99": 2, ">=4.0": 1}
    assert got.pauses.bins == expected
    assert got.pauses.longest is not None
    assert got.pauses.longest.rr_ms == 4000.0
    assert got.pauses.causes == {"sinus_arrest": 6}
    assert sum(h.pauses for h in got.hourly) == 6


def test_pauses_in_fibrillation_have_their_own_bins():
    rows = [*regular(10), (2600, "N"), *regular(5), (5100, "N"), *regular(5)]
    beats = beats_of(rows)
    got = report_of(beats, episodes=pauses_among(beats, "cause_in_af")).pauses
    assert got.count == 0
    assert got.in_af == {">=2.5": 2, ">=5.0": 1}
    assert got.longest is not None
    assert got.longest.cause == "in_af"


def test_a_long_interval_that_was_not_accepted_is_no_pause_and_no_nn():
    beats = beats_of([*regular(150), (3000, "N"), *regular(150)])
    got = report_of(beats)  # no PAUSE episode: a beat was missed there
    assert got.pauses.count == 0
    assert got.pauses.artefacts_rejected == 1
    assert got.hrv_time is not None
    assert got.hrv_time.sdnn_ms == 0.0


# Sections 15, 16, 19, 22, 23


def test_pacing_is_the_share_of_paced_beats_and_their_slowest_usual_rate():
    rows = regular(50, 1000, "/") + regular(50, 800)
    got = report_of(beats_of(rows)).pacing
    assert got.paced_beats == 50
    assert got.paced_pct == pytest.approx(50.0)
    assert got.min_rate_bpm == pytest.approx(60.0)


def test_a_symptom_is_told_with_rhythm_and_rate_45_s_around():
    beats = beats_of(regular(100, 1000) + regular(200, 500))
    episodes = (Episode(Rhythm.STACH, round(101 * FS), round(200 * FS), 0.8),)
    marks = (Symptom(round(50 * FS), "palpitation"), Symptom(round(150 * FS), "button"))
    got = report_of(beats, seconds=205, episodes=episodes, symptoms=marks)
    first, second = got.symptoms
    assert (first.rhythm, second.rhythm) == (Rhythm.N, Rhythm.STACH)
    assert first.mean_bpm == pytest.approx(60.0)
    assert second.mean_bpm == pytest.approx(120.0)
    assert got.symptoms_in_sinus == 2
    said = {s.code: s.params for s in got.conclusions}
    assert said["symptoms.in_sinus"] == {"count": 2, "in_sinus": 2}


def test_beats_in_ventricular_fibrillation_are_not_counted():
    rows = regular(50) + regular(20, 250, "V") + regular(50)
    beats = beats_of(rows)
    vf = Episode(Rhythm.VFIB, beats[50].sample, beats[70].sample, 0.95)
    got = report_of(beats, episodes=(vf,))
    assert got.ventricular.count == 0
    assert got.heart_rate.total_beats == 100
    assert got.passport.beats_rejected == 20
    assert got.heart_rate.max is not None
    assert got.heart_rate.max.bpm == pytest.approx(60.0)
    codes = [(s.code, s.params.get("rhythm")) for s in got.conclusions]
    assert ("rhythm.episode", "VFIB") in codes
    assert any(s.kind == "rhythm_VFIB" for s in got.strips)


def test_strips_are_chosen_for_extremes_pauses_and_runs():
    rows = [*regular(100), (3000, "N"), *regular(50), *letters("VVVV", 400)]
    beats = beats_of([*rows, *regular(50)])
    got = report_of(beats, episodes=pauses_among(beats))
    kinds = [s.kind for s in got.strips]
    assert kinds[:3] == ["min_rate", "max_rate", "longest_rr"]
    assert "v_run_fastest" in kinds
    for strip in got.strips:
        assert strip.end_sample - strip.first_sample == 1000
        assert strip.first_sample >= 0
        assert strip.first_sample <= strip.centre.sample <= strip.end_sample


def test_sentences_carry_the_same_numbers_as_the_tables():
    rows = regular(200) + letters("VVVV", 400) + regular(200) + letters("V", 600)
    got = report_of(beats_of([*rows, *regular(20)]))
    said = {s.code: s.params for s in got.conclusions}
    assert set(said) <= set(CODES)
    assert said["v.count"]["count"] == got.ventricular.count == 5
    assert said["v.count"]["burden_pct"] == got.ventricular.burden_pct
    run = got.ventricular.fastest
    assert run is not None
    assert said["v.vt_nonsustained"]["fastest_bpm"] == run.bpm == pytest.approx(150.0)
    assert said["coverage.not_full_day"]["analysable_h"] == pytest.approx(
        got.coverage.analysable_s / 3600
    )


def test_one_lead_says_nothing_of_ischaemia():
    got = report_of(beats_of(regular(100)))
    assert "single_lead_no_ischaemia" in got.passport.limits
    assert "st.single_lead" in [s.code for s in got.conclusions]
    two = report_of(beats_of(regular(100)), leads=("I", "II"))
    assert "single_lead_no_ischaemia" not in two.passport.limits


def test_the_passport_counts_what_the_sections_count():
    rows = letters("NNNNVNNSN")
    got = report_of(beats_of(rows)).passport
    assert got.beats == 9
    assert got.by_class == {"N": 7, "S": 1, "V": 1, "F": 0, "Q": 0, "/": 0}
    assert got.settings["qtc_formula"] == "fridericia"


def test_human_edits_are_a_share_of_the_beats():
    beats = beats_of(regular(50))
    quality = (QualityWindow(0, 6000, Grade.A, None),)
    reading = Reading(beats, quality, (), human_edited=5)
    got = analyze_holter(np.zeros(6000), FS, lead_names=("I",), reading=reading)
    assert got.passport.human_edited_pct == pytest.approx(10.0)


# The whole


def missing(value, path=""):
    """Paths of all None in the sections of a report's JSON, list items apart."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from missing(item, f"{path}.{key}" if path else key)
    elif value is None:
        yield path


def test_every_missing_number_has_a_reason():
    for beats in (beats_of(regular(3)), beats_of(regular(300)), ()):
        got = report_of(beats, seconds=400).to_json()
        paths = [p for p in missing(got) if not p.endswith(".at")]
        assert paths
        for path in paths:
            covered = [path, path.split(".")[0], ".".join(path.split(".")[:2])]
            assert any(p in got["reasons"] for p in covered), path


def test_json_holds_plain_values_only():
    start = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    got = report_of(beats_of(regular(300)), start_at=start).to_json()
    text = json.dumps(got, allow_nan=False)
    back = json.loads(text)
    assert back == got
    assert back["coverage"]["start_at"] == "2026-03-01T09:00:00+00:00"
    assert "beats" not in back
    assert back["heart_rate"]["total_beats"] == 300


@pytest.mark.parametrize("leads", [1, 2, 12])
def test_an_empty_or_flat_recording_gives_a_report_that_says_so(leads):
    for signal in (np.zeros((6000, leads)), np.full((6000, leads), np.nan)):
        names = tuple(f"L{k}" for k in range(leads))
        got = analyze_holter(signal, 250.0, lead_names=names)
        assert got.heart_rate.total_beats == 0
        assert [s.code for s in got.conclusions] == ["coverage.nothing"]
        assert got.coverage.analysable_s == 0.0
        json.dumps(got.to_json(), allow_nan=False)


def test_noise_never_raises(rng):
    for scale in (1e-6, 0.1, 50.0):
        got = analyze_holter(rng.normal(0, scale, 25000), 250.0, lead_names=("I",))
        json.dumps(got.to_json(), allow_nan=False)


def drawn_ecg(fs, seconds, rr_s=0.8):
    t = np.arange(int(seconds * fs)) / fs
    lead = np.zeros(len(t))
    for r in np.arange(0.5, seconds - 0.5, rr_s):
        lead += 1.1 * np.exp(-(((t - r) / 0.012) ** 2))
        lead -= 0.2 * np.exp(-(((t - r - 0.03) / 0.012) ** 2))
        lead += 0.12 * np.exp(-(((t - r + 0.16) / 0.022) ** 2))
        lead += 0.3 * np.exp(-(((t - r - 0.28) / 0.05) ** 2))
    return lead


def test_a_drawn_heart_at_75_bpm_is_read_from_the_signal(rng):
    fs, seconds = 250.0, 120.0
    lead = drawn_ecg(fs, seconds) + rng.normal(0, 0.005, int(fs * seconds))
    got = analyze_holter(lead, fs, lead_names=("II",))
    assert got.heart_rate.total_beats == pytest.approx(149, abs=2)
    assert got.heart_rate.min is not None
    assert got.heart_rate.min.bpm == pytest.approx(75.0, abs=0.5)
    assert got.ventricular.count == 0
    assert got.rhythm.basic is Rhythm.N
    assert got.qt is not None
    assert got.conduction.pr_median_ms == pytest.approx(180, abs=30)
    assert got.templates[0].beats >= 140


def test_gaps_given_beside_the_signal_are_not_read():
    fs = 250.0
    lead = drawn_ecg(fs, 60.0)
    whole = read_ecg(lead, fs)
    holes = read_ecg(lead, fs, gaps=[(5000, 10000)])
    assert not any(5000 <= b.sample < 10000 for b in holes.beats)
    assert len(holes.beats) < len(whole.beats)


def test_the_lead_with_usable_signal_is_read():
    fs = 250.0
    leads = np.column_stack([np.zeros(15000), drawn_ecg(fs, 60.0)])
    got = analyze_holter(leads, fs, lead_names=("I", "II"))
    assert got.coverage.lead_analysed == "II"
    assert got.heart_rate.total_beats > 60


def test_programmers_mistakes_are_errors():
    with pytest.raises(BadShape):
        analyze_holter(np.zeros((100, 2)), 250.0, lead_names=("I",))
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(BadShape):
        analyze_holter(np.zeros(2500), 250.0, lead_names=("I",), start_at=naive)


def test_no_number_is_nan(rng):
    lead = drawn_ecg(250.0, 60.0)
    text = json.dumps(analyze_holter(lead, 250.0, lead_names=("I",)).to_json())
    assert "NaN" not in text
    assert not math.isnan(len(text))
