"""Rhythm rules on beats made by hand, and models on simulated and recorded rhythms."""

import numpy as np
import pytest

from analytics.rhythm import find_episodes, rhythm_changes
from analytics.rhythm_beats import covered, merge, subtract
from analytics.types import Beat, Episode, QualityWindow
from analytics.vocabulary import Aami, Grade, NoiseCause, Rhythm

FS = 250.0


def make_beats(intervals_s, kinds=None, *, usable=True, start_s=1.0):
    times = start_s + np.concatenate([[0.0], np.cumsum(intervals_s)])
    kinds = kinds or "N" * len(times)
    out = []
    for i, (time_s, kind) in enumerate(zip(times, kinds, strict=True)):
        rr_ms = None if i == 0 else 1000.0 * float(intervals_s[i - 1])
        sample = round(time_s * FS)
        out.append(Beat(sample, Aami(kind), 0.9, rr_ms, kind == "V", usable))
    return out


def find(beats, **options):
    end = beats[-1].sample + round(FS) if beats else round(10 * FS)
    options.setdefault("end_sample", end)
    return find_episodes(beats, FS, **options)


def of(episodes, *rhythms):
    return [e for e in episodes if e.rhythm in rhythms]


def only(episodes, rhythm):
    (episode,) = of(episodes, rhythm)
    return episode


def test_nothing_gives_nothing():
    assert find([]) == ()


def test_steady_beats_are_sinus_rhythm_from_first_to_last():
    beats = make_beats([0.8] * 100)
    episodes = find(beats)
    assert {e.rhythm for e in episodes} == {Rhythm.N}
    episode = only(episodes, Rhythm.N)
    assert episode.evidence["rate_bpm"] == pytest.approx(75.0)
    assert episode.onset_sample == 0


def test_three_ventricular_beats_above_100_per_minute_are_tachycardia():
    beats = make_beats([0.8] * 5 + [0.5, 0.4, 0.4] + [0.8] * 6, "NNNNNNVVVNNNNNN")
    episode = only(find(beats), Rhythm.VT)
    # Two intervals of 400 ms between three beats: 60 x 2 / 0.8.
    assert episode.evidence["rate_bpm"] == pytest.approx(150.0)
    assert episode.evidence["beats"] == 3


def test_slow_ventricular_run_is_idioventricular_rhythm():
    beats = make_beats([0.8] * 5 + [0.9, 0.8, 0.8] + [0.8] * 6, "NNNNNNVVVNNNNNN")
    episodes = find(beats)
    assert only(episodes, Rhythm.IVR).evidence["rate_bpm"] == pytest.approx(75.0)
    assert not of(episodes, Rhythm.VT)


def test_two_ventricular_beats_are_a_couplet_and_one_is_neither():
    beats = make_beats([0.8] * 4 + [0.5, 0.5, 0.8, 0.8, 0.5, 1.0], "NNNNNVVNNVN")
    episodes = find(beats)
    assert len(of(episodes, Rhythm.COUPLET)) == 1
    assert not of(episodes, Rhythm.VT, Rhythm.IVR)


def test_unusable_beats_make_no_tachycardia():
    beats = make_beats([0.4] * 14, "NNNNNVVVVVNNNNN", usable=False)
    assert not of(find(beats), Rhythm.VT)


def test_run_is_cut_where_the_interval_is_not_known():
    beats = make_beats([0.4] * 14, "NNNNNVVVVNNNNNN")
    broken = [
        b if i != 7 else Beat(b.sample, b.aami, b.confidence, None, b.wide, b.usable)
        for i, b in enumerate(beats)
    ]
    episodes = find(broken)
    assert len(of(episodes, Rhythm.COUPLET)) == 2
    assert not of(episodes, Rhythm.VT)


def test_bigeminy_needs_three_cycles():
    three = make_beats([0.8] * 4 + [0.5, 1.1] * 3 + [0.8] * 3, "NNNNN" + "VN" * 3 + "NNN")
    episode = only(find(three), Rhythm.B)
    assert episode.evidence["cycles"] == 3
    two = make_beats([0.8] * 4 + [0.5, 1.1] * 2 + [0.8] * 3, "NNNNN" + "VN" * 2 + "NNN")
    assert not of(find(two), Rhythm.B)


def test_trigeminy_needs_three_cycles():
    beats = make_beats([0.8] * 4 + [0.8, 0.5, 1.1] * 4 + [0.8], "NNNN" + "NVN" * 4 + "NN")
    # Four V, each three beats after the one before.
    assert only(find(beats), Rhythm.T).evidence["cycles"] == 4


def test_supraventricular_run_is_tachycardia_and_pair_is_couplet():
    kinds = "NNNNNN" + "SSSS" + "NNN" + "SS" + "NNN"
    gaps = [0.8] * 5 + [0.5] + [0.45] * 3 + [0.9, 0.8, 0.8, 0.55, 0.5, 0.9, 0.8, 0.8]
    episodes = find(make_beats(gaps, kinds))
    assert only(episodes, Rhythm.SVTA).evidence["beats"] == 4
    assert len(of(episodes, Rhythm.SVCOUPLET)) == 1


