"""Virtual hearts with a script in, the lines of the report out: the truth is the script.

Nothing here is frozen from an earlier run: what is expected follows from the script alone,
and how far a number may be off is said beside it.
"""

from dataclasses import replace

import numpy as np
import pytest

from analytics.holter import analyze_holter
from analytics.holter_conclusions import conclusions
from analytics.vocabulary import Rhythm
from sensors.virtual.heart import VirtualHeart, collect
from sensors.virtual.scenario import Scenario, Segment

FS = 250.0


def report_of(*segments, seed=1, leads=("ECG",)):
    heart = VirtualHeart(
        Scenario("golden", segments, None), seed=seed, fs_hz=FS, lead_names=leads
    )
    block = collect(heart, sum(s.duration_s for s in segments))
    ecg_mv = np.where(block.valid[:, None], block.counts / heart.gain_counts_per_mv, np.nan)
    report = analyze_holter(
        ecg_mv, FS, lead_names=leads, contact=np.asarray(block.leads_on.any(axis=1))
    )
    return report, block


def part(rhythm, seconds, rate=None, **more):
    return Segment(rhythm, float(seconds), rate_bpm=rate, **more)


def said(report):
    return {sentence.code: sentence.params for sentence in report.conclusions}


def named(report):
    """What `rhythm.episode` sentences say: rhythm to count and seconds."""
    return {
        s.params["rhythm"]: (s.params["count"], s.params["total_s"])
        for s in report.conclusions
        if s.code == "rhythm.episode"
    }


def truth(block, *symbols):
    return sum(beat.symbol in symbols for beat in block.beats)


CALM = {
    "v.none",
    "s.none",
    "af.none",
    "pause.none",
    "st.single_lead",
    "symptoms.none",
    "coverage.used",
    "coverage.not_full_day",
    "rhythm.basic",
    "rate.summary",
}
"""What is said of five quiet minutes; QT and variability may be added."""


def test_quiet_sinus_rhythm_says_its_rate_and_nothing_else():
    report, block = report_of(part("sinus", 300, 66.0))
    lines = said(report)
    assert set(lines) - {"qt.summary", "hrv.summary", "dc.risk"} == CALM
    assert lines["rhythm.basic"]["rhythm"] == Rhythm.N
    assert lines["rate.summary"]["beats"] == pytest.approx(len(block.beats), abs=1)
    assert lines["rate.summary"]["mean_bpm"] == pytest.approx(66.0, abs=1.5)
    # The heart's own QTc (Fridericia) is drawn around 405 ms to the end of a bell.
    assert lines["qt.summary"]["qtc_ms"] == pytest.approx(405.0, abs=45.0)
    assert report.conduction.pr_median_ms == pytest.approx(160.0, abs=25.0)
    assert not named(report)


def test_single_ectopic_beats_are_counted_as_scripted():
    report, block = report_of(part("sinus", 300, 72.0, pvc_per_min=6.0, pac_per_min=4.0))
    lines = said(report)
    assert lines["v.count"]["count"] == pytest.approx(truth(block, "V"), abs=2)
    assert lines["s.count"]["count"] == pytest.approx(truth(block, "A"), abs=3)
    beats = lines["rate.summary"]["beats"]
    burden = 100.0 * lines["v.count"]["count"] / beats
    assert lines["v.count"]["burden_pct"] == pytest.approx(burden)
    assert "v.vt_nonsustained" not in lines


def test_ten_seconds_of_tachycardia_are_one_run_at_its_own_rate():
    report, block = report_of(
        part("sinus", 120, 74.0), part("vt", 10, 172.0), part("sinus", 120, 80.0)
    )
    run = said(report)["v.vt_nonsustained"]
    assert run["count"] == 1
    assert run["longest_beats"] == pytest.approx(truth(block, "V"), abs=1)
    assert run["fastest_bpm"] == pytest.approx(172.0, abs=4.0)
    assert run["longest_s"] == pytest.approx(10.0, abs=0.8)


def test_half_a_minute_of_tachycardia_is_sustained():
    report, _ = report_of(
        part("sinus", 120, 74.0), part("vt", 36, 150.0), part("sinus", 120, 80.0)
    )
    lines = said(report)
    assert lines["v.vt_sustained"]["count"] == 1
    assert "v.vt_nonsustained" not in lines


def test_bigeminy_and_trigeminy_are_named():
    report, _ = report_of(
        part("sinus", 90), part("bigeminy", 30), part("sinus", 90), part("trigeminy", 40)
    )
    lines = said(report)["v.bigeminy"]
    assert lines["bigeminy"] >= 1
    assert lines["trigeminy"] >= 1


def test_fibrillation_has_its_share_and_its_rate():
    report, _ = report_of(
        part("sinus", 150, 70.0), part("af", 300, 96.0), part("sinus", 150, 70.0)
    )
    lines = said(report)["af.episodes"]
    assert lines["count"] == 1
    assert lines["burden_pct"] == pytest.approx(50.0, abs=6.0)
    assert lines["longest_s"] == pytest.approx(300.0, abs=36.0)
    assert lines["mean_bpm"] == pytest.approx(96.0, abs=6.0)
    assert not named(report)


