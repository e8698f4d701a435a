"""The virtual heart does what its script says, however it is read."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from sensors.errors import BadScenario
from sensors.virtual.heart import VirtualHeart, collect
from sensors.virtual.hearts import DEMO_HEARTS, named_heart, scenarios
from sensors.virtual.morphology import TWELVE_LEADS
from sensors.virtual.noise import ElectrodeNoise
from sensors.virtual.scenario import Scenario, Segment, scenario_from_table
from sensors.virtual.source import SourceBlock


def heart_of(*segments: Segment, seed: int = 1, **options) -> VirtualHeart:
    return VirtualHeart(Scenario("test", segments), seed=seed, **options)


def rr_s(block, fs_hz: float) -> np.ndarray:
    return np.diff([beat.sample for beat in block.beats]) / fs_hz


def test_the_signal_does_not_depend_on_how_it_is_read(rng):
    whole = collect(named_heart("pvc_then_vt"), 100)
    pieces: list[SourceBlock] = []
    heart = named_heart("pvc_then_vt")
    while sum(len(piece.counts) for piece in pieces) < len(whole.counts):
        left = len(whole.counts) - sum(len(piece.counts) for piece in pieces)
        pieces.append(heart.read(min(int(rng.integers(1, 900)), left)))
    assert np.array_equal(np.concatenate([p.counts for p in pieces]), whole.counts)
    assert [b for p in pieces for b in p.beats] == list(whole.beats)
    assert [r for p in pieces for r in p.rhythms] == list(whole.rhythms)


def test_the_same_seed_gives_the_same_heart_and_another_seed_another():
    first, again = (collect(named_heart("af", seed=4), 30).counts for _ in range(2))
    other = collect(named_heart("af", seed=5), 30).counts
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_beats_lie_at_the_same_time_at_every_sampling_frequency():
    slow = collect(named_heart("ectopy", fs_hz=125), 60)
    fast = collect(named_heart("ectopy", fs_hz=1000), 60)
    assert [b.symbol for b in slow.beats] == [b.symbol for b in fast.beats]
    apart_s = [
        a.sample / 125 - b.sample / 1000
        for a, b in zip(slow.beats, fast.beats, strict=True)
    ]
    assert np.abs(apart_s).max() <= 0.0046


def test_r_peaks_of_normal_beats_lie_where_the_truth_says():
    heart = heart_of(Segment("sinus", 60), lead_names=("II",))
    block = collect(heart, 60)
    ecg = block.counts[:, 0]
    for beat in block.beats[1:-1]:
        around = ecg[beat.sample - 20 : beat.sample + 20]
        assert abs(int(np.argmax(around)) - 20) <= 2


@pytest.mark.parametrize("rate_bpm", [45, 70, 120])
def test_sinus_keeps_its_rate(rate_bpm):
    heart = heart_of(Segment("sinus", 120, rate_bpm=rate_bpm))
    block = collect(heart, 120)
    assert 60 / rr_s(block, 250).mean() == pytest.approx(rate_bpm, rel=0.05)
    assert {beat.symbol for beat in block.beats} == {"N"}


def test_af_is_irregular_and_sinus_is_not():
    af = rr_s(collect(heart_of(Segment("af", 300)), 300), 250)
    sinus = rr_s(collect(heart_of(Segment("sinus", 300)), 300), 250)
    assert af.std() / af.mean() > 0.17
    assert sinus.std() / sinus.mean() < 0.08


def test_the_demo_patient_has_a_fast_run_of_twelve_beats_within_two_minutes():
    block = collect(named_heart("pvc_then_vt"), 120)
    onset = next(r.sample for r in block.rhythms if r.rhythm == "VT")
    offset = next(r.sample for r in block.rhythms if r.sample > onset)
    run = [b for b in block.beats if onset <= b.sample < offset]
    assert 70 <= onset / 250 <= 90
    assert len(run) >= 12
    assert {b.symbol for b in run} == {"V"}
    assert 60 / np.diff([b.sample / 250 for b in run]).max() >= 150
    first_v = next(b.sample for b in block.beats if b.symbol == "V")
    assert 40 <= first_v / 250 <= 60


def test_the_fast_run_comes_back_every_few_minutes():
    block = collect(named_heart("pvc_then_vt"), 1200)
    onsets_s = [r.sample / 250 for r in block.rhythms if r.rhythm == "VT"]
    assert len(onsets_s) >= 4
    assert max(np.diff(onsets_s)) < 360


def test_asystole_has_no_beat_and_pauses_have_their_length():
    heart = heart_of(
        Segment("sinus", 20),
        Segment("asystole", 10),
        Segment("sinus", 120, pauses_per_min=4, pause_s=3.5),
    )
    block = collect(heart, 150)
    in_silence = [b for b in block.beats if 20 <= b.sample / 250 < 30]
    assert not in_silence
    later = [b.sample / 250 for b in block.beats if b.sample / 250 > 30]
    pauses = [rr for rr in np.diff(later) if rr > 3]
    assert pauses
    assert all(rr == pytest.approx(3.5, abs=0.01) for rr in pauses)


def test_every_rhythm_of_the_vocabulary_plays():
    names = "sinus bigeminy trigeminy af afl svt vt pvt vf ivr asystole avb1 "
    names += "avb2_wenckebach avb2_mobitz avb3 paced"
    heart = heart_of(*(Segment(name, 20) for name in names.split()))
    block = collect(heart, 20 * len(names.split()))
    samples = [beat.sample for beat in block.beats]
    assert samples == sorted(set(samples))
    symbols = {beat.symbol for beat in block.beats}
    assert symbols == {"N", "V", "S", "E", "/"}
    assert min(np.diff(samples)) / 250 >= 0.15


def test_wenckebach_drops_a_beat_after_longer_and_longer_pr():
    gaps = rr_s(collect(heart_of(Segment("avb2_wenckebach", 60)), 60), 250)
    assert max(gaps) > 1.5 * np.median(gaps)


def test_lead_off_and_gap_are_told_and_not_drawn():
    heart = heart_of(
        Segment("sinus", 10),
        Segment("sinus", 10, leads_off=("all",)),
        Segment("sinus", 10, gap=True),
    )
    block = collect(heart, 30)
    assert block.leads_on[:2500].all()
    assert not block.leads_on[2500:5000].any()
    assert np.ptp(block.counts[2600:4900]) < 0.1 * np.ptp(block.counts[:2500])
    assert block.valid[:5000].all()
    assert not block.valid[5000:].any()


def test_st_depression_moves_the_segment_after_the_j_point():
    heart = heart_of(
        Segment("sinus", 30, rate_bpm=60), Segment("sinus", 60, rate_bpm=60, st_mv=-0.25)
    )
    block = collect(heart, 90)
    ecg_mv = block.counts[:, 0] / 400

    def st_mv(beats) -> float:
        levels = [ecg_mv[b.sample + 25] - ecg_mv[b.sample - 22] for b in beats]
        return float(np.median(levels))

    before = [b for b in block.beats if 1 < b.sample / 250 < 29]
    late = [b for b in block.beats if 60 < b.sample / 250 < 88]
    assert st_mv(late) - st_mv(before) < -0.1


def test_qt_is_shorter_at_a_faster_rate():
    def t_peak_s(rate_bpm: int) -> float:
        block = collect(heart_of(Segment("sinus", 40, rate_bpm=rate_bpm, hrv=0.0)), 40)
        late = [b.sample for b in block.beats if 20 < b.sample / 250 < 38]
        window = np.mean([block.counts[s + 30 : s + 110, 0] for s in late], axis=0)
        return (30 + int(np.argmax(window))) / 250

    assert t_peak_s(110) < t_peak_s(55) - 0.05


def test_twelve_leads_obey_einthoven():
    heart = heart_of(Segment("sinus", 5), lead_names=TWELVE_LEADS, fs_hz=500)
    silence = SimpleNamespace(
        page=lambda time_s, *_: np.zeros((len(time_s), 12)),
        open_input=heart._noise.open_input,
    )
    heart._noise = cast(ElectrodeNoise, silence)
    counts = collect(heart, 5).counts
    assert counts.shape == (2500, 12)
    assert np.abs(counts[:, 0] + counts[:, 2] - counts[:, 1]).max() <= 2


def test_the_button_of_the_script_is_pressed_once():
    heart = heart_of(Segment("sinus", 9.5), Segment("sinus", 30, button=True))
    assert collect(heart, 39).pressed == (2375,)


def test_memory_stays_small_over_hours():
    heart = named_heart("busy_day")
    for _ in range(240):
        heart.read(250 * 30)
    assert len(heart._drawn) < 20
    assert len(heart._places) < 6
    assert len(heart._waiting) < 20


def test_every_named_heart_plays_for_ten_minutes():
    for name in scenarios():
        block = collect(named_heart(name), 600)
        assert np.abs(block.counts).max() < 5 * 400, name
    assert len(set(DEMO_HEARTS)) == 8
    assert set(DEMO_HEARTS) <= set(scenarios())


def test_a_script_that_does_not_loop_ends():
    heart = named_heart("vf_arrest")
    assert len(collect(heart, 1000).counts) == 198 * 250
    assert len(heart.read(10).counts) == 0


@pytest.mark.parametrize(
    "row",
    [
        {"rhythm": "polka", "duration_s": 5},
        {"rhythm": "sinus", "duration_s": -5},
        {"rhythm": "sinus", "duration_s": 5, "rate_bpm": 900},
        {"rhythm": "sinus", "duration_s": 5, "colour": "red"},
        {"rhythm": "sinus", "duration_s": 5, "noise": {"jazz": 1}},
        {"rhythm": "sinus", "duration_s": 5, "st_mv": 9},
        {"rhythm": "sinus", "duration_s": 5, "vary": 1.5},
        {"rhythm": "sinus"},
    ],
)
def test_a_wrong_script_is_refused(row):
    with pytest.raises(BadScenario):
        scenario_from_table("wrong", {"segments": [row]})


def test_unknown_hearts_leads_and_rates_are_refused():
    with pytest.raises(BadScenario):
        named_heart("stone")
    with pytest.raises(BadScenario):
        named_heart("af", lead_names=("V9",))
    with pytest.raises(BadScenario):
        named_heart("af", fs_hz=20)
    with pytest.raises(BadScenario):
        heart_of(Segment("sinus", 5, leads_off=("V2",)))
    with pytest.raises(BadScenario):
        Scenario("empty", ())