def test_sudden_regular_fast_narrow_beats_are_svt_though_called_normal():
    beats = make_beats([0.8] * 20 + [0.38] * 60 + [0.8] * 20)
    episode = only(find(beats), Rhythm.SVTA)
    assert episode.evidence["sudden_onset"] == 1.0
    assert episode.evidence["rate_bpm"] == pytest.approx(60 / 0.38, rel=0.02)


def test_gradual_fast_rate_is_sinus_tachycardia():
    gaps = [*np.linspace(0.8, 0.5, 80), *[0.5] * 120]
    episodes = find(make_beats(gaps))
    assert not of(episodes, Rhythm.SVTA)
    assert only(episodes, Rhythm.STACH).evidence["rate_bpm"] > 100


def test_slow_rate_for_half_a_minute_is_bradycardia():
    episodes = find(make_beats([0.8] * 30 + [1.35] * 40 + [0.8] * 30))
    assert only(episodes, Rhythm.SBR).evidence["rate_bpm"] == pytest.approx(44.4, abs=1.5)


def test_breathing_waves_are_sinus_arrhythmia():
    gaps = 0.85 + 0.14 * np.sin(2 * np.pi * np.arange(200) / 5.0)
    episodes = find(make_beats(list(gaps)))
    assert of(episodes, Rhythm.SARRH)
    assert not of(episodes, Rhythm.AFIB)


@pytest.mark.parametrize(
    ("gaps", "kinds", "cause"),
    [
        ([0.8] * 10 + [2.4] + [0.8] * 10, None, "cause_sa_block"),
        ([0.8] * 10 + [2.85] + [0.8] * 10, None, "cause_sinus_arrest"),
        (
            [0.8] * 9 + [0.5, 2.1] + [0.8] * 10,
            "N" * 10 + "V" + "N" * 11,
            "cause_post_ectopic",
        ),
    ],
)
def test_pause_has_a_cause(gaps, kinds, cause):
    episode = only(find(make_beats(gaps, kinds)), Rhythm.PAUSE)
    assert episode.evidence[cause] == 1.0
    assert episode.evidence["rr_ms"] >= 2000


def test_gap_in_bad_signal_is_no_pause():
    beats = make_beats([0.8] * 10 + [2.6] + [0.8] * 10)
    bad = QualityWindow(
        beats[10].sample, beats[11].sample, Grade.C, NoiseCause.MOTION.value
    )
    assert not of(find(beats, quality=(bad,)), Rhythm.PAUSE)


def spikes(beats, end, height=1.0, noise=0.004, seed=3):
    """Narrow triangles on a living noise floor."""
    rng = np.random.default_rng(seed)
    ecg = rng.normal(0.0, noise, end)
    half = round(0.03 * FS)
    shape = height * (1 - np.abs(np.arange(-half, half + 1)) / half)
    for beat in beats:
        ecg[beat.sample - half : beat.sample + half + 1] += shape
    return ecg


def test_silence_of_six_seconds_with_contact_is_asystole():
    beats = make_beats([0.8] * 10 + [7.0] + [0.8] * 10)
    end = beats[-1].sample + 250
    episode = only(find(beats, ecg_mv=spikes(beats, end), end_sample=end), Rhythm.ASYS)
    assert episode.evidence["contact"] == 1.0
    assert episode.offset_sample - episode.onset_sample == pytest.approx(7 * FS, abs=2)


def test_flat_line_is_lost_contact_and_no_asystole():
    beats = make_beats([0.8] * 10 + [7.0] + [0.8] * 10)
    end = beats[-1].sample + 250
    ecg = spikes(beats, end)
    ecg[beats[10].sample + 20 : beats[11].sample - 20] = 0.0
    assert not of(find(beats, ecg_mv=ecg, end_sample=end), Rhythm.ASYS)


def test_pause_with_a_beat_that_was_missed_is_rejected():
    beats = make_beats([0.8] * 20)
    end = beats[-1].sample + 250
    ecg = spikes(beats, end)
    missed = [b for i, b in enumerate(beats) if i not in (10, 11)]
    relisted = make_beats([0.8] * 9 + [2.4] + [0.8] * 8)
    assert [b.sample for b in relisted] == [b.sample for b in missed]
    assert of(find(relisted, end_sample=end), Rhythm.PAUSE)
    assert not of(find(relisted, ecg_mv=ecg, end_sample=end), Rhythm.PAUSE)


def test_paced_beats_are_paced_rhythm():
    episode = only(find(make_beats([0.85] * 30, "N" * 5 + "/" * 26)), Rhythm.P)
    assert episode.evidence["paced_share"] == 1.0


def test_unreadable_windows_are_noise_with_their_cause():
    beats = make_beats([0.8] * 100)
    window = QualityWindow(5000, 7500, Grade.X, NoiseCause.MUSCLE.value)
    episode = only(find(beats, quality=(window,)), Rhythm.NOISE)
    assert (episode.onset_sample, episode.offset_sample) == (5000, 7500)
    assert episode.evidence == {"cause_muscle": 1.0}