def test_flutter_is_no_fibrillation():
    report, _ = report_of(
        part("sinus", 120, 72.0), part("afl", 180, 110.0), part("sinus", 120, 72.0)
    )
    count, seconds = named(report)[Rhythm.AFL]
    assert count == 1
    assert seconds == pytest.approx(180.0, abs=25.0)
    assert said(report)["rhythm.basic"]["rhythm"] in (Rhythm.N, Rhythm.AFL)
    assert report.af.flutter_episodes == 1
    assert report.af.total_s <= 20.0


def test_supraventricular_tachycardia_is_named_with_its_rate():
    report, _ = report_of(
        part("sinus", 120, 84.0), part("svt", 60, 184.0), part("sinus", 120, 84.0)
    )
    count, seconds = named(report)[Rhythm.SVTA]
    assert count == 1
    assert seconds == pytest.approx(60.0, abs=4.0)
    (row,) = [e for e in report.rhythm.episodes if e.rhythm is Rhythm.SVTA]
    assert row.mean_bpm == pytest.approx(184.0, abs=3.0)


def test_pauses_are_counted_with_their_length():
    report, block = report_of(
        part("sinus", 300, 60.0, hrv=0.02, pauses_per_min=1.5, pause_s=3.4)
    )
    at = np.array([beat.sample for beat in block.beats]) / FS
    scripted = int((np.diff(at) >= 3.0).sum())
    lines = said(report)
    assert scripted >= 3
    assert lines["pause.count"]["count"] == scripted
    assert lines["pause.count"]["longest_ms"] == pytest.approx(3400.0, abs=12.0)
    assert lines["pause.long"]["count"] == scripted
    assert report.pauses.bins["3.0-3.99"] == scripted


@pytest.mark.parametrize(
    ("rhythm", "rate", "name", "lasts"),
    [
        ("avb2_wenckebach", 70.0, Rhythm.BII, 90.0),
        ("avb2_mobitz", 70.0, Rhythm.BII, 90.0),
        ("avb3", 36.0, Rhythm.AVB3, 90.0),
        ("avb3", 46.0, Rhythm.AVB3, 90.0),
    ],
)
def test_block_is_named_by_its_degree(rhythm, rate, name, lasts):
    report, _ = report_of(
        part("sinus", 120, 70.0), part(rhythm, lasts, rate), part("sinus", 120, 70.0)
    )
    found = named(report)
    assert found[name][1] >= 0.6 * lasts
    other = Rhythm.AVB3 if name is Rhythm.BII else Rhythm.BII
    assert other not in found
    assert report.conduction.possible_only
    if name is Rhythm.AVB3:
        assert report.ventricular.tachycardias == 0


def test_first_degree_block_is_in_the_conduction_numbers():
    report, _ = report_of(part("avb1", 300, 64.0))
    assert report.conduction.pr_median_ms == pytest.approx(280.0, abs=25.0)
    assert report.conduction.first_degree_pct == pytest.approx(100.0)


def test_fibrillation_of_the_ventricles_and_standstill_are_named():
    report, _ = report_of(
        part("sinus", 90, 80.0), part("vf", 40), part("asystole", 20), part("ivr", 40, 44.0)
    )
    found = named(report)
    # Few sine waves make the fibrillation of these hearts: it may pass for flutter.
    seconds = sum(found.get(r, (0, 0.0))[1] for r in (Rhythm.VFIB, Rhythm.VFL))
    assert seconds == pytest.approx(40.0, abs=4.0)
    assert found[Rhythm.ASYS][1] == pytest.approx(20.0, abs=4.0)


def test_slow_sinus_rhythm_is_slow_and_nothing_worse():
    report, _ = report_of(part("sinus", 60, 62.0), part("sinus", 240, 38.0, hrv=0.02))
    assert not named(report)
    assert report.rhythm.episode_seconds[Rhythm.SBR] == pytest.approx(240.0, abs=20.0)
    assert said(report)["rate.summary"]["min_bpm"] == pytest.approx(37.0, abs=3.0)


def test_a_lead_that_falls_off_takes_its_time_out_and_invents_no_pause():
    report, _ = report_of(
        part("sinus", 120, 72.0), part("sinus", 60, 72.0, leads_off=("all",)),
        part("sinus", 120, 72.0),
    )  # fmt: skip
    assert report.coverage.lead_off_s == pytest.approx(60.0, abs=10.0)
    assert said(report)["coverage.used"]["analysable_pct"] == pytest.approx(80.0, abs=4.0)
    assert "pause.none" in said(report)
    assert Rhythm.ASYS not in named(report)


def test_st_depression_on_two_leads_is_one_episode_of_its_depth():
    report, _ = report_of(
        part("sinus", 400, 70.0), part("sinus", 240, 84.0, st_mv=-0.25), part("sinus", 300),
        leads=("II", "V5"),
    )  # fmt: skip
    lines = said(report)["st.episodes"]
    assert lines["direction"] == "depression"
    assert -0.35 <= lines["max_delta_mv"] <= -0.1
    assert report.st is not None
    lying = tuple(replace(e, position_change_suspected=True) for e in report.st.episodes)
    for episodes, code, count in (
        ((), "st.none", None),
        (lying, "st.turned", len(lying)),
        ((*lying, *report.st.episodes), "st.turned", len(lying)),
    ):
        shown = replace(report, st=replace(report.st, episodes=episodes))
        words = {one.code: one.params for one in conclusions(shown)}
        assert words[code].get("count") == count, "the sentence says what the table counts"
        assert ("st.episodes" in words) == (len(episodes) > len(lying))
        assert ("st.none" in words) == (not episodes)
