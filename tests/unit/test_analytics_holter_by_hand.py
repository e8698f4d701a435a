"""The rest of the report's numbers, each worked out by hand beside the assertion."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics.holter import analyze_holter
from analytics.holter_report import Reading
from analytics.holter_types import SCHEMA, Symptom
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm

FS = 100.0
START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def laid_out(text, rr_ms=1000, short_ms=500):
    """Beats of the letters; V and S come ``short_ms`` after the beat before."""
    out, at_ms = [], 1000.0
    for k, letter in enumerate(text):
        step = short_ms if letter in "VS" else rr_ms
        at_ms += step if k else 0.0
        kind = Aami(letter)
        rr = None if not k else float(step)
        out.append(Beat(round(at_ms * FS / 1000), kind, 0.9, rr, kind is Aami.V, True))
    return tuple(out)


def report_of(beats, seconds, episodes=(), quality=None, **more):
    n = round(seconds * FS)
    windows = quality or (QualityWindow(0, n, Grade.A, None),)
    reading = Reading(tuple(beats), tuple(windows), tuple(episodes))
    more.setdefault("start_at", START)
    return analyze_holter(np.zeros((n, 1)), FS, lead_names=("I",), reading=reading, **more)


def test_the_end_is_the_start_and_the_recorded_time():
    got = report_of(laid_out("N" * 20), 90).coverage
    assert got.end_at == START + timedelta(seconds=90)


def test_slow_time_is_the_sum_of_intervals_that_end_a_slow_rate():
    # Ten intervals each of 0.8, 1.1 and 1.3 s; a rate is the mean of eight.
    rr = [800] * 10 + [1100] * 10 + [1300] * 10
    at = 1000 + np.concatenate([[0], np.cumsum(rr)])
    beats = [
        Beat(int(t * FS / 1000), Aami.N, 0.9, float(r) if r else None, False, True)
        for t, r in zip(at.tolist(), [0, *rr], strict=True)
    ]
    got = report_of(beats, 40).heart_rate
    # Under 50/min the mean is over 1.2 s: from the fifth of 1.3 s on, six of them.
    assert got.under_50_s == pytest.approx(6 * 1.3)
    # Under 60/min it is over 1 s: from the sixth of 1.1 s on, five, and all of 1.3 s.
    assert got.under_60_s == pytest.approx(5 * 1.1 + 10 * 1.3)


def test_an_hour_counts_the_couplets_and_runs_that_begin_in_it():
    text = "NNNNNVVNNNNNVVVNNNNNNSSNNNNNSSSNNNNN"
    (hour,) = report_of(laid_out(text), 60).hourly
    assert (hour.v, hour.v_couplets, hour.v_runs) == (5, 1, 1)
    assert (hour.s, hour.s_couplets, hour.s_runs) == (5, 1, 1)


def test_the_fastest_of_each_kind_and_the_fullest_hour():
    # Runs of three at 500 and at 400 ms: 60 x 2 / 1.0 = 120 and 60 x 2 / 0.8 = 150.
    slow = laid_out("NNNNNNVVVNNNNNN")
    last = slow[-1].sample
    quick = laid_out("NNNNNVVVNNNNNN", short_ms=400)
    moved = [
        Beat(b.sample + last, b.aami, b.confidence, b.rr_ms, b.wide, b.usable)
        for b in quick
    ]
    got = report_of((*slow, *moved), 60).ventricular
    assert got.fastest_by_kind["vt_nonsustained"].bpm == pytest.approx(150.0)
    assert got.fastest.bpm == pytest.approx(150.0)
    assert got.max_per_hour == 6


def test_fusion_beats_are_counted_apart():
    beats = list(laid_out("NNNNFNNNNFNNN"))
    extras = report_of(beats, 30)
    assert extras.ventricular_extras.fusion == 2
    assert extras.ventricular.count == 0
    assert extras.supraventricular_extras.premature_setting_pct == 20.0


def test_rhythms_are_counted_and_only_some_are_listed():
    every = [Episode(Rhythm.SVTA, k * 300, k * 300 + 100, 0.9, {}) for k in range(14)]
    got = report_of(laid_out("N" * 60), 60, every).rhythm
    assert got.episode_counts["SVTA"] == 14
    assert got.episode_seconds["SVTA"] == pytest.approx(14.0)
    assert got.episodes_kept == 10
    assert len([e for e in got.episodes if e.rhythm is Rhythm.SVTA]) == 10


def test_block_is_counted_by_degree_and_is_possible_until_two_leads_show_it():
    def of(leads):
        evidence = {"p_evidence": 0.9, "leads": leads}
        episodes = (
            Episode(Rhythm.BII, 500, 900, 0.5, evidence),
            Episode(Rhythm.BII, 1500, 1900, 0.5, evidence),
            Episode(Rhythm.AVB3, 2500, 3500, 0.5, evidence),
        )
        return report_of(laid_out("N" * 50), 60, episodes).conduction

    one, two = of(1.0), of(2.0)
    assert (one.second_degree_episodes, one.third_degree_episodes) == (2, 1)
    assert one.possible_only
    assert not two.possible_only


def test_the_longest_pauses_stand_first():
    rr = [1000] * 5 + [2200] + [1000] * 5 + [3100] + [1000] * 5 + [2600] + [1000] * 4
    at = 1000 + np.concatenate([[0], np.cumsum(rr)])
    beats = [
        Beat(int(t / 10), Aami.N, 0.9, float(r) if r else None, False, True)
        for t, r in zip(at.tolist(), [0, *rr], strict=True)
    ]
    pauses = [
        Episode(
            Rhythm.PAUSE, a.sample, b.sample, 0.9,
            {"rr_ms": b.rr_ms, "cause_sinus_arrest": 1.0},
        )
        for a, b in itertools.pairwise(beats)
        if b.rr_ms is not None and b.rr_ms >= 2000
    ]  # fmt: skip
    report = report_of(beats, 60, pauses)
    assert [one.rr_ms for one in report.pauses.longest_ones] == [3100, 2600, 2200]
    longest = next(s for s in report.strips if s.kind == "longest_rr")
    assert (longest.rank, longest.value, longest.unit) == (1, 3100.0, "ms")
    assert longest.first_sample <= longest.centre.sample < longest.end_sample


def test_a_mark_in_noise_says_that_it_cannot_be_read():
    quality = (
        QualityWindow(0, 3000, Grade.A, None),
        QualityWindow(3000, 20000, Grade.X, NoiseCause.MOTION.value),
    )
    marks = (Symptom(1000, "button"), Symptom(10000, "button"))
    report = report_of(laid_out("N" * 28), 200, quality=quality, symptoms=marks)
    assert [found.analysable for found in report.symptoms] == [True, False]
    assert report.passport.excluded_s == pytest.approx(170.0)
    assert report.passport.schema == SCHEMA