def fibrillating(rng, n, mean=0.62, cv=0.22):
    return np.clip(rng.gamma(1 / cv**2, mean * cv**2, n), 0.3, 1.6)


def test_irregular_intervals_are_fibrillation_between_its_borders(rng):
    gaps = [*rng.normal(0.85, 0.015, 300), *fibrillating(rng, 400)]
    gaps += [*rng.normal(0.85, 0.015, 300)]
    beats = make_beats(gaps)
    episode = only(find(beats), Rhythm.AFIB)
    assert abs(episode.onset_sample - beats[300].sample) < 12 * FS
    assert abs(episode.offset_sample - beats[700].sample) < 12 * FS
    assert episode.evidence["rr_irregularity"] > 0.1


def test_fibrillation_alone_and_short_is_found(rng):
    beats = make_beats(fibrillating(rng, 90))
    episodes = find(beats)
    assert sum(e.offset_sample - e.onset_sample for e in of(episodes, Rhythm.AFIB)) > (
        0.8 * beats[-1].sample
    )


def test_regular_rhythm_with_many_ectopic_beats_is_not_fibrillation(rng):
    gaps, kinds = [], ["N"]
    for early in rng.random(600) < 0.2:
        if early:
            gaps += [0.5, 1.1]
            kinds += ["V", "N"]
        else:
            gaps.append(0.8 + float(rng.normal(0, 0.008)))
            kinds.append("N")
    episodes = find(make_beats(gaps, "".join(kinds)))
    assert not of(episodes, Rhythm.AFIB)


def test_changes_of_rhythm_do_not_overlap_and_cover_from_zero():
    episodes = (
        Episode(Rhythm.N, 0, 1000, 1.0),
        Episode(Rhythm.AFIB, 1000, 5000, 1.0),
        Episode(Rhythm.VT, 2000, 2500, 1.0),
        Episode(Rhythm.PAUSE, 3000, 3600, 1.0),
        Episode(Rhythm.N, 5000, 9000, 1.0),
    )
    assert rhythm_changes(episodes, 9000) == (
        (0, Rhythm.N),
        (1000, Rhythm.AFIB),
        (2000, Rhythm.VT),
        (2500, Rhythm.AFIB),
        (5000, Rhythm.N),
    )


def test_spans_merge_subtract_and_cover():
    assert merge([(5, 9), (1, 3), (3, 4)]) == [(1, 4), (5, 9)]
    assert merge([(1, 3), (4, 6)], gap=1) == [(1, 6)]
    assert subtract([(0, 10)], [(2, 3), (5, 12)]) == [(0, 2), (3, 5)]
    flags = covered(np.array([0, 2, 3, 9]), [(2, 3), (9, 10)])
    assert flags.tolist() == [False, True, False, True]


def test_a_day_of_beats_takes_seconds():
    rng = np.random.default_rng(1)
    gaps = np.where(np.arange(100_000) % 20_000 < 5_000, fibrillating(rng, 100_000), 0.85)
    beats = make_beats(list(gaps))
    episodes = find(beats)
    af_s = sum(e.offset_sample - e.onset_sample for e in of(episodes, Rhythm.AFIB)) / FS
    truth_s = float(gaps[np.arange(100_000) % 20_000 < 5_000].sum())
    assert af_s == pytest.approx(truth_s, rel=0.02)


def random_recording(rng):
    fs = float(rng.choice([100.0, 128.0, 250.0, 333.3, 1000.0]))
    end = int(fs * rng.uniform(0.01, 60))
    samples = np.unique(
        rng.integers(0, max(end, 1), int(rng.integers(0, end / fs * 4 + 1)))
    )
    kinds = rng.choice(list(Aami), samples.size, p=rng.dirichlet(np.full(6, 0.4)))
    beats = [
        Beat(
            int(sample),
            Aami(kinds[i]),
            float(rng.random()),
            None
            if i == 0 or rng.random() < 0.05
            else 1000 * (sample - samples[i - 1]) / fs,
            bool(rng.random() < 0.3),
            bool(rng.random() < 0.9),
        )
        for i, sample in enumerate(samples)
    ]
    ecg = rng.normal(0, rng.choice([0.0, 1e-3, 0.5, 5.0]), end)
    ecg[rng.random(end) < rng.choice([0.0, 0.2, 1.0])] = np.nan
    step = max(1, int(10 * fs))
    quality = tuple(
        QualityWindow(a, min(end, a + step), rng.choice(list(Grade)), None)
        for a in range(0, end, step)
    )
    return beats, fs, ecg, quality, end


def test_no_recording_however_strange_raises_or_gives_an_impossible_episode(rng):
    for _ in range(60):
        beats, fs, ecg, quality, end = random_recording(rng)
        episodes = find_episodes(beats, fs, ecg_mv=ecg, quality=quality, end_sample=end)
        for episode in episodes:
            assert episode.offset_sample is not None
            assert 0 <= episode.onset_sample < episode.offset_sample <= end + 1
            assert 0.0 <= episode.confidence <= 1.0
            assert np.isfinite(list(episode.evidence.values())).all()
        starts = [sample for sample, _ in rhythm_changes(episodes, end)]
        assert starts == sorted(set(starts))
